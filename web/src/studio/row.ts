/** Row: how an inbox lists the email: sender, subject, and as much of the preheader as fits. */
import { h } from "../dom.js";
import { counted } from "../measure.js";

/** About what widespread inboxes show, in characters. */
const DESKTOP = 110; // of subject and preheader together, on one line
const PHONE = { subject: 40, preheader: 80 }; // the preheader on two lines

export interface Head {
  readonly sender: string;
  readonly subject: string;
  readonly preheader: string;
}

/** Text cut as inboxes cut it; a character with its accents is one. */
export function cut(text: string, most: number): string {
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("").trimEnd()}…`;
}

export function rowNodes({ sender, subject, preheader }: Head): Node[] {
  const beside = cut(preheader, Math.max(0, DESKTOP - subject.length));
  return [
    h("h3", {}, "Desktop"),
    h(
      "p",
      { class: "row wide", "data-testid": "studio-row-desktop" },
      h("span", { class: "row-sender", dir: "auto" }, sender),
      h("span", { dir: "auto" }, h("b", {}, cut(subject, DESKTOP)), beside ? h("span", { class: "quiet" }, ` — ${beside}`) : null),
    ),
    h("h3", {}, "Phone"),
    h(
      "p",
      { class: "row narrow", "data-testid": "studio-row-phone" },
      h("span", { class: "row-sender", dir: "auto" }, sender),
      h("b", { dir: "auto" }, cut(subject, PHONE.subject)),
      h("span", { class: "quiet", dir: "auto" }, cut(preheader, PHONE.preheader)),
    ),
    h("p", { class: "quiet" }, lengths(subject, preheader)),
  ];
}

function lengths(subject: string, preheader: string): string {
  const of = (text: string) => counted(text.length, "character");
  return `Subject: ${of(subject)}, of which a phone shows about ${PHONE.subject}. Preheader: ${of(preheader)}, of which a phone shows about ${PHONE.preheader}. The important words come first.`;
}

/** The sender's name, or address, in the head of an email's source. */
export function senderOf(source: string): string {
  const from = /^From: (.*(?:\n[ \t].*)*)/im.exec(source)?.[1]?.replace(/\s+/g, " ") ?? "";
  return /^"?([^"<]+?)"? *</.exec(from)?.[1] ?? from;
}
