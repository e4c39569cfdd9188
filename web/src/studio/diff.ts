/** Diff: which lines, and which words in them, two texts don't share. Pure. */

export type Piece = readonly [text: string, changed: boolean];

export interface Row {
  readonly kind: "same" | "gone" | "new";
  readonly pieces: readonly Piece[];
}

/** Beyond this many comparisons a piece is told as changed as a whole. */
const MOST = 4_000_000;

/** The lines of both, in order; a line that was changed stands twice, its own words marked. */
export function diffLines(before: string, after: string): Row[] {
  const [old, now] = [lines(before), lines(after)];
  const rows: Row[] = [];
  let gone: string[] = [];
  let fresh: string[] = [];
  const flush = (): void => {
    rows.push(...changed(gone, fresh));
    [gone, fresh] = [[], []];
  };
  for (const [kind, text] of walk(old, now)) {
    if (kind === "gone") gone.push(text);
    else if (kind === "new") fresh.push(text);
    else {
      flush();
      rows.push({ kind, pieces: [[text, false]] });
    }
  }
  flush();
  return rows;
}

function lines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Lines that replace each other are compared by their words; of others the kind says it all. */
function changed(gone: readonly string[], fresh: readonly string[]): Row[] {
  const [old, now]: [Row[], Row[]] = [[], []];
  for (let at = 0; at < Math.max(gone.length, fresh.length); at += 1) {
    const [was, is] = [gone[at], fresh[at]];
    const [a, b] = was !== undefined && is !== undefined ? byWords(was, is) : [[[was ?? "", false]], [[is ?? "", false]]];
    if (was !== undefined) old.push({ kind: "gone", pieces: a as Piece[] });
    if (is !== undefined) now.push({ kind: "new", pieces: b as Piece[] });
  }
  return [...old, ...now];
}

function byWords(was: string, is: string): [Piece[], Piece[]] {
  const [old, now]: [Piece[], Piece[]] = [[], []];
  for (const [kind, text] of walk(words(was), words(is))) {
    if (kind !== "new") join(old, text, kind === "gone");
    if (kind !== "gone") join(now, text, kind === "new");
  }
  return [old, now];
}

function join(pieces: Piece[], text: string, changed: boolean): void {
  const last = pieces.at(-1);
  if (last && last[1] === changed) pieces[pieces.length - 1] = [last[0] + text, changed];
  else pieces.push([text, changed]);
}

function words(line: string): string[] {
  return line.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

type Step = readonly [kind: Row["kind"], text: string];

/** The longest common subsequence, walked: what both have, what only one of them has. */
function* walk(old: readonly string[], now: readonly string[]): Generator<Step> {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) yield ["same", old[start++]!];
  let [a, b] = [old.length, now.length];
  while (a > start && b > start && old[a - 1] === now[b - 1]) [a, b] = [a - 1, b - 1];
  yield* middle(old.slice(start, a), now.slice(start, b));
  for (const text of old.slice(a)) yield ["same", text];
}

function* middle(old: readonly string[], now: readonly string[]): Generator<Step> {
  const width = now.length + 1;
  if (old.length * now.length > MOST) {
    for (const text of old) yield ["gone", text];
    for (const text of now) yield ["new", text];
    return;
  }
  const length = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1)
      length[i * width + j] =
        old[i] === now[j]
          ? length[(i + 1) * width + j + 1]! + 1
          : Math.max(length[(i + 1) * width + j]!, length[i * width + j + 1]!);
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      yield ["same", old[i]!];
      [i, j] = [i + 1, j + 1];
    } else if (length[(i + 1) * width + j]! >= length[i * width + j + 1]!) yield ["gone", old[i++]!];
    else yield ["new", now[j++]!];
  }
  while (i < old.length) yield ["gone", old[i++]!];
  while (j < now.length) yield ["new", now[j++]!];
}
