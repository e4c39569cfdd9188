import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobView } from "../src/view.js";
import {
  attemptLine,
  bytes,
  clock,
  countsLine,
  emailLine,
  finalError,
  fraction,
  headline,
  progressLine,
  retryLabel,
  stepLine,
  tabTitle,
  when,
} from "../src/words.js";

const running: JobView = {
  id: "1f-0197",
  version: 3,
  type: "csv.import",
  title: "Import of customers.csv",
  state: "running",
  step: { index: 2, count: 3, name: "Checking rows" },
  progress: { done: 1240, total: 5000, unit: "rows" },
  created_at: "2026-03-01T12:00:00Z",
};

test("counts leave out what is zero and group thousands", () => {
  const partial: JobView = { ...running, state: "partial", counts: { succeeded: 1201, failed: 3, skipped: 1 } };
  assert.equal(countsLine(partial), "1,201 added · 3 rejected · 1 skipped");
  assert.equal(countsLine({ ...partial, counts: { succeeded: 0, failed: 2, skipped: 0 } }), "2 rejected");
  assert.equal(countsLine({ ...partial, counts: { succeeded: 0, failed: 0, skipped: 0 } }), "");
});

test("rows count as added only once they are", () => {
  const counts = { succeeded: 1201, failed: 3, skipped: 0 };
  assert.equal(countsLine({ ...running, counts }), "1,201 valid · 3 rejected so far");
  assert.equal(countsLine({ ...running, state: "failed", counts }), "1,201 valid · 3 rejected");
  assert.equal(countsLine({ ...running, type: "other", counts }), "1,201 done · 3 failed so far");
});

test("a step's name isn't said twice", () => {
  assert.equal(headline({ ...running, message: "Checking rows" }), "");
  assert.equal(headline({ ...running, message: "50,000 rows read" }), "50,000 rows read");
});

test("a failure that is being tried again isn't told as the end", () => {
  const error = { code: "bank", category: "external", message: "The bank didn't answer." } as const;
  const next_at = new Date(Date.now() + 2_000).toISOString();
  const attempt = { number: 1, max: 2, next_at, reason: error.message };
  const retrying: JobView = { ...running, state: "retrying", error, attempt };
  assert.equal(finalError(retrying), null);
  assert.equal(headline(retrying), "The bank didn't answer. Trying again in a moment, by itself.");
  assert.equal(finalError({ ...retrying, state: "failed" }), error);
});

test("a running job says its step and how far it is", () => {
  assert.equal(stepLine(running), "Step 2 of 3: Checking rows");
  assert.equal(progressLine(running), "1,240 of 5,000 rows");
  assert.equal(fraction(running), 0.248);
});

test("a job without a known total has no fraction and counts up", () => {
  const view = { ...running, progress: { done: 7, total: null, unit: "rows" } };
  assert.equal(fraction(view), null);
  assert.equal(progressLine(view), "7 rows");
});

test("a finished job drops its step and its progress", () => {
  const view: JobView = { ...running, state: "succeeded" };
  assert.equal(stepLine(view) + progressLine(view), "");
});

test("the tab says the outcome first", () => {
  assert.equal(tabTitle({ ...running, state: "succeeded" }), "✓ Import of customers.csv: done");
  assert.equal(tabTitle({ ...running, state: "partial" }), "! Import of customers.csv: partly done");
});

test("a first attempt goes without saying, a second does not", () => {
  assert.equal(attemptLine({ ...running, attempt: { number: 1, max: 5 } }), "");
  assert.equal(attemptLine({ ...running, attempt: { number: 2, max: 5 } }), "Attempt 2 of 5");
});

test("a queued job says why it waits", () => {
  const view: JobView = {
    ...running,
    state: "queued",
    queue: { ahead: "about 10", reason: "All 4 workers are busy" },
  };
  assert.equal(headline(view), "About 10 ahead of this one. All 4 workers are busy.");
});

test("the email note follows the state of the email", () => {
  assert.equal(emailLine({ ...running, email: null }, "ada@example.com"), "");
  assert.equal(
    emailLine({ ...running, email: { state: "waiting" } }, "ada@example.com"),
    "If you leave, we'll email ada@example.com.",
  );
  const skipped: JobView = {
    ...running,
    state: "succeeded",
    email: { state: "skipped", reason: "Seen on the page, so no email was needed." },
  };
  assert.equal(emailLine(skipped, "ada@example.com"), "Seen on the page, so no email was needed.");
  const unwanted: JobView = { ...skipped, email: { state: "skipped", reason: "You turned these off" } };
  assert.equal(emailLine(unwanted, "ada@example.com"), "No email: you turned these off.");
  const failed: JobView = {
    ...running,
    state: "failed",
    email: { state: "failed", reason: "The mailbox is full" },
  };
  assert.equal(emailLine(failed, ""), "The email to you couldn't be delivered. The mailbox is full.");
});

test("a time of another day says the day", () => {
  const noon = new Date(2026, 2, 1, 12, 0);
  assert.match(when(noon.toISOString(), noon), /^at 12:00/);
  assert.match(when(noon.toISOString(), new Date(2026, 2, 3)), /^on .*Mar.*12:00/);
  assert.equal(clock("soon"), "soon");
});

test("a retry names what it retries", () => {
  assert.equal(
    retryLabel({ ...running, counts: { succeeded: 1, failed: 3, skipped: 0 } }, "failed"),
    "Retry the 3 failed rows",
  );
  assert.equal(
    retryLabel({ ...running, counts: { succeeded: 1, failed: 1, skipped: 0 } }, "failed"),
    "Retry the one that failed",
  );
});

test("sizes are rounded to what a person needs", () => {
  assert.equal(bytes(1), "1 byte");
  assert.equal(bytes(64_200), "64 kB");
  assert.equal(bytes(104_857_600), "104.9 MB");
});
