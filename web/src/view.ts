/** The JSON documents the gateway sends. Fields a page doesn't know are ignored. */

export type ActiveState = "queued" | "running" | "retrying" | "cancelling";
export type TerminalState = "succeeded" | "partial" | "failed" | "cancelled";
export type JobState = ActiveState | TerminalState;

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly unit: string | null;
  /** When it is likely to end. */
  readonly eta?: string | null;
}

export interface Counts {
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface ItemProblem {
  readonly code: string;
  readonly outcome: "failed" | "skipped";
  readonly count: number;
  readonly message: string;
  readonly action?: string | null;
  readonly examples?: readonly string[] | null;
}

export interface JobError {
  readonly code: string;
  readonly category: "input" | "permission" | "external" | "system";
  readonly message: string;
  readonly action?: string | null;
  readonly retryable?: boolean;
  readonly ref?: string | null;
}

export interface ResultLink {
  readonly label: string;
  readonly url: string;
}

/** Which attempt of how many; of one that waits: which was the last, when and why the next comes. */
export interface AttemptView {
  readonly number: number;
  readonly max: number;
  readonly next_at?: string | null;
  readonly reason?: string | null;
}

export interface EmailNote {
  readonly state: "waiting" | "sending" | "sent" | "delayed" | "skipped" | "failed";
  readonly reason?: string | null;
  readonly at?: string | null;
}

/** One job as its owner sees it. Times are RFC 3339 UTC; a higher `version` replaces a lower one. */
export interface JobView {
  readonly id: string;
  readonly version: number;
  readonly type: string;
  readonly title: string;
  /** high: a failure, in whole or in part, has consequences that can't wait. */
  readonly severity?: "normal" | "high";
  readonly state: JobState;
  readonly message?: string | null;
  readonly promise?: string | null;
  readonly queue?: {
    readonly ahead?: string | null;
    readonly reason?: string | null;
    /** "in about 4 minutes" */
    readonly start_estimate?: string | null;
  } | null;
  readonly step?: { readonly index: number; readonly count: number; readonly name: string } | null;
  readonly progress?: Progress | null;
  readonly counts?: Counts | null;
  readonly problems?: readonly ItemProblem[] | null;
  readonly error?: JobError | null;
  readonly result?: {
    readonly summary?: string | null;
    readonly links?: readonly ResultLink[] | null;
  } | null;
  readonly attempt?: AttemptView | null;
  readonly can?: { readonly cancel?: boolean; readonly retry?: readonly RetryScope[] } | null;
  readonly cancel_warning?: string | null;
  readonly stalled?: boolean;
  readonly email?: EmailNote | null;
  readonly retry_of?: string | null;
  /** The steps of a pipeline; null for a plain job. */
  readonly children?: readonly ChildView[] | null;
  readonly created_at: string;
  readonly started_at?: string | null;
  readonly updated_at?: string | null;
  readonly finished_at?: string | null;
}

export type RetryScope = "all" | "failed";

/** One step of a pipeline; `id` and `state` are null while it hasn't begun. */
export interface ChildView {
  readonly id: string | null;
  readonly type: string;
  readonly title: string;
  readonly state: JobState | null;
  readonly counts?: Counts | null;
  readonly message?: string | null;
  readonly attempt?: AttemptView | null;
  readonly error?: JobError | null;
}

/** One significant change of a job: what happened, and the state and attempt it led to. */
export interface HistoryEntry {
  readonly at: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly what: string;
  readonly error?: JobError | null;
  readonly reason?: string | null;
}

/** Why an email about a job's end was or wasn't sent. */
export interface Explanation {
  readonly lines: readonly { readonly at: string; readonly text: string }[];
}

/** A failed item as it is kept; `next` is where the following page starts. */
export interface ItemRecord {
  readonly key: string;
  readonly code: string;
  readonly example: string;
}

export interface ItemPage {
  readonly items: readonly ItemRecord[];
  readonly next: number | null;
}

/** An error answer, RFC 9457; `errors` names the fields at fault. */
export interface Problem {
  readonly type?: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string | null;
  readonly errors?: readonly FieldError[] | null;
  /** The job that stands in the way. */
  readonly job?: string | null;
}

export interface FieldError {
  readonly field: string;
  readonly message: string;
  readonly value?: unknown;
}

const TERMINAL: ReadonlySet<JobState> = new Set<JobState>(["succeeded", "partial", "failed", "cancelled"]);

export function isTerminal(state: JobState): state is TerminalState {
  return TERMINAL.has(state);
}

/** Whether it failed, in whole or in part, and that has consequences which can't wait. */
export function isGrave({ severity, state }: JobView): boolean {
  return severity === "high" && (state === "failed" || state === "partial");
}
