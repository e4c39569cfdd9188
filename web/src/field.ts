/** Controls of a form: a label, a hint, and what is wrong, tied together for screen readers. */
import { h, say, setAttribute } from "./dom.js";

/** What goes into a form for one value of type `T`. */
export interface Part<T> {
  readonly element: HTMLElement;
  show(value: T): void;
  read(): T;
  /** Says what is wrong with it; nothing: it is fine. */
  fault(text: string): void;
  focus(): void;
}

/** The element that tells a fault; `id` is that of what has it. */
export function faultOf(id: string): HTMLElement {
  return h("p", { class: "field-error", id: `${id}-error`, role: "alert", hidden: true });
}

/** One control with all that belongs to it; `more` stands between the control and its hint. */
export class Field<E extends HTMLInputElement | HTMLSelectElement> {
  readonly #hint: HTMLElement;
  readonly #fault: HTMLElement;
  readonly element: HTMLElement;

  constructor(
    label: string,
    readonly control: E,
    ...more: readonly Node[]
  ) {
    const { id } = control;
    this.#hint = h("p", { class: "quiet", id: `${id}-hint`, hidden: true });
    this.#fault = faultOf(id);
    setAttribute(control, "aria-describedby", `${id}-hint ${id}-error`);
    this.element = h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      control,
      ...more,
      this.#hint,
      this.#fault,
    );
  }

  hint(text: string): void {
    say(this.#hint, text);
  }

  fault(text: string): void {
    say(this.#fault, text);
    setAttribute(this.control, "aria-invalid", text ? "true" : false);
  }
}
