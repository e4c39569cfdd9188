/** A ZIP archive of a few texts, stored as they are (APPNOTE 6.3.10, method 0). */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8 = 0x0800;
const DAY = (1 << 5) | 1; // 1 January 1980: an archive of the same words is the same

export function zip(files: Readonly<Record<string, string>>): Blob {
  const encoder = new TextEncoder();
  const [parts, index]: [Uint8Array<ArrayBuffer>[], Uint8Array<ArrayBuffer>[]] = [[], []];
  let [offset, indexed] = [0, 0];
  for (const [path, text] of Object.entries(files)) {
    const [name, data] = [encoder.encode(path), encoder.encode(text)];
    const facts = [VERSION, UTF8, 0, 0, DAY] as const;
    const sizes = [crc32(data), data.length, data.length] as const;
    const local = record([[4, LOCAL], ...facts.map(two), ...sizes.map(four), [2, name.length], [2, 0]], name);
    parts.push(local, data);
    const entry = record(
      [
        [4, CENTRAL], [2, VERSION], ...facts.map(two), ...sizes.map(four), [2, name.length],
        [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset],
      ],
      name,
    );
    index.push(entry);
    offset += local.length + data.length;
    indexed += entry.length;
  }
  const end = record([[4, END], [2, 0], [2, 0], [2, index.length], [2, index.length], [4, indexed], [4, offset], [2, 0]]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}

type Field = readonly [size: 2 | 4, value: number];

function two(value: number): Field {
  return [2, value];
}

function four(value: number): Field {
  return [4, value];
}

function record(fields: readonly Field[], tail: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const head = fields.reduce((sum, [size]) => sum + size, 0);
  const bytes = new Uint8Array(head + tail.length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  bytes.set(tail, head);
  return bytes;
}

function crc32(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
