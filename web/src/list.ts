/** The list of job cards, keyed by job id and kept in order with as few moves as possible. */
import { Card, type CardActions } from "./card.js";
import { h } from "./dom.js";
import type { JobView } from "./view.js";

export class JobList {
  readonly #cards = new Map<string, Card>();
  readonly #items = h("ol", { class: "jobs" });
  readonly #empty = emptyNode();
  readonly #skeleton = skeletonNode();
  readonly element = h(
    "section",
    { "aria-labelledby": "jobs-title", "aria-busy": "true" },
    h("h2", { id: "jobs-title" }, "Your jobs"),
    this.#skeleton,
    this.#empty,
    this.#items,
  );

  constructor(
    private readonly address: string,
    private readonly actions: CardActions,
  ) {
    this.#empty.hidden = true;
  }

  /** Shows these jobs in this order; cards of jobs that stay are updated, not made again. */
  render(views: readonly JobView[]): void {
    const focused = document.activeElement;
    this.#drop(new Set(views.map((view) => view.id)));
    views.forEach((view, index) => this.#place(this.#card(view).element, index));
    this.#skeleton.remove();
    this.element.setAttribute("aria-busy", "false");
    this.#empty.hidden = views.length > 0;
    // Moving a node takes the focus off it; the reader's place must not be lost.
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected)
      focused.focus({ preventScroll: true });
  }

  card(id: string): Card | undefined {
    return this.#cards.get(id);
  }

  #drop(kept: ReadonlySet<string>): void {
    for (const [id, card] of this.#cards) {
      if (kept.has(id)) continue;
      card.element.remove();
      this.#cards.delete(id);
    }
  }

  #card(view: JobView): Card {
    const known = this.#cards.get(view.id);
    if (known) {
      if (known.element.dataset["version"] !== String(view.version)) known.update(view);
      return known;
    }
    const card = new Card(view, this.address, this.actions);
    this.#cards.set(view.id, card);
    return card;
  }

  #place(element: HTMLElement, index: number): void {
    const there = this.#items.children[index] ?? null;
    if (there !== element) this.#items.insertBefore(element, there);
  }
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
