/** What isn't words looks it: `{{ … }}` and `{% … %}`, and Markdown's headings. */
import {
  Decoration,
  Direction,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  type DecorationSet,
  type ViewUpdate,
} from "@codemirror/view";
import type { Extension, Range } from "@codemirror/state";

const KINDS: Readonly<Record<string, Decoration>> = { "{{": tag("value"), "{%": tag("rule"), "{#": tag("remark") };
const LINE = Decoration.line({ attributes: { dir: "auto" } });

/** In a line that runs from right to left it still reads from left to right, and doesn't count. */
function tag(kind: string): Decoration {
  return Decoration.mark({ class: `tag ${kind}`, attributes: { dir: "ltr" }, bidiIsolate: Direction.LTR });
}
const HEADING = Decoration.mark({ class: "heading" });

function each(matcher: MatchDecorator): Extension {
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = matcher.createDeco(view);
      }
      update(update: ViewUpdate): void {
        this.decorations = matcher.updateDeco(update, this.decorations);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
}

/** Each line runs as its words do: an Arabic one from right to left. */
class Lines {
  decorations: DecorationSet;

  constructor(view: EditorView) {
    this.decorations = lines(view);
  }

  update(update: ViewUpdate): void {
    if (update.docChanged || update.viewportChanged) this.decorations = lines(update.view);
  }
}

function lines(view: EditorView): DecorationSet {
  const found: Range<Decoration>[] = [];
  const { from, to } = view.viewport;
  for (let line = view.state.doc.lineAt(from); ; line = view.state.doc.line(line.number + 1)) {
    found.push(LINE.range(line.from));
    if (line.to >= to || line.number === view.state.doc.lines) return Decoration.set(found);
  }
}

export const tags: Extension = [
  EditorView.perLineTextDirection.of(true),
  ViewPlugin.fromClass(Lines, { decorations: (plugin) => plugin.decorations }),
  each(
    new MatchDecorator({
      regexp: /\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/g,
      decoration: ([text]) => KINDS[text.slice(0, 2)] ?? null,
    }),
  ),
  each(new MatchDecorator({ regexp: /^#{1,6} .*$/g, decoration: () => HEADING })),
];
