/** How long an email collects, and so the least time between two. */
import { h } from "./dom.js";
import { Field, type Part } from "./field.js";
import { span, windowsWith } from "./preferences.js";

export class Spacing implements Part<number | null> {
  readonly #field = new Field(
    "Collect jobs for one email",
    h("select", { id: "digest-window", "data-testid": "digest-window" }),
  );
  readonly element = this.#field.element;
  #usual = 0;

  constructor() {
    this.#field.hint("Counted from the end of the first of them. Failures that can't wait come at once.");
  }

  show(value: number | null): void {
    const usual = h("option", { value: "" }, `As usual here: ${span(this.#usual)}`);
    const others = windowsWith(value).map((seconds) => h("option", { value: String(seconds) }, label(seconds)));
    this.#field.control.replaceChildren(usual, ...others);
    this.#field.control.value = value === null ? "" : String(value);
  }

  read(): number | null {
    const { value } = this.#field.control;
    return value === "" ? null : Number(value);
  }

  /** Says what counts where nothing is chosen; shown by the next `show`. */
  usual(seconds: number): void {
    this.#usual = seconds;
  }

  fault(text: string): void {
    this.#field.fault(text);
  }

  focus(): void {
    this.#field.control.focus();
  }
}

function label(seconds: number): string {
  return seconds === 0 ? "No wait: each comes at once" : `For ${span(seconds)}`;
}
