/** Dialogs: a question in front of the page. Escape closes, and the focus goes back. */
import { h, say } from "../dom.js";
import { button, whileBusy } from "../press.js";

export class Dialog {
  readonly element: HTMLDialogElement;
  readonly #error = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #buttons = h("div", { class: "buttons" });

  constructor(title: string, testId: string, ...nodes: readonly Node[]) {
    const id = `${testId}-title`;
    const close = button("Close", "plain", `${testId}-close`, () => this.close());
    this.#buttons.append(close);
    this.element = h(
      "dialog",
      { class: "card", "aria-labelledby": id, "data-testid": testId },
      h("h2", { id }, title),
      ...nodes,
      this.#error,
      this.#buttons,
    );
    this.element.addEventListener("close", () => this.element.remove());
  }

  /** A button before the one that closes; `action` says what went wrong, or nothing. */
  act(label: string, busy: string, testId: string, action: () => Promise<string>, kind = "primary"): HTMLButtonElement {
    const made = button(label, kind, testId, (it) => {
      void whileBusy(it, busy, async () => say(this.#error, await action()));
    });
    this.#buttons.lastElementChild?.before(made);
    return made;
  }

  /** Says why an action isn't offered. */
  fault(text: string): void {
    say(this.#error, text);
  }

  open(): this {
    document.body.append(this.element);
    this.element.showModal();
    return this;
  }

  close(): void {
    this.element.close();
  }
}

/** Why somebody does what they do to everybody's emails. */
export class Note {
  readonly #input = h("input", { type: "text", id: "studio-note", maxlength: "500", autocomplete: "off", "data-testid": "studio-note" });
  readonly element = h("div", { class: "field" }, h("label", { for: "studio-note" }, "Note: what changes, and why"), this.#input);

  get text(): string {
    return this.#input.value.trim();
  }

  /** What to tell who hasn't written one. */
  missing(): string {
    if (this.text) return "";
    this.#input.focus();
    return "Write a note first, for example “Says when the file is kept until”. It stands in the history, with your name.";
  }
}
