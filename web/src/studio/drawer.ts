/** Drawer: where this browser keeps words that were neither published nor thrown away. */
import type { Kept } from "./draft.js";

const KEY = "ringback.studio";

export class Drawer {
  constructor(private readonly owner: string) {}

  put(message: string, kept: Kept): void {
    try {
      localStorage.setItem(this.#key(message), JSON.stringify(kept));
    } catch {
      // Storage is full or forbidden: then leaving the page, which asks first, loses the words.
    }
  }

  get(message: string): Kept | null {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#key(message)) ?? "null") as Kept | null;
      return kept?.files ? kept : null;
    } catch {
      return null;
    }
  }

  drop(message: string): void {
    try {
      localStorage.removeItem(this.#key(message));
    } catch {
      // as above
    }
  }

  #key(message: string): string {
    return `${KEY}:${this.owner}:${message}`;
  }
}
