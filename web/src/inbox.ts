/** The dev inbox: the emails a development server would have sent. */
import { call, problemText } from "./api.js";
import { byId, Fill, h, say, setAttribute } from "./dom.js";
import { clock } from "./measure.js";
import { toggle } from "./toggle.js";

interface Listed {
  readonly id: string;
  readonly to: string;
  readonly from: string;
  readonly subject: string;
  readonly preheader?: string | null;
  readonly date: string;
}

interface Message extends Listed {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

type Tab = "html" | "text" | "headers";

const POLL_MS = 2_000;
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;

const list = new Fill<readonly Listed[]>(h("ol", { class: "messages" }), (messages) =>
  messages.map(listedNode),
);
const status = h("p", { class: "quiet status", role: "status" }, "Loading the messages…");
const reader = h("article", { class: "reader", hidden: true, "aria-live": "off" });
let opened: string | null = location.hash.slice(1) || null;

function listedNode(message: Listed): HTMLElement {
  const button = h(
    "button",
    {
      type: "button",
      "data-testid": "inbox-message",
      "data-id": message.id,
      "aria-current": message.id === opened ? "true" : false,
    },
    h(
      "span",
      { class: "line" },
      h("span", { class: "to" }, message.to),
      h("time", { datetime: message.date }, clock(message.date)),
    ),
    h("span", { class: "subject" }, message.subject),
    h("span", { class: "preheader" }, message.preheader ?? ""),
  );
  button.addEventListener("click", () => void open(message.id));
  return h("li", {}, button);
}

async function refresh(): Promise<void> {
  const answer = await call<{ messages: readonly Listed[] }>("/dev/inbox", null);
  if (!answer.ok) {
    const gone = answer.problem.status === 404;
    return say(
      status,
      gone ? "This server sends real email and keeps no dev inbox." : problemText(answer.problem),
    );
  }
  const { messages } = answer.value;
  say(
    status,
    messages.length
      ? ""
      : "No messages yet. Start a job, close its page and wait a few seconds: the email arrives here.",
  );
  list.show(messages);
  const first = opened ?? messages[0]?.id;
  if (reader.hidden && first) await open(first);
}

async function open(id: string): Promise<void> {
  const answer = await call<Message>(`/dev/inbox/${encodeURIComponent(id)}`, null);
  if (!answer.ok) {
    opened = null;
    return say(
      status,
      answer.problem.status === 404 ? "This message is no longer in the inbox." : problemText(answer.problem),
    );
  }
  opened = id;
  history.replaceState(null, "", `#${id}`);
  for (const button of list.element.querySelectorAll("button"))
    setAttribute(button, "aria-current", button.dataset["id"] === id ? "true" : false);
  reader.replaceChildren(...readerNodes(answer.value));
  reader.hidden = false;
}

function readerNodes(message: Message): Node[] {
  // Scripts, forms and same-origin stay off. Links may open a new tab, which is then an ordinary page.
  const frame = h("iframe", {
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
    src: `/dev/inbox/${encodeURIComponent(message.id)}/html`,
    title: `The email “${message.subject}”`,
    "data-testid": "inbox-html",
  });
  const views: Record<Tab, HTMLElement> = {
    html: h("div", { class: "frame" }, frame),
    text: h("pre", { class: "text", "data-testid": "inbox-text" }, ...linked(message.text)),
    headers: headerTable(message.headers),
  };
  return [
    h("h1", { "data-testid": "inbox-subject" }, message.subject),
    h("p", { class: "quiet" }, `From ${message.from} to ${message.to}, ${clock(message.date)}`),
    h("div", { class: "tools" }, tabs(views), widths(views.html)),
    ...Object.values(views),
  ];
}

function tabs(views: Record<Tab, HTMLElement>): HTMLElement {
  const labels: Record<Tab, string> = { html: "HTML", text: "Text", headers: "Headers" };
  return toggle("View", "inbox-view", labels, (chosen) => {
    for (const [tab, view] of Object.entries(views)) view.hidden = tab !== chosen;
  }).element;
}

function widths(frame: HTMLElement): HTMLElement {
  const labels = { desktop: "Desktop", mobile: "Mobile (375 px)" };
  return toggle("Width", "inbox-width", labels, (chosen) => {
    frame.classList.toggle("narrow", chosen === "mobile");
  }).element;
}

function headerTable(headers: Readonly<Record<string, string>>): HTMLElement {
  const rows = Object.entries(headers).map(([name, value]) =>
    h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)),
  );
  return h("div", { class: "headers" }, h("table", {}, h("tbody", {}, ...rows)));
}

/** Plain text with its web addresses as links. */
function linked(text: string): (Node | string)[] {
  const nodes: (Node | string)[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    nodes.push(
      text.slice(end, match.index),
      h("a", { href: match[0], target: "_blank", rel: "noopener" }, match[0]),
    );
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

async function poll(): Promise<void> {
  if (!document.hidden) await refresh();
  setTimeout(() => void poll(), POLL_MS);
}

byId("main").append(h("aside", {}, h("h2", {}, "Dev inbox"), status, list.element), reader);
void poll();
