/** One job on the page. Nodes are made once and changed in place. */
import { stepNodes, type Steps } from "./children.js";
import { Fill, h, keep, say, setAttribute } from "./dom.js";
import { Happened, type Lookups } from "./happened.js";
import { byUse, errorNodes, problemNodes } from "./outcome.js";
import { button, whileBusy } from "./press.js";
import { Stop } from "./stop.js";
import {
  isTerminal,
  type ItemProblem,
  type JobError,
  type JobView,
  type Problem,
  type ResultLink,
  type RetryScope,
} from "./view.js";
import * as words from "./words.js";

/** What a card can ask for; each answers with the problem to tell when it didn't work. */
export interface CardActions extends Lookups {
  cancel(view: JobView): Promise<Problem | null>;
  retry(view: JobView, scope: RetryScope): Promise<Problem | null>;
  download(link: ResultLink): Promise<Problem | null>;
  /** Brings another job into view. */
  show(id: string): void;
  /** What stands at the end of the card, for who is to see more than the user. */
  extra?(view: JobView): Node;
}

/** The jobs before and after one in a line of retries, as far as the page knows them. */
export interface Kin {
  readonly earlier: JobView | undefined;
  readonly later: JobView | undefined;
}

type RetryButton = readonly [scope: RetryScope, label: string];

