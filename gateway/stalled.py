"""Clients that take nothing of what waits for them, told by looking twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WITHIN = 8.0  #: seconds in which a client for which something waits must have taken some of it
LOOK_EVERY = 1.0  #: seconds


class Stalled:
    """Remembers since when each client has stood still."""

    def __init__(self) -> None:
        self._still: dict[str, tuple[Any, float]] = {}

    def look(self, marks: Mapping[str, Any], now: float) -> list[str]:
        """The clients that have taken nothing for too long. ``marks``: of each client for which
        something waits, what changes when it takes some; ``now`` in seconds."""
        before = self._still
        self._still = {
            name: before[name] if name in before and before[name][0] == mark else (mark, now)
            for name, mark in marks.items()
        }
        return [name for name, (_, since) in self._still.items() if now - since >= WITHIN]
