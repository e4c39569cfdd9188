/**
 * A new token before the old one ends: from the development sign-in, or from whoever serves this
 * page. A script of theirs listens on `window` for `ringback:expiring` (docs/api.md).
 */
import { call } from "./api.js";
import { keepToken, type Session } from "./session.js";
import type { Problem } from "./view.js";

/** What the gateway says: when the token ends (RFC 3339), in how many seconds. */
export interface Expiring {
  readonly expires_at: string;
  readonly expires_in: number;
}

/** Shows a token to the gateway: null where it was taken, status 0 where nobody answered. */
type Show = (token: string) => Promise<Problem | null>;

export async function renew(session: Session, expiring: Expiring, show: Show): Promise<void> {
  const refresh = (token: string) => goOn(session, token, show);
  if (!session.dev) {
    const detail = { expiresAt: expiring.expires_at, expiresIn: expiring.expires_in, refresh };
    dispatchEvent(new CustomEvent("ringback:expiring", { detail }));
    return;
  }
  const who = JSON.stringify({ email: session.email, name: session.name });
  const answer = await call<{ token: string }>("/dev/sign-in", null, { method: "POST", body: who });
  // Where it fails the connection ends with its token, and the page asks who you are.
  if (answer.ok) await refresh(answer.value.token);
}

async function goOn(session: Session, token: string, show: Show): Promise<Problem | null> {
  const old = session.token;
  // Kept first: if the connection breaks meanwhile, the next one shows this token already.
  keepToken(session, token);
  const problem = await show(token);
  if (problem && problem.status !== 0) keepToken(session, old);
  return problem;
}
