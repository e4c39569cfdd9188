/** Reads the column names off the start of a CSV file. Pure; the import itself checks everything again. */

export const COLUMN_TYPES = ["text", "integer", "number", "email", "date"] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

export type Header =
  | { readonly kind: "columns"; readonly columns: readonly string[]; readonly corrected: boolean }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "unknown" };

/** How much of the file is read for its header, in bytes. */
export const HEADER_BYTES = 64 * 1024;

const DELIMITERS = [",", ";", "\t", "|"];
const TABLE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;

/**
 * What an earlier import added to its rejected rows; those columns are not data. A file that has
 * them is `corrected`: those rows, come back.
 */
const OUR_COLUMN = /^ringback_(line|reason|action)$/;

/** "customers-rejected (1).csv" -> "customers.csv": what the rejected rows were rejected from. */
export function originOf(fileName: string): string {
  return fileName.replace(/-rejected(?: \(\d+\))?(?=\.[^.]*$|$)/, "");
}

export function isTableName(name: string): boolean {
  return TABLE_NAME.test(name);
}

/** "2024 Kunden-Liste.csv" -> "t_2024_Kunden_Liste": a name the import accepts. */
export function tableNameFor(fileName: string): string {
  const stem = fileName
    .replace(/\.[^.]*$/, "")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "");
  const plain = stem.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  const started = /^[A-Za-z]/.test(plain) ? plain : `t_${plain}`;
  return plain ? started.slice(0, 63) : "data";
}

/** `start` is the first HEADER_BYTES of the file, or all of it. */
export function readHeader(start: Uint8Array): Header {
  const refused = refusal(start);
  if (refused) return { kind: "refused", message: refused };
  const text = decode(start);
  if (text.includes("\0")) return { kind: "unknown" };
  const columns = firstRecord(text, delimiterOf(text)).map((name) => name.trim());
  const usable = columns.length > 0 && columns.every(Boolean) && new Set(columns).size === columns.length;
  if (!usable) return { kind: "unknown" };
  const data = columns.filter((name) => !OUR_COLUMN.test(name));
  return { kind: "columns", columns: data, corrected: data.length < columns.length };
}

function refusal(start: Uint8Array): string | null {
  if (start.length === 0)
    return "This file is empty. Choose a CSV file with a header line and at least one row.";
  const magic = String.fromCharCode(...start.subarray(0, 4));
  if (magic === "PK\x03\x04") {
    return "This is an Excel workbook or a zip archive. Save the sheet as CSV (UTF-8) and choose that file.";
  }
  if (magic === "\xD0\xCF\x11\xE0")
    return "This is an old Excel workbook (.xls). Save it as CSV (UTF-8) and choose that file.";
  if (magic === "%PDF")
    return "This is a PDF. Choose a CSV file: text, one row a line, values separated by commas.";
  if (magic === "\x89PNG")
    return "This is a picture. Choose a CSV file: text, one row a line, values separated by commas.";
  return null;
}

function decode(start: Uint8Array): string {
  if (start[0] === 0xff && start[1] === 0xfe) return new TextDecoder("utf-16le").decode(start);
  if (start[0] === 0xfe && start[1] === 0xff) return new TextDecoder("utf-16be").decode(start);
  try {
    // stream: the last character may be cut in two by the 64 KB bound.
    return new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(start);
  }
}

function delimiterOf(text: string): string {
  const counted = DELIMITERS.map((delimiter) => ({
    delimiter,
    columns: firstRecord(text, delimiter).length,
  }));
  return counted.reduce((best, next) => (next.columns > best.columns ? next : best)).delimiter;
}

/** The values up to the first line end outside quotes; a doubled quote is a quote (RFC 4180). */
function firstRecord(text: string, delimiter: string): string[] {
  const values: string[] = [];
  let value = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quoted) {
      if (char !== '"') value += char;
      else if (text.charAt(at + 1) === '"') {
        value += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"' && value === "") quoted = true;
    else if (char === delimiter) {
      values.push(value);
      value = "";
    } else if (char === "\n" || char === "\r") break;
    else value += char;
  }
  return [...values, value];
}
