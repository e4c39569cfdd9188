/** Why the attempts of a job failed, with the workers' traces; and the way to end it by force. */
import { problemText, type Answer } from "./api.js";
import { h, say } from "./dom.js";
import { exactly } from "./measure.js";
import { button, whileBusy } from "./press.js";
import { isTerminal, type JobState, type Problem } from "./view.js";
import { sentence } from "./words.js";

export interface AttemptError {
  readonly at: string;
  readonly attempt: number;
  readonly reason: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly ref: string | null;
  readonly trace: string | null;
}

export interface SupportActions {
  errors(id: string): Promise<Answer<{ readonly errors: readonly AttemptError[]; readonly mail: string | null }>>;
  force(id: string): Promise<Problem | null>;
}

/** What a card has at its end where support looks at it. */
export function supportNode(id: string, actions: SupportActions): HTMLElement {
  const list = h("ol", { class: "errors", "data-testid": "job-errors" });
  const status = h("p", { class: "quiet", role: "status" });
  const mail = h("p", { class: "quiet", "data-testid": "job-mail-answer", hidden: true });
  const note = h("p", { class: "field-error", role: "alert", hidden: true });
  const force = button("Stop without a safe point", "danger", "job-force", (it) => {
    void whileBusy(it, "Stopping…", async () => {
      const problem = await actions.force(id);
      say(note, problem ? problemText(problem) : "");
    });
  });
  const details = h(
    "details",
    { class: "happened", "data-testid": "job-support" },
    h("summary", {}, "For support: errors and traces"),
    h("div", { class: "happened-body" }, list, status, mail, force, note),
  );
  details.addEventListener("toggle", () => {
    // a job that has ended can't be stopped; the card around this says where it stands
    const state = details.closest<HTMLElement>("[data-state]")?.dataset["state"] as JobState | undefined;
    force.hidden = state !== undefined && isTerminal(state);
    if (details.open) void load();
  });

  async function load(): Promise<void> {
    if (!list.childElementCount) say(status, "Loading…");
    const answer = await actions.errors(id);
    if (!answer.ok) return say(status, problemText(answer.problem));
    list.replaceChildren(...answer.value.errors.map(errorNode));
    say(status, answer.value.errors.length ? "" : "No attempt of this job has failed.");
    say(mail, answer.value.mail ? `The mail server’s last answer: ${answer.value.mail}` : "");
  }
  return details;
}

function errorNode(error: AttemptError): HTMLElement {
  const told = sentence(error.message ?? error.reason ?? "");
  const facts = [error.code, error.ref].filter(Boolean).join(" · ");
  return h(
    "li",
    {},
    h("p", { class: "strong" }, `Attempt ${error.attempt}: ${told}`),
    h("p", { class: "quiet" }, h("time", { datetime: error.at }, exactly(error.at)), facts ? ` · ${facts}` : null),
    error.trace
      ? h("pre", { class: "trace", tabindex: "0", role: "region", "aria-label": `Trace of attempt ${error.attempt}` }, error.trace)
      : h("p", { class: "quiet" }, "There is no trace: no worker saw an error, or it is too old."),
  );
}
