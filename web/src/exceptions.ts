/** The types of jobs for which something else was chosen, by the link in an email or an app. */
import { h, say } from "./dom.js";
import { faultOf, type Part } from "./field.js";
import { typeLine, type TypeWishes, type Wishes } from "./preferences.js";
import { button } from "./press.js";

export class Exceptions implements Part<Wishes["types"]> {
  readonly #list = h("ul", { class: "exceptions", "data-testid": "exceptions" });
  readonly #fault = faultOf("exceptions");
  readonly #title = h("h3", { id: "exceptions-title", tabindex: "-1" }, "Different for some jobs");
  readonly element = h(
    "section",
    { class: "field", "aria-labelledby": this.#title.id },
    this.#title,
    this.#list,
    this.#fault,
  );
  #types: Wishes["types"] = {};
  #titles: ReadonlyMap<string, string> = new Map();

  show(value: Wishes["types"]): void {
    this.#types = value;
    const all = Object.entries(value);
    this.#list.replaceChildren(...all.map(([name, wishes]) => this.#entry(name, wishes)));
    this.element.hidden = all.length === 0;
  }

  read(): Wishes["types"] {
    return this.#types;
  }

  /** How people know the types; shown by the next `show`. */
  titled(titles: ReadonlyMap<string, string>): void {
    this.#titles = titles;
  }

  fault(text: string): void {
    say(this.#fault, text);
  }

  focus(): void {
    this.#title.focus();
  }

  #entry(name: string, wishes: TypeWishes): HTMLElement {
    const title = this.#titles.get(name) ?? name;
    const back = button("Same as for all", "plain small", "exception-back", () => this.#drop(name));
    back.setAttribute("aria-label", `Same as for all: ${title}`);
    return h(
      "li",
      {},
      h("div", {}, h("p", { class: "strong" }, title), h("p", { class: "quiet" }, typeLine(wishes))),
      back,
    );
  }

  #drop(name: string): void {
    const { [name]: _, ...others } = this.#types;
    this.#list.dispatchEvent(new Event("input", { bubbles: true }));
    this.show(others);
    this.focus();
  }
}
