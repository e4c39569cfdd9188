/** Text that is best picked from what is known, and means the default where it is empty. */
import { h } from "./dom.js";
import { Field, type Part } from "./field.js";
import { button } from "./press.js";

export interface Known {
  readonly id: string;
  readonly label: string;
  /** What may be meant; anything else is up to the gateway. */
  readonly names: readonly string[];
  /** What this browser goes by. */
  readonly here: string;
}

export class Pick implements Part<string | null> {
  readonly #offer: HTMLButtonElement;
  readonly #field: Field<HTMLInputElement>;
  readonly element: HTMLElement;
  #usual = "";

  constructor(private readonly known: Known) {
    const { id, label, names, here } = known;
    const control = h("input", {
      type: "text",
      id,
      list: `${id}-names`,
      autocomplete: "off",
      spellcheck: "false",
      "data-testid": id,
    });
    this.#offer = button(`Use this browser's: ${here}`, "plain small", `${id}-here`, () => this.#take());
    const list = h("datalist", { id: `${id}-names` }, ...names.map((value) => h("option", { value })));
    this.#field = new Field(label, control, list, this.#offer);
    this.element = this.#field.element;
    control.addEventListener("input", () => this.#offerIfOther());
  }

  show(value: string | null): void {
    this.#field.control.value = value ?? "";
    this.#offerIfOther();
  }

  read(): string | null {
    return this.#field.control.value.trim() || null;
  }

  /** Says what counts where this is empty. */
  usual(value: string, purpose: string): void {
    this.#usual = value;
    this.#field.control.placeholder = value;
    this.#field.hint(`${purpose} Left empty, it is ${value}, as your sign-in says.`);
  }

  fault(text: string): void {
    this.#field.fault(text);
  }

  focus(): void {
    this.#field.control.focus();
  }

  #take(): void {
    this.#field.control.value = this.known.here;
    this.focus();
    this.#field.control.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #offerIfOther(): void {
    this.#offer.hidden = (this.read() ?? this.#usual) === this.known.here;
  }
}
