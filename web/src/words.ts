/** What the page says about a job. Pure: every sentence here is tested. */
import { bytes, clock, left, number, soon, when } from "./measure.js";
import {
  isTerminal,
  type AttemptView,
  type ChildView,
  type Counts,
  type EmailNote,
  type JobError,
  type JobState,
  type JobView,
  type Problem,
} from "./view.js";

const STATE_WORDS: Record<JobState, string> = {
  queued: "Queued",
  running: "Running",
  retrying: "Retrying",
  cancelling: "Cancelling",
  succeeded: "Done",
  partial: "Partly done",
  failed: "Failed",
  cancelled: "Cancelled",
};

const TITLE_MARKS: Partial<Record<JobState, string>> = {
  succeeded: "✓",
  partial: "!",
  failed: "✗",
  cancelled: "–",
};

interface CountWords {
  readonly succeeded: string;
  /** The same before the job has ended well: an import adds nothing until its very end. */
  readonly pending: string;
  readonly failed: string;
}

/** How job types name what they count; emails use the same words. */
const COUNT_WORDS: Record<string, CountWords> = {
  "csv.import": { succeeded: "added", pending: "valid", failed: "rejected" },
  "links.check": { succeeded: "fine", pending: "fine", failed: "failed" },
};
const PLAIN_COUNT_WORDS: CountWords = { succeeded: "done", pending: "done", failed: "failed" };

export function stateWord(state: JobState): string {
  return STATE_WORDS[state] ?? state;
}

/** "✓ Import of customers.csv: done", for the tab of a page nobody is looking at. */
export function tabTitle(view: JobView): string {
  return `${TITLE_MARKS[view.state] ?? ""} ${announcement(view)}`.trim();
}

/** "Import of customers.csv: done", for screen readers. */
export function announcement(view: JobView): string {
  return `${view.title}: ${stateWord(view.state).toLowerCase()}`;
}

/** "1,201 added · 3 rejected · 1 skipped", "120 valid so far"; parts that are zero are left out. */
export function countsLine({ type, state, counts }: JobView): string {
  return counts ? countsOf(type, counts, state) : "";
}

function countsOf(type: string, counts: Counts, state: JobState): string {
  const said = COUNT_WORDS[type] ?? PLAIN_COUNT_WORDS;
  const effective = state === "succeeded" || state === "partial";
  const parts: [number, string][] = [
    [counts.succeeded, effective ? said.succeeded : said.pending],
    [counts.failed, said.failed],
    [counts.skipped, "skipped"],
  ];
  const line = parts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${number(count)} ${word}`)
    .join(" · ");
  return line && !isTerminal(state) ? `${line} so far` : line;
}

function stepLine({ step }: JobView): string {
  if (!step) return "";
  return step.count > 1 ? `Step ${step.index} of ${step.count}: ${step.name}` : step.name;
}

/** "124 of 500 rows", "124 rows" while the total is unknown. */
export function progressLine(view: JobView): string {
  const progress = view.progress;
  if (!progress || isTerminal(view.state)) return "";
  const amount = progress.unit === "bytes" ? bytes : number;
  const unit = progress.unit && progress.unit !== "bytes" ? ` ${progress.unit}` : "";
  if (progress.total) return `${amount(progress.done)} of ${amount(progress.total)}${unit}`;
  return progress.done > 0 ? `${amount(progress.done)}${unit}` : "";
}

/** How far a job is, 0 to 1; null while the total is unknown. */
export function fraction(view: JobView): number | null {
  const progress = view.progress;
  if (!progress?.total) return null;
  return Math.min(1, Math.max(0, progress.done / progress.total));
}

/** "about 2 minutes left"; empty where nobody can tell, or it has passed. */
export function etaLine(view: JobView): string {
  const eta = view.state === "running" ? view.progress?.eta : null;
  return eta && !view.stalled ? left(eta) : "";
}

/** The one sentence under the title: what happens now, or what came of it. */
export function headline(view: JobView): string {
  if (isTerminal(view.state)) return view.result?.summary ?? (view.error ? "" : (view.message ?? ""));
  if (view.stalled) return sentence(view.message ?? "");
  if (view.state === "retrying") return retryLine(view.attempt);
  if (view.state === "queued") return queueLine(view);
  if (view.state === "cancelling") return stoppingLine(view);
  return workLine(view);
}

/** "Step 2 of 3: Checking rows · 50,000 rows read". */
function workLine(view: JobView): string {
  // A step's name is the first message of the step; a pipeline's steps stand below with theirs.
  const told = view.step && (view.children?.length || view.message === view.step.name);
  const message = told ? "" : view.message;
  return [stepLine(view), message].filter(Boolean).join(" · ") || "Working";
}

/** What went wrong for good. A failure that is being tried again is told by the headline alone. */
export function finalError(view: JobView): JobError | null {
  return isTerminal(view.state) ? (view.error ?? null) : null;
}

function queueLine(view: JobView): string {
  const { ahead, reason, start_estimate } = view.queue ?? {};
  const parts = [
    ahead ? sentence(`${ahead} ahead of this one`) : "",
    sentence(reason ?? ""),
    start_estimate ? `It starts ${start_estimate}.` : "",
  ];
  return parts.filter(Boolean).join(" ") || view.message || "Waiting for a worker.";
}

/** Why, which attempt, when; the reason ends with whether all or the rest is done. */
function retryLine(attempt: AttemptView | null | undefined): string {
  const reason = sentence(attempt?.reason ?? "");
  const starts = /by itself/i.test(reason) ? "starts" : "starts by itself";
  const next = attempt ? `Attempt ${attempt.number + 1} of ${attempt.max}` : "The next attempt";
  const at = attempt?.next_at ? soon(attempt.next_at) : "in a moment";
  return `${reason} ${next} ${starts} ${at}.`.trim();
}

function stoppingLine({ step }: JobView): string {
  return step
    ? `Stopping at the next safe point. It is still at “${step.name}”.`
    : "Stopping at the next safe point.";
}

/** "Attempt 2 of 5"; nothing for a first attempt. A retrying job's headline tells it already. */
export function attemptLine({ attempt, state }: JobView): string {
  if (!attempt || state === "retrying") return "";
  if (state === "queued")
    return attempt.number > 0 ? `Attempt ${attempt.number + 1} of ${attempt.max} is next` : "";
  if (attempt.number <= 1) return "";
  const said = `Attempt ${attempt.number} of ${attempt.max}`;
  return state === "succeeded" || state === "partial" ? (attempt.reason ?? said) : said;
}

/** "Finished 12:03", "Started 12:03" or "Asked for 12:03", in the reader's zone. */
export function timeLine(view: JobView): string {
  if (view.finished_at) return `Finished ${clock(view.finished_at)}`;
  if (view.started_at) return `Started ${clock(view.started_at)}`;
  return `Asked for ${clock(view.created_at)}`;
}

/** What became of the email, or what will; empty when there is nothing to say. */
export function emailLine(view: JobView, address: string): string {
  const email = view.email;
  const to = address || "you";
  if (!email) return "";
  const at = email.at ? ` ${when(email.at)}` : "";
  switch (email.state) {
    case "waiting":
      return isTerminal(view.state) ? waitLine(email, to) : `If you leave, we'll email ${to}.`;
    case "sending":
      return `The email to ${to} is being sent.`;
    case "sent":
      return address ? `Emailed${at} to ${address}.` : `Emailed${at}.`;
    case "delayed":
      return `The email to ${to} is delayed.${because(email.reason)}`;
    case "skipped":
      return skipLine(email.reason ?? "");
    case "failed":
      return `The email to ${to} couldn't be delivered.${because(email.reason)}`;
    default:
      return "";
  }
}

