/** What the studio says of messages, files and findings. Pure: every sentence here is tested. */
import { counted } from "../measure.js";
import { sentence } from "../words.js";
import type { Finding, Listed, Origin } from "./shapes.js";

/** The rule of what is found only when the email is written. */
const WRITING = "render";
/** The rule of words that aren't there in a language. */
const LANGUAGE = "language";

/** The messages by what happened, in the order they are shown. */
const GROUPS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["Done", { succeeded: "Done", "retry-succeeded": "Done after a retry" }],
  ["Partly done", { partial: "Partly done" }],
  [
    "Failed",
    {
      "failed-input": "Failed: the input",
      "failed-permission": "Failed: a permission",
      "failed-external": "Failed: another service",
      "failed-system": "Failed: our own system",
      failed: "Failed: any other cause",
    },
  ],
  ["Cancelled", { cancelled: "Cancelled" }],
  ["Several jobs in one email", { digest: "Several jobs" }],
  ["Test", { test: "Test email" }],
];

const TITLES: Readonly<Record<string, string>> = Object.assign({}, ...GROUPS.map(([, titles]) => titles));

const SAMPLES: Readonly<Record<string, string>> = {
  typical: "A typical job",
  long: "Long names, large numbers",
  zero: "Nothing to count",
  partial: "Some done, some not",
  rtl: "Right-to-left words",
  hostile: "Words that try to break out",
};

const PARTS: Readonly<Record<string, string>> = {
  subject: "Subject",
  preheader: "Preheader",
  "body.md": "Body",
  "body.txt": "Text version",
  message: "Details",
};

/** What is written, in the order of its tabs; the last stands in English only. */
export const WRITTEN = ["subject.txt", "preheader.txt", "body.md", "body.txt"] as const;
export const DETAILS = "message.toml";
/** What a language's own version has to have. */
export const SPOKEN = ["subject.txt", "preheader.txt", "body.md"] as const;

/** "Partly done: csv.import". */
export function titleOf({ about, type }: Pick<Listed, "about" | "type">): string {
  const title = TITLES[about] ?? about;
  return type ? `${title} · ${type}` : title;
}

export interface Group<T> {
  readonly title: string;
  readonly messages: readonly T[];
}

/** The messages by what happened; those for one job type after the general one. */
export function grouped<T extends Pick<Listed, "about" | "type">>(messages: readonly T[]): Group<T>[] {
  const known = GROUPS.map(([title, titles]) => {
    const order = Object.keys(titles);
    const mine = messages.filter(({ about }) => order.includes(about));
    return { title, messages: mine.sort((a, b) => order.indexOf(a.about) - order.indexOf(b.about) || byType(a, b)) };
  });
  const others = messages.filter(({ about }) => !(about in TITLES));
  return [...known, { title: "Others", messages: others }].filter((group) => group.messages.length > 0);
}

function byType(a: Pick<Listed, "type">, b: Pick<Listed, "type">): number {
  return (a.type ?? "").localeCompare(b.type ?? "");
}

/** Where the words in use come from. */
export function originLine(origin: Origin, by?: string | null, at?: string): string {
  switch (origin) {
    case "published":
      return by && at ? `Published by ${by} ${at}` : "Published";
    case "folder":
      return "Your own, from the templates folder";
    case "inherited":
      return "No words of its own yet";
    default:
      return "Built-in";
  }
}

/** "2 errors, 1 warning"; empty where nothing is wrong. */
export function troubleLine(errors: number, warnings: number): string {
  const parts = [errors ? counted(errors, "error") : "", warnings ? counted(warnings, "warning") : ""];
  return parts.filter(Boolean).join(", ");
}

export function sampleName(fixture: string): string {
  return SAMPLES[fixture] ?? fixture;
}

/** The language in a file's name: "de" of `body.de.md`; "" of `body.md`. */
export function tagOf(file: string): string {
  return /^(?:subject|preheader|body)\.([A-Za-z-]{2,12})\.(?:md|txt)$/.exec(file)?.[1] ?? "";
}

/** `body.md` in a language's own version: `body.de.md`. */
export function fileFor(file: string, tag: string): string {
  return tag ? file.replace(/\.(\w+)$/, `.${tag}.$1`) : file;
}

/** "Body", "Body, German". */
export function fileLabel(file: string): string {
  const tag = tagOf(file);
  const plain = tag ? file.replace(`.${tag}.`, ".") : file;
  const stem = plain.split(".")[0] ?? plain;
  const label = PARTS[plain] ?? PARTS[stem] ?? plain;
  return tag ? `${label}, ${languageName(tag)}` : label;
}

/** "German"; the tag itself where the browser has no name for it. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** "Body, line 3". */
export function placeOf({ file, line }: Finding): string {
  return `${fileLabel(file)}, line ${line}`;
}

/** The finding as a sentence. */
export function findingText({ text }: Finding): string {
  return sentence(text);
}

/** One finding a line and cause: what fails with each of the made-up jobs is told once, and not at
 * all where the line itself is known to be wrong; missing translations are told once for all. */
export function gathered(findings: readonly Finding[]): Finding[] {
  const at = ({ file, line }: Finding) => `${file}:${line}`;
  const known = new Set(findings.filter(({ level, rule }) => level === "error" && rule !== WRITING).map(at));
  const told = new Set<string>();
  const kept = findings.filter((finding) => {
    if (finding.rule !== WRITING) return finding.rule !== LANGUAGE;
    const first = !known.has(at(finding)) && !told.has(at(finding));
    told.add(at(finding));
    return first;
  });
  return [...kept, ...untranslated(findings.filter(({ rule }) => rule === LANGUAGE))];
}

/** Who gets changed words in English, in one sentence. */
function untranslated(findings: readonly Finding[]): Finding[] {
  const [first] = findings;
  const tags = new Set(findings.flatMap(({ text }) => /into (.+?), whose/.exec(text)?.[1]?.split(", ") ?? []));
  if (!first || !tags.size) return [...findings];
  const names = new Intl.ListFormat("en").format([...tags].map(languageName).sort((a, b) => a.localeCompare(b)));
  const level = findings.some((finding) => finding.level === "error") ? "error" : "warning";
  const text = `These words aren’t translated: who reads ${names} gets all of this message in English, until it has a version for them (“Words in”, above)`;
  return [{ ...first, level, text }];
}

/** Whether a finding is about its line, and not about the message as a whole. */
export function isOfLine({ rule }: Finding): boolean {
  return rule !== LANGUAGE;
}

/** Errors first, then as they stand. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const order = [...WRITTEN] as string[];
  const at = ({ file }: Finding) => {
    const plain = tagOf(file) ? file.replace(`.${tagOf(file)}.`, ".") : file;
    return (order.indexOf(plain) + 100) % 100;
  };
  const level = ({ level }: Finding) => (level === "error" ? 0 : 1);
  return [...findings].sort(
    (a, b) => level(a) - level(b) || at(a) - at(b) || a.file.localeCompare(b.file) || a.line - b.line,
  );
}

/** What keeps words from being published; empty where nothing does. */
export function blockedBy(findings: readonly Finding[]): string {
  const errors = findings.filter(({ level }) => level === "error").length;
  if (!errors) return "";
  const them = errors === 1 ? "it" : "them";
  return `${counted(errors, "error")} would reach readers. Mend ${them} first; the list under the words leads there.`;
}
