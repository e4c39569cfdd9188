"""What one node has done so far, in plain integers: counting costs nanoseconds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Meter:
    """Since the process began. ``pushed``: events queued for clients; ``conflated``: progress that
    newer progress replaced in time; ``slow``: clients cut since they didn't read; ``proven``: views
    of ended jobs that a pong proved; ``requests`` by method, route and status."""

    pushed: int = 0
    conflated: int = 0
    slow: int = 0
    proven: int = 0
    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
