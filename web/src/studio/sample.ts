/** Sample: whose data the preview shows, made up or of a real job, and to which reader. */
import { h, say } from "../dom.js";
import { when } from "../measure.js";
import { stateWord } from "../words.js";
import type { JobState } from "../view.js";
import { languageName, sampleName } from "./said.js";
import type { PastJob, Sample } from "./shapes.js";

const OTHER = "other";
const ID = /^[0-9a-f]{2}-[0-9a-f-]{36}$/;
/** What keeps an id apart in an email that runs from right to left (UAX #9), and is copied with it. */
const MARKS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export class SamplePicker {
  readonly #made = h("optgroup", { label: "Made up" });
  readonly #real = h("optgroup", { label: "Real jobs of yours" });
  readonly #data = h("select", { id: "studio-data", "data-testid": "studio-data" }, this.#made, this.#real, h("option", { value: OTHER }, "Another job, by its id…"));
  readonly #id = h("input", { type: "text", id: "studio-job", autocomplete: "off", spellcheck: "false", "aria-describedby": "studio-job-error", "data-testid": "studio-job" });
  readonly #idError = h("p", { class: "field-error", id: "studio-job-error", role: "alert", hidden: true });
  readonly #idField = h("div", { class: "field wide", hidden: true }, h("label", { for: "studio-job" }, "The job’s id"), this.#id, this.#idError);
  readonly #locale = h("select", { id: "studio-locale", "data-testid": "studio-locale" });
  readonly #zone = h("input", { type: "text", id: "studio-zone", list: "studio-zones", placeholder: "Their own", autocomplete: "off", "data-testid": "studio-zone" });
  readonly element: HTMLElement;

  constructor(locales: readonly string[], changed: () => void) {
    this.#locale.append(h("option", { value: "" }, "Reader’s own"), ...locales.map((tag) => h("option", { value: tag }, languageName(tag))));
    const zones = h("datalist", { id: "studio-zones" }, ...Intl.supportedValuesOf("timeZone").map((value) => h("option", { value })));
    this.element = h(
      "div",
      { class: "sample" },
      field("Data", this.#data, " wide"),
      field("Language", this.#locale),
      field("Time zone", this.#zone),
      zones,
      this.#idField,
    );
    this.#data.addEventListener("change", () => {
      this.#idField.hidden = this.#data.value !== OTHER;
      if (this.#data.value === OTHER) this.#id.focus();
      else changed();
    });
    for (const control of [this.#locale, this.#zone, this.#id]) control.addEventListener("change", changed);
  }

  /** Offers the message's own fixtures; what was chosen stays where it can. */
  offer(fixtures: readonly string[]): void {
    const chosen = this.#data.value;
    this.#made.replaceChildren(...fixtures.map((name) => h("option", { value: `fixture:${name}` }, sampleName(name))));
    const still = [...this.#data.options].some(({ value }) => value === chosen);
    const empty = chosen === OTHER && !this.#id.value;
    this.#data.value = still && !empty ? chosen : `fixture:${fixtures[0] ?? ""}`;
    this.#idField.hidden = this.#data.value !== OTHER;
  }

  offerJobs(jobs: readonly PastJob[]): void {
    const chosen = this.#data.value;
    this.#real.replaceChildren(...jobs.map((job) => h("option", { value: `job:${job.id}` }, jobLabel(job))));
    if (!jobs.length) this.#real.append(h("option", { disabled: true }, "None has ended yet"));
    if (chosen) this.#data.value = chosen;
  }

  /** What is chosen; null while a job's id is still to be written. */
  get value(): Sample | null {
    const data = this.#chosen();
    if (!data) return null;
    const [locale, timezone] = [this.#locale.value, this.#zone.value.trim()];
    return { ...data, ...(locale ? { locale } : {}), ...(timezone ? { timezone } : {}) };
  }

  #chosen(): Sample | null {
    const [kind, ...rest] = this.#data.value.split(":");
    const name = rest.join(":");
    if (kind === "fixture") return { fixture: name };
    if (kind === "job") return { job: name };
    const id = this.#id.value.replace(MARKS, "").trim();
    const good = ID.test(id);
    say(this.#idError, good || !id ? "" : `“${id}” isn’t a job’s id. It looks like 1f-01974c5e-8a70-7cc3-9d1e-5b0f3a6c2d12.`);
    return good ? { job: id } : null;
  }
}

function jobLabel({ title, state, finished_at }: PastJob): string {
  const at = finished_at ? ` ${when(finished_at)}` : "";
  return `${title}: ${stateWord(state as JobState).toLowerCase()}${at}`;
}

function field(label: string, control: HTMLElement, more = ""): HTMLElement {
  return h("div", { class: `field${more}` }, h("label", { for: control.id }, label), control);
}
