/** The form that uploads a CSV file and asks for its import. */
import { problemText, upload, type StoredFile } from "./api.js";
import { Columns } from "./columns.js";
import type { Ack } from "./connection.js";
import { h, say, setAttribute } from "./dom.js";
import { HEADER_BYTES, isTableName, originOf, readHeader, tableNameFor } from "./header.js";
import { bytes } from "./measure.js";
import { recall, remember } from "./memory.js";
import type { Session } from "./session.js";
import type { JobView, Problem } from "./view.js";

export interface ImporterActions {
  /** Asks for a job; the same payload may be sent again, it carries an idempotency key. */
  submit(payload: unknown): Promise<Ack>;
  accepted(job: JobView): void;
  refused(problem: Problem): void;
}

const TABLE_RULE =
  "A table name starts with a letter and has only letters A–Z, digits and underscores, at most 63. Example: customers_2024.";
const COLUMN_FIELDS = /^(key|required|types)\b/;

export class Importer {
  readonly #file = h("input", {
    type: "file",
    id: "file",
    class: "unseen",
    accept: ".csv,.tsv,.txt,text/csv,text/tab-separated-values",
    "aria-describedby": "file-error",
    "data-testid": "file-input",
  });
  readonly #dropText = h("span", { class: "drop-text" });
  readonly #dropHint = h("span", { class: "quiet" });
  readonly #drop = h("label", { class: "drop", for: "file" }, this.#dropText, this.#dropHint);
  readonly #fileError = h("p", { class: "field-error", id: "file-error", role: "alert" });
  readonly #table = h("input", {
    type: "text",
    id: "table",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "table-hint table-error",
    "data-testid": "table-input",
  });
  readonly #tableError = h("p", { class: "field-error", id: "table-error", role: "alert" });
  readonly #columns = new Columns();
  readonly #button = h(
    "button",
    { type: "submit", class: "button primary", "data-testid": "submit" },
    "Import the file",
  );
  readonly #stop = h("button", { type: "button", class: "button plain", hidden: true }, "Stop the upload");
  readonly #bar = h("progress", { max: "1", "aria-label": "Upload" });
  // Not a live region: the bar tells its value, and nobody wants to hear each percent.
  readonly #status = h("p", { class: "quiet" });
  readonly #formError = h("p", { class: "field-error", role: "alert" });
  readonly #form = this.#layout();
  readonly element = h(
    "section",
    { class: "card", "aria-labelledby": "import-title" },
    h("h2", { id: "import-title" }, "Import a CSV file"),
    this.#form,
  );
  #chosen: File | null = null;
  #stored: StoredFile | null = null;
  #busy = false;
  #abort = new AbortController();

  constructor(
    private readonly session: Session,
    private readonly actions: ImporterActions,
  ) {
    this.#listen();
    this.#reset();
  }

  #layout(): HTMLFormElement {
    const hint = h(
      "p",
      { class: "quiet", id: "table-hint" },
      "Rows are added to this table of yours. It is made if it isn't there.",
    );
    return h(
      "form",
      { novalidate: true },
      h("div", { class: "field" }, this.#file, this.#drop, this.#fileError),
      h(
        "div",
        { class: "field" },
        h("label", { for: "table" }, "Table"),
        this.#table,
        hint,
        this.#tableError,
      ),
      this.#columns.element,
      h("div", { class: "form-end" }, this.#button, this.#stop, this.#status),
      this.#bar,
      this.#formError,
    );
  }

  #listen(): void {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    // A double click is one wish: its second click must not reach a form that is already done.
    this.#button.addEventListener("click", (event) => {
      if (event.detail > 1) event.preventDefault();
    });
    this.#file.addEventListener("change", () => void this.#choose(this.#file.files?.[0]));
    this.#stop.addEventListener("click", () => this.#abort.abort());
    // Else a browser says nothing of the same file chosen again, and people do that once it is mended.
    this.#file.addEventListener("click", () => (this.#file.value = ""));
    this.#table.addEventListener("input", () => {
      this.#complainTable("");
      this.#recall();
    });
    for (const name of ["dragover", "dragenter"])
      this.#drop.addEventListener(name, (event) => this.#hover(event, true));
    for (const name of ["dragleave", "drop"])
      this.#drop.addEventListener(name, (event) => this.#hover(event, false));
    this.#drop.addEventListener("drop", (event) => void this.#choose(event.dataTransfer?.files[0]));
  }

  #hover(event: Event, over: boolean): void {
    event.preventDefault();
    this.#drop.classList.toggle("over", over && !this.#busy);
  }

  async #choose(file: File | undefined): Promise<void> {
    if (!file || this.#busy) return;
    this.#chosen = file;
    this.#stored = null;
    this.#clearComplaints();
    this.#dropText.textContent = file.name;
    this.#dropHint.textContent = `${bytes(file.size)} · choose another`;
    this.#table.value = tableNameFor(file.name);
    await this.#readColumns(file);
  }

  async #readColumns(file: File): Promise<void> {
    const start = await startOf(file);
    if (this.#chosen !== file) return;
    if (!start) return void this.#complainChanged();
    const header = readHeader(start);
    this.#columns.show(header.kind === "columns" ? header.columns : []);
    if (header.kind === "columns" && header.corrected) this.#table.value = tableNameFor(originOf(file.name));
    this.#recall();
    if (header.kind === "refused") {
      this.#chosen = null;
      this.#complainFile(header.message);
    }
  }

  #recall(): void {
    const table = this.#table.value.trim();
    this.#columns.recall(table, recall(this.session.email, table));
  }

  async #submit(): Promise<void> {
    if (this.#busy || !this.#checked()) return;
    this.#setBusy(true);
    // Made here, once per click: whatever is sent again below asks for the same job.
    const key = newKey();
    const stored = await this.#upload();
    if (stored) await this.#ask(stored, key);
    this.#setBusy(false);
  }

  #checked(): boolean {
    if (!this.#chosen) {
      if (this.#fileError.hidden) this.#complainFile("Choose a CSV file first.");
      this.#file.focus();
      return false;
    }
    if (isTableName(this.#table.value.trim())) return true;
    this.#complainTable(TABLE_RULE);
    this.#table.focus();
    return false;
  }

  /** Sends the chosen file, once: a table name put right later needs no second upload. */
  async #upload(): Promise<StoredFile | null> {
    const file = this.#chosen;
    if (!file) return null;
    // A file that was saved again since can't be read: the browser holds on to what was chosen.
    if (!(await startOf(file))) return this.#complainChanged();
    if (this.#stored) return this.#stored;
    this.#abort = new AbortController();
    this.#stop.hidden = false;
    const answer = await upload(file, this.session.token, (share) => this.#sent(share), this.#abort.signal);
    this.#stop.hidden = true;
    if (!answer.ok) {
      this.#complain(answer.problem, "file");
      return null;
    }
    this.#stored = answer.value;
    return answer.value;
  }

  #sent(share: number): void {
    this.#bar.hidden = false;
    this.#bar.value = share;
    say(
      this.#status,
      share < 1 ? `Uploading: ${Math.floor(share * 100)} %` : "Uploaded. The server checks the file…",
    );
  }

  async #ask(stored: StoredFile, key: string): Promise<void> {
    say(this.#status, "Starting the import…");
    const table = this.#table.value.trim();
    const choices = this.#columns.choices();
    const params = { file: stored.id, table, ...choices };
    const ack = await this.actions.submit({ type: "csv.import", params, idempotency_key: key });
    if (!ack.ok) return this.#complain(ack.problem, "");
    remember(this.session.email, table, choices);
    this.#reset();
    if (ack.job) this.actions.accepted(ack.job);
  }

  /** Puts each complaint next to its field; `fallback` takes what names none. */
  #complain(problem: Problem, fallback: "file" | ""): void {
    if (problem.status === 401) return this.actions.refused(problem);
    const errors = problem.errors?.length
      ? problem.errors
      : [{ field: fallback, message: problemText(problem) }];
    for (const { field, message } of errors)
      this.#complainField(field.replace(/^\/?params[./]/, ""), message);
  }

  #complainField(field: string, message: string): void {
    if (field === "file") this.#complainFile(message);
    else if (field === "table") this.#complainTable(message);
    else if (COLUMN_FIELDS.test(field)) this.#columns.complain(message);
    else say(this.#formError, message);
  }

  #complainFile(message: string): void {
    say(this.#fileError, message);
    this.#drop.classList.toggle("wrong", message !== "");
  }

  #complainChanged(): null {
    this.#chosen = null;
    this.#stored = null;
    this.#complainFile("This file was changed after you chose it. Choose it again.");
    return null;
  }

  #complainTable(message: string): void {
    say(this.#tableError, message);
    setAttribute(this.#table, "aria-invalid", message ? "true" : false);
  }

  #clearComplaints(): void {
    this.#complainFile("");
    this.#complainTable("");
    this.#columns.complain("");
    say(this.#formError, "");
  }

  #setBusy(busy: boolean): void {
    this.#busy = busy;
    setAttribute(this.#button, "aria-disabled", busy ? "true" : false);
    this.#file.disabled = busy;
    this.#table.readOnly = busy;
    if (busy) this.#clearComplaints();
    this.#bar.hidden = true;
    if (!busy) say(this.#status, "");
  }

  #reset(): void {
    this.#form.reset();
    this.#chosen = null;
    this.#stored = null;
    this.#bar.hidden = true;
    this.#columns.show([]);
    this.#clearComplaints();
    say(this.#status, "");
    this.#dropText.textContent = "Choose a CSV file";
    this.#dropHint.textContent = "or drop it here";
  }
}

/** The bytes that hold the header; null when the file can't be read. */
async function startOf(file: File): Promise<Uint8Array | null> {
  const start = file.slice(0, HEADER_BYTES).arrayBuffer();
  return start.then((bytes) => new Uint8Array(bytes)).catch(() => null);
}

/** An idempotency key. `randomUUID` is missing on pages served by plain HTTP from another machine. */
function newKey(): string {
  if ("randomUUID" in crypto) return crypto.randomUUID();
  const random = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