const USUAL_WAIT = /unless an open page/;
const TIME = /\b\d\d:\d\d\b/;
const MOMENT = /\bat \d\d:\d\d( on \d+ \w+)?/;

/** Why it waits. The reason has the time on the clock that the user chose; the reader's counts here. */
function waitLine({ reason, at }: EmailNote, to: string): string {
  if (!reason || USUAL_WAIT.test(reason)) return `We'll email ${to} unless you see the result here.`;
  if (!at) return sentence(reason);
  return sentence(MOMENT.test(reason) ? reason.replace(MOMENT, when(at)) : reason.replace(TIME, clock(at)));
}

/** Why no email went out. */
export function skipLine(reason: string): string {
  if (!reason) return "No email was sent.";
  return /no email/i.test(reason) ? sentence(reason) : `No email: ${lowered(sentence(reason))}`;
}

function because(reason: string | null | undefined): string {
  return reason ? ` ${sentence(reason)}` : "";
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** "Retry the 3 failed rows", "Try again": verb and object. */
export function retryLabel(view: JobView, scope: "all" | "failed"): string {
  if (scope === "failed") return retryFailedLabel(view);
  if (view.state === "partial" || view.can?.retry?.includes("failed")) return "Run all of it again";
  return view.state === "cancelled" ? "Start again" : "Try again";
}

function retryFailedLabel(view: JobView): string {
  const failed = view.counts?.failed ?? 0;
  return failed === 1 ? "Retry the one that failed" : `Retry the ${number(failed)} failed ${unit(view)}`;
}

/** What a job counts: "rows". */
export function unit(view: JobView): string {
  return view.progress?.unit ?? "items";
}

/** "Retry of the job asked for at 12:03"; `earlier` is unknown where it is too old for the list. */
export function retryOfLine(earlier: JobView | undefined): string {
  return earlier ? `Retry of the job asked for ${when(earlier.created_at)}` : "Retry of an earlier job";
}

/** "Retried at 12:10". */
export function retriedLine(later: JobView): string {
  return `Retried ${when(later.created_at)}`;
}

/** A refusal as it is told at the job's own card, where the job's id says nothing. */
export function refusal(problem: Problem): string {
  if (problem.type?.endsWith(":duplicate-work"))
    return "The same work is under way already. Wait for it to end, or cancel it first.";
  return (problem.detail || problem.title).replace(/^Job [0-9a-f]{2}-[0-9a-f-]{36}/, "This job");
}

/** Where a step of a pipeline stands; `ended`: the pipeline has, so what hasn't begun never will. */
export function childState(child: ChildView, ended: boolean): string {
  if (child.state) return stateWord(child.state);
  return ended ? "Not attempted" : "Not begun";
}

/** What there is to say of a step besides. */
export function childLine(child: ChildView): string {
  const { state, counts, attempt, error } = child;
  if (!state) return "";
  if (state === "retrying") return retryLine(attempt);
  if (!isTerminal(state)) return child.message ?? "";
  if (error) return sentence(error.message);
  return counts ? countsOf(child.type, counts, state) : "";
}

/** First letter up, one full stop at the end. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return "";
  const closed = /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  return closed.charAt(0).toUpperCase() + closed.slice(1);
}

/** A user's connections on all nodes, as the gateway counts them. */
export interface Presence {
  readonly active: number;
  readonly away: number;
}

export function presenceLine({ active, away }: Presence): string {
  if (active + away === 0) return "Not connected now: what ends meanwhile goes out by email.";
  const parts = [active ? `${number(active)} in view` : "", away ? `${number(away)} in the background` : ""];
  return `Connected now: ${parts.filter(Boolean).join(", ")}.`;
}
