/** Tables of the operators' page; on a small screen each row is a card. */
import { h } from "./dom.js";

export type Cell = Node | string;

/** The roles are said, since CSS that makes cards of rows takes them away. */
export function table(name: string, heads: readonly string[], rows: readonly (readonly Cell[])[]): HTMLElement {
  const head = h("tr", { role: "row" }, ...heads.map((title) => h("th", { scope: "col", role: "columnheader" }, title)));
  const body = rows.map((row) => h("tr", { role: "row" }, ...row.map((cell, at) => cellNode(heads[at] ?? "", cell))));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    h(
      "table",
      { role: "table", "aria-label": name },
      h("thead", { role: "rowgroup" }, head),
      h("tbody", { role: "rowgroup" }, ...body),
    ),
  );
}

/** An id, cut short by CSS where there is no room: the title has the whole, and so has a copy. */
export function idNode(id: string): HTMLElement {
  return h("span", { class: "id", title: id }, id);
}

function cellNode(head: string, cell: Cell): HTMLElement {
  const empty = cell === "" || (cell instanceof HTMLElement && cell.childNodes.length === 0);
  return h("td", { role: "cell", "data-head": head, class: empty ? "none" : "" }, cell);
}
