/** Numbers, sizes and times as a person says them. Pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What is honest: below the first figure, a multiple of the second. Promises use the same steps. */
const STEPS: readonly (readonly [below: number, step: number])[] = [
  [10 * MINUTE, MINUTE],
  [HOUR, 5 * MINUTE],
  [10 * HOUR, HOUR / 2],
  [Infinity, HOUR],
];

/** A whole number in the reader's locale. */
export function number(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** "1 user", "2,000 users", "1½ hours": words whose plural is an s. */
export function counted(figure: number | string, one: string): string {
  const shown = typeof figure === "number" ? number(figure) : figure;
  return `${shown} ${one}${String(figure) === "1" ? "" : "s"}`;
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

/** "about 2 minutes", "less than a minute", "a few seconds": nothing that ticks. */
export function about(ms: number): string {
  if (ms < 10 * SECOND) return "a few seconds";
  if (ms < MINUTE) return "less than a minute";
  const rounded = nearest(ms);
  if (rounded < HOUR) return `about ${counted(String(rounded / MINUTE), "minute")}`;
  const half = rounded % HOUR ? "½" : "";
  return `about ${counted(`${Math.floor(rounded / HOUR)}${half}`, "hour")}`;
}

function nearest(ms: number): number {
  const [, step] = STEPS.find(([below]) => ms < below) ?? [Infinity, HOUR];
  return Math.max(step, Math.round(ms / step) * step);
}

/** "in about 2 minutes", "in a moment"; from an hour on the time itself, "at 14:05". */
export function soon(instant: string, now: Date = new Date()): string {
  const wait = Date.parse(instant) - now.getTime();
  if (wait < 10 * SECOND) return "in a moment";
  return wait < HOUR ? `in ${about(wait)}` : when(instant, now);
}

/** "about 2 minutes left"; empty once the moment has passed. */
export function left(instant: string, now: Date = new Date()): string {
  const rest = Date.parse(instant) - now.getTime();
  return rest > 0 ? `${about(rest)} left` : "";
}

/** "at 12:03", or "on 1 Mar, 12:03" when that isn't today. */
export function when(instant: string, now: Date = new Date()): string {
  const today = new Date(instant).toDateString() === now.toDateString();
  return `${today ? "at" : "on"} ${clock(instant, now)}`;
}

/** The time of an RFC 3339 instant in the reader's zone; with the date unless it is today. */
export function clock(instant: string, now: Date = new Date()): string {
  return shown(instant, now, {});
}

/** The same to the second, to tell one event from the next. */
export function exactly(instant: string, now: Date = new Date()): string {
  return shown(instant, now, { second: "2-digit" });
}

function shown(instant: string, now: Date, more: Intl.DateTimeFormatOptions): string {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return instant;
  const today = at.toDateString() === now.toDateString();
  const date: Intl.DateTimeFormatOptions = today ? {} : { day: "numeric", month: "short" };
  const time: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit", ...more };
  return new Intl.DateTimeFormat(locale(), { ...date, ...time }).format(at);
}

// The words are English, so numbers and times follow the reader's own English where they have one.
function locale(): string {
  const languages = typeof navigator === "undefined" ? [] : (navigator.languages ?? []);
  return languages.find((language) => language.startsWith("en")) ?? "en";
}
