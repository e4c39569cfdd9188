/** The activity page: sign in, then follow your jobs. */
import { Activity } from "./activity.js";
import { byId, h } from "./dom.js";
import { forget } from "./memory.js";
import { currentSession, forgetSession, rememberDev, type Session } from "./session.js";
import { signInCard } from "./signin.js";

const main = byId("main");
const account = byId("account");

function askWho(reason: string): void {
  account.replaceChildren();
  main.replaceChildren(
    signInCard(reason, (session) => {
      rememberDev(session);
      follow(session);
    }),
  );
}

function follow(session: Session): void {
  const activity = new Activity(session, leave);
  function leave(reason: string): void {
    activity.close();
    forgetSession();
    if (!reason) forget(session.email);
    askWho(reason);
  }
  account.replaceChildren(...accountNodes(session, () => leave("")));
  main.replaceChildren(activity.element);
  activity.open();
}

function accountNodes(session: Session, signOut: () => void): Node[] {
  const who = session.name || session.email;
  const button = h(
    "button",
    { type: "button", class: "button plain small", "data-testid": "sign-out" },
    "Sign out",
  );
  button.addEventListener("click", signOut);
  const inbox = h("a", { href: "/inbox" }, "Dev inbox");
  return [
    ...(session.dev ? [inbox] : []),
    ...(who ? [h("span", { class: "who", title: session.email }, who)] : []),
    button,
  ];
}

function start(): void {
  const session = currentSession();
  if (session) follow(session);
  else askWho("");
}

// A token may also arrive while the page is open, by a link that changes the fragment only.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) location.reload();
});
start();
