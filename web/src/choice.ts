/** Whether emails are wanted: three choices, each with what it means. */
import { h, say } from "./dom.js";
import { faultOf, type Part } from "./field.js";
import { CHOICES, type EmailChoice } from "./preferences.js";

export class Choice implements Part<EmailChoice> {
  readonly #inputs = (Object.keys(CHOICES) as EmailChoice[]).map(radio);
  readonly #fault = faultOf("email-choice");
  readonly element = h(
    "fieldset",
    { class: "choices", "aria-describedby": this.#fault.id },
    h("legend", {}, "Email me when a job has ended"),
    ...this.#inputs.map(option),
    this.#fault,
  );

  show(value: EmailChoice): void {
    for (const input of this.#inputs) input.checked = input.value === value;
  }

  read(): EmailChoice {
    return (this.#inputs.find((input) => input.checked)?.value ?? "fallback") as EmailChoice;
  }

  fault(text: string): void {
    say(this.#fault, text);
  }

  focus(): void {
    this.#inputs.find((input) => input.checked)?.focus();
  }
}

function radio(value: EmailChoice): HTMLInputElement {
  return h("input", {
    type: "radio",
    name: "email-choice",
    id: `email-${value}`,
    value,
    "aria-describedby": `email-${value}-means`,
    "data-testid": `email-${value}`,
  });
}

function option(input: HTMLInputElement): HTMLElement {
  const { label, means } = CHOICES[input.value as EmailChoice];
  return h(
    "div",
    { class: "choice" },
    input,
    h("label", { for: input.id }, label),
    h("p", { class: "quiet", id: `${input.id}-means` }, means),
  );
}
