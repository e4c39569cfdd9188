/** Bench: where the words of one message are written. */
import { h } from "../dom.js";
import { Editor } from "./editor.js";
import type { Draft } from "./draft.js";
import { glossary, snippet } from "./glossary.js";
import { LanguageBar } from "./languages.js";
import { DETAILS, fileFor, fileLabel, isOfLine, tagOf, WRITTEN } from "./said.js";
import type { Finding, Variable } from "./shapes.js";
import { Tabs } from "./tabs.js";
import { Troubles } from "./troubles.js";

const FIRST = "body.md";

export class Bench {
  readonly #editor: Editor;
  readonly #tabs: Tabs;
  readonly #languages: LanguageBar;
  readonly #troubles: Troubles;
  readonly element: HTMLElement;
  #findings: readonly Finding[] = [];
  #file = FIRST;

  /** `changed`: the draft has other words now. */
  constructor(
    readonly draft: Draft,
    locales: readonly string[],
    private readonly changed: () => void,
  ) {
    this.#editor = new Editor((file, text) => {
      draft.put(file, text);
      changed();
    });
    this.#tabs = new Tabs((file) => this.open(file));
    this.#languages = new LanguageBar(locales, {
      choose: (tag) => this.#speak(tag),
      add: (tag) => this.#add(tag),
      remove: (tag) => this.#remove(tag),
    });
    this.#troubles = new Troubles(
      (finding) => this.#goTo(finding),
      (finding) => this.#fix(finding),
    );
    this.element = h(
      "div",
      { class: "bench" },
      this.#languages.element,
      this.#tabs.element,
      this.#editor.element,
      this.#troubles.element,
      glossary(draft.detail.variables, (variable) => this.#insert(variable)),
    );
    this.refresh();
  }

  /** Shows the draft's words as they are now: they came from elsewhere. */
  refresh(): void {
    this.#editor.clear();
    this.#offer();
  }

  focus(): void {
    this.#editor.focus();
  }

  found(findings: readonly Finding[]): void {
    this.#findings = findings;
    this.#troubles.show(findings);
    this.#tabs.mark(findings);
    this.#beside();
  }

  open(file: string): void {
    this.#file = file;
    this.#tabs.press(file);
    this.#editor.open(file, this.draft.text(file), fileLabel(file), tagOf(file));
    this.#beside();
  }

  #beside(): void {
    this.#editor.mark(this.#findings.filter((finding) => finding.file === this.#file && isOfLine(finding)));
  }

  #offer(tag = tagOf(this.#file)): void {
    const { languages, files } = this.draft;
    const spoken = languages.includes(tag) ? tag : "";
    this.#languages.show(spoken, languages);
    const wanted = [...WRITTEN.map((file) => fileFor(file, spoken)), ...(spoken ? [] : [DETAILS])];
    this.#tabs.offer(wanted.filter((file) => file in files));
    this.#tabs.mark(this.#findings);
    const plain = tagOf(this.#file) ? this.#file.replace(`.${tagOf(this.#file)}.`, ".") : this.#file;
    const same = fileFor(plain, spoken);
    this.open(same in files ? same : fileFor(FIRST, spoken));
  }

  #speak(tag: string): void {
    this.#offer(tag);
  }

  #add(tag: string): void {
    this.draft.addLanguage(tag);
    this.#offer(tag);
    this.changed();
  }

  #remove(tag: string): void {
    this.draft.removeLanguage(tag);
    this.#offer("");
    this.changed();
  }

  #goTo({ file, line }: Finding): void {
    if (!(file in this.draft.files)) return;
    this.#file = file;
    this.#offer();
    this.#editor.goTo(line);
  }

  #insert(variable: Variable): void {
    if (this.#file !== DETAILS) this.draft.declare(variable);
    this.#editor.insert(snippet(variable));
  }

  /** A variable that isn't declared can be, by itself. */
  #fix({ rule, text }: Finding): (() => void) | null {
    if (rule !== "undeclared") return null;
    const name = /“([^”]+)”/.exec(text)?.[1];
    const variable = this.draft.detail.variables.find((one) => one.name === name);
    if (!variable) return null;
    return () => {
      this.draft.declare(variable);
      if (this.#file === DETAILS) this.open(DETAILS);
      this.changed();
    };
  }
}
