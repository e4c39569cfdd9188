import assert from "node:assert/strict";
import { test } from "node:test";
import { diffLines } from "../src/studio/diff.js";
import { Draft, whole } from "../src/studio/draft.js";
import { cut, senderOf } from "../src/studio/row.js";
import { blockedBy, fileLabel, gathered, grouped, isOfLine, originLine, placeOf, sorted, tagOf, titleOf } from "../src/studio/said.js";
import type { Detail, Finding } from "../src/studio/shapes.js";
import { zip } from "../src/studio/zip.js";

const FILES = { "message.toml": "purpose = 1\n", "subject.txt": "S\n", "preheader.txt": "P\n", "body.md": "B\n" };

function detail(more: Partial<Detail> = {}): Detail {
  const empty = { type: null, revision: null, newest: 0, below: FILES, variables: [], fixtures: [], findings: [], revisions: [] };
  return { name: "failed", about: "failed", origin: "built-in", files: FILES, built_in: FILES, ...empty, ...more };
}

function finding(file: string, line: number, level: Finding["level"] = "error", text = "wrong"): Finding {
  return { file, line, level, rule: "rule", text };
}

test("messages are grouped by what happened, those for a job type after the general one", () => {
  const of = (about: string, type: string | null = null) => ({ about, type });
  const groups = grouped([of("test"), of("failed"), of("partial", "csv.import"), of("failed-input"), of("partial"), of("odd")]);
  assert.deepEqual(
    groups.map(({ title, messages }) => [title, messages.map(titleOf)]),
    [
      ["Partly done", ["Partly done", "Partly done · csv.import"]],
      ["Failed", ["Failed: the input", "Failed: any other cause"]],
      ["Test", ["Test email"]],
      ["Others", ["odd"]],
    ],
  );
});

test("files have names that authors know", () => {
  assert.equal(fileLabel("body.md"), "Body");
  assert.equal(fileLabel("subject.de.txt"), "Subject, German");
  assert.equal(fileLabel("body.pt-BR.md"), "Body, Brazilian Portuguese");
  assert.equal(fileLabel("body.txt"), "Text version");
  assert.equal(tagOf("message.toml"), "");
  assert.equal(placeOf(finding("body.de.md", 3)), "Body, German, line 3");
});

test("findings are told errors first, in the order of the tabs", () => {
  const told = sorted([finding("body.md", 9), finding("subject.txt", 1, "warning"), finding("body.md", 2), finding("subject.txt", 1)]);
  assert.deepEqual(
    told.map(({ file, line, level }) => `${level} ${file}:${line}`),
    ["error subject.txt:1", "error body.md:2", "error body.md:9", "warning subject.txt:1"],
  );
});

test("what fails with each made-up job is told once, and not beside its cause", () => {
  const render = (line: number, text: string) => ({ ...finding("body.md", line, "error", text), rule: "render" });
  const cause = finding("body.md", 1);
  const told = gathered([render(1, "with a"), cause, render(1, "with b"), render(2, "with a"), render(2, "with b")]);
  assert.deepEqual(told, [cause, render(2, "with a")]);
});

test("languages that lack the words are told in one sentence, and of no line", () => {
  const lacks = (tags: string) => ({ ...finding("body.md", 3, "warning", `1 line isn't translated into ${tags}, whose readers`), rule: "language" });
  const [told, ...more] = gathered([lacks("fr"), lacks("de, ja")]);
  assert.match(told?.text ?? "", /who reads French, German, and Japanese gets all of this message in English/);
  assert.deepEqual([more, told && isOfLine(told)], [[], false]);
});

test("only errors keep words from being published, and it is said how many", () => {
  assert.equal(blockedBy([finding("body.md", 1, "warning")]), "");
  assert.match(blockedBy([finding("body.md", 1)]), /^1 error would reach readers\. Mend it first/);
  assert.match(blockedBy([finding("body.md", 1), finding("body.md", 2)]), /^2 errors .* Mend them first/);
});

test("where words come from is told in words", () => {
  assert.equal(originLine("built-in"), "Built-in");
  assert.equal(originLine("published", "Ada", "at 12:03"), "Published by Ada at 12:03");
});

