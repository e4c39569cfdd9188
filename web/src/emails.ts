/** The panel in which people say what they want of emails: a dialog, and the button that opens it. */
import { call, problemText, type Answer } from "./api.js";
import { Choice } from "./choice.js";
import { h, say } from "./dom.js";
import { Exceptions } from "./exceptions.js";
import type { Part } from "./field.js";
import { Pick } from "./pick.js";
import {
  faultsOf,
  isZone,
  NO_WISHES,
  patchOf,
  typeTitle,
  type Preferences,
  type Wishes,
} from "./preferences.js";
import { button, whileBusy } from "./press.js";
import { Quiet } from "./quiet.js";
import type { Session } from "./session.js";
import { Spacing } from "./spacing.js";
import type { Problem } from "./view.js";

const PATH = "/api/v1/me/preferences";
const HERE = Intl.DateTimeFormat().resolvedOptions();

interface Types {
  readonly types: readonly { readonly name: string; readonly title: string }[];
}

export class Emails {
  readonly #parts = {
    email: new Choice(),
    quiet_hours: new Quiet(),
    timezone: new Pick({
      id: "timezone",
      label: "Time zone",
      names: Intl.supportedValuesOf("timeZone"),
      here: HERE.timeZone,
    }),
    locale: new Pick({
      id: "locale",
      label: "Language and region of numbers and dates",
      names: navigator.languages,
      here: navigator.language,
    }),
    digest_window: new Spacing(),
    types: new Exceptions(),
  } satisfies { [K in keyof Wishes]: Part<Wishes[K]> };
  readonly #title = h("h2", { id: "emails-title", tabindex: "-1", autofocus: true }, "Your emails");
  readonly #save = h(
    "button",
    { type: "submit", form: "emails-form", class: "button primary", "data-testid": "emails-save" },
    "Save",
  );
  readonly #back = button("Back to the defaults", "plain", "emails-defaults", () => this.#showDefaults());
  readonly #status = h("p", { role: "status", "data-testid": "emails-status", hidden: true });
  readonly #fault = h("p", { class: "field-error", role: "alert", hidden: true });
  readonly #stopped = h("p", { class: "notice", "data-testid": "emails-stopped", hidden: true });
  readonly #form = h(
    "form",
    { id: "emails-form", novalidate: true },
    this.#stopped,
    ...Object.values(this.#parts).map((part) => part.element),
  );
  readonly #buttons = h("div", { class: "form-end" }, this.#save, this.#back);
  readonly element = h(
    "dialog",
    { class: "emails", "aria-labelledby": this.#title.id, "data-testid": "emails" },
    h(
      "div",
      { class: "emails-head" },
      this.#title,
      button("Close", "plain small", "emails-close", () => this.element.close()),
    ),
    this.#form,
    h("div", { class: "emails-foot" }, this.#status, this.#fault, this.#buttons),
  );
  readonly opener = button("Emails", "plain small", "emails-open", () => void this.#open());
  #saved: Preferences | undefined;

  constructor(
    private readonly session: Session,
    private readonly refused: (problem: Problem) => void,
  ) {
    this.opener.setAttribute("aria-haspopup", "dialog");
    this.#form.addEventListener("input", () => this.#edited());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#save.getAttribute("aria-disabled"))
        void whileBusy(this.#save, "Saving…", () => this.#change());
    });
  }

  /** What was edited and not saved before is forgotten: it shows what holds. */
  async #open(): Promise<void> {
    this.#form.hidden = this.#buttons.hidden = true;
    this.#complain(new Map(), "");
    say(this.#status, "Loading…");
    this.element.showModal();
    const answer = await this.#ask<Preferences>(PATH);
    if (!answer.ok) return this.#failed(answer.problem);
    this.#parts.types.titled(await this.#titles(answer.value));
    this.#loaded(answer.value);
    say(this.#status, "");
    this.#form.hidden = this.#buttons.hidden = false;
  }

  async #change(): Promise<void> {
    if (!this.#saved) return;
    const patch = patchOf(this.#saved, this.#read());
    const answer = await this.#ask<Preferences>(PATH, { method: "PATCH", body: JSON.stringify(patch) });
    if (!answer.ok) return this.#failed(answer.problem);
    this.#complain(new Map(), "");
    this.#loaded(answer.value);
    say(this.#status, "Saved. It holds from now on, also for jobs that are under way.");
  }

  #loaded(preferences: Preferences): void {
    const { timezone, locale, digest_window } = preferences.defaults;
    this.#saved = preferences;
    say(this.#stopped, preferences.stopped ?? "");
    this.#parts.timezone.usual(timezone, "For quiet hours, and the times in emails.");
    this.#parts.locale.usual(locale, "Such as en-GB; for emails.");
    this.#parts.digest_window.usual(digest_window);
    this.#show(preferences);
  }

  #show(wishes: Wishes): void {
    const { email, quiet_hours, timezone, locale, digest_window, types } = this.#parts;
    email.show(wishes.email);
    quiet_hours.show(wishes.quiet_hours);
    timezone.show(wishes.timezone);
    locale.show(wishes.locale);
    digest_window.show(wishes.digest_window);
    types.show(wishes.types);
    this.#nameZone();
  }

  #read(): Wishes {
    const { email, quiet_hours, timezone, locale, digest_window, types } = this.#parts;
    return {
      email: email.read(),
      quiet_hours: quiet_hours.read(),
      timezone: timezone.read(),
      locale: locale.read(),
      digest_window: digest_window.read(),
      types: types.read(),
    };
  }

  #edited(): void {
    say(this.#status, "");
    this.#nameZone();
  }

  #nameZone(): void {
    const zone = this.#parts.timezone.read() ?? this.#saved?.defaults.timezone ?? "UTC";
    this.#parts.quiet_hours.by(isZone(zone) ? zone : "the time zone below");
  }

  #showDefaults(): void {
    this.#complain(new Map(), "");
    this.#show(NO_WISHES);
    say(this.#status, "These are the defaults. Save to have them; close to keep what you had.");
  }

  #failed(problem: Problem): void {
    const { faults, rest } = faultsOf(problem);
    say(this.#status, "");
    this.#complain(faults, rest && problemText(problem));
  }

  #complain(faults: ReadonlyMap<keyof Wishes, string>, rest: string): void {
    say(this.#fault, rest);
    const parts = Object.entries(this.#parts) as [keyof Wishes, Part<unknown>][];
    for (const [name, part] of parts) part.fault(faults.get(name) ?? "");
    const [, first] = parts.find(([name]) => faults.has(name)) ?? [];
    first?.focus();
    first?.element.scrollIntoView({ block: "nearest" }); // the focus alone shows the control, not its fault
  }

  /** By which names people know the types that have wishes of their own; best without, if need be. */
  async #titles({ types }: Preferences): Promise<ReadonlyMap<string, string>> {
    if (!Object.keys(types).length) return new Map();
    const answer = await this.#ask<Types>("/api/v1/types");
    return new Map(answer.ok ? answer.value.types.map(({ name, title }) => [name, typeTitle(title)]) : []);
  }

  async #ask<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
    const answer = await call<T>(path, this.session.token, init);
    if (!answer.ok && answer.problem.status === 401) this.refused(answer.problem);
    return answer;
  }
}
