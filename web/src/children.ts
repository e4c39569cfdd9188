/** The steps of a pipeline, each with its state, as nodes. */
import { h } from "./dom.js";
import type { ChildView } from "./view.js";
import { childLine, childState } from "./words.js";

export interface Steps {
  readonly children: readonly ChildView[];
  /** Whether the pipeline has ended. */
  readonly ended: boolean;
}

export function stepNodes({ children, ended }: Steps): Node[] {
  return children.map((child) => {
    const line = childLine(child);
    return h(
      "li",
      { "data-testid": "job-child" },
      h("span", { class: "child-title" }, child.title),
      h("span", { class: "chip small", "data-state": child.state ?? false }, childState(child, ended)),
      line ? h("span", { class: "child-line quiet" }, line) : null,
    );
  });
}
