/** "What happened": a job's history, its email and its failed items, fetched once somebody asks. */
import { problemText, type Answer } from "./api.js";
import { h, say } from "./dom.js";
import { FailedItems } from "./items.js";
import { exactly } from "./measure.js";
import { isAboutEmail, telling } from "./story.js";
import type { Explanation, HistoryEntry, ItemPage, JobView } from "./view.js";
import { unit } from "./words.js";

export interface Lookups {
  history(id: string): Promise<Answer<{ readonly history: readonly HistoryEntry[] }>>;
  explanation(id: string): Promise<Answer<Explanation>>;
  failedItems(id: string, after: number): Promise<Answer<ItemPage>>;
}

export class Happened {
  readonly #list = h("ol", { class: "story", "data-testid": "job-story" });
  readonly #emailTitle = h("h4", { hidden: true }, "Why an email was or wasn't sent");
  readonly #email = h("ol", { class: "story", "data-testid": "job-email-story" });
  readonly #status = h("p", { class: "quiet", role: "status" });
  readonly #items: FailedItems;
  readonly element: HTMLDetailsElement;
  #view: JobView;
  #shown = "";

  constructor(
    view: JobView,
    private readonly lookups: Lookups,
  ) {
    this.#view = view;
    this.#items = new FailedItems((after) => lookups.failedItems(view.id, after));
    this.element = h(
      "details",
      { class: "happened", "data-testid": "job-happened" },
      h("summary", {}, "What happened"),
      h("div", { class: "happened-body" }, this.#list, this.#emailTitle, this.#email, this.#status, this.#items.element),
    );
    this.element.addEventListener("toggle", () => this.show(this.#view));
  }

  /** Follows the job while it is open; progress alone makes no request. */
  show(view: JobView): void {
    this.#view = view;
    const moment = momentOf(view);
    if (!this.element.open || moment === this.#shown) return;
    this.#shown = moment;
    void this.#load(view, moment);
  }

  async #load(view: JobView, moment: string): Promise<void> {
    if (!this.#list.childElementCount) say(this.#status, "Loading…");
    const { history, explanation } = this.lookups;
    const [story, email] = await Promise.all([history(view.id), explanation(view.id)]);
    if (moment !== this.#shown) return; // a later look is on its way
    if (!story.ok || !email.ok) {
      this.#shown = ""; // so that opening it once more tries once more
      const failed = story.ok ? email : story;
      return say(this.#status, failed.ok ? "" : problemText(failed.problem));
    }
    say(this.#status, "");
    const entries = story.value.history.filter((entry) => !isAboutEmail(entry));
    this.#list.replaceChildren(...entries.map((entry) => lineNode(entry.at, telling(entry))));
    this.#email.replaceChildren(...email.value.lines.map(({ at, text }) => lineNode(at, text)));
    this.#emailTitle.hidden = this.#email.hidden = email.value.lines.length === 0;
    await this.#items.show(failedItems(view), unit(view));
  }
}

/** How many failed items are to be listed: a pipeline has none of its own, its steps have. */
function failedItems({ counts, children }: JobView): number {
  return children ? 0 : (counts?.failed ?? 0);
}

/** Changes with all that the history tells. */
function momentOf({ state, attempt, email, stalled, promise }: JobView): string {
  return JSON.stringify([state, attempt?.number, email?.state, email?.reason, stalled, promise]);
}

function lineNode(at: string, text: string): Node {
  return h("li", {}, h("time", { class: "quiet", datetime: at }, exactly(at)), h("span", {}, text));
}
