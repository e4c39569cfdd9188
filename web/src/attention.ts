/** Telling people who aren't looking: the tab's title, and words for screen readers. */
import { byId, h } from "./dom.js";
import type { Change } from "./feed.js";
import { isGrave, isTerminal, type JobView } from "./view.js";
import { announcement, tabTitle } from "./words.js";

const KEPT_ANNOUNCEMENTS = 5;

export class Attention {
  readonly #plainTitle = document.title;
  readonly #announcer = byId("announcer");
  #ended = 0;

  constructor() {
    document.addEventListener("visibilitychange", this.#lookedAt);
  }

  /** Speaks of changes of state only, never of each percent. */
  changed({ view, before }: Change): void {
    if (before === view.state) return;
    if (!isGrave(view)) this.announce(announcement(view)); // else a dialog says it, and waits
    if (isTerminal(view.state) && document.hidden) this.#mark(view);
  }

  announce(text: string): void {
    this.#announcer.append(h("p", {}, text));
    while (this.#announcer.childElementCount > KEPT_ANNOUNCEMENTS)
      this.#announcer.firstElementChild?.remove();
  }

  remove(): void {
    document.removeEventListener("visibilitychange", this.#lookedAt);
    document.title = this.#plainTitle;
    this.#announcer.replaceChildren();
  }

  #mark(view: JobView): void {
    this.#ended += 1;
    const others = this.#ended > 1 ? ` (+${this.#ended - 1})` : "";
    document.title = tabTitle(view) + others;
  }

  readonly #lookedAt = (): void => {
    if (document.hidden) return;
    this.#ended = 0;
    document.title = this.#plainTitle;
  };
}
