"""A plan and its course: the steps of a pipeline, what became of each, and what comes next.

Pure: no I/O, no clock. ``Course.following`` is the one decision; whoever asks it, and however
often, gets the same answer for the same facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from ringback.failure import Failure
from ringback.instant import Instant
from ringback.progress import Counts, Link, Problem
from ringback.spec import OnFailure, Policy
from ringback.state import State

MOST = 100  #: steps of one pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step: a job to be. ``undo``: the policy of the job that undoes it, where there is one;
    ``after``: the steps, by number from 0, that have to be over first."""

    type: str
    title: str
    params: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    undo: Policy | None = None
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Parts of a plan, one after the other or at the same time."""

    kind: Literal["sequence", "parallel"]
    parts: tuple[Plan, ...]


Plan = Task | Group


def sequence(*parts: Plan) -> Plan:
    """One part after the other."""
    return Group("sequence", _checked(parts))


def parallel(*parts: Plan) -> Plan:
    """All parts at the same time, as far as workers are free."""
    return Group("parallel", _checked(parts))


def _checked(parts: tuple[Plan, ...]) -> tuple[Plan, ...]:
    for part in parts:
        if not isinstance(part, Task | Group):
            raise TypeError(
                f"a plan is made of my_job.task(…), sequence(…) and parallel(…), not of {part!r}"
            )
    return parts


def steps_of(plan: Plan) -> tuple[Task, ...]:
    """The plan's tasks in its order, each knowing what comes before it. Raises TypeError and
    ValueError for what is no plan, or too large."""
    found: list[Task] = []
    _lay(_checked((plan,))[0], (), found)
    if not found:
        raise ValueError("the plan has no step")
    if len(found) > MOST:
        raise ValueError(f"the plan has {len(found)} steps; {MOST} is the most")
    return tuple(found)


def _lay(part: Plan, after: tuple[int, ...], found: list[Task]) -> tuple[int, ...]:
    """Adds a part's tasks; the numbers of its last ones, after which the next part comes."""
    if isinstance(part, Task):
        found.append(replace(part, after=after))
        return (len(found) - 1,)
    if part.kind == "sequence":
        for inner in part.parts:
            after = _lay(inner, after, found)
        return after
    ends = [end for inner in part.parts for end in _lay(inner, after, found)]
    return tuple(dict.fromkeys(ends)) or after


class Part(NamedTuple):
    """A step's job, or the job that undoes it; steps are numbered from 0."""

    number: int
    undo: bool = False


def child_id(parent: str, number: int, job_type: str) -> str:
    """The id of a step's job: always the same, in the pipeline's slot and of its time, so that
    submitting it again finds it."""
    digits = hashlib.sha256(f"{parent}/{number}:{job_type}".encode()).hexdigest()
    return f"{parent[:17]}7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"


