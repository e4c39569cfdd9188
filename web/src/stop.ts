/** Stopping a job: one click, or two where it leaves something behind. */
import { h, say } from "./dom.js";
import { button, whileBusy } from "./press.js";

let made = 0;

export class Stop {
  readonly #warning = h("p", { id: `stop-warning-${(made += 1)}` });
  readonly #open = button("Cancel this job", "plain", "job-cancel", (it) => this.#pressed(it));
  readonly #yes = button("Stop the job", "danger", "job-stop", (it) => void this.#stop(it));
  readonly #no = button("Keep it running", "plain", "job-keep", () => this.#close());
  readonly #question = h(
    "div",
    { class: "question", role: "group", "aria-labelledby": this.#warning.id, hidden: true },
    this.#warning,
    h("div", { class: "buttons" }, this.#yes, this.#no),
  );
  readonly element = h("div", { class: "stop", hidden: true }, this.#open, this.#question);
  #needsAsking = false;

  /** `stop` asks the server; what comes of it is shown by the next view of the job. */
  constructor(private readonly stop: () => Promise<unknown>) {
    this.#question.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
  }

  /** `warning`: what a stop leaves behind, which is to be read first. */
  show(can: boolean, warning: string): void {
    this.#needsAsking = warning !== "";
    say(this.#warning, can ? warning : "");
    this.element.hidden = !can;
    if (!can) this.#ask(false);
  }

  #pressed(it: HTMLButtonElement): void {
    if (!this.#needsAsking) return void this.#stop(it);
    this.#ask(true);
    this.#no.focus();
  }

  #close(): void {
    this.#ask(false);
    this.#open.focus();
  }

  #ask(asking: boolean): void {
    this.#open.hidden = asking;
    this.#question.hidden = !asking;
  }

  async #stop(it: HTMLButtonElement): Promise<void> {
    await whileBusy(it, "Stopping…", this.stop);
  }
}
