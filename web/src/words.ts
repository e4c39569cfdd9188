/** What the page says about a job. Pure: every sentence here is tested. */
import { isTerminal, type JobError, type JobState, type JobView } from "./view.js";

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
  if (!counts) return "";
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

/** "Step 2 of 3: Checking rows". */
export function stepLine(view: JobView): string {
  const step = view.step;
  if (!step || isTerminal(view.state)) return "";
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

/** The one sentence under the title: what happens now, or what came of it. */
export function headline(view: JobView): string {
  if (isTerminal(view.state)) return view.result?.summary ?? (view.error ? "" : (view.message ?? ""));
  if (view.stalled)
    return "The worker has gone quiet. If it stays so, the job goes to another one; you needn't do anything.";
  if (view.state === "retrying") return retryLine(view);
  if (view.state === "queued") return queueLine(view);
  // A step's name is the first message of the step, and it stands below already.
  return view.message === view.step?.name ? "" : (view.message ?? "");
}

/** What went wrong for good. A failure that is being tried again is told by the headline alone. */
export function finalError(view: JobView): JobError | null {
  return isTerminal(view.state) ? (view.error ?? null) : null;
}

function queueLine(view: JobView): string {
  const ahead = view.queue?.ahead ? `${sentence(`${view.queue.ahead} ahead of this one`)}` : "";
  const reason = view.queue?.reason ? sentence(view.queue.reason) : "";
  return [ahead, reason].filter(Boolean).join(" ") || view.message || "Waiting for a worker.";
}

function retryLine(view: JobView): string {
  const attempt = view.attempt;
  const reason = attempt?.reason ? sentence(attempt.reason) : "";
  const next = attempt?.next_at && !isNear(attempt.next_at) ? ` ${when(attempt.next_at)}` : " in a moment";
  return [reason, `Trying again${next}, by itself.`].filter(Boolean).join(" ");
}

/** Less than a minute away: "at 12:03" would say less than "in a moment". */
function isNear(instant: string): boolean {
  return Date.parse(instant) - Date.now() < 60_000;
}

/** "Attempt 2 of 5"; nothing for a first attempt that isn't being retried. */
export function attemptLine(view: JobView): string {
  const attempt = view.attempt;
  if (!attempt || (attempt.number <= 1 && view.state !== "retrying")) return "";
  return `Attempt ${attempt.number} of ${attempt.max}`;
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
      return isTerminal(view.state)
        ? `We'll email ${to} unless you see the result here.`
        : `If you leave, we'll email ${to}.`;
    case "sent":
      return address ? `Emailed${at} to ${address}.` : `Emailed${at}.`;
    case "delayed":
      return `The email to ${to} is delayed; we keep trying for up to 24 hours.${because(email.reason)}`;
    case "skipped":
      return skipLine(email.reason ?? "");
    case "failed":
      return `The email to ${to} couldn't be delivered.${because(email.reason)}`;
    default:
      return "";
  }
}

function skipLine(reason: string): string {
  if (!reason) return "No email was sent.";
  return /no email/i.test(reason) ? sentence(reason) : `No email: ${lowered(sentence(reason))}`;
}

function because(reason: string | null | undefined): string {
  return reason ? ` ${sentence(reason)}` : "";
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** "Retry the 3 failed rows", "Run again": verb and object. */
export function retryLabel(view: JobView, scope: "all" | "failed"): string {
  if (scope === "all") return "Run again from the start";
  const failed = view.counts?.failed ?? 0;
  const unit = view.progress?.unit ?? "items";
  return failed === 1 ? `Retry the one that failed` : `Retry the ${number(failed)} failed ${unit}`;
}

/** First letter up, one full stop at the end. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return "";
  const closed = /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  return closed.charAt(0).toUpperCase() + closed.slice(1);
}

/** A whole number in the reader's locale. */
export function number(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** A size in bytes as "1.2 MB" (powers of 1000). */
export function bytes(size: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = size < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(size) / 3));
  return new Intl.NumberFormat(locale(), {
    style: "unit",
    unit: units[power] ?? "byte",
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: power < 2 ? 0 : 1,
  }).format(size / 1000 ** power);
}

/** "at 12:03", or "on 1 Mar, 12:03" when that isn't today. */
export function when(instant: string, now: Date = new Date()): string {
  const today = new Date(instant).toDateString() === now.toDateString();
  return `${today ? "at" : "on"} ${clock(instant, now)}`;
}

/** The time of an RFC 3339 instant in the reader's zone; with the date unless it is today. */
export function clock(instant: string, now: Date = new Date()): string {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return instant;
  const today = at.toDateString() === now.toDateString();
  const date: Intl.DateTimeFormatOptions = today ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(locale(), { ...date, hour: "numeric", minute: "2-digit" }).format(at);
}

// The words are English, so numbers and times follow the reader's own English where they have one.
function locale(): string {
  const languages = typeof navigator === "undefined" ? [] : (navigator.languages ?? []);
  return languages.find((language) => language.startsWith("en")) ?? "en";
}
