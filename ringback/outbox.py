"""The right to write to a user, and the ledger of one email.

One mailer at a time holds a user's claim. The ledger tells its successor how far it came:

=========== ==========================================================================
reserved    nothing has left; the successor starts again with the same Message-ID
data-sent   the message may be on the wire; at most one more try, same Message-ID
accepted    the server has it; only the books are to be closed
=========== ==========================================================================
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from ringback.keys import Call, due_key, key, partition_of, plain

CLAIM = 60_000  #: ms that a silent mailer keeps a user's claim
AN_HOUR = 60  #: emails that a user may get in any hour, where the installation says nothing else


LedgerState = Literal["reserved", "data-sent", "accepted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One email under way: its Message-ID, the jobs it tells about, how far it came.

    ``ambiguous``: how often a try ended without knowing whether the server took the message.
    """

    message_id: str
    jobs: tuple[str, ...]
    state: LedgerState = "reserved"
    ambiguous: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A granted claim: what a dead mailer left, and the jobs whose notices are due ``now`` (ms
    since 1970, by the store's clock).

    ``next_digest``: no digest before this moment, since a window is open; ``capped``: no email
    before this one, since the user got as many within an hour as there may be. Both may be over.
    """

    ledger: Ledger | None
    now: int
    due: tuple[str, ...]
    next_digest: int = 0
    capped: int = 0


@dataclass(frozen=True, slots=True)
class Rest:
    """What follows a claim: the user's next digest comes after ``window`` ms at the earliest, and
    nobody looks at the user's notices for ``pause`` ms."""

    window: int = 0
    pause: int = 0

    def and_then(self, other: Rest) -> Rest:
        """Both, where one claim had several emails."""
        return Rest(max(self.window, other.window), max(self.pause, other.pause))


def claim(user: str, token: str, an_hour: int = AN_HOUR) -> Generator[Call, Any, Claim | None]:
    """The right to write to ``user`` for 60 s; None while another holds it. ``an_hour``: how many
    emails a user may get in any hour."""
    reply = yield _call("claim", user, token, an_hour)
    if reply[0] == b"busy":
        return None
    _, ledger, now, next_digest, capped, *due = reply
    return Claim(
        _ledger(ledger) if ledger else None, now, tuple(job_id.decode() for job_id in due),
        next_digest, capped,
    )  # fmt: skip


def open_window(user: str, token: str, until: int) -> Generator[Call, Any, int | None]:
    """A window is open: no digest before ``until`` (ms since 1970). The moment that holds, for a
    window that ends later is left as it is; None: the claim is somebody else's."""
    reply = yield _call("open", user, token, until)
    return reply[1] if reply[0] == b"opened" else None


def write(user: str, token: str, ledger: Ledger) -> Generator[Call, Any, bool]:
    """Records how far the email came, and keeps the claim; False: the claim is somebody else's.

    From ``data-sent`` on the email counts as one of this hour; once, however often it is tried.
    """
    counted = "" if ledger.state == "reserved" else ledger.message_id
    reply = yield _call("write", user, token, orjson.dumps(ledger), counted)
    return bool(reply[0] == b"written")


def release(user: str, token: str, window: int, pause: int = 0) -> Generator[Call, Any, None]:
    """Ends the claim, and its ledger: see ``Rest`` for the milliseconds."""
    yield _call("release", user, token, window, pause)


def free(user: str) -> Generator[Call, Any, None]:
    """Closes the user's window: the next digest needn't wait."""
    yield _call("free", user, "")


def waiting(user: str) -> Generator[Call, Any, list[str]]:
    """The jobs whose notices are open, by when they are due."""
    found = yield plain("ZRANGE", key(partition_of(user), "outbox", user), 0, -1)
    return [job_id.decode() for job_id in found]


def _call(action: str, user: str, token: str, *args: Any) -> Call:
    partition = partition_of(user)
    keys = (
        key(partition, "user", user), key(partition, "outbox", user), due_key(partition, "notice"),
        key(partition, "mailed", user),
    )  # fmt: skip
    return Call("mail", keys, (action, user, token, CLAIM, *args))


def _ledger(text: bytes) -> Ledger:
    fields = orjson.loads(text)
    return Ledger(jobs=tuple(fields.pop("jobs")), **fields)
