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
  readonly #none = h("input", { type: "radio", name: "key", value: "" });
  readonly element = h("details", { class: "columns", hidden: true }, this.#summary, this.#body, this.#error);
  #rows: Row[] = [];
  #count = 0;
  #touched = false;

  constructor() {
    say(this.#error, "");
    this.#body.addEventListener("input", () => {
      this.#touched = true;
      this.#say("");
    });
  }

  show(names: readonly string[]): void {
    this.#rows = names.slice(0, SHOWN).map(makeRow);
    this.#count = names.length;
    this.#touched = false;
    this.#say("");
    this.element.hidden = names.length === 0;
    this.element.open = false;
    this.#body.replaceChildren(...this.#nodes(names.length));
    this.complain("");
  }

  /** Chooses as the last import into the table did, unless the person has already chosen. */
  recall(table: string, past: ColumnChoices | null): void {
    if (this.#touched) return;
    for (const row of this.#rows) {
      row.type.value = past?.types?.[row.name] ?? "text";
      row.required.checked = past?.required?.includes(row.name) ?? false;
      row.key.checked = past?.key === row.name;
    }
    this.#none.checked = !this.#rows.some((row) => row.key.checked);
    const some = Object.keys(this.choices()).length > 0;
    this.#say(some ? `, as in your last import into ${table}` : "");
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

  #say(more: string): void {
    this.#summary.textContent = `Columns (${this.#count})${more}`;
  }

  #nodes(count: number): Node[] {
    const hint = h(
      "p",
      { class: "quiet" },
      "Leave these alone to take every value as text. A value that doesn't fit its column keeps its row out, and you get those rows back. With a unique key, rows that the table already has are skipped.",
    );
    const more =
      count > SHOWN
        ? h("p", { class: "quiet" }, `The first ${SHOWN} columns are shown; the others are taken as text.`)
        : null;
    this.#none.checked = true;
    const noKey = h("label", { class: "no-key" }, this.#none, "No unique key");
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
