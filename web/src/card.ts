/** One job on the page. Nodes are made once and changed in place. */
import { Fill, h, say, setAttribute } from "./dom.js";
import {
  isTerminal,
  type ItemProblem,
  type JobError,
  type JobView,
  type ResultLink,
  type RetryScope,
} from "./view.js";
import * as words from "./words.js";

/** What a card can ask for; each answers with a sentence to show when it didn't work, else "". */
export interface CardActions {
  cancel(view: JobView): Promise<string>;
  retry(view: JobView, scope: RetryScope): Promise<string>;
  download(link: ResultLink): Promise<string>;
}

interface Buttons {
  readonly cancel: boolean;
  readonly retry: readonly RetryScope[];
  readonly retryLabels: readonly string[];
}

export class Card {
  readonly #title = h("h3", { class: "job-title", "data-testid": "job-title", tabindex: "-1" });
  readonly #state = h("span", { class: "chip", "data-testid": "job-state" });
  readonly #time = h("time", { class: "quiet" });
  readonly #attempt = h("span", { class: "quiet" });
  readonly #headline = h("p", { class: "headline" });
  readonly #step = h("span", { class: "step" });
  readonly #amount = h("span", { class: "quiet amount" });
  readonly #bar = h("progress", { "data-testid": "job-progress" });
  readonly #work = h(
    "div",
    { class: "work" },
    h("div", { class: "work-line" }, this.#step, this.#amount),
    this.#bar,
  );
  readonly #counts = h("p", { class: "counts", "data-testid": "job-counts" });
  readonly #promise = h("p", { class: "quiet" });
  readonly #warning = h("p", { class: "quiet" });
  readonly #email = h("p", { class: "quiet email", "data-testid": "job-email" });
  readonly #retryOf = h("a", { class: "quiet" }, "Started again from an earlier job");
  readonly #note = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #error: Fill<JobError | null>;
  readonly #problems: Fill<readonly ItemProblem[]>;
  readonly #links: Fill<readonly ResultLink[]>;
  readonly #buttons: Fill<Buttons>;
  readonly element: HTMLElement;
  #view: JobView;

  constructor(
    view: JobView,
    private readonly address: string,
    private readonly actions: CardActions,
  ) {
    this.#view = view;
    this.#error = new Fill(h("div", { class: "error" }), errorNodes);
    this.#problems = new Fill(h("ul", { class: "problems" }), problemNodes);
    this.#links = new Fill(h("div", { class: "links" }), (links) =>
      links.flatMap((link) => this.#linkNode(link)),
    );
    this.#buttons = new Fill(h("div", { class: "buttons" }), (buttons) => this.#buttonNodes(buttons));
    this.element = this.#layout();
    this.update(view);
  }

