/** The studio: somebody who has never programmed edits the emails' words, and sees at once what
 * the reader gets. */
import { problemText } from "../api.js";
import { h, say } from "../dom.js";
import { when } from "../measure.js";
import { button, whileBusy } from "../press.js";
import type { Session } from "../session.js";
import type { Content, Ends } from "../shell.js";
import { Bench } from "./bench.js";
import { Draft, type Kept } from "./draft.js";
import { Drawer } from "./drawer.js";
import { askForCopy } from "./newcopy.js";
import { Office } from "./office.js";
import { showHistory } from "./past.js";
import { Preview } from "./preview.js";
import { askToPublish } from "./publishing.js";
import { gathered, originLine, titleOf } from "./said.js";
import { save } from "./saving.js";
import { Shelf } from "./shelf.js";
import type { Detail, Finding, Listing } from "./shapes.js";

const FIRST = "succeeded";

export class Studio implements Content {
  readonly #office: Office;
  readonly #drawer: Drawer;
  readonly #shelf: Shelf;
  readonly #error = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #done = h("p", { class: "done", role: "status", hidden: true, "data-testid": "studio-done" });
  readonly #desk = h("section", { class: "desk", "aria-labelledby": "studio-title" });
  readonly #side = h("div", { class: "side" });
  readonly element: HTMLElement;
  #listing: Listing | undefined;
  #preview: Preview | undefined;
  #bench: Bench | undefined;
  #findings: readonly Finding[] = [];
  #opened = "";
  /** Messages whose drafts are of this visit: they go on without a question. */
  readonly #here = new Set<string>();
  readonly #actions: Record<"publish" | "discard", HTMLButtonElement>;

