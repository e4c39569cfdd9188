/**
 * The dialog for failures that have grave consequences: the page stands still until the user says
 * that they have read it. Several come one after the other, the oldest first.
 */
import { acknowledge, isAcknowledged } from "./acknowledged.js";
import { Fill, h, say } from "./dom.js";
import { errorNodes, problemNodes } from "./outcome.js";
import { button } from "./press.js";
import { isGrave, type ItemProblem, type JobError, type JobView } from "./view.js";
import { announcement, countsLine, emailLine, finalError, headline } from "./words.js";

/** A new browser doesn't ask about what is older: by then the email has told it. */
const RECENT_MS = 7 * 86_400_000;

export class Alarm {
  readonly #title = h("h2", { id: "alarm-title", tabindex: "-1", autofocus: true });
  readonly #headline = h("p", {});
  readonly #counts = h("p", { class: "counts" });
  readonly #error = new Fill<JobError | null>(h("div", { class: "error" }), errorNodes);
  readonly #problems = new Fill<readonly ItemProblem[]>(h("ul", { class: "problems" }), problemNodes);
  readonly #email = h("p", { class: "quiet" });
  readonly #more = h("p", { class: "quiet", "data-testid": "alarm-more" });
  readonly #read = button("I have read this", "primary", "alarm-read", () => this.#acknowledge());
  readonly element = h(
    "dialog",
    {
      class: "alarm",
      role: "alertdialog",
      "aria-labelledby": this.#title.id,
      "aria-describedby": "alarm-told",
      "data-testid": "alarm",
    },
    this.#title,
    h(
      "div",
      { id: "alarm-told", class: "alarm-told" },
      this.#headline,
      this.#counts,
      this.#error.element,
      this.#problems.element,
      this.#email,
    ),
    h("div", { class: "alarm-foot" }, this.#read, this.#more),
  );
  #views: readonly JobView[] = [];
  #shown: JobView | undefined;

  /** `done`: what comes after the last one was read. */
  constructor(
    private readonly owner: string,
    private readonly done: (job: string) => void,
  ) {
    this.element.addEventListener("keydown", (event) => this.#keep(event));
    this.element.addEventListener("cancel", (event) => event.preventDefault());
    // Browsers close a dialog all the same when somebody insists: it isn't read by that.
    this.element.addEventListener("close", () => this.#shown && this.element.showModal());
    addEventListener("storage", this.#readElsewhere);
  }

  /** Shows what is to be acknowledged of these jobs, newest first. */
  consider(views: readonly JobView[]): void {
    this.#views = views;
    const open = views.filter((view) => this.#isOpen(view));
    const next = open.find(({ id }) => id === this.#shown?.id) ?? open.at(-1);
    if (!next) return this.#close();
    this.#show(next, open.length - 1);
  }

  remove(): void {
    removeEventListener("storage", this.#readElsewhere);
    this.#close();
  }

  #isOpen(view: JobView): boolean {
    const ended = Date.parse(view.finished_at ?? "");
    return isGrave(view) && Date.now() - ended < RECENT_MS && !isAcknowledged(this.owner, view.id);
  }

  #show(view: JobView, others: number): void {
    const known = this.#shown?.id === view.id;
    this.#shown = view;
    say(this.#title, announcement(view));
    say(this.#headline, headline(view));
    say(this.#counts, countsLine(view));
    this.#error.show(finalError(view));
    this.#problems.show(view.problems ?? []);
    say(this.#email, emailLine(view, this.owner));
    say(this.#more, others === 0 ? "" : others === 1 ? "1 more after this" : `${others} more after this`);
    if (!this.element.open) this.element.showModal();
    if (!known) this.#title.focus();
  }

  #acknowledge(): void {
    const read = this.#shown;
    if (!read) return;
    acknowledge(this.owner, read.id);
    this.consider(this.#views);
    if (!this.#shown) this.done(read.id);
  }

  #close(): void {
    this.#shown = undefined;
    if (this.element.open) this.element.close();
  }

  /** The one button is all that can be reached, and Escape says nothing about having read it. */
  #keep(event: KeyboardEvent): void {
    if (event.key !== "Tab" && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Tab") this.#read.focus();
  }

  // Read in another tab is read.
  readonly #readElsewhere = (): void => this.consider(this.#views);
}
