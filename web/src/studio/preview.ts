/** Preview: what the reader gets, while the words are being written. The latest words win, the
 * last good email stays in view, and nothing waits for it. */
import { problemText } from "../api.js";
import { Fill, h, say } from "../dom.js";
import { bytes } from "../measure.js";
import { toggle } from "../toggle.js";
import { Compare } from "./compare.js";
import { words, type Draft } from "./draft.js";
import { Frame, type Scheme, type Screen_ } from "./frame.js";
import type { Office } from "./office.js";
import { rowNodes, senderOf, type Head } from "./row.js";
import { findingText, gathered, languageName, placeOf, sorted } from "./said.js";
import { SamplePicker } from "./sample.js";
import type { Finding, Rendered } from "./shapes.js";

const CALM_MS = 300;
/** Answers of a server that has too much to do, or can't be reached, and when to ask again. */
const BUSY = [0, 429, 503];
const BUSY_MS = 5_000;

type View = "html" | "text" | "source" | "row" | "changes";
const VIEWS: Record<View, string> = { html: "HTML", text: "Text", source: "Source", row: "Inbox", changes: "Changes" };

export class Preview {
  readonly #sample: SamplePicker;
  readonly #frame = new Frame();
  readonly #text = h("pre", { class: "text", dir: "auto", tabindex: "0", "data-testid": "studio-text" });
  readonly #source = h("pre", { class: "text", tabindex: "0", "data-testid": "studio-source" });
  readonly #row = new Fill<Head>(h("div", { class: "rows" }), rowNodes);
  readonly #compare: Compare;
  readonly #trouble = h("p", { class: "field-error over", role: "status", hidden: true, "data-testid": "studio-trouble" });
  readonly #facts = h("p", { class: "quiet", "data-testid": "studio-facts" });
  readonly #looks: HTMLElement;
  readonly element: HTMLElement;
  #draft: Draft | undefined;
  #found: (findings: readonly Finding[]) => void = () => undefined;
  #screen: Screen_ = "desktop";
  #scheme: Scheme = "light";
  #html = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = new AbortController();

  constructor(
    private readonly office: Office,
    locales: readonly string[],
  ) {
    this.#compare = new Compare(office);
    this.#sample = new SamplePicker(locales, () => void this.#ask());
    const views: Record<View, HTMLElement> = {
      html: this.#frame.element,
      text: this.#text,
      source: this.#source,
      row: this.#row.element,
      changes: this.#compare.element,
    };
    const screens = toggle("Width", "studio-width", { desktop: "Desktop", mobile: "Mobile" }, (screen) => {
      this.#screen = screen;
      this.#paint();
    });
    const schemes = toggle("Colours", "studio-colours", { light: "Light", dark: "Dark" }, (scheme) => {
      this.#scheme = scheme;
      this.#paint();
    });
    this.#looks = h("div", { class: "looks" }, screens.element, schemes.element);
    const shown = toggle("What the reader gets", "studio-view", VIEWS, (view) => {
      for (const [name, element] of Object.entries(views)) element.classList.toggle("away", name !== view);
      this.#looks.hidden = view !== "html";
      this.#compare.watch(view === "changes");
    });
    this.element = h(
      "section",
      { class: "preview", "aria-labelledby": "studio-preview-title" },
      h("h2", { id: "studio-preview-title" }, "What the reader gets"),
      this.#sample.element,
      h("div", { class: "tools" }, shown.element, this.#looks),
      h("div", { class: "shown" }, ...Object.values(views), this.#trouble),
      this.#facts,
    );
    void this.#offerJobs();
  }

  /** Follows another draft; `found` gets what is wrong with it, time and again. */
  follow(draft: Draft, found: (findings: readonly Finding[]) => void): void {
    [this.#draft, this.#found] = [draft, found];
    this.#sample.offer(draft.detail.fixtures);
    this.#compare.follow(draft);
    void this.#ask();
  }

  /** Somebody has typed. */
  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), CALM_MS);
    this.#compare.again();
  }

  /** Has the words checked as they are now. */
  check(): Promise<void> {
    return this.#ask();
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    this.#asked.abort();
    const { signal } = (this.#asked = new AbortController());
    const [draft, sample] = [this.#draft, this.#sample.value];
    if (!draft || !sample) return;
    const answer = await this.office.render(draft.detail.name, words(draft.files), sample, signal);
    if (signal.aborted) return; // newer words are on their way
    if (answer.ok) return this.#show(answer.value);
    this.#stale(problemText(answer.problem));
    if (BUSY.includes(answer.problem.status)) this.#timer = setTimeout(() => void this.#ask(), BUSY_MS);
  }

  #show(rendered: Rendered): void {
    const findings = gathered(rendered.findings);
    this.#found(findings);
    const { html, text, source, subject, preheader } = rendered;
    if (html === null || text === null) {
      const [first] = sorted(findings);
      return this.#stale(first ? `${placeOf(first)}: ${findingText(first)}` : "These words can’t be written.");
    }
    this.element.classList.remove("stale");
    say(this.#trouble, "");
    this.#html = html;
    this.#text.textContent = text;
    this.#source.textContent = source;
    this.#row.show({ sender: senderOf(source ?? ""), subject: subject ?? "", preheader: preheader ?? "" });
    say(this.#facts, factsLine(rendered));
    this.#paint();
  }

  /** The last good email stays, dimmed. */
  #stale(why: string): void {
    this.element.classList.add("stale");
    say(this.#trouble, this.#html ? `${why} You see the last words that could be written.` : why);
  }

  #paint(): void {
    if (this.#html) this.#frame.show(this.#html, this.#screen, this.#scheme);
  }

  async #offerJobs(): Promise<void> {
    const answer = await this.office.jobs();
    this.#sample.offerJobs(answer.ok ? answer.value.jobs : []);
  }
}

function factsLine({ language, size }: Rendered): string {
  const parts = [language ? `In ${languageName(language)}` : "", size ? bytes(size) : ""];
  return parts.filter(Boolean).join(", ");
}
