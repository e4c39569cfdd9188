/** The failed items of a job one by one, a page at a time. */
import { problemText, type Answer } from "./api.js";
import { h, say } from "./dom.js";
import { number } from "./measure.js";
import { button, whileBusy } from "./press.js";
import type { ItemPage, ItemRecord } from "./view.js";

/** Fetches the page that starts after so many items. */
export type ItemsLookup = (after: number) => Promise<Answer<ItemPage>>;

export class FailedItems {
  readonly #title = h("h4");
  readonly #list = h("ol", { class: "items", "data-testid": "job-failed-items" });
  readonly #status = h("p", { class: "quiet", role: "status" });
  readonly #more = button("Show more", "plain small", "job-more-items", (it) => {
    void whileBusy(it, "Loading…", () => this.#next());
  });
  readonly element = h("section", { hidden: true }, this.#title, this.#list, this.#status, this.#more);
  #total = 0;
  #after: number | null = 0;

  constructor(private readonly fetchPage: ItemsLookup) {}

  /** Begins with the first page, unless that was done for so many items before. */
  async show(total: number, unit: string): Promise<void> {
    if (total === this.#total) return;
    this.element.hidden = total === 0;
    this.#total = total;
    this.#title.textContent = total === 1 ? "What failed" : `The ${number(total)} failed ${unit}`;
    this.#list.replaceChildren();
    this.#after = 0;
    if (total > 0) await this.#load();
  }

  /** Who pressed "Show more" reads on at the first new item. */
  async #next(): Promise<void> {
    const known = this.#list.childElementCount;
    await this.#load();
    const first = this.#list.children[known];
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  }

  async #load(): Promise<void> {
    if (this.#after === null) return;
    const total = this.#total;
    const answer = await this.fetchPage(this.#after);
    if (total !== this.#total) return; // more have failed meanwhile: that list has begun anew
    if (answer.ok) this.#add(answer.value);
    else say(this.#status, problemText(answer.problem));
    this.#more.hidden = this.#after === null;
  }

  #add({ items, next }: ItemPage): void {
    this.#after = next !== null && this.#list.childElementCount + items.length < this.#total ? next : null;
    this.#list.append(...items.map((item) => h("li", { tabindex: "-1" }, itemWords(item))));
    this.element.hidden = this.#list.childElementCount === 0; // none was kept one by one
    say(this.#status, this.#statusWords());
  }

  #statusWords(): string {
    const shown = this.#list.childElementCount;
    if (shown >= this.#total) return "";
    const amount = `${number(shown)} of ${number(this.#total)}`;
    return this.#after === null ? `${amount}; only these were kept one by one.` : `${amount} shown.`;
  }
}

/** "line 17: no id"; with the item's key where the example doesn't name it. */
function itemWords({ key, example }: ItemRecord): string {
  if (!example) return key;
  return example.includes(key) ? example : `${key}: ${example}`;
}