  constructor(session: Session, ends: Ends) {
    this.#office = new Office(session, ends);
    this.#drawer = new Drawer(session.email);
    this.#shelf = new Shelf(
      (name) => this.#go(name),
      () => void askForCopy(this.#office, this.#listing?.messages ?? [], (name) => this.#go(name)),
    );
    this.#actions = {
      publish: button("Publish…", "primary", "studio-publish", (it) => void whileBusy(it, "Checking…", () => this.#publish())),
      discard: button("Undo all", "plain", "studio-discard", () => this.#discard()),
    };
    this.element = h("div", { class: "studio" }, h("h1", {}, "Studio"), this.#error, this.#shelf.element, this.#desk, this.#side);
  }

  open(): void {
    addEventListener("beforeunload", this.#warn);
    addEventListener("popstate", this.#back);
    void this.#begin();
  }

  close(): void {
    removeEventListener("beforeunload", this.#warn);
    removeEventListener("popstate", this.#back);
  }

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.#bench?.draft.changed) event.preventDefault();
  };

  readonly #back = (): void => void this.#open(wanted());

  async #begin(): Promise<void> {
    if (!(await this.#list()) || !this.#listing) return;
    this.#preview = new Preview(this.#office, this.#listing.locales);
    this.#side.replaceChildren(this.#preview.element);
    await this.#open(wanted());
  }

  async #list(): Promise<boolean> {
    const answer = await this.#office.messages();
    say(this.#error, answer.ok ? "" : problemText(answer.problem));
    if (!answer.ok) return false;
    this.#listing = answer.value;
    this.#shelf.show(answer.value.messages, this.#opened, (name) => this.#drawer.get(name) !== null);
    return true;
  }

  #go(name: string): void {
    if (name === this.#opened) return;
    history.pushState(null, "", `?message=${encodeURIComponent(name)}`);
    void this.#open(name).then(() => this.#desk.querySelector<HTMLElement>("h2")?.focus());
  }

  async #open(name: string): Promise<void> {
    this.#opened = name;
    this.#shelf.point(name);
    const answer = await this.#office.message(name);
    if (name !== this.#opened) return; // another was chosen meanwhile
    say(this.#error, answer.ok ? "" : problemText(answer.problem));
    say(this.#done, "");
    this.#desk.hidden = this.#side.hidden = !answer.ok;
    if (answer.ok) this.#show(new Draft(answer.value));
  }

  #show(draft: Draft): void {
    const { detail } = draft;
    const kept = this.#drawer.get(detail.name);
    const here = this.#here.has(detail.name);
    if (kept && here) resume(draft, kept);
    this.#here.add(detail.name);
    const bench = new Bench(draft, this.#listing?.locales ?? [], () => this.#changed());
    this.#bench = bench;
    this.#findings = gathered(detail.findings);
    bench.found(this.#findings);
    this.#desk.replaceChildren(...this.#head(detail), this.#done, ...(kept && !here ? [this.#offer(bench, kept)] : []), bench.element);
    this.#preview?.follow(draft, (findings) => {
      this.#findings = findings;
      bench.found(findings);
    });
    this.#mark();
  }

  #head(detail: Detail): Node[] {
    const listed = this.#listing?.messages.find(({ name }) => name === detail.name);
    const about = listed ?? this.#listing?.messages.find(({ name }) => name === detail.about);
    const [newest] = detail.revisions;
    const origin = originLine(detail.origin, newest?.called, newest ? when(newest.at) : undefined);
    return [
      h("h2", { id: "studio-title", tabindex: "-1" }, titleOf(detail)),
      h("p", { class: "quiet", "data-testid": "studio-origin" }, `${origin}. ${about?.purpose ?? ""} ${about?.sent_when ?? ""}`.trim()),
      h("div", { class: "buttons" }, ...this.#buttons(detail)),
    ];
  }

  #buttons(detail: Detail): Node[] {
    const past = button("History…", "plain", "studio-history", () => {
      say(this.#done, "");
      showHistory(this.#office, detail, () => void this.#again("Readers get these words from now on."));
    });
    const download = button("Download", "plain", "studio-download", () => {
      if (this.#bench) save(this.#bench.draft);
    });
    const store = button("Save to folder", "plain", "studio-save", (it) => void whileBusy(it, "Saving…", () => this.#save()));
    const { can_publish, can_save } = this.#listing ?? { can_publish: false, can_save: false };
    return [...(can_publish ? [this.#actions.publish] : []), ...(can_save ? [store] : []), past, download, this.#actions.discard];
  }

  /** Words from an earlier visit. */
  #offer(bench: Bench, kept: Kept): HTMLElement {
    const offer = h("div", { class: "notice offer", role: "status", "data-testid": "studio-kept" });
    const stale = kept.base !== bench.draft.base ? " Other words were published since." : "";
    const take = button("Go on with them", "small", "studio-kept-take", () => {
      resume(bench.draft, kept);
      offer.remove();
      bench.refresh();
      this.#changed();
    });
    const drop = button("Throw them away", "plain small", "studio-kept-drop", () => {
      this.#drawer.drop(bench.draft.detail.name);
      offer.remove();
      this.#mark();
    });
    offer.append(
      h("p", {}, `You have changes from ${when(kept.at).replace(/^(at|on) /, "")} that were not published.${stale}`),
      h("div", { class: "buttons" }, take, drop),
    );
    return offer;
  }

  #changed(): void {
    const draft = this.#bench?.draft;
    if (!draft) return;
    if (draft.changed) this.#drawer.put(draft.detail.name, draft.keep(new Date()));
    else this.#drawer.drop(draft.detail.name);
    say(this.#done, "");
    this.#mark();
    this.#preview?.soon();
  }

  #mark(): void {
    const draft = this.#bench?.draft;
    if (!draft) return;
    this.#actions.discard.disabled = !draft.changed;
    this.#shelf.change(draft.detail.name, draft.changed || this.#drawer.get(draft.detail.name) !== null);
  }

  async #publish(): Promise<void> {
    const draft = this.#bench?.draft;
    say(this.#done, "");
    await this.#preview?.check();
    if (draft) askToPublish(this.#office, draft, this.#findings, () => void this.#again("Published. Readers get these words from now on."));
  }

  /** Other words are in use now. */
  async #again(told: string): Promise<void> {
    this.#drawer.drop(this.#opened);
    await this.#list();
    await this.#open(this.#opened);
    say(this.#done, told);
  }

  async #save(): Promise<void> {
    const draft = this.#bench?.draft;
    if (!draft) return;
    const answer = await this.#office.save(draft.detail.name, draft.beyond());
    const still = draft.detail.origin === "published" ? " Readers get the published words until those are taken back." : "";
    if (answer.ok) return this.#again(`Saved to the templates folder.${still}`);
    say(this.#error, problemText(answer.problem));
  }

  #discard(): void {
    this.#bench?.draft.reset();
    this.#bench?.refresh();
    this.#bench?.focus();
    this.#changed();
  }
}

function resume(draft: Draft, kept: Kept): void {
  draft.replace(kept.files);
}

function wanted(): string {
  return new URLSearchParams(location.search).get("message") ?? FIRST;
}

