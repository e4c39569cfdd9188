/** The optional choices for a file's columns: type, required, unique key. */
import { h, say } from "./dom.js";
import { COLUMN_TYPES } from "./header.js";

export interface ColumnChoices {
  readonly key?: string;
  readonly required?: readonly string[];
  readonly types?: Readonly<Record<string, string>>;
}

/** More rows than this help nobody; the import itself takes up to 2,000 columns. */
const SHOWN = 200;

interface Row {
  readonly name: string;
  readonly type: HTMLSelectElement;
  readonly required: HTMLInputElement;
  readonly key: HTMLInputElement;
}

export class Columns {
  readonly #summary = h("summary", {}, "Columns");
  readonly #body = h("div", { class: "columns-body" });
  readonly #error = h("p", { class: "field-error", role: "alert" });
  readonly element = h("details", { class: "columns", hidden: true }, this.#summary, this.#body, this.#error);
  #rows: Row[] = [];

  constructor() {
    say(this.#error, "");
  }

  show(names: readonly string[]): void {
    this.#rows = names.slice(0, SHOWN).map(makeRow);
    this.#summary.textContent = `Columns (${names.length})`;
    this.element.hidden = names.length === 0;
    this.element.open = false;
    this.#body.replaceChildren(...this.#nodes(names.length));
    this.complain("");
  }

  /** Only what differs from the default: text, not required, no key. */
  choices(): ColumnChoices {
    const key = this.#rows.find((row) => row.key.checked)?.name;
    const required = this.#rows.filter((row) => row.required.checked).map((row) => row.name);
    const typed = this.#rows.filter((row) => row.type.value !== "text");
    return {
      ...(key === undefined ? {} : { key }),
      ...(required.length ? { required } : {}),
      ...(typed.length ? { types: Object.fromEntries(typed.map((row) => [row.name, row.type.value])) } : {}),
    };
  }

  complain(message: string): void {
    say(this.#error, message);
    if (message) this.element.open = true;
  }

  #nodes(count: number): Node[] {
    const hint = h(
      "p",
      { class: "quiet" },
      "Leave these alone to take every value as text. A value that doesn't fit its column keeps its row out, and you get those rows back.",
    );
    const more =
      count > SHOWN
        ? h("p", { class: "quiet" }, `The first ${SHOWN} columns are shown; the others are taken as text.`)
        : null;
    const none = h("input", { type: "radio", name: "key", value: "", checked: true });
    const noKey = h("label", { class: "no-key" }, none, "No unique key");
    return [hint, table(this.#rows), noKey, ...(more ? [more] : [])];
  }
}

function makeRow(name: string): Row {
  const options = COLUMN_TYPES.map((type) => h("option", { value: type }, type));
  return {
    name,
    type: h("select", { "aria-label": `Type of ${name}` }, ...options),
    required: h("input", { type: "checkbox" }),
    key: h("input", { type: "radio", name: "key" }),
  };
}

function table(rows: readonly Row[]): HTMLElement {
  const head = h(
    "tr",
    {},
    ...["Column", "Type", "Required", "Unique key"].map((title) => h("th", { scope: "col" }, title)),
  );
  const body = rows.map((row) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, row.name),
      h("td", {}, row.type),
      h("td", {}, h("label", {}, row.required, h("span", {}, "Required"), unseen(` ${row.name}`))),
      h("td", {}, h("label", {}, row.key, h("span", {}, "Unique key"), unseen(` ${row.name}`))),
    ),
  );
  return h(
    "div",
    { class: "columns-scroll", tabindex: "0", role: "region", "aria-label": "Columns of the file" },
    h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)),
  );
}

function unseen(text: string): HTMLElement {
  return h("span", { class: "unseen" }, text);
}
