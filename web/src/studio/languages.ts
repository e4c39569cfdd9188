/** Languages: in which language the open words are, and which have words of their own. */
import { h } from "../dom.js";
import { button } from "../press.js";
import { languageName } from "./said.js";

export interface LanguageDeeds {
  choose(tag: string): void;
  add(tag: string): void;
  remove(tag: string): void;
}

export class LanguageBar {
  readonly #select = h("select", { id: "studio-version", "data-testid": "studio-version" });
  readonly #remove: HTMLButtonElement;
  readonly element: HTMLElement;
  #tag = "";
  #own: readonly string[] = [];

  constructor(
    private readonly locales: readonly string[],
    private readonly deeds: LanguageDeeds,
  ) {
    this.#remove = button("Remove this version", "plain small", "studio-version-remove", () => deeds.remove(this.#tag));
    this.element = h("div", { class: "versions" }, h("label", { for: "studio-version" }, "Words in"), this.#select, this.#remove);
    this.#select.addEventListener("change", () => this.#chosen(this.#select.value));
  }

  show(tag: string, own: readonly string[]): void {
    [this.#tag, this.#own] = [tag, own];
    const more = this.locales.filter((locale) => locale !== "en" && !own.includes(locale));
    this.#select.replaceChildren(
      h("option", { value: "" }, "English (for all others, too)"),
      ...own.map((one) => h("option", { value: one }, `${languageName(one)} (own version)`)),
      ...(more.length ? [h("optgroup", { label: "Begin a version" }, ...more.map((one) => h("option", { value: one }, `${languageName(one)}…`)))] : []),
    );
    this.#select.value = tag;
    this.#remove.hidden = tag === "";
  }

  #chosen(tag: string): void {
    if (tag && !this.#own.includes(tag)) this.deeds.add(tag);
    else this.deeds.choose(tag);
  }
}
