/** The operators' page: whom delays hit, queues, dead letters, breakers, the audit trail. */
import { call, problemText, type Answer } from "./api.js";
import { Fill, h, say } from "./dom.js";
import { counted, exactly, number } from "./measure.js";
import { button, whileBusy } from "./press.js";
import { Reason } from "./reason.js";
import type { Session } from "./session.js";
import type { Content, Ends } from "./shell.js";
import { Stopped } from "./stopped.js";
import { idNode, table } from "./table.js";

interface Overview {
  readonly impacts: readonly Impact[];
  readonly queues: readonly Queue[];
  readonly breakers: readonly Breaker[];
  readonly alerts: readonly Alert[];
  readonly workers: number;
  readonly threads: number;
  readonly busy: number;
  readonly notices: number;
  readonly notices_due: number;
  readonly dead_letters: number;
  readonly connections: number;
  readonly connected_users: number;
  readonly whole: boolean;
}

interface Impact {
  readonly text: string;
}

interface Queue {
  readonly type: string;
  readonly queued: number;
  readonly running: number;
  readonly retrying: number;
  readonly oldest: string | null;
  readonly threads: number;
  readonly busy: number;
}

interface Breaker {
  readonly label: string;
  readonly state: string;
  readonly since: string | null;
  readonly until: string | null;
  readonly error: string;
}

interface Alert {
  readonly key: string;
  readonly text: string;
  readonly since: string;
  readonly count: number;
}

interface Letter {
  readonly id: string;
  readonly title: string;
  readonly user: string;
  readonly at: string | null;
  readonly error: { readonly code: string; readonly message: string };
  readonly replayable: boolean;
}

interface Unsent {
  readonly id: string;
  readonly title: string;
  readonly user: string;
  readonly at: string | null;
  readonly reason: string;
  readonly answer: string;
}

interface SentAgain {
  readonly refused: Readonly<Record<string, string>>;
}

interface Replayed {
  readonly replayed: Readonly<Record<string, string>>;
  readonly refused: Readonly<Record<string, string>>;
}

interface Entry {
  readonly at: string;
  readonly who: string;
  readonly what: string;
  readonly why: string;
  readonly count: number;
  readonly jobs: readonly string[];
  readonly user: string | null;
}

const ROOT = "/api/v1/ops";
const POLL_MS = 5_000;
const LONG_WORD = 20;

