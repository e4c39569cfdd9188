"""Moments in time, told by the store's clock and by no machine's.

A transition doesn't know what time it is: it writes ``NOW`` (or ``NOW.after(…)``), and the
commit script puts the store's own TIME there, in the same step that makes the change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

Base = Literal["epoch", "commit", "notice"]


class Instant(NamedTuple):
    """``ms`` milliseconds after ``base``: 1970 (UTC), the commit, or the notice's due time."""

    ms: int
    base: Base = "epoch"

    def after(self, ms: int) -> Instant:
        """The moment ``ms`` milliseconds later."""
        return self._replace(ms=self.ms + ms)

    def resolved(self, *, commit: int, notice: int) -> Instant:
        """The absolute moment, once the commit's own times (ms since 1970) are known."""
        origin = {"epoch": 0, "commit": commit, "notice": notice}[self.base]
        return Instant(origin + self.ms)

    def __str__(self) -> str:
        return rfc3339(self.ms)


NOW = Instant(0, "commit")
#: When the notice of this commit becomes an email: the script adds the grace that fits the
#: user's presence.
NOTICE_DUE = Instant(0, "notice")


@lru_cache(maxsize=4096)
def rfc3339(ms: int) -> str:
    """``2026-01-31T09:30:00.123Z`` for milliseconds since 1970 (RFC 3339, UTC)."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def duration(ms: int) -> str:
    """``2 minutes``, ``90 seconds``, ``7 days``: exact, in the largest unit that fits."""
    for name, size in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000)):
        if ms >= size and ms % size == 0:
            return _counted(ms // size, name)
    return _counted(max(1, round(ms / 1000)), "second")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count:,} {name}s"
