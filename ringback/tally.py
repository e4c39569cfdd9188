"""The tally of a job's items, with equal problems as one and failed items one by one.

It goes on from where an earlier attempt left off, and its snapshots fit together: counts,
problems, records and marks of the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

import orjson

from ringback.errors import ItemError
from ringback.job import RECORDED, Counts, Job, Outcome, Problem
from ringback.store import Flaws

EXAMPLES = 5  #: shown per problem
PROBLEMS = 50  #: different problems kept per job; the rest is counted under "other"
OTHER = ItemError("other", "{count} more had other problems", one="1 more had another problem")


class ItemRecord(NamedTuple):
    """A failed or skipped item as it is kept: its key, its problem's code, its example, and which
    `run.items` of the function it came from, for keys are alike in several."""

    key: str
    code: str
    example: str
    loop: int = 0


def record_of(text: bytes) -> ItemRecord:
    """The inverse of what the store keeps of an ItemRecord."""
    return ItemRecord(*orjson.loads(text))


@dataclass(slots=True)
class _Group:
    """Equal problems."""

    flaw: ItemError
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def problem(self, code: str, outcome: Outcome) -> Problem:
        return Problem(
            code=code, outcome=outcome, count=self.count, many=self.flaw.message,
            one=self.flaw.one, action=self.flaw.action, examples=tuple(self.examples),
        )  # fmt: skip

    @classmethod
    def of(cls, problem: Problem) -> _Group:
        words = {"one": problem.one, "action": problem.action}
        flaw = ItemError(problem.code, problem.many, **words)  # type: ignore[arg-type]
        return cls(flaw, problem.count, list(problem.examples))


@dataclass(frozen=True, slots=True)
class Tallied:
    """A tally at one moment. ``marks``: items finished, per loop. All fits together: a job that
    goes on from here counts no item twice and leaves none out."""

    counts: Counts
    problems: tuple[Problem, ...]
    marks: tuple[int, ...]


class _Records:
    """The failed, or the skipped, items: how many came before this attempt, and those of now."""

    def __init__(self, before: int) -> None:
        self.before = self.written = min(before, RECORDED)
        self.fresh: list[bytes] = []

    def add(self, record: ItemRecord) -> None:
        if self.written + len(self.fresh) < RECORDED:
            self.fresh.append(orjson.dumps(tuple(record)))


class Tally:
    """Item outcomes so far, from where an earlier attempt left off. One thread counts, another
    takes snapshots."""

    def __init__(self, job: Job) -> None:
        counts = job.counts
        self.succeeded, self.failed, self.skipped = counts.succeeded, counts.failed, counts.skipped
        self._groups = {(p.code, p.outcome): _Group.of(p) for p in job.problems}
        self._marks = list(job.marks)
        self._loop = -1
        self._records = {"failed": _Records(counts.failed), "skipped": _Records(counts.skipped)}
        self._lock = Lock()

    def next_loop(self) -> int:
        """Another `run.items` begins; how many of its items earlier attempts have finished."""
        with self._lock:
            self._loop += 1
            if self._loop == len(self._marks):
                self._marks.append(0)
            return self._marks[self._loop]

    def behind(self) -> int:
        """How many items of the loop under way are finished."""
        with self._lock:
            return self._marks[self._loop]

    @property
    def loop(self) -> int:
        """Which `run.items` is under way, from 0."""
        return self._loop

    def succeed(self) -> None:
        """Counts an item that went well."""
        with self._lock:
            self.succeeded += 1
            self._marks[self._loop] += 1

    def add(self, outcome: Outcome, flaw: ItemError, key: str, example: str) -> None:
        """Counts a failed or skipped item under its problem."""
        with self._lock:
            if outcome == "failed":
                self.failed += 1
            else:
                self.skipped += 1
            self._marks[self._loop] += 1
            self._group(outcome, flaw, example)
            self._records[outcome].add(ItemRecord(key, flaw.code, example, self._loop))

    def _group(self, outcome: Outcome, flaw: ItemError, example: str) -> None:
        if (flaw.code, outcome) not in self._groups and len(self._groups) >= PROBLEMS:
            flaw = OTHER
        group = self._groups.setdefault((flaw.code, outcome), _Group(flaw))
        group.count += 1
        if example and len(group.examples) < EXAMPLES:
            group.examples.append(example)

    def pass_over(self) -> None:
        """An item that isn't part of this job's work (a retry of the failed ones leaves out what
        went well): it is behind us, and nobody counts it."""
        with self._lock:
            self._marks[self._loop] += 1

    def recount(self, counts: Counts) -> None:
        """Replaces the counts."""
        with self._lock:
            self.succeeded, self.failed = counts.succeeded, counts.failed
            self.skipped = counts.skipped

    def counts(self) -> Counts:
        """A snapshot of the counts."""
        with self._lock:
            return Counts(self.succeeded, self.failed, self.skipped)

    def snapshot(self) -> tuple[Tallied, Flaws]:
        """A snapshot of all, and the records that aren't written yet."""
        with self._lock:
            counts = Counts(self.succeeded, self.failed, self.skipped)
            tallied = Tallied(counts, self._problems(), tuple(self._marks))
            failed, skipped = self._records["failed"], self._records["skipped"]
            return tallied, Flaws(
                tuple(failed.fresh), failed.written, tuple(skipped.fresh), skipped.written
            )

    def written(self, flaws: Flaws) -> None:
        """The records of a snapshot are in the store."""
        with self._lock:
            for records, count in (
                (self._records["failed"], len(flaws.failed)),
                (self._records["skipped"], len(flaws.skipped)),
            ):
                records.written += count
                del records.fresh[:count]

    def _problems(self) -> tuple[Problem, ...]:
        found = [group.problem(code, outcome) for (code, outcome), group in self._groups.items()]
        return tuple(sorted(found, key=lambda p: (p.outcome != "failed", -p.count)))
