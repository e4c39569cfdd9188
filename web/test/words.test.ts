import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, when } from "../src/measure.js";
import type { JobView } from "../src/view.js";
import {
  attemptLine,
  childLine,
  childState,
  countsLine,
  emailLine,
  etaLine,
  finalError,
  fraction,
  headline,
  progressLine,
  refusal,
  retryLabel,
  retryOfLine,
  tabTitle,
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
  assert.equal(headline({ ...running, message: "Checking rows" }), "Step 2 of 3: Checking rows");
  assert.equal(
    headline({ ...running, message: "50,000 rows read" }),
    "Step 2 of 3: Checking rows · 50,000 rows read",
  );
  assert.equal(headline({ ...running, step: null, message: "50,000 rows read" }), "50,000 rows read");
  assert.equal(headline({ ...running, step: null }), "Working");
  const child = { id: "1f-01", type: "x", title: "Checking rows", state: "running", message: "Half done" } as const;
  assert.equal(
    headline({ ...running, message: "Half done", children: [child] }),
    "Step 2 of 3: Checking rows",
  );
});

test("a failure that is being tried again isn't told as the end", () => {
  const error = { code: "bank", category: "external", message: "The bank didn't answer." } as const;
  const next_at = new Date(Date.now() + 2_000).toISOString();
  const attempt = { number: 1, max: 2, next_at, reason: error.message };
  const retrying: JobView = { ...running, state: "retrying", error, attempt };
  assert.equal(finalError(retrying), null);
  assert.equal(headline(retrying), "The bank didn't answer. Attempt 2 of 2 starts by itself in a moment.");
  assert.equal(finalError({ ...retrying, state: "failed" }), error);
});

test("what the reason says of the next attempt isn't said twice", () => {
  const reason = "Stripe isn't answering at the moment. The job goes on by itself once it does.";
  const next_at = new Date(Date.now() + 30_000).toISOString();
  const view: JobView = { ...running, state: "retrying", attempt: { number: 0, max: 5, next_at, reason } };
  assert.equal(headline(view), `${reason} Attempt 1 of 5 starts in less than a minute.`);
  assert.equal(attemptLine(view), "");
});

test("a running job says how far it is", () => {
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
  assert.equal(headline(view) + progressLine(view), "");
});

test("the time left is told while the job runs and gives news", () => {
  const eta = new Date(Date.now() + 120_000).toISOString();
  const view: JobView = { ...running, progress: { done: 1, total: 2, unit: "rows", eta } };
  assert.equal(etaLine(view), "about 2 minutes left");
  assert.equal(etaLine({ ...view, stalled: true }), "");
  assert.equal(etaLine({ ...view, state: "cancelling" }), "");
  assert.equal(etaLine(running), "");
});

test("a job without news for long says so itself", () => {
  const message = "Still working, no news for 2 minutes. Checking rows";
  assert.equal(headline({ ...running, stalled: true, message }), `${message}.`);
});

test("a job that is asked to stop says what it is still at", () => {
  const view: JobView = { ...running, state: "cancelling" };
  assert.equal(headline(view), "Stopping at the next safe point. It is still at “Checking rows”.");
  assert.equal(headline({ ...view, step: null }), "Stopping at the next safe point.");
});

test("the tab says the outcome first", () => {
  assert.equal(tabTitle({ ...running, state: "succeeded" }), "✓ Import of customers.csv: done");
  assert.equal(tabTitle({ ...running, state: "partial" }), "! Import of customers.csv: partly done");
});

test("a first attempt goes without saying, a second does not", () => {
  assert.equal(attemptLine({ ...running, attempt: { number: 1, max: 5 } }), "");
  assert.equal(attemptLine({ ...running, attempt: { number: 2, max: 5 } }), "Attempt 2 of 5");
  const waiting: JobView = { ...running, state: "queued", attempt: { number: 2, max: 5 } };
  assert.equal(attemptLine(waiting), "Attempt 3 of 5 is next");
  assert.equal(attemptLine({ ...waiting, attempt: { number: 0, max: 5 } }), "");
  const reason = "Attempt 2 of 5 made it.";
  assert.equal(attemptLine({ ...running, state: "succeeded", attempt: { number: 2, max: 5, reason } }), reason);
});

