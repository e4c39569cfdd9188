/** Why somebody does what they do to other people's jobs: one field, which every deed reads. */
import { h } from "./dom.js";
import type { Problem } from "./view.js";

export class Reason {
  readonly #input = h("input", {
    type: "text",
    id: "reason",
    maxlength: "500",
    autocomplete: "off",
    "aria-describedby": "reason-hint",
    "data-testid": "reason",
  });
  readonly element = h(
    "div",
    { class: "field" },
    h("label", { for: "reason" }, "Reason"),
    this.#input,
    h("p", { class: "quiet", id: "reason-hint" }, "Goes to the audit trail, with your name."),
  );

  get text(): string {
    return this.#input.value.trim();
  }

  /** What to tell who hasn't given one. */
  missing(): Problem | null {
    if (this.text) return null;
    this.#input.focus();
    return { title: "Reason missing", status: 0, detail: "Say why first: fill in “Reason” above." };
  }
}
