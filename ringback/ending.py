"""How a pipeline ends: its state, its error and its words, from what became of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.failure import Failure, not_undone
from ringback.job import Job, Link, State
from ringback.plan import Course

LINKS = 20  #: of all steps
LONGEST = 600  #: characters of a summary
NAMED = 3  #: steps named in one go


@dataclass(frozen=True, slots=True)
class Ending:
    """A pipeline at its end: why nothing more was started, if something should have been."""

    course: Course
    cancelled: bool
    on_failure: str

    @classmethod
    def of(cls, job: Job, course: Course) -> Ending:
        """``cancelled``: by a request that came before the last step was done, and before one
        had failed of itself."""
        on_failure = job.spec.policy.on_failure or "stop"
        asked = job.state is State.CANCELLING
        failed = on_failure != "continue" and any(
            child.state is State.FAILED for _, child in course.started()
        )
        short = course.untried > 0 or any(
            child.state is State.CANCELLED for _, child in course.started()
        )
        expired = course.expired is not None
        return cls(course, asked and short and (expired or not failed), on_failure)

    @property
    def all_fine(self) -> bool:
        """Whether every step was done."""
        return len(self.course.fine) == len(self.course.tasks)

    @property
    def links(self) -> tuple[Link, ...]:
        """What the steps left that weren't undone."""
        found: dict[Link, None] = dict.fromkeys(
            link
            for number, child in self.course.started()
            for link in child.links
            if number not in self.undone
        )
        return tuple(found)[:LINKS]

    @property
    def whole(self) -> bool:
        """Whether every step was tried, and none was stopped from outside."""
        stopped = self.cancelled or (self.course.expired is not None and not self.all_fine)
        return not (stopped or self.course.untried)

    @property
    def undone(self) -> tuple[int, ...]:
        """The steps that were undone."""
        course = self.course
        done = [n for n in course.fine if (u := course.undone[n]) and u.state is State.SUCCEEDED]
        return tuple(done)

    @property
    def kept(self) -> tuple[int, ...]:
        """The steps that were done and are as they were, in the plan's order."""
        gone = {*self.undone, self.course.not_undone}
        return tuple(sorted(n for n in self.course.fine if n not in gone))

    def state(self) -> State:
        """How it ends."""
        if self.course.not_undone is not None:
            return State.FAILED
        if self.cancelled:
            return State.CANCELLED
        if self.all_fine:
            partial = any(child.state is State.PARTIAL for _, child in self.course.started())
            return State.PARTIAL if partial else State.SUCCEEDED
        if self.course.expired is not None or self.undone or not self.course.fine:
            return State.FAILED
        return State.PARTIAL

    def error(self) -> Failure | None:
        """Why, where that isn't a good end."""
        number = self.course.not_undone
        if number is not None:
            undo = self.course.undone[number]
            assert undo is not None
            return not_undone(self.course.tasks[number].title, undo.error, undo.id)
        if self.cancelled or self.all_fine:
            return None
        if self.course.expired is not None:
            return self.course.expired
        return next((_error(self.course, number) for number in self.course.bad), None)

    def summary(self) -> str:
        """What was done, undone, kept and not attempted, in words."""
        told = [self._lead(), self._aftermath()]
        if self.state() in (State.SUCCEEDED, State.PARTIAL) and self.whole:
            told = [self._lead(), *self._summaries()]
        return _shortened(" ".join(filter(None, told)))

    def _lead(self) -> str:
        course, bad = self.course, self.course.bad
        if self.cancelled:
            done = f"after {of(len(course.fine), course)}" if course.fine else "before one ended"
            return f"Cancelled {done}{self._untried()}."
        if self.all_fine:
            return "" if self._summaries() else f"Done, in {steps(len(course.tasks))}."
        if course.expired is not None:
            done = of(len(course.fine), course)
            return f"Stopped when its time was over, after {done}{self._untried()}."
        if self.on_failure == "continue":
            failures = "; ".join(_failure(course, number) for number in bad[:NAMED])
            return f"{of(len(bad), course)} failed: {failures}."
        how = "Stopped after" if course.untried else "Failed at"
        place = f"{how} step {bad[0] + 1} of {len(course.tasks)}"
        return f"{place}, {_failure(course, bad[0])}{self._untried()}."

    def _untried(self) -> str:
        untried = self.course.untried
        if not untried:
            return ""
        were = "wasn't" if untried == 1 else "weren't"
        return f"; {steps(untried)} {were} attempted"

    def _aftermath(self) -> str:
        course, kept, undone = self.course, _named(self.course, self.kept), self.undone
        if course.not_undone is not None:
            return self._left()
        if not undone:
            return f"Done before, and kept: {kept}." if kept else ""
        if not kept:
            return f"Everything done before was undone: {_named(course, undone)}."
        were = "was" if len(self.kept) == 1 else "were"
        return f"Undone: {_named(course, undone)}. Can't be undone and {were} kept: {kept}."

    def _left(self) -> str:
        course = self.course
        assert course.not_undone is not None
        told = [f"{_named(course, [course.not_undone])} couldn't be undone."]
        if self.undone:
            told.append(f"Undone before that: {_named(course, self.undone)}.")
        if self.kept:
            told.append(f"Left as it was: {_named(course, self.kept)}.")
        return " ".join(told)

    def _summaries(self) -> list[str]:
        return [_sentence(child.summary) for _, child in self.course.started() if child.summary]


def _error(course: Course, number: int) -> Failure:
    child = course.children[number]
    if child is not None and child.error is not None:
        return child.error
    title = course.tasks[number].title
    return Failure(
        code="step_cancelled", category="system", message=f"“{title}” was stopped.",
        action="What was done is listed. Start it again if you still want it.",
    )  # fmt: skip


def _failure(course: Course, number: int) -> str:
    title, message = course.tasks[number].title, _error(course, number).message
    return f"“{title}”: {message.rstrip('. ')}"


def _named(course: Course, numbers: Sequence[int]) -> str:
    return listed([f"“{course.tasks[number].title}”" for number in numbers])


def steps(count: int) -> str:
    """ "1 step", "3 steps"."""
    return f"{count} {'step' if count == 1 else 'steps'}"


def of(count: int, course: Course) -> str:
    """ "2 of 4 steps"; "4 steps", where that is all."""
    total = len(course.tasks)
    return steps(count) if count == total else f"{count} of {steps(total)}"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *firsts, last = words or [""]
    return f"{', '.join(firsts)} and {last}" if firsts else last


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"
