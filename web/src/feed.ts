/** The user's jobs as this page knows them. Pure: no DOM, no network. */
import type { JobState, JobView } from "./view.js";

export interface Change {
  readonly view: JobView;
  /** The state shown before; null for a job the page didn't know. */
  readonly before: JobState | null;
}

interface Entry {
  readonly view: JobView;
  /** When the job last changed state: progress must not shuffle the list ten times a second. */
  readonly moved: string;
}

/** Keeps the newest version of each job; lost, repeated or reordered events do no harm. */
export class Feed {
  readonly #entries = new Map<string, Entry>();

  /** Takes a view unless this page already has that version or a later one. */
  put(view: JobView): Change | null {
    const known = this.#entries.get(view.id);
    if (known && known.view.version >= view.version) return null;
    const moved = known?.view.state === view.state ? known.moved : changedAt(view);
    this.#entries.set(view.id, { view, moved });
    return { view, before: known?.view.state ?? null };
  }

  /**
   * Forgets everything, then takes these: a reset may carry lower versions (a new epoch).
   * Tells what became of the jobs known before, so that no end goes unnoticed.
   */
  reset(views: readonly JobView[]): Change[] {
    const before = new Map([...this.#entries].map(([id, { view }]) => [id, view.state]));
    this.#entries.clear();
    for (const view of views) this.put(view);
    return views
      .map((view) => ({ view, before: before.get(view.id) ?? null }))
      .filter(({ view, before }) => before !== null && before !== view.state);
  }

  get(id: string): JobView | undefined {
    return this.#entries.get(id)?.view;
  }

  /** All jobs, the one whose state changed last first. */
  newestFirst(): JobView[] {
    return [...this.#entries.values()].sort(byNewestMove).map((entry) => entry.view);
  }
}

function changedAt(view: JobView): string {
  return view.updated_at ?? view.finished_at ?? view.started_at ?? view.created_at;
}

function byNewestMove(a: Entry, b: Entry): number {
  const later = Date.parse(b.moved) - Date.parse(a.moved);
  if (later) return later;
  // Ids end in a UUID version 7, so within one partition they sort by time.
  return a.view.id < b.view.id ? 1 : -1;
}
