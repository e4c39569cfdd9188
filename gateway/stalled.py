"""Clients that take nothing of what waits for them, told by looking twice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

WITHIN = 8.0  #: seconds in which a client for which something waits must have taken some of it
LOOK_EVERY = 1.0  #: seconds


Client = TypeVar("Client", bound=Hashable)


class Stalled(Generic[Client]):
    """Remembers since when each client has stood still; ``within`` seconds it mustn't."""

    def __init__(self, within: float) -> None:
        self._within = within
        self._still: dict[Client, tuple[Any, float]] = {}

    def look(self, marks: Mapping[Client, Any], now: float) -> list[Client]:
        """The clients that have taken nothing for too long. ``marks``: of each client for which
        something waits, what changes when it takes some; ``now`` in seconds."""
        before = self._still
        self._still = {
            name: before[name] if name in before and before[name][0] == mark else (mark, now)
            for name, mark in marks.items()
        }
        return [name for name, (_, since) in self._still.items() if now - since >= self._within]
