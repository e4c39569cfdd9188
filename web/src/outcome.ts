/** What came of a job, as nodes: its error and the problems of its items. */
import { h } from "./dom.js";
import type { ItemProblem, JobError, ResultLink } from "./view.js";
import { sentence } from "./words.js";

export function errorNodes(error: JobError | null): Node[] {
  if (!error) return [];
  // Who can mend it alone needs no reference to quote.
  const quotable = error.category === "input" ? null : error.ref;
  const reference = quotable
    ? [h("p", { class: "quiet" }, "Reference for support: ", h("code", {}, quotable))]
    : [];
  const action = error.action ? [h("p", {}, sentence(error.action))] : [];
  return [h("p", { class: "strong" }, sentence(error.message)), ...action, ...reference];
}

/** What is there to be worked on, before what is there to be looked at. */
export function byUse(a: ResultLink, b: ResultLink): number {
  return Number(/^download /i.test(b.label)) - Number(/^download /i.test(a.label));
}

export function problemNodes(problems: readonly ItemProblem[]): Node[] {
  return [...problems]
    .sort((a, b) => Number(b.outcome === "failed") - Number(a.outcome === "failed"))
    .map(problemNode);
}

function problemNode(problem: ItemProblem): Node {
  const action = problem.action ? h("p", {}, sentence(problem.action)) : null;
  const examples = problem.examples?.length ? exampleNodes(problem.examples) : null;
  return h(
    "li",
    { "data-testid": "job-problem", "data-outcome": problem.outcome },
    h("p", { class: "strong" }, sentence(problem.message)),
    action,
    examples,
  );
}

function exampleNodes(examples: readonly string[]): Node {
  return h(
    "ul",
    { class: "examples", "aria-label": "Examples" },
    ...examples.map((example) => h("li", {}, example)),
  );
}
