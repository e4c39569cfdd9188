/** The calls of the studio; who may no longer come in is sent out. */
import { call, problemText, type Answer } from "../api.js";
import type { Session } from "../session.js";
import type { Ends } from "../shell.js";
import type { Detail, Files, Listing, PastJob, Rendered, Revision, Sample } from "./shapes.js";

const ROOT = "/api/v1/studio";

export class Office {
  constructor(
    private readonly session: Session,
    private readonly ends: Ends,
  ) {}

  async messages(): Promise<Answer<Listing>> {
    const answer = await this.#call<Listing>("/messages");
    if (!answer.ok && answer.problem.status === 403) this.ends.denied();
    return answer;
  }

  message(name: string): Promise<Answer<Detail>> {
    return this.#call(`/messages/${encodeURIComponent(name)}`);
  }

  revision(name: string, revision: number): Promise<Answer<Revision & { readonly files: Files }>> {
    return this.#call(`/messages/${encodeURIComponent(name)}/revisions/${revision}`);
  }

  jobs(): Promise<Answer<{ readonly jobs: readonly PastJob[] }>> {
    return this.#call("/jobs");
  }

  types(): Promise<Answer<{ readonly types: readonly { readonly name: string; readonly title: string }[] }>> {
    return call("/api/v1/types", this.session.token);
  }

  render(name: string, files: Files, sample: Sample, signal: AbortSignal): Promise<Answer<Rendered>> {
    return this.#call("/render", { method: "POST", body: JSON.stringify({ name, files, ...sample }), signal });
  }

  publish(name: string, files: Files, note: string, base: number): Promise<Answer<Revision>> {
    return this.#send("POST", name, "publish", { files, note, base });
  }

  /** Makes an old revision the newest again; 0: what was there before the first. */
  rollback(name: string, revision: number, note: string, base: number): Promise<Answer<Revision>> {
    return this.#send("POST", name, "rollback", { revision, note, base });
  }

  /** Writes to the folder of the development server. */
  save(name: string, files: Readonly<Record<string, string | null>>): Promise<Answer<unknown>> {
    return this.#send("PUT", name, "files", { files });
  }

  #send<T>(method: string, name: string, what: string, body: object): Promise<Answer<T>> {
    return this.#call(`/messages/${encodeURIComponent(name)}/${what}`, { method, body: JSON.stringify(body) });
  }

  async #call<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
    const answer = await call<T>(ROOT + path, this.session.token, init);
    if (answer.ok) return answer;
    if (answer.problem.status === 401) this.ends.signedOut(problemText(answer.problem));
    return answer;
  }
}