test("a queued job says why it waits", () => {
  const view: JobView = {
    ...running,
    state: "queued",
    queue: { ahead: "about 10", reason: "All 4 workers are busy", start_estimate: "in about 4 minutes" },
  };
  assert.equal(
    headline(view),
    "About 10 ahead of this one. All 4 workers are busy. It starts in about 4 minutes.",
  );
  assert.equal(headline({ ...view, queue: null }), "Waiting for a worker.");
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

test("an email that waits for quiet hours or a window to end says so, by the reader's clock", () => {
  const at = "2026-03-01T07:00:00Z";
  const reason = "Waiting until 08:00 because of your quiet hours.";
  const held: JobView = { ...running, state: "succeeded", email: { state: "waiting", reason, at } };
  assert.equal(
    emailLine(held, "ada@example.com"),
    `Waiting until ${clock(at)} because of your quiet hours.`,
  );
  const digest = "Your next email goes out at 09:00 on 1 March, with all jobs that ended until then.";
  assert.equal(
    emailLine({ ...held, email: { state: "waiting", reason: digest, at } }, "ada@example.com"),
    `Your next email goes out ${when(at)}, with all jobs that ended until then.`,
  );
  const usual = { state: "waiting", reason: "An email follows unless an open page shows this." } as const;
  assert.equal(
    emailLine({ ...held, email: usual }, "ada@example.com"),
    "We'll email ada@example.com unless you see the result here.",
  );
  const asked = "Seen live, and an email follows because you want one each time.";
  assert.equal(emailLine({ ...held, email: { state: "waiting", reason: asked, at } }, ""), asked);
  assert.equal(
    emailLine({ ...held, email: { state: "sending" } }, "ada@example.com"),
    "The email to ada@example.com is being sent.",
  );
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

test("to do all of it again is named by what else can be done", () => {
  const failed: JobView = { ...running, state: "failed", can: { retry: ["all"] } };
  assert.equal(retryLabel(failed, "all"), "Try again");
  assert.equal(retryLabel({ ...failed, state: "cancelled" }, "all"), "Start again");
  assert.equal(retryLabel({ ...failed, state: "partial" }, "all"), "Run all of it again");
  assert.equal(retryLabel({ ...failed, can: { retry: ["all", "failed"] } }, "all"), "Run all of it again");
});

test("a retry says which job it repeats where the page knows it", () => {
  assert.match(retryOfLine(running), /^Retry of the job asked for (at|on) /);
  assert.equal(retryOfLine(undefined), "Retry of an earlier job");
});

test("a refusal at a job's card doesn't name its id", () => {
  const id = "1f-01a20667-8baa-70c5-82c5-5d26ba5f2b05";
  const ended = { title: "The job has ended", status: 409, detail: `Job ${id} has ended already (succeeded), so nothing was changed.` };
  assert.equal(refusal(ended), "This job has ended already (succeeded), so nothing was changed.");
  const type = "urn:ringback:problem:duplicate-work";
  assert.equal(
    refusal({ type, title: "The same work is under way", status: 409, detail: `… as job ${id}`, job: id }),
    "The same work is under way already. Wait for it to end, or cancel it first.",
  );
});

test("a step of a pipeline says what it is at, how it went, or why it failed", () => {
  const counts = { succeeded: 2, failed: 1, skipped: 0 };
  const child = { id: "1f-01", type: "csv.import", title: "Import", state: "running", message: "Reading", counts } as const;
  assert.equal(childLine(child), "Reading");
  assert.equal(childLine({ ...child, state: "partial" }), "2 added · 1 rejected");
  const error = { code: "x", category: "input", message: "The file is empty" } as const;
  assert.equal(childLine({ ...child, state: "failed", error }), "The file is empty.");
  const attempt = { number: 1, max: 5, reason: "The bank is closed." };
  assert.match(childLine({ ...child, state: "retrying", attempt }), /^The bank is closed\. Attempt 2 of 5 /);
});

test("a step that hasn't begun never will once its pipeline has ended", () => {
  const child = { id: null, type: "csv.import", title: "Import", state: null };
  assert.equal(childState(child, false), "Not begun");
  assert.equal(childState(child, true), "Not attempted");
  assert.equal(childLine(child), "");
});
