/** The list of job cards, keyed by job id and kept in order with as few moves as possible. */
import { Card, type CardActions, type Kin } from "./card.js";
import { h } from "./dom.js";
import type { JobView } from "./view.js";

export class JobList {
  readonly #cards = new Map<string, Card>();
  readonly #items = h("ol", { class: "jobs" });
  readonly #empty: HTMLElement;
  readonly #skeleton = skeletonNode();
  readonly element: HTMLElement;

  constructor(
    private readonly address: string,
    private readonly actions: CardActions,
    { title, empty }: { readonly title: string; readonly empty: HTMLElement } = {
      title: "Your jobs",
      empty: emptyNode(),
    },
  ) {
    this.#empty = empty;
    this.#empty.hidden = true;
    this.element = h(
      "section",
      { "aria-labelledby": "jobs-title", "aria-busy": "true" },
      h("h2", { id: "jobs-title" }, title),
      this.#skeleton,
      this.#empty,
      this.#items,
    );
  }

  /** Shows these jobs in this order; cards of jobs that stay are updated, not made again. */
  render(views: readonly JobView[]): void {
    this.#drop(new Set(views.map((view) => view.id)));
    const kin = kinOf(views);
    const cards = views.map((view) => this.#card(view, kin(view)));
    const focused = document.activeElement;
    cards.forEach((card, index) => this.#place(card.element, index));
    this.#skeleton.remove();
    this.element.setAttribute("aria-busy", "false");
    this.#empty.hidden = views.length > 0;
    // Moving a node takes the focus off it; the reader's place must not be lost.
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected)
      focused.focus({ preventScroll: true });
  }

  /** Shows what the time has changed: "in about 2 minutes". */
  refresh(): void {
    for (const card of this.#cards.values()) card.refresh();
  }

  /** Points at one job and at no other; false where it isn't in the list. */
  pointOut(id: string): boolean {
    const wanted = this.#cards.get(id);
    if (!wanted) return false;
    for (const card of this.#cards.values()) card.element.classList.remove("pointed-out");
    wanted.pointOut();
    return true;
  }

  #drop(kept: ReadonlySet<string>): void {
    for (const [id, card] of this.#cards) {
      if (kept.has(id)) continue;
      card.element.remove();
      this.#cards.delete(id);
    }
  }

  #card(view: JobView, kin: Kin): Card {
    const card = this.#cards.get(view.id) ?? new Card(view, this.address, this.actions);
    this.#cards.set(view.id, card);
    if (!card.shows(view, kin)) card.update(view, kin);
    return card;
  }

  #place(element: HTMLElement, index: number): void {
    const there = this.#items.children[index] ?? null;
    if (there !== element) this.#items.insertBefore(element, there);
  }
}

/** Looks up the neighbours of a job in its line of retries; of several retries, the newest. */
function kinOf(views: readonly JobView[]): (view: JobView) => Kin {
  const byId = new Map(views.map((view) => [view.id, view]));
  const later = new Map<string, JobView>();
  for (const view of views) {
    const known = view.retry_of ? later.get(view.retry_of) : undefined;
    if (view.retry_of && !(known && known.created_at > view.created_at)) later.set(view.retry_of, view);
  }
  return ({ id, retry_of }) => ({ earlier: byId.get(retry_of ?? ""), later: later.get(id) });
}

function emptyNode(): HTMLElement {
  return h(
    "div",
    { class: "card empty" },
    h("p", { class: "strong" }, "No jobs yet"),
    h(
      "p",
      {},
      "Choose a CSV file above and import it. You can watch it here, or close this page: if you aren't here when it ends, we email you how it went.",
    ),
  );
}

function skeletonNode(): HTMLElement {
  const bone = () =>
    h("div", { class: "card bones", "aria-hidden": "true" }, h("span", {}), h("span", {}), h("span", {}));
  return h("div", { class: "skeleton" }, h("p", { class: "unseen" }, "Loading your jobs"), bone(), bone());
}
