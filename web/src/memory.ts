/**
 * What this browser remembers of the columns of each table, so that rejected rows go back into
 * their table by the same rules. Forgotten at sign-out.
 */
import type { ColumnChoices } from "./columns.js";

const KEY = "ringback.columns";

type Remembered = Record<string, ColumnChoices>;

export function remember(owner: string, table: string, choices: ColumnChoices): void {
  try {
    localStorage.setItem(keyOf(owner), JSON.stringify({ ...all(owner), [table]: choices }));
  } catch {
    // Storage is full or forbidden: then the person chooses again.
  }
}

export function recall(owner: string, table: string): ColumnChoices | null {
  const remembered = all(owner);
  return Object.hasOwn(remembered, table) ? (remembered[table] ?? null) : null;
}

export function forget(owner: string): void {
  localStorage.removeItem(keyOf(owner));
}

function all(owner: string): Remembered {
  try {
    return (JSON.parse(localStorage.getItem(keyOf(owner)) ?? "{}") ?? {}) as Remembered;
  } catch {
    return {};
  }
}

function keyOf(owner: string): string {
  return `${KEY}:${owner}`;
}
