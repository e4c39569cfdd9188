/** Getting a token: the development sign-in, or a word on where else tokens come from. */
import { call, problemText } from "./api.js";
import { h, say } from "./dom.js";
import type { Session } from "./session.js";
import type { Problem } from "./view.js";

interface SignedIn {
  readonly token: string;
  readonly user: { readonly id: string; readonly email: string; readonly name: string };
}

/** A card that asks who you are; `done` gets the session. `reason` says why it is asked again. */
export function signInCard(
  reason: string,
  done: (session: Session) => void,
  roles: readonly string[] = [],
): HTMLElement {
  const email = h("input", {
    type: "email",
    id: "email",
    required: true,
    autocomplete: "email",
    "aria-describedby": "signin-error",
    "data-testid": "sign-in-email",
  });
  const name = h("input", { type: "text", id: "name", autocomplete: "name", "data-testid": "sign-in-name" });
  const button = h(
    "button",
    { type: "submit", class: "button primary", "data-testid": "sign-in-submit" },
    "Sign in",
  );
  const error = h("p", { class: "field-error", id: "signin-error", role: "alert", hidden: true });
  const form = h("form", { novalidate: true }, field("Email", email, error), field("Name", name), button);
  const card = h(
    "section",
    { class: "card signin", "aria-labelledby": "signin-title" },
    h("h1", { id: "signin-title" }, "Sign in"),
    ...intro(reason),
    form,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void signIn(email, name, error, roles).then((result) => {
      if (result === "elsewhere") card.replaceChildren(...elsewhere());
      else if (result) done(result);
    });
  });
  return card;
}

async function signIn(
  email: HTMLInputElement,
  name: HTMLInputElement,
  error: HTMLElement,
  roles: readonly string[],
): Promise<Session | "elsewhere" | null> {
  const wrong = addressProblem(email);
  say(error, wrong);
  if (wrong) {
    email.focus();
    return null;
  }
  const address = email.value.trim();
  const who = { email: address, name: name.value.trim() || (address.split("@")[0] ?? ""), roles };
  const answer = await call<SignedIn>("/dev/sign-in", null, { method: "POST", body: JSON.stringify(who) });
  if (answer.ok)
    return {
      token: answer.value.token,
      email: answer.value.user.email,
      name: answer.value.user.name,
      dev: true,
    };
  if (answer.problem.status === 404) return "elsewhere";
  say(error, complaint(answer.problem));
  return null;
}

function addressProblem(email: HTMLInputElement): string {
  if (!email.value.trim()) return "Enter an email address, for example ada@example.com.";
  return email.validity.valid
    ? ""
    : `“${email.value}” isn't an email address. It needs a name, an @ and a domain, as in ada@example.com.`;
}

function complaint(problem: Problem): string {
  return problem.errors?.map((error) => error.message).join(" ") || problemText(problem);
}

function intro(reason: string): Node[] {
  const hint = h(
    "p",
    {},
    "On a development server any address will do: no password is asked, and emails stay in the dev inbox.",
  );
  return [...(reason ? [h("p", { class: "strong", role: "status" }, reason)] : []), hint];
}

function elsewhere(): Node[] {
  return [
    h("h1", {}, "Open this page from your app"),
    h("p", {}, "Open this page from your app; it needs a token. This server has no sign-in of its own."),
    h(
      "p",
      { class: "quiet" },
      "For developers: link here with ",
      h("code", {}, "#token=…"),
      " in the address. The token is taken out of the address bar at once.",
    ),
  ];
}

function field(label: string, input: HTMLInputElement, error: HTMLElement | null = null): HTMLElement {
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, error);
}
