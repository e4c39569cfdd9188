"""What a job has to tell while it runs and when it has ended: step, progress, counts, problems,
result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ringback.instant import Instant

Outcome = Literal["failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Step:
    """The part of the job under way: its place (from 1), how many there are if known, its name."""

    index: int
    count: int | None
    name: str
    cancellable: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` (None: unknown) units; ``eta``: when it will probably have ended."""

    done: int = 0
    total: int | None = None
    eta: Instant | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Item outcomes; they always add up to the items seen."""

    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def seen(self) -> int:
        """All items that have an outcome."""
        return self.succeeded + self.failed + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Equal item problems as one: how many, in words (plural with ``{count}``), what to do."""

    code: str
    outcome: Outcome
    count: int
    many: str
    one: str | None = None
    action: str = ""
    examples: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The sentence that fits the count."""
        if self.count == 1 and self.one:
            return self.one
        return self.many.replace("{count}", f"{self.count:,}")


@dataclass(frozen=True, slots=True)
class Link:
    """Something to fetch: its label (verb + object) and URL (absolute, or a path of this site)."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished job leaves: one sentence and links."""

    summary: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A queued job's place, in bands (None: next in line, or unknown), and why it waits."""

    ahead: str | None
    reason: str
    start_estimate: str | None = None
