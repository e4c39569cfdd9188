"""Plans: what comes next, whatever becomes of the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.instant import Instant
from ringback.job import Counts, Job, Policy, State
from ringback.plan import MOST, Child, Course, Next, Part, Plan, Task, parallel, sequence, steps_of
from ringback.saga import moved, next_of
from ringback.spec import OnFailure
from tests.rig import new_spec

UNDO, PLAIN = Policy(), None
POLICIES: list[OnFailure] = ["stop", "continue", "compensate"]
ENDS = [State.SUCCEEDED, State.PARTIAL, State.FAILED, State.CANCELLED]


def task(name: str = "a", undo: Policy | None = UNDO, *, cancellable: bool = True) -> Task:
    return Task(type="t", title=name, policy=Policy(cancellable=cancellable), undo=undo)


def after(plan: Plan) -> dict[str, set[str]]:
    """For each step, which come right before it."""
    steps = steps_of(plan)
    return {step.title: {steps[n].title for n in step.after} for step in steps}


# -- plans


def test_a_sequence_comes_one_after_the_other_and_a_parallel_group_at_once() -> None:
    plan = sequence(task("a"), parallel(task("b"), task("c")), task("d"))
    assert after(plan) == {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}}


def test_groups_nest_and_empty_ones_change_nothing() -> None:
    inner = sequence(parallel(), task("c"), sequence(), task("d"))
    plan = parallel(sequence(task("a"), parallel(task("b"), inner), task("e")), task("f"))
    assert after(plan) == {
        "a": set(), "b": {"a"}, "c": {"a"}, "d": {"c"}, "e": {"b", "d"}, "f": set(),
    }  # fmt: skip


@pytest.mark.parametrize(("plan", "fault"), [
    (lambda: steps_of(sequence(parallel())), "no step"),
    (lambda: steps_of(parallel(*[task()] * (MOST + 1))), f"{MOST} is the most"),
    (lambda: sequence(task(), None), "not of None"),  # type: ignore[arg-type]  # that is the point
    (lambda: steps_of(None), "not of None"),  # type: ignore[arg-type]  # that is the point
])  # fmt: skip
def test_what_is_no_plan_is_refused(plan: Any, fault: str) -> None:
    with pytest.raises((TypeError, ValueError), match=fault):
        plan()


# -- whatever becomes of the steps


class Walk:
    """A pipeline in which jobs begin and end as drawn; it checks what may never be."""

    def __init__(self, plan: Plan, on_failure: OnFailure, data: st.DataObject) -> None:
        spec = new_spec(on_failure=on_failure)
        self.job = Job(spec=spec).claimed().planned(Course.of(plan))
        self.on_failure, self.data = on_failure, data
        self.now = 0
        self.started: list[Part] = []
        self.ended: list[Part] = []

    @property
    def course(self) -> Course:
        assert self.job.course is not None
        return self.job.course

    def walk(self) -> None:
        """To the end, which has to come."""
        for _ in range(10 * len(self.course.tasks) + 10):
            if self.job.state.terminal:
                return
            self.tell({})
            if not self.job.state.terminal:
                self._happen(next_of(self.job))
        raise AssertionError(f"it doesn't end: {self.job}")

    def _may_start(self, part: Part) -> None:
        if part.undo:
            assert self.course.active == (part,), "steps are over by then; one after the other"
        else:
            for number in self.course.tasks[part.number].after:
                child = self.course.children[number]
                assert child is not None
                assert child.over, "what comes before is over"

    def _happen(self, todo: Next) -> None:
        """Something ends, or the user cancels."""
        assert todo.start == (), "what is to begin was decided on"
        active = self.course.active
        assert active, f"nothing runs and nothing is to be done: {self.job}"
        may_cancel = self.job.state is State.RUNNING
        if may_cancel and self.data.draw(st.integers(0, 9)) == 0:
            self.job = replace(self.job.cancel_requested(), version=self.job.version + 1)
            return
        part = self.data.draw(st.sampled_from(active))
        child = self.course.at(part)
        assert child is not None
        end = State.CANCELLED if part in todo.stop else self.data.draw(st.sampled_from(ENDS))
        self.now += self.data.draw(st.integers(0, 1))
        self.ended.append(part)
        self.tell({part: replace(child, state=end, version=2, finished_at=Instant(self.now))})

    def tell(self, news: Mapping[Part, Child]) -> None:
        """Moves the pipeline."""
        before = {part for part in _parts(self.course) if self.course.at(part) is not None}
        self.job = moved(self.job, news)
        for part in _parts(self.course):
            if part not in before and self.course.at(part) is not None:
                assert part not in self.started, "each step has one job"
                self._may_start(part)
                self.started.append(part)
        assert moved(self.job, news) is self.job, "old news changes nothing"
        assert self.job.state.terminal or self.job.counts == Counts()


def _parts(course: Course) -> list[Part]:
    return [Part(n, undo) for n in range(len(course.tasks)) for undo in (False, True)]


def plans(names: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
    def group(parts: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
        some = st.lists(parts, min_size=1, max_size=4)
        return st.builds(lambda kind, p: kind(*p), st.sampled_from([sequence, parallel]), some)

    return st.recursive(names, group, max_leaves=8)


tasks = st.builds(task, undo=st.sampled_from([UNDO, PLAIN]), cancellable=st.booleans())


@settings(deadline=None)
@given(plans(tasks), st.sampled_from(POLICIES), st.data())
def test_every_pipeline_ends_whatever_becomes_of_its_steps(
    plan: Plan, on_failure: OnFailure, data: st.DataObject
) -> None:
    walk = Walk(plan, on_failure, data)
    walk.walk()
    job, course = walk.job, walk.course
    assert course.active == ()
    assert job.result is not None
    assert len(job.result.summary) > 0
    fine = {Part(n) for n in course.fine}
    if job.state is State.SUCCEEDED:
        assert len(fine) == len(course.tasks)
        assert job.error is None
    if job.state is State.FAILED:
        assert job.error is not None
    if on_failure != "compensate" or len(fine) == len(course.tasks):
        assert not [part for part in walk.started if part.undo]
    else:
        _undone_in_order(walk)


def _undone_in_order(walk: Walk) -> None:
    """What can be undone is, the last first, up to the first that fails."""
    course = walk.course
    ends = [part.number for part in walk.ended if not part.undo]
    when = {n: (course.children[n].finished_at, n) for n in course.fine}  # type: ignore[union-attr]  # fine ones have one
    due = [n for n in sorted(when, key=lambda n: when[n], reverse=True) if course.tasks[n].undo]
    undone = [part.number for part in walk.started if part.undo]
    assert undone == due[: len(undone)]
    assert set(undone) <= set(ends)
    if len(undone) < len(due):
        assert course.not_undone == undone[-1]
        assert walk.job.state is State.FAILED


@settings(deadline=None)
@given(plans(st.builds(task)), st.sampled_from(POLICIES), st.data())
def test_without_a_failure_every_step_is_done_under_every_policy(
    plan: Plan, on_failure: OnFailure, data: st.DataObject
) -> None:
    walk = Walk(plan, on_failure, data)
    walk.tell({})
    while not walk.job.state.terminal:
        part = data.draw(st.sampled_from(walk.course.active))
        child = walk.course.at(part)
        assert child is not None
        done = replace(child, state=State.SUCCEEDED, version=2, finished_at=Instant(0))
        walk.tell({part: done})
    assert walk.job.state is State.SUCCEEDED
    assert sorted(walk.started) == [Part(n) for n in range(len(walk.course.tasks))]


# -- one by one


def course(plan: Plan, **ends: State | None) -> Course:
    """Steps by title: how they ended, None where they run; the others have no job yet."""
    whole = Course.of(plan)
    news = {}
    for number, step in enumerate(whole.tasks):
        if step.title in ends:
            end = ends[step.title]
            news[Part(number)] = Child(
                id=step.title, type="t", title=step.title, state=end or State.RUNNING, version=1,
                finished_at=Instant(number) if end else None,
            )  # fmt: skip
    return whole.told(news)


FORK = sequence(task("a"), parallel(task("b"), task("c")), task("d"))
DONE, BAD = State.SUCCEEDED, State.FAILED


@pytest.mark.parametrize(("ends", "on_failure", "start"), [
    ({}, "stop", [0]),
    ({"a": None}, "stop", []),
    ({"a": State.PARTIAL}, "stop", [1, 2]),
    ({"a": DONE, "b": BAD, "c": None}, "continue", []),
    ({"a": DONE, "b": BAD, "c": DONE}, "continue", [3]),
    ({"a": BAD}, "continue", [1, 2]),
])  # fmt: skip
def test_a_step_starts_when_all_before_it_are_over(
    ends: dict[str, State | None], on_failure: OnFailure, start: list[int]
) -> None:
    todo = course(FORK, **ends).following(on_failure, False)
    assert todo == Next(start=tuple(Part(n) for n in start))


def test_what_runs_beside_a_failure_is_let_finish_and_nothing_new_is_started() -> None:
    beside = course(FORK, a=DONE, b=BAD, c=None)
    assert beside.following("stop", False) == Next()
    assert beside.following("compensate", False) == Next()
    assert course(FORK, a=DONE, b=BAD, c=DONE).following("stop", False) == Next(over=True)


def test_a_cancel_asks_what_runs_to_stop_but_for_what_cannot_be() -> None:
    plan = parallel(task("a"), task("b", cancellable=False), task("c"))
    asked = course(plan, a=None, b=None, c=State.CANCELLING)
    assert asked.following("stop", True) == Next(stop=(Part(0),))


def test_a_cancel_that_comes_after_the_last_step_undoes_nothing() -> None:
    whole = course(FORK, a=DONE, b=DONE, c=DONE, d=DONE)
    assert whole.following("compensate", True) == Next(over=True)


def test_older_news_never_replaces_newer() -> None:
    known = course(FORK, a=DONE)
    old = Child(id="a", type="t", title="a", state=State.RUNNING, version=1)
    assert known.told({Part(0): old}) == known
