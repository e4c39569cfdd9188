/** The activity page of one signed-in user: the form, the list, the live connection. */
import { call, download, problemText, type Answer } from "./api.js";
import { Alarm } from "./alarm.js";
import { Attention } from "./attention.js";
import { Banner } from "./banner.js";
import type { CardActions } from "./card.js";
import { Connection, type Ack, type Listener } from "./connection.js";
import { h, say } from "./dom.js";
import { Emails } from "./emails.js";
import { Feed } from "./feed.js";
import { Importer } from "./importer.js";
import { JobList } from "./list.js";
import { renew, type Expiring } from "./renewal.js";
import type { Session } from "./session.js";
import type { Content } from "./shell.js";
import type { JobView, Problem, RetryScope } from "./view.js";

const SAFE_TRIES = 3;
/** How often words that depend on the time are looked at: "in about 2 minutes" ages slowly. */
const REFRESH_MS = 5_000;

export class Activity implements Listener, Content {
  readonly #feed = new Feed();
  readonly #attention = new Attention();
  readonly #banner = new Banner();
  readonly #alarm: Alarm;
  readonly #connection: Connection;
  readonly #list: JobList;
  readonly #notice = h("p", { class: "notice", role: "status", hidden: true });
  readonly controls: readonly Node[];
  readonly element: HTMLElement;
  #linked = new URLSearchParams(location.search).get("job");
  #pointedOut = false;
  #renderPlanned = false;
  #refresh: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly session: Session,
    private readonly signedOut: (reason: string) => void,
  ) {
    this.#connection = new Connection(session, this);
    this.#alarm = new Alarm(session.email, (id) => this.#show(id));
    this.#list = new JobList(session.email, this.#cardActions());
    const importer = new Importer(session, {
      submit: (payload) => this.#connection.request("submit", payload, SAFE_TRIES),
      accepted: (job) => this.job(job),
      refused: (problem) => this.refused(problem),
    });
    const emails = new Emails(session, (problem) => this.refused(problem));
    this.controls = [emails.opener];
    this.element = h(
      "div",
      { class: "activity" },
      h("h1", { class: "unseen" }, "Activity"),
      this.#notice,
      importer.element,
      this.#list.element,
      emails.element,
      this.#alarm.element,
    );
  }

  open(): void {
    this.#connection.open();
    this.#refresh = setInterval(() => this.#list.refresh(), REFRESH_MS);
  }

  close(): void {
    clearInterval(this.#refresh);
    this.#connection.close();
    this.#banner.remove();
    this.#alarm.remove();
    this.#attention.remove();
  }

  jobs(jobs: readonly JobView[], reset: boolean): void {
    if (reset) for (const change of this.#feed.reset(jobs)) this.#attention.changed(change);
    else for (const view of jobs) this.#take(view);
    this.#planRender();
    void this.#showLinked();
  }

  job(view: JobView): void {
    this.#take(view);
    this.#planRender();
  }

  online(recovered: boolean): void {
    this.#banner.online(recovered);
  }

  offline(): void {
    this.#banner.offline();
  }

  expiring(event: Expiring, show: (token: string) => Promise<Problem | null>): void {
    void renew(this.session, event, show);
  }

  refused(problem: Problem): void {
    this.signedOut(
      problem.status === 401
        ? "Your sign-in has ended. Sign in again; your jobs go on meanwhile."
        : problemText(problem),
    );
  }

  #take(view: JobView): void {
    const change = this.#feed.put(view);
    if (change) this.#attention.changed(change);
  }

  // One render a frame, however many events come; a hidden page gets no frames, so it uses a timer.
  #planRender(): void {
    if (this.#renderPlanned) return;
    this.#renderPlanned = true;
    const render = () => {
      this.#renderPlanned = false;
      const views = this.#feed.newestFirst();
      this.#list.render(views);
      this.#alarm.consider(views);
      this.#pointOut();
    };
    if (document.hidden) setTimeout(render);
    else requestAnimationFrame(render);
  }

  /** Points at a job, wherever it is in the list. */
  #show(id: string): void {
    this.#linked = id;
    this.#pointedOut = false;
    this.#planRender();
    void this.#showLinked();
  }

  /** A job that was linked to may be older than the list: then it is fetched. */
  async #showLinked(): Promise<void> {
    const id = this.#linked;
    if (!id || this.#feed.get(id)) return;
    const answer = await this.#look<JobView>(jobPath(id));
    if (answer.ok) {
      this.#feed.put(answer.value);
      return this.#planRender();
    }
    if (answer.problem.status === 401) return;
    const account = this.session.email ? `You are signed in as ${this.session.email}. ` : "";
    const missing = `The job in this link isn't among yours. ${account}It may belong to another account, or have been removed since.`;
    say(this.#notice, answer.problem.status === 404 ? missing : problemText(answer.problem));
    // Only a "not yours" is final; anything else is tried again with the next list.
    if (answer.problem.status === 404) this.#linked = null;
  }

  #pointOut(): void {
    if (!this.#linked || this.#pointedOut || !this.#list.pointOut(this.#linked)) return;
    this.#pointedOut = true;
    say(this.#notice, "");
  }

  #cardActions(): CardActions {
    return {
      cancel: async (view) => problemOf(await this.#ask("cancel", { id: view.id }, SAFE_TRIES)),
      retry: (view, scope) => this.#retry(view, scope),
      download: async (link) => {
        const problem = await download(link.url, this.session.token, "download");
        if (problem?.status === 401) this.refused(problem);
        return problem;
      },
      show: (id) => this.#show(id),
      history: (id) => this.#look(`${jobPath(id)}/history`),
      explanation: (id) => this.#look(`${jobPath(id)}/explain`),
      failedItems: (id, after) => this.#look(`${jobPath(id)}/items?outcome=failed&after=${after}`),
    };
  }

  /** The new job is shown; sent once only, for a second one that comes late makes another job. */
  async #retry(view: JobView, scope: RetryScope): Promise<Problem | null> {
    const ack = await this.#ask("retry", { id: view.id, scope }, 1);
    if (ack.ok && ack.job) this.#show(ack.job.id);
    return problemOf(ack);
  }

  async #ask(event: "cancel" | "retry", payload: unknown, tries: number): Promise<Ack> {
    const ack = await this.#connection.request(event, payload, tries);
    if (ack.ok && ack.job) this.job(ack.job);
    return ack;
  }

  async #look<T>(path: string): Promise<Answer<T>> {
    const answer = await call<T>(path, this.session.token);
    if (!answer.ok && answer.problem.status === 401) this.refused(answer.problem);
    return answer;
  }
}

function jobPath(id: string): string {
  return `/api/v1/jobs/${encodeURIComponent(id)}`;
}

function problemOf(ack: Ack): Problem | null {
  return ack.ok ? null : ack.problem;
}
