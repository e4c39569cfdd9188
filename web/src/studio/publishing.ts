/** Publishing: what changes for readers, why, and what somebody else did meanwhile. */
import { problemText } from "../api.js";
import { h } from "../dom.js";
import { when } from "../measure.js";
import { Dialog, Note } from "./dialog.js";
import { diffNodes } from "./diffview.js";
import { words, type Draft } from "./draft.js";
import type { Office } from "./office.js";
import { blockedBy } from "./said.js";
import type { Detail, Finding } from "./shapes.js";

const TITLE = "Somebody else published meanwhile";

/** Asks for a note and publishes; `done` is called once readers get the new words. */
export function askToPublish(office: Office, draft: Draft, findings: readonly Finding[], done: () => void): void {
  const note = new Note();
  const blocked = draft.changed ? blockedBy(findings) : "Nothing has changed, so there is nothing to publish.";
  const warnings = findings.filter(({ level }) => level === "warning").length;
  const dialog = new Dialog(
    "Publish these words",
    "studio-publish-dialog",
    h("p", {}, "Emails about jobs that end from now on are written with them. Emails that are already waiting keep the words they had."),
    ...(warnings && !blocked ? [h("p", { class: "notice" }, `${warnings === 1 ? "One warning is" : `${warnings} warnings are`} left. They don’t keep you from publishing.`)] : []),
    h("div", { class: "diffs" }, ...diffNodes(words(draft.detail.files), words(draft.files))),
    note.element,
  );
  const publish = dialog.act("Publish", "Publishing…", "studio-publish-now", async () => {
    if (blocked) return blocked;
    const missing = note.missing();
    if (missing) return missing;
    const answer = await office.publish(draft.detail.name, words(draft.files), note.text, draft.base);
    if (!answer.ok && answer.problem.type?.endsWith("stale-copy")) {
      dialog.close();
      await tellConflict(office, draft, findings, done);
      return "";
    }
    if (!answer.ok) return problemText(answer.problem);
    dialog.close();
    done();
    return "";
  });
  if (blocked) {
    dialog.fault(blocked);
    publish.setAttribute("aria-disabled", "true");
  }
  dialog.open();
}

/** Somebody published meanwhile: shows what, and lets the author go on over it. */
async function tellConflict(office: Office, draft: Draft, findings: readonly Finding[], done: () => void): Promise<void> {
  const answer = await office.message(draft.detail.name);
  if (!answer.ok) return void new Dialog(TITLE, "studio-conflict", h("p", {}, problemText(answer.problem))).open();
  const [theirs, before] = [answer.value, draft.detail];
  draft.rebase(theirs);
  const dialog = new Dialog(
    TITLE,
    "studio-conflict",
    h("p", {}, conflictLine(theirs)),
    h("h3", {}, "What they changed"),
    h("div", { class: "diffs" }, ...diffNodes(words(before.files), words(theirs.files))),
    h("h3", {}, "What yours would change in theirs"),
    h("div", { class: "diffs", "data-testid": "studio-conflict-mine-diff" }, ...diffNodes(words(theirs.files), words(draft.files))),
  );
  dialog.act("Publish mine over it…", "…", "studio-conflict-mine", async () => {
    dialog.close();
    askToPublish(office, draft, findings, done);
    return "";
  });
  dialog.open();
}

function conflictLine({ revisions }: Detail): string {
  const [newest] = revisions;
  if (!newest) return "The words in use have changed since you began. Yours are still here, and weren’t published.";
  return `${newest.called} published revision ${newest.revision} ${when(newest.at)}: “${newest.note}”. Your words are still here, and weren’t published.`;
}
