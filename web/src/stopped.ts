/** Addresses that nobody is written to, on the operators' page: why, and a button to write to one again. */
import { problemText, type Answer } from "./api.js";
import { Fill, h, say } from "./dom.js";
import { exactly, number } from "./measure.js";
import { button, whileBusy } from "./press.js";
import type { Reason } from "./reason.js";

interface Suppression {
  readonly address: string;
  readonly reason: string;
  readonly source: "smtp" | "bounce" | "complaint" | "operator" | "provider";
  readonly at: string;
  readonly who: string | null;
}

interface Page {
  readonly suppressions: readonly Suppression[];
  readonly count: number;
}

type Ask = <T>(path: string, init?: RequestInit) => Promise<Answer<T>>;

const PATH = "/suppressions";
const SAID = {
  smtp: "the mail server said so",
  bounce: "an email came back",
  complaint: "its reader complained",
  operator: "stopped by",
  provider: "the mail provider said so",
};

export class Stopped {
  readonly #list = new Fill<readonly Suppression[]>(
    h("ul", { class: "letters", "data-testid": "ops-stopped" }),
    (found) => (found.length ? found.map((one) => this.#node(one)) : [h("li", { class: "quiet" }, "None.")]),
  );
  readonly #more = h("p", { class: "quiet", hidden: true });
  readonly #note = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly nodes: readonly Node[] = [this.#note, this.#list.element, this.#more];

  constructor(
    private readonly ask: Ask,
    private readonly reason: Reason,
  ) {}

  async refresh(): Promise<void> {
    const page = await this.ask<Page>(`${PATH}?limit=20`);
    if (!page.ok) return;
    const { suppressions, count } = page.value;
    this.#list.show(suppressions);
    const rest = count - suppressions.length;
    const told = `${number(rest)} older: “ringback suppressions list” has them.`;
    say(this.#more, rest > 0 ? told : "");
  }

  #node(one: Suppression): HTMLElement {
    const lift = button("Write to it again", "plain small", "ops-lift", (it) => {
      void whileBusy(it, "Lifting…", () => this.#lift(one.address));
    });
    lift.setAttribute("aria-label", `Write to it again: ${one.address}`);
    const by = one.who ? `${SAID[one.source]} ${one.who}` : SAID[one.source];
    return h(
      "li",
      { class: "letter", "data-address": one.address },
      h("p", { class: "strong" }, one.address),
      h("p", {}, one.reason),
      h("p", { class: "quiet" }, `${exactly(one.at)} · ${by}`),
      lift,
    );
  }

  async #lift(address: string): Promise<void> {
    const missing = this.reason.missing();
    if (missing) return say(this.#note, problemText(missing));
    const path = `${PATH}/${encodeURIComponent(address)}?reason=${encodeURIComponent(this.reason.text)}`;
    const answer = await this.ask<Suppression>(path, { method: "DELETE" });
    say(this.#note, answer.ok ? "" : problemText(answer.problem));
    await this.refresh();
  }
}
