/** What somebody wants of emails, as the gateway keeps it, and in words. Pure. */
import { counted } from "./measure.js";
import type { Problem } from "./view.js";
import { sentence } from "./words.js";

export type EmailChoice = "fallback" | "always" | "never";

/** Times on the wall, "22:00"; past midnight where `to` comes first. */
export interface Hours {
  readonly from: string;
  readonly to: string;
}

/** What differs for the jobs of one type; null: as for all. */
export interface TypeWishes {
  readonly email: EmailChoice | null;
  readonly quiet_hours: Hours | null;
}

export interface Wishes {
  readonly email: EmailChoice;
  readonly quiet_hours: Hours | null;
  readonly timezone: string | null;
  readonly locale: string | null;
  /** Seconds that an email collects for. */
  readonly digest_window: number | null;
  readonly types: Readonly<Record<string, TypeWishes>>;
}

/** What counts where a wish is null. */
export interface Defaults {
  readonly timezone: string;
  readonly locale: string;
  readonly digest_window: number;
}

export interface Preferences extends Wishes {
  readonly defaults: Defaults;
  /** Why the address gets no emails, whatever is wanted. */
  readonly stopped?: string | null;
}

export const NO_WISHES: Wishes = {
  email: "fallback",
  quiet_hours: null,
  timezone: null,
  locale: null,
  digest_window: null,
  types: {},
};

const FIELDS = Object.keys(NO_WISHES) as readonly (keyof Wishes)[];

export const CHOICES: Readonly<Record<EmailChoice, { readonly label: string; readonly means: string }>> = {
  fallback: {
    label: "If I haven't seen the end",
    means: "You get an email only where no open page of yours showed how the job ended.",
  },
  always: { label: "Each time", means: "You get an email about each job, also if you saw its end here." },
  never: {
    label: "No emails",
    means: "The results stay on this page; nothing is sent to you, not even of failures that can't wait.",
  },
};

/** What the gateway is to change (RFC 7396): only what differs, so that it leaves alone what was
 * saved elsewhere meanwhile. */
export function patchOf(before: Wishes, after: Wishes): Record<string, unknown> {
  const changed = FIELDS.filter((name) => !same(before[name], after[name]));
  return Object.fromEntries(
    changed.map((name) => [name, name === "types" ? gone(before.types, after.types) : after[name]]),
  );
}

/** Types are set back here, and set by other means. */
function gone(before: Wishes["types"], after: Wishes["types"]): Record<string, null> {
  const names = Object.keys(before).filter((name) => !(name in after));
  return Object.fromEntries(names.map((name) => [name, null]));
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const TYPE_LINES: Readonly<Record<EmailChoice, string>> = {
  fallback: "An email if you haven't seen the end.",
  always: "An email each time.",
  never: "No emails.",
};

/** "No emails. Quiet from 22:00 to 08:00.": how jobs of one type differ. */
export function typeLine({ email, quiet_hours: quiet }: TypeWishes): string {
  const said = [email && TYPE_LINES[email], quiet && `Quiet from ${quiet.from} to ${quiet.to}.`];
  return said.filter(Boolean).join(" ");
}

/** The title of a type of jobs, without what only one job fills in: "Import of …". */
export function typeTitle(title: string): string {
  return title.replace(/\{[^}]*\}/g, "…");
}

/** Whether there is a time zone of this name, as far as this browser knows. */
export function isZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

const WINDOWS = [0, 900, 3_600, 14_400, 86_400];

/** The windows to choose from, the one chosen elsewhere among them. */
export function windowsWith(chosen: number | null): readonly number[] {
  return [...new Set([...WINDOWS, chosen ?? 0])].sort((a, b) => a - b);
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
];

/** "15 minutes", "1 hour", "no wait". */
export function span(seconds: number): string {
  if (seconds === 0) return "no wait";
  const [size, name] = UNITS.find(([size]) => seconds % size === 0) ?? [1, "second"];
  return counted(seconds / size, name);
}

/** What the gateway found wrong, by field; `rest` is what belongs to none. */
export function faultsOf(problem: Problem): {
  readonly faults: ReadonlyMap<keyof Wishes, string>;
  readonly rest: string;
} {
  const faults = new Map<keyof Wishes, string>();
  for (const { field, message } of problem.errors ?? []) {
    const name = FIELDS.find((one) => field.split(".")[0] === one);
    if (name) faults.set(name, [faults.get(name), it(field, message)].filter(Boolean).join(" "));
  }
  return { faults, rest: faults.size ? "" : problem.detail || problem.title };
}

const PARTS: Readonly<Record<string, string>> = {
  "quiet_hours.from": "The beginning",
  "quiet_hours.to": "The end",
};

function it(field: string, message: string): string {
  return sentence(`${PARTS[field] ?? "It"} ${message}`);
}
