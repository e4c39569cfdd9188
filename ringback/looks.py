"""What support looked at of other people's: noted in the audit trail, without flooding it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any

from ringback import audit
from ringback.keys import Call, plain

AGAIN = 600_000  #: ms for which the same look of the same person isn't noted again
LONGEST = 255  #: characters of a user's id


def note(who: str, what: str, user: str, job_id: str | None = None) -> Generator[Call, Any, None]:
    """Notes a look at a user, or at a job of theirs, before it is shown; nobody waits for the disk.

    The own things are looked at freely. Two looks at the same moment, or a call whose reply was
    lost, may be noted twice, and none is left out: the mark comes after the entry.
    """
    if who == user:
        return
    mark = _mark(who, what, job_id or user)
    if (yield plain("GET", mark)) is not None:
        return
    jobs = [] if job_id is None else [job_id]
    told = user[:LONGEST]  # a path may hold more than any user's id
    yield from audit.record(who, what, "", jobs, told, durable=False)
    yield plain("SET", mark, 1, "PX", AGAIN)


def _mark(*look: str) -> str:
    digest = hashlib.sha256("\0".join(look).encode()).hexdigest()
    return f"rb:looked:{digest[:32]}"
