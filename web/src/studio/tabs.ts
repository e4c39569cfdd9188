/** Tabs: which file is open, and how much is wrong with each. */
import { h, say, setAttribute } from "../dom.js";
import { fileLabel, tagOf, troubleLine } from "./said.js";
import type { Finding } from "./shapes.js";

interface Tab {
  readonly button: HTMLButtonElement;
  readonly mark: HTMLElement;
}

export class Tabs {
  readonly element = h("div", { class: "toggle files", role: "group", "aria-label": "What is written" });
  readonly #tabs = new Map<string, Tab>();

  constructor(private readonly chosen: (file: string) => void) {}

  offer(files: readonly string[]): void {
    this.#tabs.clear();
    for (const file of files) this.#tabs.set(file, this.#tab(file));
    this.element.replaceChildren(...[...this.#tabs.values()].map(({ button }) => button));
  }

  press(file: string): void {
    for (const [name, { button }] of this.#tabs) setAttribute(button, "aria-pressed", String(name === file));
  }

  mark(findings: readonly Finding[]): void {
    for (const [file, { button, mark }] of this.#tabs) {
      const mine = findings.filter((finding) => finding.file === file);
      const errors = mine.filter(({ level }) => level === "error").length;
      say(mark, mine.length ? String(mine.length) : "");
      mark.dataset["level"] = errors ? "error" : "warning";
      setAttribute(button, "title", troubleLine(errors, mine.length - errors) || false);
    }
  }

  #tab(file: string): Tab {
    const mark = h("span", { class: "count", hidden: true });
    const label = fileLabel(file).split(", ")[0] ?? file;
    const id = tagOf(file) ? file.replace(`.${tagOf(file)}.`, ".") : file;
    const button = h("button", { type: "button", "data-testid": `studio-file-${id}` }, label, mark);
    button.addEventListener("click", () => this.chosen(file));
    return { button, mark };
  }
}