export class Board implements Content {
  readonly #error = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #impacts = new Fill<readonly Impact[]>(
    h("ul", { class: "impacts", "aria-label": "Delays", "data-testid": "ops-impacts" }),
    (impacts) => impacts.map(({ text }) => h("li", { class: "notice" }, text)),
  );
  readonly #alerts = new Fill<readonly Alert[]>(
    h("ul", { class: "impacts", "aria-label": "To be mended", "data-testid": "ops-alerts" }),
    (alerts) => alerts.map(alertNode),
  );
  readonly #calm = h("p", { "data-testid": "ops-calm", hidden: true });
  readonly #facts = h("p", { class: "quiet" });
  readonly #queues = new Fill<readonly Queue[]>(h("div"), queueNodes);
  readonly #breakers = new Fill<readonly Breaker[]>(h("div"), breakerNodes);
  readonly #reason = new Reason();
  readonly #letters: Fill<readonly Letter[]>;
  readonly #stopped = new Stopped((path, init) => this.#look(path, init), this.#reason);
  readonly #unsent: Fill<readonly Unsent[]>;
  readonly #note = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #trail = new Fill<readonly Entry[]>(h("div"), trailNodes);
  readonly element: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(
    private readonly session: Session,
    private readonly ends: Ends,
  ) {
    this.#letters = new Fill(h("ul", { class: "letters", "data-testid": "ops-letters" }), (letters) =>
      letters.length ? letters.map((letter) => this.#letterNode(letter)) : [h("li", { class: "quiet" }, "None.")],
    );
    this.#unsent = new Fill(h("ul", { class: "letters", "data-testid": "ops-unsent" }), (emails) =>
      emails.length ? emails.map((email) => this.#unsentNode(email)) : [h("li", { class: "quiet" }, "None.")],
    );
    this.element = h(
      "div",
      { class: "activity board" },
      h("h1", {}, "Operations"),
      this.#error,
      section("Now", this.#alerts.element, this.#calm, this.#impacts.element, this.#facts),
      section("Queues", this.#queues.element),
      section("Dead letters", this.#reason.element, this.#note, this.#letters.element),
      section("Emails not sent", this.#unsent.element),
      section("Addresses that get no emails", ...this.#stopped.nodes),
      section("Circuit breakers", this.#breakers.element),
      section("Audit trail", this.#trail.element),
    );
  }

  open(): void {
    void this.#poll();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #poll(): Promise<void> {
    if (!document.hidden) await this.#refresh();
    if (!this.#closed) this.#timer = setTimeout(() => void this.#poll(), POLL_MS);
  }

  async #refresh(): Promise<void> {
    const overview = await this.#look<Overview>("/overview");
    say(this.#error, overview.ok ? "" : problemText(overview.problem));
    if (!overview.ok) return;
    this.#show(overview.value);
    const letters = await this.#look<{ dead_letters: readonly Letter[] }>("/dead-letters?limit=20");
    if (letters.ok) this.#letters.show(letters.value.dead_letters);
    await this.#stopped.refresh();
    const unsent = await this.#look<{ emails: readonly Unsent[] }>("/unsent?limit=20");
    if (unsent.ok) this.#unsent.show(unsent.value.emails);
    const trail = await this.#look<{ entries: readonly Entry[] }>("/audit?limit=20");
    if (trail.ok) this.#trail.show(trail.value.entries);
  }

  #show(now: Overview): void {
    this.#alerts.show(now.alerts);
    this.#impacts.show(now.impacts);
    say(this.#calm, now.impacts.length ? "" : "Nothing is delayed.");
    const part = now.whole ? "" : " There is so much that counts by type are of a part.";
    say(
      this.#facts,
      `${counted(now.workers, "worker")}, ${number(now.busy)} of ${counted(now.threads, "thread")} busy. ` +
        `Still to be told of something: ${counted(now.notices, "user")}, ${number(now.notices_due)} of them now. ` +
        `${counted(now.connections, "connection")} of ${counted(now.connected_users, "user")}.${part}`,
    );
    this.#queues.show(now.queues);
    this.#breakers.show(now.breakers);
  }

  #letterNode(letter: Letter): HTMLElement {
    const replay = button("Replay", "plain small", "ops-replay", (it) => {
      void whileBusy(it, "Starting…", () => this.#deed<Replayed>("/dead-letters/replay", letter.id));
    });
    return h(
      "li",
      { class: "letter", "data-letter": letter.id },
      h("p", { class: "strong" }, letter.title),
      h("p", {}, letter.error.message),
      h("p", { class: "quiet" }, `${letter.at ? exactly(letter.at) : ""} · ${letter.user} · ${letter.error.code} · ${letter.id}`),
      letter.replayable ? replay : h("p", { class: "quiet" }, "It can’t be replayed: running jobs of its kind twice isn’t safe."),
    );
  }

  #unsentNode(email: Unsent): HTMLElement {
    const again = button("Send again", "plain small", "ops-send-again", (it) => {
      void whileBusy(it, "Sending…", () => this.#deed<SentAgain>("/unsent/send", email.id));
    });
    return h(
      "li",
      { class: "letter", "data-unsent": email.id },
      h("p", { class: "strong" }, email.title),
      h("p", {}, email.answer || email.reason),
      h("p", { class: "quiet" }, `${email.at ? exactly(email.at) : ""} · ${email.user} · ${email.id}`),
      again,
    );
  }

  async #deed<T extends SentAgain>(path: string, id: string): Promise<void> {
    const missing = this.#reason.missing();
    if (missing) return say(this.#note, problemText(missing));
    const body = JSON.stringify({ ids: [id], reason: this.#reason.text });
    const answer = await this.#look<T>(path, { method: "POST", body });
    say(this.#note, answer.ok ? (answer.value.refused[id] ?? "") : problemText(answer.problem));
    await this.#refresh();
  }

  async #look<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
    const answer = await call<T>(ROOT + path, this.session.token, init);
    if (answer.ok) return answer;
    if (answer.problem.status === 401) this.ends.signedOut(problemText(answer.problem));
    if (answer.problem.status === 403) this.ends.denied();
    return answer;
  }
}

function section(title: string, ...nodes: readonly Node[]): HTMLElement {
  return h("section", { class: "card panel" }, h("h2", {}, title), ...nodes);
}

function alertNode({ key, text, since, count }: Alert): Node {
  const times = count > 1 ? `, ${counted(count, "time")}` : "";
  return h(
    "li",
    { class: "notice", "data-alert": key },
    h("p", {}, text),
    h("p", { class: "quiet" }, `Since ${exactly(since)}${times} · ${key}`),
  );
}

function queueNodes(queues: readonly Queue[]): Node[] {
  if (!queues.length) return [h("p", { class: "quiet" }, "No worker is connected, and no job waits.")];
  const working = queues.filter((queue) => queue.queued + queue.running + queue.retrying > 0);
  const idle = queues.filter((queue) => !working.includes(queue)).map((queue) => queue.type);
  const rows = working.map((queue) => [
    queue.type,
    number(queue.queued),
    number(queue.running),
    number(queue.retrying),
    queue.oldest ? exactly(queue.oldest) : "",
    `${number(queue.busy)} of ${number(queue.threads)}`,
  ]);
  const heads = ["Type", "Queued", "Running", "Retrying", "Oldest", "Busy"];
  return [
    ...(rows.length ? [table("Queues by job type", heads, rows)] : []),
    ...(idle.length ? [h("p", { class: "quiet", "data-testid": "ops-idle" }, `Idle: ${idle.join(", ")}`)] : []),
  ];
}

function breakerNodes(breakers: readonly Breaker[]): Node[] {
  if (!breakers.length) return [h("p", { class: "quiet" }, "No service has failed within a day.")];
  const rows = breakers.map((one) => [one.label, one.state, one.since ? exactly(one.since) : "", one.error]);
  return [table("Circuit breakers", ["Service", "State", "Since", "Last error"], rows)];
}

function trailNodes(entries: readonly Entry[]): Node[] {
  if (!entries.length) return [h("p", { class: "quiet" }, "Nothing was done yet.")];
  const rows = entries.map((entry) => [
    exactly(entry.at),
    idNode(entry.who),
    whatNode(entry.what),
    whose(entry),
    entry.why,
  ]);
  return [table("Audit trail", ["When", "Who", "What", "About", "Why"], rows)];
}

/** What was done may name ids (a webhook's, a token's). */
function whatNode(what: string): Node {
  const words = what.split(" ").map((word) => (word.length > LONG_WORD ? idNode(word) : word));
  return h("div", {}, ...words.flatMap((word, at) => (at ? [" ", word] : [word])));
}

/** Whom and which jobs it was about; a deed may be about neither (a webhook, a token). */
function whose({ user, jobs, count }: Entry): Node {
  const about = count > 1 ? [counted(count, "job")] : jobs.map(idNode);
  return h("div", { class: "whose" }, ...(user ? [idNode(user)] : []), ...about);
}
