"""What became of a job that a test has run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringback.declare import DeclaredJob
from ringback.job import Counts, Job, Problem
from ringback.testing.fake import FakeStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``view``: what the user sees, as clients get it. ``history``: the significant changes, oldest
    first. ``files``: those that the result links to, in its order. ``attempts``: how often the
    function was started. ``store``: where all that lies, for a look at the rest.
    """

    declared: DeclaredJob
    job: Job
    view: dict[str, Any]
    history: list[dict[str, Any]]
    files: tuple[Path, ...]
    attempts: int
    store: FakeStore

    @property
    def state(self) -> str:
        """How it stands: ``succeeded``, ``partial``, …"""
        return self.job.state.value

    @property
    def counts(self) -> Counts:
        """Item outcomes."""
        return self.job.counts

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong with items, equal problems as one."""
        return self.job.problems
