/** What the gateway tells of the emails' words (docs/api.md, "Studio"). */

export type Origin = "built-in" | "folder" | "published" | "inherited";
export type Files = Readonly<Record<string, string>>;

/** A message in the list. */
export interface Listed {
  readonly name: string;
  readonly about: string;
  readonly type: string | null;
  readonly purpose: string;
  readonly sent_when: string;
  readonly origin: Origin;
  readonly revision: number | null;
  readonly published_at: string | null;
  readonly published_by: string | null;
  readonly errors: number;
  readonly warnings: number;
}

export interface Listing {
  readonly messages: readonly Listed[];
  readonly locales: readonly string[];
  readonly can_save: boolean;
  readonly can_publish: boolean;
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
  readonly example: string;
  readonly required: boolean;
}

/** What is wrong with the words, and where. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly level: "error" | "warning";
  readonly rule: string;
  readonly text: string;
}

export interface Revision {
  readonly revision: number;
  readonly at: string;
  readonly who: string;
  /** Their name. */
  readonly called: string;
  readonly note: string;
  readonly withdrawn?: boolean;
}

/** A message with all that its author needs. */
export interface Detail {
  readonly name: string;
  readonly about: string;
  readonly type: string | null;
  readonly origin: Origin;
  readonly revision: number | null;
  /** The newest revision, even one that took the words back; 0: none. */
  readonly newest: number;
  readonly files: Files;
  /** What counts where nothing is published. */
  readonly below: Files;
  readonly built_in: Files | null;
  readonly variables: readonly Variable[];
  readonly fixtures: readonly string[];
  readonly findings: readonly Finding[];
  readonly revisions: readonly Revision[];
}

/** What a reader would get; the parts are null where the words can't be written. */
export interface Rendered {
  readonly subject: string | null;
  readonly preheader: string | null;
  readonly html: string | null;
  readonly text: string | null;
  readonly source: string | null;
  readonly language: string | null;
  readonly size: number | null;
  readonly findings: readonly Finding[];
}

/** Whose data a preview shows: made up, or of a job that has ended. */
export interface Sample {
  readonly fixture?: string;
  readonly job?: string;
  readonly locale?: string;
  readonly timezone?: string;
}

/** A job of the author's that has ended. */
export interface PastJob {
  readonly id: string;
  readonly title: string;
  readonly type: string;
  readonly state: string;
  readonly finished_at: string | null;
}
