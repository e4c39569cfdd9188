/** The JSON documents the gateway sends. Fields a page doesn't know are ignored. */

export type ActiveState = "queued" | "running" | "retrying" | "cancelling";
export type TerminalState = "succeeded" | "partial" | "failed" | "cancelled";
export type JobState = ActiveState | TerminalState;

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly unit: string | null;
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

export interface EmailNote {
  readonly state: "waiting" | "sent" | "delayed" | "skipped" | "failed";
  readonly reason?: string | null;
  readonly at?: string | null;
}

/** One job as its owner sees it. Times are RFC 3339 UTC; a higher `version` replaces a lower one. */
export interface JobView {
  readonly id: string;
  readonly version: number;
  readonly type: string;
  readonly title: string;
  readonly state: JobState;
  readonly message?: string | null;
  readonly promise?: string | null;
  readonly queue?: { readonly ahead?: string | null; readonly reason?: string | null } | null;
  readonly step?: { readonly index: number; readonly count: number; readonly name: string } | null;
  readonly progress?: Progress | null;
  readonly counts?: Counts | null;
  readonly problems?: readonly ItemProblem[] | null;
  readonly error?: JobError | null;
  readonly result?: {
    readonly summary?: string | null;
    readonly links?: readonly ResultLink[] | null;
  } | null;
  readonly attempt?: {
    readonly number: number;
    readonly max: number;
    readonly next_at?: string | null;
    readonly reason?: string | null;
  } | null;
  readonly can?: { readonly cancel?: boolean; readonly retry?: readonly RetryScope[] } | null;
  readonly cancel_warning?: string | null;
  readonly stalled?: boolean;
  readonly email?: EmailNote | null;
  readonly retry_of?: string | null;
  readonly created_at: string;
  readonly started_at?: string | null;
  readonly updated_at?: string | null;
  readonly finished_at?: string | null;
}

export type RetryScope = "all" | "failed";

/** An error answer, RFC 9457; `errors` names the fields at fault. */
export interface Problem {
  readonly type?: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string | null;
  readonly errors?: readonly FieldError[] | null;
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
