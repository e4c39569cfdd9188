/** What happened to a job, told from its history. Pure. */
import type { HistoryEntry, JobState } from "./view.js";
import { sentence } from "./words.js";

type Telling = (entry: HistoryEntry) => string;

/** What the gateway calls the changes that the state they led to explains. */
const BY_STATE: ReadonlySet<string> = new Set([
  "a worker claims it",
  "retryable error, attempts left",
  "cancel requested",
  "all items fine",
  "some items failed",
  "no item fine, or a final error",
  "deadline passed",
  "checkpoint reached or lease expired",
  "it ended before a checkpoint",
  "it broke before a checkpoint",
]);

/** The others; one that isn't named here is told as it is called. */
const TELLINGS: Record<string, Telling> = {
  submitted: () => "Asked for.",
  "lease expired or worker stopping": ({ reason }) =>
    reason ? sentence(reason) : "The worker was stopped; the job waits for another one. This costs no attempt.",
  "its time has come": ({ attempt }) => `Waiting for a worker, for attempt ${attempt + 1}.`,
  "cancelled while waiting": () => "Cancelled while it waited.",
  "the cancel takes long": () => "Stopping takes longer than it should.",
  "no news for long": () => "No news for long. It was still working.",
  "longer than usual": () => "It takes longer than usual.",
  "stopped by support, without a checkpoint": () =>
    "Our support stopped it before it reached a safe point.",
};

const STATE_TELLINGS: Record<JobState, Telling> = {
  queued: () => "Back in the queue.",
  running: ({ attempt }) => (attempt > 1 ? `Attempt ${attempt} started.` : "Started."),
  retrying: retryTelling,
  cancelling: () => "It was asked to stop.",
  succeeded: () => "Done.",
  partial: () => "Partly done.",
  failed: ({ error }) => `Failed. ${sentence(error?.message ?? "")}`.trim(),
  cancelled: () => "Cancelled.",
};

/** One change in words: "Attempt 1 failed. The bank didn't answer." */
export function telling(entry: HistoryEntry): string {
  if (BY_STATE.has(entry.what)) return STATE_TELLINGS[entry.state](entry);
  const tell = TELLINGS[entry.what];
  return tell ? tell(entry) : sentence(entry.what);
}

// A job that waits for a service that is down has no error: nothing of it was tried in vain.
function retryTelling({ attempt, error, reason }: HistoryEntry): string {
  const why = sentence(reason ?? error?.message ?? "");
  return error ? `Attempt ${attempt} failed. ${why}`.trim() : why;
}

/** Whether it tells of the email alone, which the gateway explains in words. */
export function isAboutEmail({ what }: HistoryEntry): boolean {
  return what.startsWith("email ");
}
