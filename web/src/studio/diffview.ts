/** The difference between two sets of files, for people: file by file, what is gone and what is new. */
import { h } from "../dom.js";
import { counted } from "../measure.js";
import { differing } from "./draft.js";
import { diffLines, type Row } from "./diff.js";
import { fileLabel } from "./said.js";
import type { Files } from "./shapes.js";

/** Lines shown around a change. */
const AROUND = 2;
const SIGNS = { same: " ", gone: "−", new: "+" };
const SAID = { same: "", gone: "Removed: ", new: "Added: " };

export function diffNodes(before: Files, after: Files, none = "Nothing differs."): Node[] {
  const files = differing(before, after);
  if (!files.length) return [h("p", { class: "quiet" }, none)];
  return files.map((file) => fileNode(file, before[file], after[file]));
}

function fileNode(file: string, before: string | undefined, after: string | undefined): HTMLElement {
  const note = before === undefined ? " (a new file)" : after === undefined ? " (removed)" : "";
  return h(
    "section",
    { class: "diff", "data-file": file },
    h("h3", {}, `${fileLabel(file)}${note}`),
    h("div", { class: "diff-lines", tabindex: "0", role: "region", "aria-label": `Changes of ${fileLabel(file)}` }, ...rowNodes(diffLines(before ?? "", after ?? ""))),
  );
}

function rowNodes(rows: readonly Row[]): Node[] {
  const near = rows.map((_, at) => rows.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(({ kind }) => kind !== "same"));
  const nodes: Node[] = [];
  let left = 0;
  const flush = (): void => {
    if (left) nodes.push(h("p", { class: "diff-left" }, `${counted(left, "line")} the same`));
    left = 0;
  };
  rows.forEach((row, at) => {
    if (!near[at]) return void (left += 1);
    flush();
    nodes.push(rowNode(row));
  });
  flush();
  return nodes;
}

function rowNode({ kind, pieces }: Row): HTMLElement {
  const tag = kind === "gone" ? "del" : kind === "new" ? "ins" : "span";
  const words = pieces.map(([text, changed]) => (changed && kind !== "same" ? h("mark", {}, text) : text));
  return h(
    "p",
    { class: `diff-row ${kind}` },
    h("span", { class: "diff-sign", "aria-hidden": "true" }, SIGNS[kind]),
    h("span", { class: "unseen" }, SAID[kind]),
    h(tag, { dir: "auto" }, ...words),
  );
}
