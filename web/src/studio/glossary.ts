/** Glossary: what can be written besides words; a click puts it where the cursor is. */
import { h } from "../dom.js";
import type { Variable } from "./shapes.js";

/** What to write for the value of a variable: some need a filter to read well. */
const FILTERS: Readonly<Record<string, string>> = { number: "|number", time: "|datetime" };

export function snippet({ name, type, required }: Variable): string {
  const value = `{{ ${name}${FILTERS[type] ?? ""} }}`;
  return required ? value : `{% if ${name} %}${value}{% endif %}`;
}

export function glossary(variables: readonly Variable[], insert: (variable: Variable) => void): HTMLElement {
  const find = h("input", { type: "text", id: "studio-find", autocomplete: "off", placeholder: "For example: rows, link, time", "data-testid": "studio-find" });
  const rows = variables.map((variable) => ({ variable, row: rowNode(variable, insert) }));
  const none = h("p", { class: "quiet", hidden: true }, "Nothing fits. Try another word.");
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const { variable, row } of rows)
      row.hidden = !`${variable.name} ${variable.meaning} ${variable.example}`.toLowerCase().includes(wanted);
    none.hidden = rows.some(({ row }) => !row.hidden);
  });
  return h(
    "details",
    { class: "glossary", "data-testid": "studio-glossary" },
    h("summary", {}, "What you can write here"),
    h(
      "div",
      { class: "glossary-body" },
      h(
        "p",
        { class: "quiet" },
        "Write plain words. A line with # before it is a heading, **two stars** make words bold. What stands in {{ … }} is filled in for each reader; choose it below, and it is put where the cursor is.",
      ),
      h("div", { class: "field" }, h("label", { for: "studio-find" }, "Find"), find),
      none,
      h("ul", { class: "variables" }, ...rows.map(({ row }) => row)),
    ),
  );
}

function rowNode(variable: Variable, insert: (variable: Variable) => void): HTMLElement {
  const button = h(
    "button",
    { type: "button", class: "variable", "data-testid": "studio-variable", "data-name": variable.name },
    h("code", {}, variable.name),
    h("span", {}, `${variable.meaning}${variable.required ? "" : " (if there is any)"}`),
    h("span", { class: "quiet" }, `For example: ${variable.example}`),
  );
  button.addEventListener("click", () => insert(variable));
  return h("li", {}, button);
}