def undo_of(job_type: str) -> str:
    """The type of the jobs that undo those of a type."""
    return f"{job_type}.undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A step's job as its pipeline last saw it; ``version`` 0: it was decided on, and may not be
    submitted yet."""

    id: str
    type: str
    title: str
    state: State = State.QUEUED
    version: int = 0
    message: str = ""
    counts: Counts = Counts()  # noqa: RUF009 (frozen)
    problems: tuple[Problem, ...] = ()
    attempt: int = 0
    attempts: int = 1
    next_at: Instant | None = None
    reason: str | None = None
    error: Failure | None = None
    summary: str = ""
    links: tuple[Link, ...] = ()
    silent: int = 0
    finished_at: Instant | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state.terminal

    @property
    def fine(self) -> bool:
        """Whether the next step may rely on it: done, or done in part."""
        return self.state in (State.SUCCEEDED, State.PARTIAL)

    @property
    def bad(self) -> bool:
        """Whether it has ended, and the next step can't rely on it."""
        return self.over and not self.fine


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next: jobs to begin, jobs to stop; ``over``: nothing, ever again."""

    start: tuple[Part, ...] = ()
    stop: tuple[Part, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A plan under way. ``children`` and ``undone`` have one place per task; ``expired``: the
    pipeline's time was over before it was."""

    tasks: tuple[Task, ...]
    children: tuple[Child | None, ...]
    undone: tuple[Child | None, ...]
    expired: Failure | None = None

    @classmethod
    def of(cls, plan: Plan) -> Course:
        """The plan, with nothing done yet."""
        tasks = steps_of(plan)
        nothing = (None,) * len(tasks)
        return cls(tasks=tasks, children=nothing, undone=nothing)

    # -- what became of it

    def started(self) -> Iterator[tuple[int, Child]]:
        """The steps that have a job, by number."""
        return ((n, child) for n, child in enumerate(self.children) if child is not None)

    @property
    def active(self) -> tuple[Part, ...]:
        """The jobs that haven't ended."""
        steps = (Part(n) for n, child in self.started() if not child.over)
        undos = (Part(n, True) for n, undo in enumerate(self.undone) if undo and not undo.over)
        return (*steps, *undos)

    @property
    def fine(self) -> tuple[int, ...]:
        """The steps that are done, those that ended last first: the order of undoing."""
        done = [(n, child) for n, child in self.started() if child.fine]
        ends = [(child.finished_at.ms if child.finished_at else 0, n) for n, child in done]
        return tuple(n for _, n in sorted(ends, reverse=True))

    @property
    def bad(self) -> tuple[int, ...]:
        """The steps that failed or were stopped, those that ended first first."""
        ends = [
            (child.finished_at.ms if child.finished_at else 0, n)
            for n, child in self.started()
            if child.bad
        ]
        return tuple(n for _, n in sorted(ends))

    @property
    def untried(self) -> int:
        """How many steps have no job."""
        return sum(child is None for child in self.children)

    @property
    def not_undone(self) -> int | None:
        """The step whose undoing failed."""
        found = (n for n, u in enumerate(self.undone) if u and u.over and not _succeeded(u))
        return next(found, None)

    def at(self, part: Part) -> Child | None:
        """The job of a part, if it has one."""
        return (self.undone if part.undo else self.children)[part.number]

    def told(self, news: Mapping[Part, Child]) -> Course:
        """With the newer of what is known and what is new."""
        if not news:
            return self
        return replace(
            self,
            children=_newest(self.children, {p.number: c for p, c in news.items() if not p.undo}),
            undone=_newest(self.undone, {p.number: c for p, c in news.items() if p.undo}),
        )

    def begun(self, parts: Iterable[Part], pipeline: str) -> Course:
        """With jobs decided on for parts that had none."""
        return self.told({part: self._decided(part, pipeline) for part in parts})

    def _decided(self, part: Part, pipeline: str) -> Child:
        task = self.tasks[part.number]
        kind = undo_of(task.type) if part.undo else task.type
        title = f"Undoing “{task.title}”" if part.undo else task.title
        return Child(id=child_id(pipeline, part.number, kind), type=kind, title=title)

    # -- what comes next

    def halted(self, on_failure: OnFailure, cancelling: bool) -> bool:
        """Whether no further step is to be started."""
        failed = on_failure != "continue" and bool(self.bad)
        return cancelling or failed or self.expired is not None

    def following(self, on_failure: OnFailure, cancelling: bool) -> Next:
        """What is to be done now. ``stop`` and ``compensate``: after the first failure nothing
        new is started, and what runs is let finish; ``compensate``: then what was done is undone,
        the last first, up to the first step whose undoing fails."""
        if not self.halted(on_failure, cancelling):
            ready = self._ready()
            return Next(start=ready, over=not ready and not self.active)
        running = [part for part in self.active if not part.undo]
        if running:
            return Next(stop=self._to_stop(running, cancelling))
        if on_failure == "compensate" and len(self.fine) < len(self.tasks):
            return self._undoing()
        return Next(over=True)

    def _ready(self) -> tuple[Part, ...]:
        return tuple(
            Part(number)
            for number, task in enumerate(self.tasks)
            if self.children[number] is None and all(map(self._over, task.after))
        )

    def _over(self, number: int) -> bool:
        child = self.children[number]
        return child is not None and child.over

    def _to_stop(self, running: list[Part], cancelling: bool) -> tuple[Part, ...]:
        if self.expired is not None:
            return tuple(running)
        if not cancelling:
            return ()
        return tuple(part for part in running if self._asks_to_stop(part.number))

    def _asks_to_stop(self, number: int) -> bool:
        child = self.children[number]
        asked = child is None or child.state is State.CANCELLING
        return not asked and self.tasks[number].policy.cancellable

    def _undoing(self) -> Next:
        for number in self.fine:
            if self.tasks[number].undo is None:
                continue
            undo = self.undone[number]
            if undo is None:
                return Next(start=(Part(number, True),))
            if not undo.over:
                return Next()
            if not _succeeded(undo):
                break  # what came before it may rest on it, so it is left as it is
        return Next(over=True)


def _succeeded(undo: Child) -> bool:
    return undo.state is State.SUCCEEDED


def _newest(known: tuple[Child | None, ...], news: Mapping[int, Child]) -> tuple[Child | None, ...]:
    def newer(number: int, old: Child | None) -> Child | None:
        new = news.get(number)
        return new if new is not None and (old is None or new.version > old.version) else old

    return tuple(newer(number, old) for number, old in enumerate(known))
