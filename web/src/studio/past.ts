/** Past: who published what when, and the way back. */
import { problemText } from "../api.js";
import { h } from "../dom.js";
import { when } from "../measure.js";
import { button, whileBusy } from "../press.js";
import { Dialog, Note } from "./dialog.js";
import { diffNodes } from "./diffview.js";
import { whole, words } from "./draft.js";
import type { Office } from "./office.js";
import type { Detail, Revision } from "./shapes.js";

/** Shows the history; `done` is called once readers get other words. */
export function showHistory(office: Office, detail: Detail, done: () => void): void {
  const { revisions } = detail;
  const list = h("ol", { class: "revisions", "data-testid": "studio-revisions" }, ...revisions.map((one) => rowNode(office, detail, one, leave)));
  const dialog = new Dialog(
    "Who published what",
    "studio-history-dialog",
    ...(revisions.length
      ? [list]
      : [h("p", { class: "quiet" }, "Nobody has published words of this message yet. Readers get the words that came with the installation.")]),
  );
  function leave(revision: number): void {
    dialog.close();
    askToGoBack(office, detail, revision, done);
  }
  const [newest] = revisions;
  if (newest && !newest.withdrawn) dialog.act("Back to the words before all of these…", "…", "studio-withdraw", async () => (leave(0), ""), "plain");
  dialog.open();
}

function rowNode(office: Office, detail: Detail, revision: Revision, leave: (revision: number) => void): HTMLElement {
  const shown = h("div", { class: "diffs", hidden: true });
  const look = button("Show what differs from now", "plain small", "studio-revision-look", (it) => {
    if (!shown.hidden) return void (shown.hidden = true);
    void whileBusy(it, "Loading…", async () => {
      shown.replaceChildren(...(await differences(office, detail, revision.revision)));
      shown.hidden = false;
    });
  });
  const back = button("Go back to this one…", "plain small", "studio-revision-back", () => leave(revision.revision));
  const current = revision === detail.revisions[0];
  return h(
    "li",
    { "data-revision": String(revision.revision) },
    h("p", { class: "strong" }, `${revision.withdrawn ? "Taken back" : `Revision ${revision.revision}`}${current ? ", in use" : ""}`),
    h("p", {}, revision.note),
    h("p", { class: "quiet" }, `${revision.called}, ${when(revision.at)}`),
    current || revision.withdrawn ? null : h("div", { class: "buttons" }, look, back),
    shown,
  );
}

async function differences(office: Office, detail: Detail, revision: number): Promise<Node[]> {
  const answer = await office.revision(detail.name, revision);
  if (!answer.ok) return [h("p", { class: "field-error" }, problemText(answer.problem))];
  return diffNodes(words(detail.files), whole(detail.below, answer.value.files), "It is the same as what is in use.");
}

function askToGoBack(office: Office, detail: Detail, revision: number, done: () => void): void {
  const note = new Note();
  const to = revision ? `the words of revision ${revision}` : "the words that came with the installation";
  const dialog = new Dialog(
    revision ? `Go back to revision ${revision}` : "Go back to before all revisions",
    "studio-back-dialog",
    h("p", {}, `Emails about jobs that end from now on are written with ${to}. Nothing is lost: what is in use now stays in the history.`),
    note.element,
  );
  dialog.act("Go back", "Going back…", "studio-back-now", async () => {
    const missing = note.missing();
    if (missing) return missing;
    const answer = await office.rollback(detail.name, revision, note.text, detail.newest);
    if (!answer.ok) return problemText(answer.problem);
    dialog.close();
    done();
    return "";
  });
  dialog.open();
}
