"""Time that passes when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime

from ringback.instant import rfc3339

START = datetime(2026, 1, 5, 9, tzinfo=UTC)  #: when every clock of a fake store starts


class Clock:
    """The clock of one fake store. It stands still between two calls of ``advance``."""

    def __init__(self, start: datetime = START) -> None:
        self.ms = round(start.timestamp() * 1000)  #: milliseconds since 1970

    def advance(self, seconds: float) -> None:
        """Lets time pass: leases, retries and keys run out as they would."""
        self.ms += round(seconds * 1000)

    def reach(self, ms: int) -> None:
        """Lets time pass until ``ms`` since 1970; never backwards."""
        self.ms = max(self.ms, ms)

    def __str__(self) -> str:
        return rfc3339(self.ms)
