/** Who uses this page: the token and what it says, kept in the browser. */

export interface Session {
  /** The latest; a connection goes on with a new one before the old one ends. */
  token: string;
  readonly email: string;
  readonly name: string;
  /** True after a sign-in on a development server, which also has an inbox to show. */
  readonly dev: boolean;
}

const KEY = "ringback.session";

/** Takes `#token=…` out of the address bar, else what this tab, else this browser, remembers. */
export function currentSession(): Session | null {
  return fromFragment() ?? parse(sessionStorage.getItem(KEY)) ?? parse(localStorage.getItem(KEY));
}

/** Remembers a dev sign-in for new tabs too: links in emails open in one. */
export function rememberDev(session: Session): void {
  localStorage.setItem(KEY, JSON.stringify(session));
  rememberInTab(session);
}

/** Goes on with another token of the same person, wherever this session is remembered. */
export function keepToken(session: Session, token: string): void {
  session.token = token;
  if (session.dev) rememberDev(session);
  else rememberInTab(session);
}

export function forgetSession(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

// An app hands out a new token with each link, so those stay in this tab only.
function rememberInTab(session: Session): void {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

function fromFragment(): Session | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  const session = { token, dev: false, ...claims(token) };
  rememberInTab(session);
  return session;
}

function parse(stored: string | null): Session | null {
  try {
    const session = JSON.parse(stored ?? "null") as Session | null;
    return session?.token ? session : null;
  } catch {
    return null;
  }
}

/** What the token says its bearer may do: for the links to show, the gateway checks each request. */
export function rolesOf({ token }: Session): readonly unknown[] {
  const roles = payload(token)["roles"];
  return Array.isArray(roles) ? roles : [];
}

function claims(token: string): { email: string; name: string } {
  const { email, name } = payload(token);
  return { email: text(email), name: text(name) };
}

/** What is in a token; the gateway alone decides whether it is good (RFC 7519). */
function payload(token: string): Record<string, unknown> {
  try {
    const base64 = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const utf8 = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(utf8)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