export class Card {
  readonly #title = h("h3", { class: "job-title", "data-testid": "job-title", tabindex: "-1" });
  readonly #state = h("span", { class: "chip", "data-testid": "job-state" });
  readonly #time = h("time", { class: "quiet" });
  readonly #attempt = h("span", { class: "quiet", "data-testid": "job-attempt" });
  readonly #headline = h("p", { class: "headline", "data-testid": "job-headline" });
  readonly #amount = h("p", { class: "quiet amount", hidden: true });
  readonly #eta = h("p", { class: "quiet", "data-testid": "job-eta", hidden: true });
  readonly #bar = h("progress", { "data-testid": "job-progress" });
  readonly #work = h(
    "div",
    { class: "work" },
    this.#bar,
    h("div", { class: "amounts" }, this.#amount, this.#eta),
  );
  readonly #counts = h("p", { class: "counts", "data-testid": "job-counts" });
  readonly #promise = h("p", { class: "quiet" });
  readonly #warning = h("p", { class: "quiet" });
  readonly #email = h("p", { class: "quiet email", "data-testid": "job-email" });
  readonly #retryOf: HTMLAnchorElement;
  readonly #retried: HTMLAnchorElement;
  readonly #note = h("p", { class: "field-error", role: "alert", hidden: true, "data-testid": "job-note" });
  readonly #hindrance: HTMLAnchorElement;
  readonly #children = new Fill<Steps>(
    h("ol", { class: "children", "aria-label": "Steps" }),
    stepNodes,
  );
  readonly #error = new Fill<JobError | null>(h("div", { class: "error" }), errorNodes);
  readonly #problems = new Fill<readonly ItemProblem[]>(h("ul", { class: "problems" }), problemNodes);
  readonly #links: Fill<readonly ResultLink[]>;
  readonly #retry: Fill<readonly RetryButton[]>;
  readonly #stop: Stop;
  readonly #happened: Happened;
  readonly element: HTMLElement;
  #view: JobView;
  #kin: Kin = { earlier: undefined, later: undefined };

  constructor(
    view: JobView,
    private readonly address: string,
    private readonly actions: CardActions,
  ) {
    this.#view = view;
    this.#retryOf = this.#jobLink("job-retry-of");
    this.#retried = this.#jobLink("job-retried");
    this.#hindrance = this.#jobLink("job-hindrance");
    this.#links = new Fill(h("div", { class: "links" }), (links) =>
      links.flatMap((link) => this.#linkNode(link)),
    );
    this.#retry = new Fill(h("div", { class: "buttons" }), (buttons) =>
      buttons.map(([scope, label]) => this.#retryButton(scope, label)),
    );
    this.#stop = new Stop(() => this.#tell(this.actions.cancel(this.#view)));
    this.#happened = new Happened(view, actions);
    this.element = this.#layout();
    this.update(view, this.#kin);
  }

  /** Shows a later version of the same job, or the same at a later time. */
  update(view: JobView, kin: Kin): void {
    const focused = document.activeElement;
    const held = this.element.contains(focused);
    this.#view = view;
    this.#kin = kin;
    this.#updateHead(view);
    this.#updateWork(view);
    this.#updateOutcome(view);
    this.#updateRest(view);
    // What held the focus may have gone with the state: the reader stays at this job.
    if (held && !(focused?.isConnected && !focused.closest("[hidden]")))
      this.#title.focus({ preventScroll: true });
  }

  /** Whether this is what it shows already. */
  shows(view: JobView, { earlier, later }: Kin): boolean {
    const known = this.#view.version === view.version;
    return known && this.#kin.earlier?.id === earlier?.id && this.#kin.later?.id === later?.id;
  }

  /** The same once more, for words that depend on the time. */
  refresh(): void {
    if (!isTerminal(this.#view.state)) this.update(this.#view, this.#kin);
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
      h("p", { class: "job-facts" }, this.#time, this.#attempt, this.#retryOf, this.#retried),
      this.#headline,
      this.#children.element,
      this.#work,
      this.#counts,
      this.#error.element,
      this.#problems.element,
      this.#links.element,
      this.#promise,
      this.#email,
      this.#warning,
      this.#retry.element,
      this.#stop.element,
      this.#note,
      this.#hindrance,
      this.#happened.element,
      this.actions.extra?.(this.#view) ?? null,
    );
  }

  #updateHead(view: JobView): void {
    const { element } = this;
    const ended = isTerminal(view.state);
    setAttribute(element, "data-job-id", view.id);
    setAttribute(element, "data-state", view.state);
    setAttribute(element, "data-version", String(view.version));
    setAttribute(element, "data-stalled", !ended && view.stalled === true);
    setAttribute(this.#state, "data-state", view.state);
    say(this.#title, view.title);
    say(this.#state, words.stateWord(view.state));
    say(this.#time, words.timeLine(view));
    setAttribute(this.#time, "datetime", view.finished_at ?? view.started_at ?? view.created_at);
    say(this.#attempt, words.attemptLine(view));
    say(this.#headline, words.headline(view));
  }

  #updateWork(view: JobView): void {
    const working = view.state === "running" || view.state === "cancelling";
    this.#children.show({ children: view.children ?? [], ended: isTerminal(view.state) });
    this.#work.hidden = !working;
    if (!working) return;
    keep(this.#amount, words.progressLine(view));
    keep(this.#eta, words.etaLine(view));
    setAttribute(this.#bar, "aria-label", `Progress of ${view.title}`);
    setAttribute(this.#bar, "aria-valuetext", words.progressLine(view) || "Working");
    setBar(this.#bar, words.fraction(view));
  }

  #updateOutcome(view: JobView): void {
    say(this.#counts, words.countsLine(view));
    this.#error.show(words.finalError(view));
    this.#problems.show(view.problems ?? []);
    const links = [...(view.result?.links ?? [])].sort(byUse);
    const unfinished = view.state === "partial" || view.state === "failed";
    this.#links.show(links);
    setAttribute(this.#links.element, "data-wanted", unfinished);
    // One primary action: to mend what failed by hand where that is offered, else to retry it.
    setAttribute(this.#retry.element, "data-wanted", unfinished && links.length === 0);
    this.#retry.show(this.#kin.later ? [] : retryButtons(view));
  }

  #updateRest(view: JobView): void {
    const ended = isTerminal(view.state);
    const warning = view.cancel_warning ?? "";
    say(this.#promise, ended ? "" : (view.promise ?? ""));
    say(this.#warning, view.state === "cancelling" ? warning : "");
    say(this.#email, this.#emailWords(view));
    this.#stop.show(view.can?.cancel ?? false, warning);
    this.#happened.show(view);
    const { earlier, later } = this.#kin;
    point(this.#retryOf, view.retry_of, words.retryOfLine(earlier));
    point(this.#retried, later?.id, later ? words.retriedLine(later) : "");
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
    return button(link.label, "", "job-result-link", (it) => {
      void whileBusy(it, "Downloading…", () => this.#tell(this.actions.download(link)));
    });
  }

  #retryButton(scope: RetryScope, label: string): HTMLButtonElement {
    return button(label, "plain", `job-retry-${scope}`, (it) => {
      void whileBusy(it, "Starting…", () => this.#tell(this.actions.retry(this.#view, scope)));
    });
  }

  /** A link to another job: on this page, or where it is opened in a tab of its own. */
  #jobLink(testId: string): HTMLAnchorElement {
    const link = h("a", { class: "quiet", hidden: true, "data-testid": testId });
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.actions.show(link.dataset["id"] ?? "");
    });
    return link;
  }

  async #tell(answer: Promise<Problem | null>): Promise<void> {
    say(this.#note, "");
    this.#hindrance.hidden = true;
    const problem = await answer;
    if (!problem) return;
    say(this.#note, words.refusal(problem));
    const other = problem.job === this.#view.id ? null : problem.job;
    point(this.#hindrance, other, "Show that job");
  }
}

/** What can be retried; to retry what failed comes first. */
function retryButtons(view: JobView): RetryButton[] {
  const scopes = [...(view.can?.retry ?? [])].sort((a) => (a === "failed" ? -1 : 1));
  return scopes.map((scope) => [scope, words.retryLabel(view, scope)]);
}

function point(link: HTMLAnchorElement, id: string | null | undefined, text: string): void {
  say(link, id ? text : "");
  if (!id) return;
  setAttribute(link, "data-id", id);
  setAttribute(link, "href", `/?job=${encodeURIComponent(id)}`);
}

function setBar(bar: HTMLProgressElement, fraction: number | null): void {
  // A progress element without a value is indeterminate (HTML standard, 4.10.13).
  if (fraction === null) bar.removeAttribute("value");
  else if (bar.value !== fraction || !bar.hasAttribute("value")) bar.value = fraction;
}
