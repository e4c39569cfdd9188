/** Findings in the editor: the line is marked, and the words stand below it. */
import { RangeSet, StateEffect, StateField, type EditorState, type Range, type StateCommand } from "@codemirror/state";
import { Decoration, EditorView, gutterLineClass, GutterMarker, WidgetType, type DecorationSet } from "@codemirror/view";
import { h } from "../dom.js";
import { findingText } from "./said.js";
import type { Finding } from "./shapes.js";

const set = StateEffect.define<readonly Finding[]>();

/** The effect that shows these findings and no others. */
export function markFindings(state: EditorState, findings: readonly Finding[]): StateEffect<readonly Finding[]> {
  return set.of(findings.filter(({ line }) => line <= state.doc.lines));
}

class Words extends WidgetType {
  constructor(private readonly finding: Finding) {
    super();
  }

  override eq(other: Words): boolean {
    return other.finding.text === this.finding.text && other.finding.level === this.finding.level;
  }

  override toDOM(): HTMLElement {
    const { level } = this.finding;
    return h(
      "div",
      { class: "beside", "data-level": level, dir: "ltr", "data-testid": "studio-beside" },
      h("strong", {}, level === "error" ? "Error: " : "Warning: "),
      findingText(this.finding),
    );
  }
}

class Numbered extends GutterMarker {
  constructor(override readonly elementClass: string) {
    super();
  }
}

const NUMBERS = { error: new Numbered("at-error"), warning: new Numbered("at-warning") };

interface Marks {
  readonly beside: DecorationSet;
  readonly numbers: RangeSet<GutterMarker>;
}

function marks(state: EditorState, findings: readonly Finding[]): Marks {
  const beside: Range<Decoration>[] = [];
  const numbers: Range<GutterMarker>[] = [];
  for (const finding of findings) {
    const { from, to } = state.doc.line(Math.max(1, finding.line));
    beside.push(Decoration.line({ class: `at-${finding.level}` }).range(from));
    beside.push(Decoration.widget({ widget: new Words(finding), block: true, side: 1 }).range(to));
    numbers.push(NUMBERS[finding.level].range(from));
  }
  return { beside: Decoration.set(beside, true), numbers: RangeSet.of(numbers, true) };
}

const field = StateField.define<Marks>({
  create: () => ({ beside: Decoration.none, numbers: RangeSet.empty }),
  update(value, transaction) {
    for (const effect of transaction.effects) if (effect.is(set)) return marks(transaction.state, effect.value);
    if (!transaction.docChanged) return value;
    return { beside: value.beside.map(transaction.changes), numbers: value.numbers.map(transaction.changes) };
  },
  provide: (from) => [
    EditorView.decorations.from(from, ({ beside }) => beside),
    gutterLineClass.from(from, ({ numbers }) => numbers),
  ],
});

export const findingsOf = field;

/** Leads the cursor to the next line with a finding, round and round. */
export const nextFinding: StateCommand = ({ state, dispatch }) => {
  const at: number[] = [];
  state.field(field).numbers.between(0, state.doc.length, (from) => void at.push(from));
  const here = state.doc.lineAt(state.selection.main.head).from;
  const next = at.find((from) => from > here) ?? at[0];
  if (next === undefined) return false;
  dispatch(state.update({ selection: { anchor: next }, scrollIntoView: true }));
  return true;
};