test("a changed line stands twice, its own words marked", () => {
  const rows = diffLines("one\ntwo rows\nthree\n", "one\ntwo lines\nthree\nfour\n");
  assert.deepEqual(
    rows.map(({ kind, pieces }) => [kind, pieces.map(([text, changed]) => (changed ? `*${text}*` : text)).join("")]),
    [["same", "one"], ["gone", "two *rows*"], ["new", "two *lines*"], ["same", "three"], ["new", "four"]],
  );
  assert.deepEqual(diffLines("", ""), []);
  assert.deepEqual(diffLines("a\n", "a\n").map(({ kind }) => kind), ["same"]);
});

test("any two texts can be put together again from their difference", () => {
  let seed = 7;
  const roll = (most: number) => (seed = (seed * 16807) % 2147483647) % most;
  for (let round = 0; round < 200; round += 1) {
    const text = () => Array.from({ length: 1 + roll(8) }, () => ["a", "b b", "c d", ""][roll(4)] ?? "").join("\n") + "\n";
    const [before, after] = [text(), text()];
    const rows = diffLines(before, after);
    const side = (skipped: string) =>
      rows.filter(({ kind }) => kind !== skipped).map(({ pieces }) => `${pieces.map(([piece]) => piece).join("")}\n`).join("");
    assert.deepEqual([side("new"), side("gone")], [before, after]);
  }
});

test("what is saved are the files that differ from what is below", () => {
  const german = { ...FILES, "body.de.md": "Rumpf\n", "fixtures/typical.json": "{}" };
  const draft = new Draft(detail({ files: german, below: german }));
  assert.deepEqual(draft.beyond(), {});
  draft.put("body.md", "Other\n");
  draft.removeLanguage("de");
  assert.equal(draft.changed, true);
  assert.deepEqual(draft.beyond(), { "body.md": "Other\n", "body.de.md": null });
  draft.reset();
  assert.equal(draft.changed, false);
});

test("a language's own version begins with the general words, and can go again", () => {
  const draft = new Draft(detail());
  draft.addLanguage("de");
  assert.deepEqual(draft.languages, ["de"]);
  assert.equal(draft.text("body.de.md"), "B\n");
  draft.removeLanguage("de");
  assert.equal(draft.changed, false);
});

test("what somebody else published meanwhile stays where it wasn't touched here", () => {
  const draft = new Draft(detail());
  draft.put("body.md", "Mine\n");
  draft.rebase(detail({ files: { ...FILES, "subject.txt": "Theirs\n", "body.md": "Theirs\n" }, newest: 4 }));
  assert.deepEqual([draft.text("subject.txt"), draft.text("body.md"), draft.base], ["Theirs\n", "Mine\n", 4]);
});

test("a variable is declared once", () => {
  const draft = new Draft(detail());
  const variable = { name: "job.url", type: "URL", meaning: "The job's \"own\" page", example: "https://…", required: true };
  assert.equal(draft.declare(variable), true);
  assert.equal(draft.declare(variable), false);
  assert.match(draft.text("message.toml"), /\n\n\[variables\."job\.url"\]\ntype = "URL"\nmeaning = "The job's \\"own\\" page"\n/);
});

test("an older revision is whole with the files that it leaves out", () => {
  const below = { ...FILES, "body.txt": "T\n" };
  assert.deepEqual(whole(below, { "body.md": "Old\n" }), { ...FILES, "body.md": "Old\n" });
});

test("subjects are cut as inboxes cut them, and no letter loses its accent", () => {
  assert.equal(cut("Import of customers.csv", 40), "Import of customers.csv");
  assert.equal(cut("Import of customers.csv", 10), "Import of…");
  assert.equal(cut("e\u0301e\u0301e\u0301", 3), "e\u0301e\u0301e\u0301");
});

test("the sender is read from the email's head", () => {
  assert.equal(senderOf("To: a@example.com\nFrom: Ringback <noreply@example.com>\n\nFrom: x\n"), "Ringback");
  assert.equal(senderOf("From: noreply@example.com\n"), "noreply@example.com");
  assert.equal(senderOf(""), "");
});

test("an archive has its end where the format wants it", async () => {
  const bytes = new Uint8Array(await zip({ "a/b.txt": "words" }).arrayBuffer());
  assert.deepEqual([...bytes.slice(0, 4)], [0x50, 0x4b, 3, 4]);
  assert.deepEqual([...bytes.slice(-22, -18)], [0x50, 0x4b, 5, 6]);
});
