/**
 * Which grave failures this browser's user said they had read. Kept after sign-out, or they would
 * be asked again; ids alone tell nobody anything.
 */
const KEY = "ringback.acknowledged";
const KEPT = 200;

export function isAcknowledged(owner: string, job: string): boolean {
  return all(owner).includes(job);
}

export function acknowledge(owner: string, job: string): void {
  const others = all(owner).filter((id) => id !== job);
  const kept = JSON.stringify([...others, job].slice(-KEPT));
  try {
    localStorage.setItem(keyOf(owner), kept);
  } catch {
    // Storage is full or forbidden: then it holds as long as this page does.
    unstored.add(job);
  }
}

const unstored = new Set<string>();

function all(owner: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(keyOf(owner)) ?? "[]");
    const ids = Array.isArray(kept) ? kept.filter((id) => typeof id === "string") : [];
    return [...ids, ...unstored];
  } catch {
    return [...unstored];
  }
}

function keyOf(owner: string): string {
  return `${KEY}:${owner}`;
}
