/** What all pages for signed-in people share: who is here, signing in and out. */
import { byId, h } from "./dom.js";
import { forget } from "./memory.js";
import { currentSession, forgetSession, rememberDev, rolesOf, type Session } from "./session.js";
import { signInCard } from "./signin.js";

/** What a page shows to somebody who is signed in. */
export interface Content {
  readonly element: HTMLElement;
  /** What it adds to the header. */
  readonly controls?: readonly Node[];
  open(): void;
  close(): void;
}

/** How a page ends that was refused. */
export interface Ends {
  /** The sign-in has ended; asks for another, with the reason. */
  signedOut(reason: string): void;
  /** The sign-in is good, but not for this page: it stays, for the others. */
  denied(): void;
}

export type Make = (session: Session, ends: Ends) => Content;

/** Starts the page. `roles`: what it needs besides `user`; a development sign-in here gives it. */
export function start(make: Make, roles: readonly string[] = []): void {
  const main = byId("main");
  const account = byId("account");

  function askWho(reason: string): void {
    account.replaceChildren();
    main.replaceChildren(
      signInCard(
        reason,
        (session) => {
          rememberDev(session);
          follow(session);
        },
        roles,
      ),
    );
  }

  function follow(session: Session): void {
    const content = make(session, { signedOut: leave, denied });
    function denied(): void {
      content.close();
      main.replaceChildren(deniedCard(roles));
    }
    function leave(reason: string): void {
      content.close();
      forgetSession();
      if (!reason) forget(session.email);
      askWho(reason);
    }
    account.replaceChildren(...accountNodes(session, content.controls ?? [], () => leave("")));
    if (!roles.every((role) => rolesOf(session).includes(role))) return denied();
    main.replaceChildren(content.element);
    content.open();
  }

  // A token may also arrive while the page is open, by a link that changes the fragment only.
  addEventListener("hashchange", () => {
    if (location.hash.startsWith("#token=")) location.reload();
  });
  const session = currentSession();
  if (session) follow(session);
  else askWho("");
}

function deniedCard(roles: readonly string[]): HTMLElement {
  return h(
    "section",
    { class: "card signin", "aria-labelledby": "denied-title", "data-testid": "denied" },
    h("h1", { id: "denied-title" }, "This page isn’t for your sign-in"),
    h("p", { role: "status" }, `It needs the role “${roles.join("”, “")}”, which your sign-in doesn’t have.`),
    h("p", {}, "Ask whoever runs Ringback for you to add it: roles come with the sign-in."),
    h("p", {}, "You are still signed in. To come in as somebody else, sign out first."),
    h("p", {}, h("a", { href: "/" }, "Go to your jobs")),
  );
}

/** The pages that a role opens. */
const PAGES = [
  { role: "support", path: "/support", label: "Support" },
  { role: "operator", path: "/ops", label: "Operations" },
  { role: "author", path: "/studio", label: "Studio" },
];

function pagesOf(session: Session): Node[] {
  const roles = rolesOf(session);
  return PAGES.filter(({ role, path }) => roles.includes(role) && path !== location.pathname).map(
    ({ path, label }) => h("a", { href: path }, label),
  );
}

function accountNodes(session: Session, controls: readonly Node[], signOut: () => void): Node[] {
  const who = session.name || session.email;
  const button = h(
    "button",
    { type: "button", class: "button plain small", "data-testid": "sign-out" },
    "Sign out",
  );
  button.addEventListener("click", signOut);
  const inbox = h("a", { href: "/inbox" }, "Dev inbox");
  return [
    ...pagesOf(session),
    ...(session.dev ? [inbox] : []),
    ...(who ? [h("span", { class: "who", title: session.email }, who)] : []),
    ...controls,
    button,
  ];
}