  /** Shows a later version of the same job. */
  update(view: JobView): void {
    this.#view = view;
    this.#updateHead(view);
    this.#updateWork(view);
    this.#updateOutcome(view);
    say(this.#promise, isTerminal(view.state) ? "" : (view.promise ?? ""));
    say(this.#warning, isTerminal(view.state) ? "" : (view.cancel_warning ?? ""));
    say(this.#email, this.#emailWords(view));
    this.#retryOf.hidden = !view.retry_of;
    this.#retryOf.href = `/?job=${encodeURIComponent(view.retry_of ?? "")}`;
  }

  /** Brings the card into view and points at it. */
  pointOut(): void {
    this.element.classList.add("pointed-out");
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    this.#title.focus({ preventScroll: true });
  }

  #layout(): HTMLElement {
    return h(
      "li",
      { class: "card job", "data-testid": "job-card" },
      h("div", { class: "job-head" }, this.#title, this.#state),
      h("p", { class: "job-facts" }, this.#time, this.#attempt, this.#retryOf),
      this.#headline,
      this.#work,
      this.#counts,
      this.#error.element,
      this.#problems.element,
      this.#links.element,
      this.#promise,
      this.#email,
      this.#warning,
      this.#buttons.element,
      this.#note,
    );
  }

  #updateHead(view: JobView): void {
    const element = this.element;
    setAttribute(element, "data-job-id", view.id);
    setAttribute(element, "data-state", view.state);
    setAttribute(element, "data-version", String(view.version));
    say(this.#title, view.title);
    say(this.#state, words.stateWord(view.state));
    say(this.#time, words.timeLine(view));
    setAttribute(this.#time, "datetime", view.finished_at ?? view.started_at ?? view.created_at);
    say(this.#attempt, words.attemptLine(view));
    say(this.#headline, words.headline(view));
  }

  #updateWork(view: JobView): void {
    const working = view.state === "running" || view.state === "cancelling";
    this.#work.hidden = !working;
    if (!working) return;
    this.#step.textContent = words.stepLine(view);
    this.#amount.textContent = words.progressLine(view);
    setAttribute(this.#bar, "aria-label", `Progress of ${view.title}`);
    setAttribute(this.#bar, "aria-valuetext", words.progressLine(view) || "Working");
    setBar(this.#bar, words.fraction(view));
  }

  #updateOutcome(view: JobView): void {
    say(this.#counts, words.countsLine(view));
    this.#error.show(words.finalError(view));
    this.#problems.show(view.problems ?? []);
    this.#links.show([...(view.result?.links ?? [])].sort(byUse));
    setAttribute(this.#links.element, "data-wanted", view.state === "partial" || view.state === "failed");
    const retry = view.can?.retry ?? [];
    const retryLabels = retry.map((scope) => words.retryLabel(view, scope));
    this.#buttons.show({ cancel: view.can?.cancel ?? false, retry, retryLabels });
  }

  // The promise already says "we'll email …" while a job goes on; saying it twice helps nobody.
  #emailWords(view: JobView): string {
    if (view.email?.state === "waiting" && /email/i.test(view.promise ?? "") && !isTerminal(view.state))
      return "";
    return words.emailLine(view, this.address);
  }

  #linkNode(link: ResultLink): Node[] {
    const url = URL.canParse(link.url, location.href) ? new URL(link.url, location.href) : null;
    if (url?.origin === location.origin) return [this.#downloadButton(link)];
    if (url?.protocol !== "https:" && url?.protocol !== "http:") return [];
    return [
      h(
        "a",
        {
          class: "button",
          href: url.href,
          target: "_blank",
          rel: "noopener noreferrer",
          "data-testid": "job-result-link",
        },
        link.label,
      ),
    ];
  }

  // A button, not a link: the file needs the token, which a plain link can't carry.
  #downloadButton(link: ResultLink): HTMLButtonElement {
    const button = h(
      "button",
      { type: "button", class: "button", "data-testid": "job-result-link" },
      link.label,
    );
    button.addEventListener(
      "click",
      () => void this.#ask(button, "Downloading…", () => this.actions.download(link)),
    );
    return button;
  }

  #buttonNodes({ cancel, retry, retryLabels }: Buttons): Node[] {
    const nodes = retry.map((scope, index) =>
      this.#actionButton(retryLabels[index] ?? "", "Starting…", () => this.actions.retry(this.#view, scope)),
    );
    if (cancel)
      nodes.push(this.#actionButton("Cancel this job", "Cancelling…", () => this.actions.cancel(this.#view)));
    return nodes;
  }

  #actionButton(label: string, busy: string, action: () => Promise<string>): HTMLButtonElement {
    const button = h("button", { type: "button", class: "button plain" }, label);
    button.addEventListener("click", () => void this.#ask(button, busy, action));
    return button;
  }

  async #ask(button: HTMLButtonElement, busy: string, action: () => Promise<string>): Promise<void> {
    if (button.getAttribute("aria-disabled")) return;
    const label = button.textContent ?? "";
    setAttribute(button, "aria-disabled", "true");
    button.textContent = busy;
    say(this.#note, "");
    say(this.#note, await action());
    button.textContent = label;
    setAttribute(button, "aria-disabled", false);
  }
}

function setBar(bar: HTMLProgressElement, fraction: number | null): void {
  // A progress element without a value is indeterminate (HTML standard, 4.10.13).
  if (fraction === null) bar.removeAttribute("value");
  else if (bar.value !== fraction || !bar.hasAttribute("value")) bar.value = fraction;
}

function errorNodes(error: JobError | null): Node[] {
  if (!error) return [];
  // Who can mend it alone needs no reference to quote.
  const quotable = error.category === "input" ? null : error.ref;
  const reference = quotable
    ? [h("p", { class: "quiet" }, "Reference for support: ", h("code", {}, quotable))]
    : [];
  const action = error.action ? [h("p", {}, words.sentence(error.action))] : [];
  return [h("p", { class: "strong" }, words.sentence(error.message)), ...action, ...reference];
}

/** What is there to be worked on, before what is there to be looked at. */
function byUse(a: ResultLink, b: ResultLink): number {
  return Number(/^download /i.test(b.label)) - Number(/^download /i.test(a.label));
}

function problemNodes(problems: readonly ItemProblem[]): Node[] {
  return [...problems]
    .sort((a, b) => Number(b.outcome === "failed") - Number(a.outcome === "failed"))
    .map(problemNode);
}

function problemNode(problem: ItemProblem): Node {
  const action = problem.action ? h("p", {}, words.sentence(problem.action)) : null;
  const examples = problem.examples?.length ? exampleNodes(problem.examples) : null;
  return h(
    "li",
    { "data-testid": "job-problem", "data-outcome": problem.outcome },
    h("p", { class: "strong" }, words.sentence(problem.message)),
    action,
    examples,
  );
}

function exampleNodes(examples: readonly string[]): Node {
  return h(
    "ul",
    { class: "examples", "aria-label": "Examples" },
    ...examples.map((example) => h("li", {}, example)),
  );
}
