/** The activity page of one signed-in user: the form, the list, the live connection. */
import { call, download, problemText } from "./api.js";
import { Attention } from "./attention.js";
import { Banner } from "./banner.js";
import type { CardActions } from "./card.js";
import { Connection, type Listener } from "./connection.js";
import { h, say } from "./dom.js";
import { Feed } from "./feed.js";
import { Importer } from "./importer.js";
import { JobList } from "./list.js";
import type { Session } from "./session.js";
import type { JobView, Problem } from "./view.js";

const SAFE_TRIES = 3;

export class Activity implements Listener {
  readonly #feed = new Feed();
  readonly #attention = new Attention();
  readonly #banner = new Banner();
  readonly #connection: Connection;
  readonly #list: JobList;
  readonly #notice = h("p", { class: "notice", role: "status", hidden: true });
  readonly element: HTMLElement;
  #linked = new URLSearchParams(location.search).get("job");
  #pointedOut = false;
  #renderPlanned = false;

  constructor(
    private readonly session: Session,
    private readonly signedOut: (reason: string) => void,
  ) {
    this.#connection = new Connection(session.token, this);
    this.#list = new JobList(session.email, this.#cardActions());
    const importer = new Importer(session, {
      submit: (payload) => this.#connection.request("submit", payload, SAFE_TRIES),
      accepted: (job) => this.job(job),
      refused: (problem) => this.refused(problem),
    });
    this.element = h(
      "div",
      { class: "activity" },
      h("h1", { class: "unseen" }, "Activity"),
      this.#notice,
      importer.element,
      this.#list.element,
    );
  }

  open(): void {
    this.#connection.open();
  }

  close(): void {
    this.#connection.close();
    this.#banner.remove();
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
      this.#list.render(this.#feed.newestFirst());
      this.#pointOut();
    };
    if (document.hidden) setTimeout(render);
    else requestAnimationFrame(render);
  }

  /** The job an email linked to may be older than the list: then it is fetched. */
  async #showLinked(): Promise<void> {
    const id = this.#linked;
    if (!id || this.#feed.get(id)) return;
    const answer = await call<JobView>(`/api/v1/jobs/${encodeURIComponent(id)}`, this.session.token);
    if (answer.ok) {
      this.#feed.put(answer.value);
      return this.#planRender();
    }
    if (answer.problem.status === 401) return this.refused(answer.problem);
    const account = this.session.email ? `You are signed in as ${this.session.email}. ` : "";
    const missing = `The job in this link isn't among yours. ${account}It may belong to another account, or have been removed since.`;
    say(this.#notice, answer.problem.status === 404 ? missing : problemText(answer.problem));
    // Only a "not yours" is final; anything else is tried again with the next list.
    if (answer.problem.status === 404) this.#linked = null;
  }

  #pointOut(): void {
    const card = this.#linked ? this.#list.card(this.#linked) : undefined;
    if (!card || this.#pointedOut) return;
    this.#pointedOut = true;
    say(this.#notice, "");
    card.pointOut();
  }

  #cardActions(): CardActions {
    return {
      cancel: (view) => this.#ask("cancel", { id: view.id }, SAFE_TRIES),
      // Sent once only: each retry that arrives makes a new job.
      retry: (view, scope) => this.#ask("retry", { id: view.id, scope }, 1),
      download: async (link) => {
        const problem = await download(link.url, this.session.token, "download");
        if (problem?.status === 401) this.refused(problem);
        return problem ? problemText(problem) : "";
      },
    };
  }

  async #ask(event: "cancel" | "retry", payload: unknown, tries: number): Promise<string> {
    const ack = await this.#connection.request(event, payload, tries);
    if (!ack.ok) return problemText(ack.problem);
    if (ack.job) this.job(ack.job);
    return "";
  }
}
