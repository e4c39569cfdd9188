/** The support page: another user's page as that user sees it, live, and deeds with a reason. */
import { call, problemText, type Answer } from "./api.js";
import { Banner } from "./banner.js";
import type { CardActions } from "./card.js";
import { Connection, type Listener } from "./connection.js";
import { h, say } from "./dom.js";
import { supportNode } from "./errors.js";
import { Feed } from "./feed.js";
import { JobList } from "./list.js";
import { Reason } from "./reason.js";
import { renew, type Expiring } from "./renewal.js";
import type { Session } from "./session.js";
import type { Content, Ends } from "./shell.js";
import type { JobView, Problem } from "./view.js";
import { presenceLine, type Presence } from "./words.js";

interface User {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
}

interface Found {
  readonly users: readonly User[];
  readonly jobs: readonly JobView[];
}

const ROOT = "/api/v1/support";
const REFRESH_MS = 5_000;

export class Desk implements Listener, Content {
  readonly #feed = new Feed();
  readonly #banner = new Banner();
  readonly #connection: Connection;
  readonly #reason = new Reason();
  readonly #query = h("input", {
    type: "text",
    id: "query",
    autocomplete: "off",
    "aria-describedby": "query-error",
    "data-testid": "support-query",
  });
  readonly #error = h("p", { class: "field-error", id: "query-error", role: "alert", hidden: true });
  readonly #whose = h("p", { class: "notice", role: "status", hidden: true, "data-testid": "support-whose" });
  readonly #there = h("p", { class: "quiet", hidden: true, "data-testid": "support-presence" });
  readonly #place = h("div");
  readonly element: HTMLElement;
  #list: JobList | undefined;
  #user: User | undefined;
  #pointAt = "";
  /** Whether what comes is of the watched user: after a reconnect it is the own feed at first. */
  #showing = false;
  #refresh: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly session: Session,
    private readonly ends: Ends,
  ) {
    this.#connection = new Connection(session, this);
    const form = h(
      "form",
      { class: "card", novalidate: true },
      h("div", { class: "field" }, h("label", { for: "query" }, "User’s id or job’s id"), this.#query, this.#error),
      this.#reason.element,
      h(
        "div",
        { class: "form-end" },
        h("button", { type: "submit", class: "button primary", "data-testid": "support-find" }, "Show the page"),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#find();
    });
    this.element = h("div", { class: "activity" }, h("h1", {}, "Support"), form, this.#whose, this.#there, this.#place);
  }

  open(): void {
    this.#connection.open();
    this.#refresh = setInterval(() => this.#again(), REFRESH_MS);
  }

  close(): void {
    clearInterval(this.#refresh);
    this.#connection.close();
    this.#banner.remove();
  }

  jobs(jobs: readonly JobView[], _: boolean, user?: string): void {
    this.#showing = user !== undefined && user === this.#user?.id;
    if (!this.#showing) return;
    this.#feed.reset(jobs);
    this.#render();
    if (this.#pointAt) this.#list?.pointOut(this.#pointAt);
    this.#pointAt = "";
  }

  job(view: JobView): void {
    if (!this.#showing) return;
    this.#feed.put(view);
    this.#render();
  }

  online(recovered: boolean): void {
    this.#showing = false;
    this.#banner.online(recovered);
    if (this.#user) void this.#watch(this.#user);
  }

  offline(): void {
    this.#banner.offline();
  }

  expiring(event: Expiring, show: (token: string) => Promise<Problem | null>): void {
    void renew(this.session, event, show);
  }

  refused(problem: Problem): void {
    if (problem.status === 403) this.ends.denied();
    else this.ends.signedOut("Your sign-in has ended. Sign in again.");
  }

  async #find(): Promise<void> {
    const wanted = this.#query.value.trim();
    say(this.#error, wanted ? "" : "Enter a user’s id, or the id of a job.");
    if (!wanted) return this.#query.focus();
    const answer = await this.#look<Found>(`${ROOT}/search?q=${encodeURIComponent(wanted)}`);
    if (!answer.ok) return say(this.#error, problemText(answer.problem));
    const [user] = answer.value.users;
    if (!user) return say(this.#error, `No user and no job has the id “${wanted}”. It must be the whole id.`);
    this.#pointAt = answer.value.jobs[0]?.id ?? "";
    await this.#watch(user);
  }

  async #watch(user: User): Promise<void> {
    if (user.id !== this.#user?.id) this.#begin(user);
    const why = this.#reason.text ? { reason: this.#reason.text } : {};
    const ack = await this.#connection.request("watch", { user: user.id, ...why }, 1);
    if (!ack.ok) say(this.#error, problemText(ack.problem));
  }

  #again(): void {
    this.#list?.refresh();
    if (!document.hidden) void this.#lookForThem();
  }

  /** Whether the user is there now, which says how soon an email goes out. */
  async #lookForThem(): Promise<void> {
    const user = this.#user;
    if (!user) return;
    const answer = await this.#look<Presence>(`${ROOT}/users/${encodeURIComponent(user.id)}/presence`);
    if (answer.ok && user === this.#user) say(this.#there, presenceLine(answer.value));
  }

  #begin(user: User): void {
    this.#user = user;
    this.#showing = false;
    this.#feed.reset([]);
    const who = [user.name, user.email].filter(Boolean).join(", ") || user.id;
    this.#list = new JobList(user.email ?? "", this.#actions(), {
      title: `Jobs of ${who}`,
      empty: h("p", { class: "card empty" }, "This user has no jobs."),
    });
    say(this.#whose, `You see the page of ${who} (${user.id}), live and as they see it. It is read-only, but for what you do with a reason.`);
    say(this.#there, "");
    void this.#lookForThem();
    this.#place.replaceChildren(this.#list.element);
  }

  #render(): void {
    this.#list?.render(this.#feed.newestFirst());
  }

  #actions(): CardActions {
    return {
      cancel: (view) => this.#do(`${view.id}/cancel`, {}),
      retry: (view, scope) => this.#do(`${view.id}/retry`, { scope }),
      download: async () => ({
        title: "Not yours",
        status: 403,
        detail: "Only the user can open their files.",
      }),
      show: (id) => void this.#list?.pointOut(id),
      history: (id) => this.#look(`${ROOT}/jobs/${id}/history`),
      explanation: (id) => this.#look(`${ROOT}/jobs/${id}/explain`),
      failedItems: async () => ({ ok: true, value: { items: [], next: null } }),
      extra: (view) =>
        supportNode(view.id, {
          errors: (id) => this.#look(`${ROOT}/jobs/${id}/errors`),
          force: (id) => this.#do(`${id}/force`, {}),
        }),
    };
  }

  async #do(what: string, body: object): Promise<Problem | null> {
    const missing = this.#reason.missing();
    if (missing) return missing;
    const answer = await this.#look(`${ROOT}/jobs/${what}`, {
      method: "POST",
      body: JSON.stringify({ ...body, reason: this.#reason.text }),
    });
    return answer.ok ? null : answer.problem;
  }

  async #look<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
    const answer = await call<T>(path, this.session.token, init);
    if (!answer.ok && [401, 403].includes(answer.problem.status)) this.refused(answer.problem);
    return answer;
  }
}
