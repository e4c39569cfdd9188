/** Draft: the words of one message as they are being changed, and what they stand on. */
import { fileFor, SPOKEN, tagOf } from "./said.js";
import type { Detail, Files, Variable } from "./shapes.js";

/** What this browser keeps of a draft. */
export interface Kept {
  readonly base: number;
  readonly files: Files;
  readonly at: string;
}

export class Draft {
  #files: Record<string, string>;
  base: number;

  #detail: Detail;

  constructor(detail: Detail) {
    this.#detail = detail;
    this.#files = { ...detail.files };
    this.base = detail.newest;
  }

  /** What is in use. */
  get detail(): Detail {
    return this.#detail;
  }

  get files(): Files {
    return this.#files;
  }

  /** Whether anything differs from what is in use. */
  get changed(): boolean {
    return differing(this.detail.files, this.#files).length > 0;
  }

  text(file: string): string {
    return this.#files[file] ?? "";
  }

  put(file: string, text: string): void {
    this.#files[file] = text;
  }

  replace(files: Files): void {
    this.#files = { ...files };
  }

  /** Goes on from what somebody else published meanwhile; files that weren't touched here are theirs. */
  rebase(theirs: Detail): void {
    const mine = differing(this.detail.files, this.#files);
    const kept = Object.fromEntries(mine.map((file) => [file, this.#files[file]]));
    const files = Object.entries({ ...theirs.files, ...kept });
    this.#files = Object.fromEntries(files.filter((entry): entry is [string, string] => entry[1] !== undefined));
    this.#detail = theirs;
    this.base = theirs.newest;
  }

  reset(): void {
    this.#files = { ...this.detail.files };
  }

  /** What is to be saved over what is below; null: the file goes. */
  beyond(): Readonly<Record<string, string | null>> {
    const [below, now] = [words(this.detail.below), words(this.#files)];
    return Object.fromEntries(differing(below, now).map((file) => [file, now[file] ?? null]));
  }

  /** The languages with a version of their own. */
  get languages(): string[] {
    return [...new Set(Object.keys(this.#files).map(tagOf).filter(Boolean))].sort();
  }

  /** A language's own version, which begins with the general words. */
  addLanguage(tag: string): void {
    for (const file of SPOKEN) this.#files[fileFor(file, tag)] ??= this.text(file);
  }

  removeLanguage(tag: string): void {
    for (const file of Object.keys(this.#files)) if (tagOf(file) === tag) delete this.#files[file];
  }

  /** Says in `message.toml` that the words use a variable; whether that was to be said. */
  declare({ name, type, meaning, example, required }: Variable): boolean {
    const toml = this.text("message.toml");
    if (toml.includes(`[variables."${name}"]`)) return false;
    const row = Object.entries({ type, meaning, example }).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    this.put("message.toml", `${toml.trimEnd()}\n\n[variables."${name}"]\n${row.join("")}required = ${required}\n`);
    return true;
  }

  keep(at: Date): Kept {
    return { base: this.base, files: this.#files, at: at.toISOString() };
  }
}

/** The names of the files that differ. */
export function differing(before: Files, after: Files): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

/** Without the made-up jobs, which aren't words. */
export function words(files: Files): Files {
  return Object.fromEntries(Object.entries(files).filter(([file]) => !file.startsWith("fixtures/")));
}

/** What replaces each other: `body.md`, `body.de.md` and `body.txt` are one. */
function stemOf(file: string): string {
  return file.split(".")[0] ?? file;
}

/** A revision's files with those that it leaves out, from below. */
export function whole(below: Files, own: Files): Files {
  const mine = new Set(Object.keys(own).map(stemOf));
  const left = Object.entries(words(below)).filter(([file]) => !mine.has(stemOf(file)));
  return { ...Object.fromEntries(left), ...words(own) };
}
