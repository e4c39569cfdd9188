/** Editor: plain text with line numbers, undo, and what is wrong beside the line that has it. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { findingsOf, markFindings, nextFinding } from "./margin.js";
import type { Finding } from "./shapes.js";
import { tags } from "./tags.js";

/** The shortest time between two steps of undo, in milliseconds. */
const STEP_MS = 400;

export class Editor {
  readonly element: HTMLElement;
  readonly #view: EditorView;
  readonly #label = new Compartment();
  /** What was open before, with its undo history and cursor. */
  readonly #kept = new Map<string, EditorState>();
  #file = "";

  /** `changed` gets what somebody typed. */
  constructor(private readonly changed: (file: string, text: string) => void) {
    this.#view = new EditorView();
    this.element = this.#view.dom;
    this.element.dataset["testid"] = "studio-editor";
  }

  /** Shows a file; one that was open is as it was left, unless its text has changed since. */
  open(file: string, text: string, label: string, tag: string): void {
    if (this.#file) this.#kept.set(this.#file, this.#view.state);
    this.#file = file;
    const kept = this.#kept.get(file);
    const state = kept?.doc.toString() === text ? kept : EditorState.create({ doc: text, extensions: this.#extensions() });
    this.#view.setState(state);
    this.#view.dispatch({ effects: this.#label.reconfigure(attributes(label, tag)) });
  }

  /** Forgets all histories: another message, or words that came from elsewhere. */
  clear(): void {
    this.#kept.clear();
    this.#file = "";
  }

  /** Shows these findings, which are of the open file. */
  mark(findings: readonly Finding[]): void {
    this.#view.dispatch({ effects: markFindings(this.#view.state, findings) });
  }

  focus(): void {
    this.#view.focus();
  }

  /** Puts text where the cursor is. */
  insert(text: string): void {
    this.#view.dispatch(this.#view.state.replaceSelection(text), { scrollIntoView: true, userEvent: "input" });
    this.#view.focus();
  }

  /** Goes to the begin of a line (counted from 1). */
  goTo(line: number): void {
    const { doc } = this.#view.state;
    const { from } = doc.line(Math.min(Math.max(line, 1), doc.lines));
    this.#view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    this.#view.focus();
  }

  #extensions(): Extension {
    return [
      lineNumbers(),
      history({ newGroupDelay: STEP_MS }),
      drawSelection(),
      highlightActiveLine(),
      EditorView.lineWrapping,
      // Tab is left alone: it leads on to the next control.
      keymap.of([{ key: "F8", run: nextFinding }, ...historyKeymap, ...defaultKeymap]),
      tags,
      findingsOf,
      this.#label.of([]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) this.changed(this.#file, update.state.doc.toString());
      }),
    ];
  }
}

function attributes(label: string, tag: string): Extension {
  return EditorView.contentAttributes.of({ "aria-label": label, lang: tag || "en", spellcheck: "true", tabindex: "0" });
}
