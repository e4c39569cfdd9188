/** Quiet hours: off, or from when to when, by the clock of a zone that is named. */
import { h, say, setAttribute } from "./dom.js";
import { faultOf, type Part } from "./field.js";
import type { Hours } from "./preferences.js";

const USUAL: Hours = { from: "22:00", to: "08:00" };

export class Quiet implements Part<Hours | null> {
  readonly #on = h("input", { type: "checkbox", id: "quiet", "data-testid": "quiet-on" });
  readonly #from = time("quiet-from");
  readonly #to = time("quiet-to");
  readonly #zone = h("p", { class: "quiet", id: "quiet-zone" });
  readonly #fault = faultOf("quiet-times");
  readonly #times = h(
    "div",
    { class: "times" },
    ...labelled("From", this.#from),
    ...labelled("to", this.#to),
    this.#zone,
    this.#fault,
  );
  readonly element = h(
    "fieldset",
    { class: "choices" },
    h("legend", {}, "Quiet hours"),
    h("div", { class: "choice" }, this.#on, h("label", { for: "quiet" }, "Send me no emails at certain hours")),
    this.#times,
  );

  constructor() {
    this.#on.addEventListener("change", () => this.#open());
  }

  show(value: Hours | null): void {
    this.#on.checked = value !== null;
    this.#from.value = (value ?? USUAL).from;
    this.#to.value = (value ?? USUAL).to;
    this.#open();
  }

  read(): Hours | null {
    return this.#on.checked ? { from: this.#from.value, to: this.#to.value } : null;
  }

  /** Says whose clock counts. */
  by(zone: string): void {
    say(this.#zone, `By the clock in ${zone}. An email that falls into them comes when they end.`);
  }

  fault(text: string): void {
    say(this.#fault, text);
    for (const input of [this.#from, this.#to]) setAttribute(input, "aria-invalid", text ? "true" : false);
  }

  focus(): void {
    this.#from.focus();
  }

  #open(): void {
    this.#times.hidden = !this.#on.checked;
  }
}

function time(id: string): HTMLInputElement {
  return h("input", {
    type: "time",
    id,
    "aria-describedby": "quiet-zone quiet-times-error",
    "data-testid": id,
  });
}

function labelled(label: string, input: HTMLInputElement): Node[] {
  return [h("label", { for: input.id }, label), input];
}
