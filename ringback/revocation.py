"""Sign-ins that count no longer, though their tokens haven't ended: one token, or all of a user's
until now.

The log in the store is what counts; every gateway reads on in it once a second and keeps a copy.
A reader names the last entry that it knows. Where that isn't in the log (it was forgotten, or the
store lost it), the reader gets the whole log: no number can be taken for another's.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from ringback import audit
from ringback.instant import Instant
from ringback.keys import Call

LOG, UNTIL = "rb:{revoked}:log", "rb:{revoked}:until"
KEPT = 367 * 86_400_000  #: ms; no token that the gateway accepts lives longer than 366 days
MARGIN = 60  #: seconds that a token's end is taken later, for clocks that differ
NOTHING = b""  #: the position of a reader that knows no entry

Kind = Literal["jti", "user"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry: the token with this ``jti``, or the user's tokens issued before ``at``.

    ``until``: when no such token can be good any more (both in ms since 1970).
    """

    kind: Kind
    name: str
    at: int
    until: int


def revoke(
    who: str, why: str, kind: Kind, name: str, expires: int | None = None
) -> Generator[Call, Any, Instant]:
    """What an operator revokes, noted in the audit trail before it is done; when that was."""
    if kind == "user":
        yield from audit.record(who, "revoke sign-ins of", why, user=name)
        return (yield from revoke_user(name))
    yield from audit.record(who, f"revoke token {name}", why)
    return (yield from revoke_token(name, expires))


def revoke_token(token_id: str, expires: int | None = None) -> Generator[Call, Any, Instant]:
    """Revokes one token by its ``jti``, durably; when that was.

    ``expires``: the token's ``exp``, until when the revocation is remembered; None: for as long
    as any token lives. A repeated call revokes again, which changes nothing.
    """
    if expires is None:
        return (yield from _revoke("jti", token_id, KEPT))
    return (yield from _revoke("jti", token_id, 0, (expires + MARGIN) * 1000))


def revoke_user(user: str) -> Generator[Call, Any, Instant]:
    """Revokes all tokens of a user that were issued before now, durably; when that was.

    A repeated call does so again, by its own, later moment.
    """
    return (yield from _revoke("user", user, KEPT))


def after(position: bytes) -> Generator[Call, Any, tuple[list[Revocation], bytes]]:
    """The entries that a reader doesn't know, oldest first, and its new position.

    Guarantee: whatever happened to the store, a reader knows all that is in the log after this.
    """
    found: Sequence[bytes] = yield Call("revoked", (LOG,), (position,))
    return [_entry(text) for text in found], found[-1] if found else position


def _revoke(kind: Kind, name: str, kept: int, ends: int = 0) -> Generator[Call, Any, Instant]:
    what = orjson.dumps([kind, name])
    at = yield Call("revoke", (LOG, UNTIL), (kept, ends, what), durable=True)
    return Instant(at)


def _entry(text: bytes) -> Revocation:
    at, until, what = text.split(b" ", 2)
    kind, name = orjson.loads(what)
    return Revocation(kind, name, int(at), int(until))
