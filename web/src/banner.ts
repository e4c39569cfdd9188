/** The strip that says whether the page is live. */
import { byId, h } from "./dom.js";

const PATIENCE_MS = 1_000;
const BACK_MS = 3_000;

export class Banner {
  readonly #place = byId("banner");
  readonly #strip = h("p", { class: "banner", "data-testid": "reconnect-banner", hidden: true });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasOnline = false;
  #down = false;

  constructor() {
    this.#place.replaceChildren(this.#strip);
  }

  /** Says so after a second only: most breaks are over before anybody needs to know. */
  offline(): void {
    if (this.#down) return;
    this.#down = true;
    const text = this.#wasOnline
      ? "Connection lost. Reconnecting… Your jobs go on."
      : "The server can't be reached. Trying again… Your jobs go on.";
    this.#later(PATIENCE_MS, () => this.#show("down", text));
  }

  online(recovered: boolean): void {
    const shown = this.#down && !this.#strip.hidden;
    if (this.#wasOnline) document.body.dataset["recovered"] = String(recovered);
    this.#down = false;
    this.#wasOnline = true;
    clearTimeout(this.#timer);
    if (shown) this.#back(recovered);
  }

  remove(): void {
    clearTimeout(this.#timer);
    this.#place.replaceChildren();
    delete document.body.dataset["recovered"];
  }

  #back(recovered: boolean): void {
    this.#show(
      "up",
      recovered ? "Back online. Nothing was missed." : "Back online. The list is up to date again.",
    );
    this.#later(BACK_MS, () => {
      this.#strip.hidden = true;
    });
  }

  #show(state: "down" | "up", text: string): void {
    this.#strip.dataset["state"] = state;
    this.#strip.textContent = text;
    this.#strip.hidden = false;
  }

  #later(delay: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delay);
  }
}
