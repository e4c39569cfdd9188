"""What operators and support did to other people's jobs, and whose page they looked at: who, what,
when, why."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from ringback.errors import RingbackError
from ringback.keys import Call, plain

T = TypeVar("T")

KEY = "rb:audit"
KEPT = 10_000  #: latest entries
NAMED = 100  #: jobs named in one entry; ``count`` has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One deed; ``at`` is RFC 3339, UTC, by the store's clock. ``seq`` numbers the entries without
    gaps; ``user``: whose page was watched, or who was looked at."""

    at: str
    who: str
    what: str
    why: str
    count: int
    jobs: tuple[str, ...]
    user: str | None = None
    seq: int = 0


def record(
    who: str, what: str, why: str, jobs: Sequence[str] = (), user: str | None = None,
    *, durable: bool = True,
) -> Generator[Call, Any, None]:  # fmt: skip
    """Notes a deed, durably unless said, before it is done. A call whose reply was lost may note it
    twice, where somebody else's deed came between."""
    entry = {
        "who": who, "what": what, "why": why, "count": len(jobs), "jobs": jobs[:NAMED],
        "user": user,
    }  # fmt: skip
    yield Call("audit", (KEY,), (secrets.token_hex(8), orjson.dumps(entry), KEPT), durable=durable)


def audited(
    who: str, what: str, why: str, jobs: Sequence[str], deed: Generator[Call, Any, T]
) -> Generator[Call, Any, T]:
    """Notes a deed in the audit trail before it is done, and also where it is refused. Raises what
    ``deed`` raises."""
    yield from record(who, what, why, jobs)
    try:
        return (yield from deed)
    except RingbackError:
        yield from record(who, f"{what}: refused", why, jobs)
        raise


def entries(limit: int, before: int | None = None) -> Generator[Call, Any, list[Entry]]:
    """The latest entries (those numbered below ``before``), newest first."""
    last = yield plain("LINDEX", KEY, -1)
    if last is None:
        return []
    later = 0 if before is None else max(0, _entry(last).seq - before + 1)
    found = yield plain("LRANGE", KEY, -later - limit, -later - 1)
    return [_entry(text) for text in reversed(found)]


def _entry(text: bytes) -> Entry:
    fields = orjson.loads(text)
    fields.pop("op", None)
    return Entry(jobs=tuple(fields.pop("jobs")), **fields)
