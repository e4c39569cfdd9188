/** Compare: what differs between the draft and other words: those in use, built in, or older. */
import { problemText } from "../api.js";
import { h, say } from "../dom.js";
import { when } from "../measure.js";
import { diffNodes } from "./diffview.js";
import { whole, words, type Draft } from "./draft.js";
import type { Office } from "./office.js";
import type { Detail, Files } from "./shapes.js";

const USED = "used";
const BUILT_IN = "built-in";

export class Compare {
  readonly #with = h("select", { id: "studio-with", "data-testid": "studio-with" });
  readonly #error = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #shown = h("div", { class: "diffs", "data-testid": "studio-changes" });
  readonly element = h(
    "div",
    { class: "compare" },
    h("div", { class: "field" }, h("label", { for: "studio-with" }, "Compare your words with"), this.#with),
    this.#error,
    this.#shown,
  );
  #draft: Draft | undefined;
  #base: Files = {};
  #watched = false;

  constructor(private readonly office: Office) {
    this.#with.addEventListener("change", () => void this.#choose());
  }

  follow(draft: Draft): void {
    this.#draft = draft;
    this.#with.replaceChildren(...bases(draft.detail));
    void this.#choose();
  }

  /** Whether anybody looks: nothing is compared for nobody. */
  watch(watched: boolean): void {
    this.#watched = watched;
    this.again();
  }

  again(): void {
    if (!this.#watched || !this.#draft) return;
    this.#shown.replaceChildren(...diffNodes(this.#base, words(this.#draft.files), "They are the same."));
  }

  async #choose(): Promise<void> {
    const draft = this.#draft;
    if (!draft) return;
    const files = await this.#files(draft.detail, this.#with.value);
    if (draft !== this.#draft) return; // another message meanwhile
    this.#base = words(files);
    this.again();
  }

  async #files(detail: Detail, which: string): Promise<Files> {
    say(this.#error, "");
    if (which === USED) return detail.files;
    if (which === BUILT_IN) return detail.built_in ?? {};
    const answer = await this.office.revision(detail.name, Number(which));
    if (answer.ok) return whole(detail.below, answer.value.files);
    say(this.#error, problemText(answer.problem));
    return {};
  }
}

function bases({ built_in, revisions }: Detail): Node[] {
  return [
    h("option", { value: USED }, "the words in use"),
    ...(built_in ? [h("option", { value: BUILT_IN }, "the built-in words")] : []),
    ...revisions
      .filter(({ withdrawn }) => !withdrawn)
      .map(({ revision, called, at }) => h("option", { value: String(revision) }, `revision ${revision}, by ${called} ${when(at)}`)),
  ];
}
