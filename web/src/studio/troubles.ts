/** Troubles: the list of what is wrong with the words; each leads to its line. */
import { Fill, h } from "../dom.js";
import { findingText, placeOf, sorted } from "./said.js";
import type { Finding } from "./shapes.js";

export class Troubles {
  readonly #list: Fill<readonly Finding[]>;
  readonly element: HTMLElement;

  /** `goTo` leads to a finding; `fix` mends it, where that takes no thought. */
  constructor(
    private readonly goTo: (finding: Finding) => void,
    private readonly fix: (finding: Finding) => (() => void) | null,
  ) {
    this.#list = new Fill(h("ul", { class: "troubles", "data-testid": "studio-troubles" }), (findings) =>
      findings.map((finding) => this.#node(finding)),
    );
    const fine = h("p", { class: "quiet fine" }, "Nothing is wrong with these words.");
    this.element = h("section", { "aria-label": "What is wrong" }, this.#list.element, fine);
  }

  show(findings: readonly Finding[]): void {
    this.#list.show(sorted(findings));
  }

  #node(finding: Finding): HTMLElement {
    const place = h("button", { type: "button", class: "place", "data-testid": "studio-trouble-place" }, placeOf(finding));
    place.addEventListener("click", () => this.goTo(finding));
    const fix = this.fix(finding);
    const mend = h("button", { type: "button", class: "button plain small", "data-testid": "studio-fix" }, "Declare it");
    mend.addEventListener("click", () => fix?.());
    return h(
      "li",
      { "data-level": finding.level },
      h("strong", {}, finding.level === "error" ? "Error" : "Warning"),
      " ",
      place,
      h("p", {}, findingText(finding)),
      fix ? mend : null,
    );
  }
}
