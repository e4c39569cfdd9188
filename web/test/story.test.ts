import assert from "node:assert/strict";
import { test } from "node:test";
import { isAboutEmail, telling } from "../src/story.js";
import type { HistoryEntry, JobState } from "../src/view.js";

function entry(state: JobState, what: string, more: Partial<HistoryEntry> = {}): HistoryEntry {
  return { at: "2026-03-01T12:00:00Z", state, attempt: 1, what, ...more };
}

const error = { code: "bank", category: "external", message: "The bank didn't answer." } as const;

test("a first attempt goes without its number", () => {
  assert.equal(telling(entry("running", "a worker claims it")), "Started.");
  assert.equal(telling(entry("running", "a worker claims it", { attempt: 2 })), "Attempt 2 started.");
});

test("an attempt that failed says why, and what the next one does", () => {
  const reason = `${error.message} The next attempt starts from the beginning.`;
  assert.equal(
    telling(entry("retrying", "retryable error, attempts left", { error, reason })),
    "Attempt 1 failed. The bank didn't answer. The next attempt starts from the beginning.",
  );
});

test("waiting for a service that is down isn't a failure", () => {
  const reason = "Stripe isn't answering at the moment.";
  const waits = entry("retrying", "retryable error, attempts left", { attempt: 0, reason });
  assert.equal(telling(waits), reason);
});

test("a job that went back into the queue says whether a worker fell silent or was stopped", () => {
  const back = "lease expired or worker stopping";
  const silent = "The worker stopped answering. The next attempt starts from the beginning.";
  assert.equal(telling(entry("queued", back, { reason: silent })), silent);
  assert.match(telling(entry("queued", back)), /^The worker was stopped; .* costs no attempt\.$/);
});

test("an end says its state, a failure its cause too", () => {
  assert.equal(telling(entry("succeeded", "all items fine")), "Done.");
  assert.equal(telling(entry("failed", "deadline passed", { error })), "Failed. The bank didn't answer.");
});

test("what tells of the email alone is known: the gateway explains it", () => {
  assert.ok(isAboutEmail(entry("partial", "email sent: 250 OK")));
  assert.ok(!isAboutEmail(entry("partial", "some items failed")));
});

test("a change that the page doesn't know is told as the gateway calls it", () => {
  assert.equal(telling(entry("running", "“Import” succeeded")), "“Import” succeeded.");
});
