"""What operators and support did to other people's jobs: who, what, when, why."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ringback.instant import rfc3339
from ringback.keys import Call, plain

KEY = "rb:audit"
KEPT = 10_000  #: latest entries
NAMED = 100  #: jobs named in one entry; ``count`` has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One deed; ``at`` is RFC 3339, UTC, by the store's clock."""

    at: str
    who: str
    what: str
    why: str
    count: int
    jobs: tuple[str, ...]


def record(who: str, what: str, why: str, jobs: Sequence[str]) -> Generator[Call, Any, None]:
    """Notes a deed, durably, before it is done. A call whose reply was lost may note it twice."""
    seconds, micros = yield plain("TIME")
    entry = Entry(
        at=rfc3339(int(seconds) * 1000 + int(micros) // 1000), who=who, what=what, why=why,
        count=len(jobs), jobs=tuple(jobs[:NAMED]),
    )  # fmt: skip
    yield Call("", (KEY,), ("RPUSH", KEY, orjson.dumps(entry)), durable=True)
    yield plain("LTRIM", KEY, -KEPT, -1)


def entries(limit: int) -> Generator[Call, Any, list[Entry]]:
    """The latest entries, newest first."""
    found = yield plain("LRANGE", KEY, -limit, -1)
    return [_entry(orjson.loads(text)) for text in reversed(found)]


def _entry(fields: dict[str, Any]) -> Entry:
    return Entry(jobs=tuple(fields.pop("jobs")), **fields)
