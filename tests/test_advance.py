"""Pipelines in the store: each step has one job, and the pipeline ends, whoever dies over it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback import control, feeds, store
from ringback.advance import advance
from ringback.connection import Store
from ringback.errors import JobEnded, JobNotFound, PartOfPipeline
from ringback.job import Counts, Job, Place, State
from ringback.keys import Call, is_job_id, key, new_job_id
from ringback.notice import WITH_PIPELINE
from ringback.plan import Course, Part, Plan, Task, child_id, parallel, sequence
from ringback.spec import OnFailure, Policy
from ringback.testing import FakeStore
from tests.eye import BROKE, DONE, P, ask, due, listening, now, send, submitted


@pytest.fixture
def db(either: Store) -> Store:
    """Every test here holds for the real store and for the one in memory."""
    return either


def task(name: str, undo: Policy | None = None, **policy: Any) -> Task:
    return Task(type="t", title=name, policy=Policy(**policy), undo=undo, params={"name": name})


A, B, C = (task(name, Policy(cancellable=False)) for name in "abc")
CHAIN = sequence(A, B, C)


def planned(db: Store, plan: Plan = CHAIN, on_failure: OnFailure = "stop", **policy: Any) -> Job:
    """A pipeline that has its plan and nothing else."""
    job = submitted(db, on_failure=on_failure, **policy)
    db.do(store.update(job, Job.claimed))
    return db.do(store.update(job.id, lambda job: job.planned(Course.of(plan))))


def of(db: Store, job: Job, number: int, *, undo: bool = False) -> Job:
    """The job of a step, or the one that undoes it."""
    course = db.do(store.load(job.id)).course
    assert course is not None
    child = course.at(Part(number, undo))
    assert child is not None
    return db.do(store.load(child.id))


def end(db: Store, child: Job, change: Callable[[Job], Job] = lambda job: job.ended(DONE)) -> Job:
    """A worker does a step's job."""
    claimed = db.do(store.update(child, Job.claimed))
    return db.do(store.update(claimed, change))


def failing(job: Job) -> Job:
    return job.failed(BROKE)


def on(db: Store, job: Job) -> Job:
    """Moves the pipeline; how it stands then."""
    db.do(advance(job.id))
    return db.do(store.load(job.id))


class Look:
    """An ``advance`` carried out call by call."""

    def __init__(self, db: Store, job: Job) -> None:
        self.db, self.op = db, advance(job.id)
        self.over = False
        self.call: Call = next(self.op)

    @property
    def ending(self) -> bool:
        """Whether all is done but to say so."""
        return self.call.script == "look" and self.call.args[0] == "end"

    def step(self) -> None:
        """One call, if there is one more."""
        if self.over:
            return
        try:
            self.call = self.op.send(send(self.db, self.call))
        except StopIteration:
            self.over = True

    def to_end(self) -> None:
        """All but the last call."""
        while not self.ending:
            self.step()


# -- its steps' jobs


def test_a_steps_job_is_its_owners_and_nobody_is_told_of_it(db: Store) -> None:
    job = planned(db)
    cursor = db.do(feeds.read("ann")).cursor
    with listening(db, "ann") as heard:
        (child,) = db.do(advance(job.id))
        ended = end(db, child)
        assert [view["id"] for view in _views(heard)] == [job.id], "the pipeline's own news"
    assert ended.notice is not None
    assert (ended.notice.state, ended.notice.reason) == ("skipped", WITH_PIPELINE)
    assert ended.spec.parent == job.id
    assert (ended.scopes, ended.dead) == ((), False)
    assert db.do(feeds.read("ann", cursor)).views == (db.do(store.load_view(job.id, "ann")),)
    assert _ids(db.do(feeds.read("ann")).views) == [job.id]
    assert ask(db, "ZRANGE", key(P, "outbox", "ann"), 0, -1) == []
    view = orjson.loads(db.do(store.load_view(child.id, "ann")))
    assert (view["parent"], view["can"]) == (job.id, {"cancel": False, "retry": []})
    with pytest.raises(JobNotFound):
        db.do(store.load_view(child.id, "bob"))


def _views(heard: Callable[[], list[bytes]]) -> list[dict[str, Any]]:
    return [orjson.loads(packet[2:])[1] for packet in heard()]


def _ids(views: tuple[bytes, ...]) -> list[str]:
    return [orjson.loads(view)["id"] for view in views]


def test_the_id_of_a_step_follows_from_its_pipeline_and_lies_in_its_slot() -> None:
    job = new_job_id("ann")
    first, second = child_id(job, 0, "t"), child_id(job, 1, "t")
    assert first == child_id(job, 0, "t") != second
    assert is_job_id(first)
    assert first[:17] == job[:17]


def test_a_step_is_neither_cancelled_nor_retried_alone(db: Store) -> None:
    job = planned(db)
    (child,) = db.do(advance(job.id))
    for op in (control.cancel(child.id, "ann"), control.retry(child.id, "ann"),
               control.force(child.id, "sue", "hangs")):  # fmt: skip
        with pytest.raises(PartOfPipeline, match=job.id):
            db.do(op)


# -- news


def test_a_pipeline_holds_no_lease_once_it_has_its_plan(db: Store) -> None:
    job = planned(db)
    assert job.state is State.RUNNING
    for kind in ("lease", "silence", "doorbell"):
        assert job.id not in due(db, kind)
    assert job.lease_expired() is job
    assert due(db, "parent")[job.id] <= now(db)


def test_the_end_of_a_step_and_the_duty_to_move_on_are_one_write(db: Store) -> None:
    job = planned(db)
    (child,) = db.do(advance(job.id))
    assert due(db, "parent") == {}
    end(db, child)
    assert due(db, "parent")[job.id] <= now(db)
    assert of(db, on(db, job), 1).state is State.QUEUED


def test_progress_of_a_step_is_shown_twice_a_second_at_most(db: Store) -> None:
    job = planned(db)
    (child,) = db.do(advance(job.id))
    running = db.do(store.update(child, Job.claimed))
    on(db, job)
    began = now(db)
    for n in range(3):
        running = db.do(store.update(running, lambda j, n=n: j.advanced(message=f"row {n}")))  # type: ignore[misc]  # the lambda's default
    assert began + store.STIR <= due(db, "parent")[job.id] <= now(db) + store.STIR
    shown = on(db, job)
    assert (shown.message, due(db, "parent")) == ("row 2", {})
    assert on(db, job) == shown, "nothing new, nothing written"


def test_news_that_comes_during_a_look_is_not_forgotten(db: Store) -> None:
    job = planned(db)
    (child,) = db.do(advance(job.id))
    look = Look(db, job)
    look.to_end()
    end(db, child)  # after it was looked at
    look.step()
    assert look.over
    assert due(db, "parent")[job.id] <= now(db)


def test_who_dies_over_a_look_has_a_successor(db: Store) -> None:
    job = planned(db)
    Look(db, job).step()
    assert due(db, "parent")[job.id] > now(db), "not at once, since it may still be alive"


def test_what_is_told_of_a_pipeline_that_is_gone_or_has_no_plan_ends_there(db: Store) -> None:
    unplanned, gone = submitted(db), new_job_id("ann")
    for job_id in (unplanned.id, gone):
        ask(db, "ZADD", key(P, "due", "parent"), 1, job_id)
        assert db.do(advance(job_id)) == []
    assert due(db, "parent") == {}
    assert db.do(store.load(unplanned.id)) == unplanned


# -- whoever dies, however many look


def _run_to_end(db: Store, job: Job) -> Job:
    """Does all its jobs, one after the other; step ``b`` fails."""
    for _ in range(20):
        job = on(db, job)
        if job.state.terminal:
            return job
        assert job.course is not None
        child = db.do(store.load(job.course.at(job.course.active[0]).id))  # type: ignore[union-attr]  # active ones have one
        end(db, child, failing if child.spec.title == "b" else lambda j: j.ended(DONE))
    raise AssertionError(job)


def _story(job: Job) -> Any:
    assert job.course is not None
    children = [*job.course.children, *job.course.undone]
    ends = [(c.title, c.state, c.attempt) if c else None for c in children]
    return job.state, job.counts, job.error, job.result, ends


def test_a_look_that_dies_at_any_call_changes_nothing_in_the_end() -> None:
    plan = sequence(parallel(A, C), B, A)
    whole = _run_to_end(db := FakeStore(), planned(db, plan, "compensate"))
    for step in range(3):  # which look dies: after the plan, after the first end, after the failure
        calls = 0
        while True:
            db = FakeStore()
            job = planned(db, plan, "compensate")
            for _ in range(step):
                _one_end(db, job)
            look = Look(db, job)
            for _ in range(calls):
                look.step()
            over = look.over
            assert over or job.id in due(db, "parent")
            assert _story(_run_to_end(db, job)) == _story(whole)
            if over:
                break
            calls += 1


def _one_end(db: Store, job: Job) -> None:
    job = on(db, job)
    assert job.course is not None
    first = job.course.at(job.course.active[0])
    assert first is not None
    child = db.do(store.load(first.id))
    end(db, child, failing if child.spec.title == "b" else lambda j: j.ended(DONE))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=60), st.integers(0, 3))
def test_looks_that_cross_each_other_do_everything_once(turns: list[int], ends: int) -> None:
    db = FakeStore()
    job = planned(db, sequence(parallel(A, C), B, A), "compensate")
    looks = [Look(db, job), Look(db, job)]
    for turn in turns:
        if turn == 2 and ends:
            ends -= _ended_one(db, job)
        elif turn < 2:
            looks[turn] = Look(db, job) if looks[turn].over else looks[turn]
            looks[turn].step()
    for look in looks:
        while not look.over:
            look.step()
    whole = _run_to_end(
        other := FakeStore(), planned(other, sequence(parallel(A, C), B, A), "compensate")
    )
    ended = _run_to_end(db, job)
    assert _story(ended)[:4] == _story(whole)[:4]
    assert ended.course is not None
    known = [c for c in (*ended.course.children, *ended.course.undone) if c is not None]
    assert all(db.do(store.load(c.id)).attempt == 1 for c in known)
    assert len(ask(db, "KEYS", key(P, "job", "*"))) == len(known) + 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60))
def test_nothing_begins_after_a_cancel_however_looks_cross_each_other(turns: list[int]) -> None:
    db = FakeStore()
    job = planned(db, sequence(parallel(A, C), B, A), "compensate")
    looks = [Look(db, job), Look(db, job)]
    for turn in [*turns, 3]:
        if turn == 2:
            _ended_one(db, job)
        elif turn == 3:
            with suppress(JobEnded):
                db.do(control.cancel(job.id, "ann"))
        else:
            looks[turn] = Look(db, job) if looks[turn].over else looks[turn]
            looks[turn].step()
    ended = _run_to_end(db, job)
    for look in looks:
        while not look.over:
            look.step()
    assert db.do(store.load(job.id)) == ended
    assert ended.course is not None
    assert ended.course.active == ()
    assert ask(db, "ZRANGE", key(P, "queued"), 0, -1) == []
    known = [c for c in (*ended.course.children, *ended.course.undone) if c is not None]
    assert all(db.do(store.load(c.id)).state is c.state for c in known)
    assert len(ask(db, "KEYS", key(P, "job", "*"))) == len(known) + 1


def _ended_one(db: Store, job: Job) -> bool:
    """Ends the first job that waits, whether or not its pipeline knows of it."""
    waiting = ask(db, "ZRANGE", key(P, "queued"), 0, 0)
    for job_id in waiting:
        child = db.do(store.load(job_id.decode()))
        end(db, child, failing if child.spec.title == "b" else lambda j: j.ended(DONE))
    assert job.id.encode() not in waiting
    return bool(waiting)


def test_a_step_that_another_look_decided_on_never_begins_after_the_pipelines_end() -> None:
    """Whoever was about to submit it, and died or came late."""
    for late in (False, True):
        db = FakeStore()
        job = planned(db, sequence(A, B))
        end(db, db.do(advance(job.id))[0])
        slow = Look(db, job)
        second = child_id(job.id, 1, "t")
        while not (slow.call.script == "commit" and second.encode() in slow.call.args[0]):
            slow.step()  # up to its submission
        db.do(control.cancel(job.id, "ann"))
        assert on(db, job).state is State.CANCELLED
        if late:
            while not slow.over:
                slow.step()
        assert of(db, job, 1).state is State.CANCELLED
        assert on(db, job).state is State.CANCELLED
        assert ask(db, "ZRANGE", key(P, "queued"), 0, -1) == []


# -- its end


def test_a_pipeline_out_of_time_stops_its_steps_undoes_the_rest_and_fails(db: Store) -> None:
    job = planned(db, on_failure="compensate", timeout=60_000)
    (first,) = db.do(advance(job.id))
    end(db, first)
    (second,) = db.do(advance(job.id))
    running = db.do(store.update(second, Job.claimed))
    late = db.do(store.update(job.id, Job.deadline_passed))
    assert (late.state, late.deadline) == (State.RUNNING, None)
    assert job.id not in due(db, "deadline")
    on(db, job)
    assert db.do(store.load(running.id)).state is State.FAILED
    end(db, of(db, job, 0, undo=True))
    done = on(db, job)
    assert (done.state, done.error and done.error.code) == (State.FAILED, "timeout")
    assert done.result is not None
    assert done.result.summary == (
        "Stopped when its time was over, after 1 of 3 steps; 1 step wasn't attempted. Everything "
        "done before was undone: “a”."
    )


def test_a_cancelled_pipeline_stops_its_steps_and_says_what_was_done(db: Store) -> None:
    job = planned(db, sequence(A, parallel(B, C)))
    (first,) = db.do(advance(job.id))
    end(db, first)
    waiting, running = db.do(advance(job.id))
    db.do(store.update(running, Job.claimed))
    asked = db.do(control.cancel(job.id, "ann"))
    assert asked.state is State.CANCELLING
    on(db, job)
    assert db.do(store.load(waiting.id)).state is State.CANCELLED
    assert db.do(store.load(running.id)).state is State.CANCELLING
    assert on(db, job).state is State.CANCELLING
    db.do(store.update(running.id, Job.stopped))
    done = on(db, job)
    assert done.state is State.CANCELLED
    assert done.result is not None
    assert done.result.summary == "Cancelled after 1 of 3 steps. Done before, and kept: “a”."


def test_a_cancel_waits_for_what_cannot_be_cancelled(db: Store) -> None:
    job = planned(db, sequence(task("s", cancellable=False), B), "compensate")
    (stubborn,) = db.do(advance(job.id))
    db.do(control.cancel(job.id, "ann"))
    on(db, job)
    end(db, stubborn)
    done = on(db, job)
    assert (done.state, of(db, job, 0).state) == (State.CANCELLED, State.SUCCEEDED)
    assert done.result is not None
    assert done.result.summary == (
        "Cancelled after 1 of 2 steps; 1 step wasn't attempted. Done before, and kept: “s”."
    )


def test_what_support_ends_by_force_takes_its_steps_with_it(db: Store) -> None:
    job = planned(db, parallel(A, B))
    first, second = db.do(advance(job.id))
    db.do(store.update(first, Job.claimed))
    done = db.do(control.force(job.id, "sue", "it hangs"))
    assert done.state is State.CANCELLED
    assert due(db, "parent")[job.id] <= now(db)
    assert on(db, job) == done
    assert {db.do(store.load(c.id)).state for c in (first, second)} == {State.CANCELLED}
    assert on(db, job) == done
    assert due(db, "parent") == {}


def test_a_step_whose_undoing_fails_is_for_the_operators(db: Store) -> None:
    job = planned(db, CHAIN, "compensate")
    for number in range(2):
        on(db, job)
        end(db, of(db, job, number))
    on(db, job)
    end(db, of(db, job, 2), failing)
    on(db, job)
    end(db, of(db, job, 1, undo=True), failing)
    done = on(db, job)
    assert done.error is not None
    assert (done.state, done.dead, done.error.code) == (State.FAILED, True, "not_undone")
    assert done.error.message == "“b” couldn't be undone. No answer."
    assert done.result is not None
    assert done.result.summary == (
        "Failed at step 3 of 3, “c”: No answer. “b” couldn't be undone. Left as it was: “a”."
    )
    assert ask(db, "ZRANGE", key(P, "dead"), 0, -1) == [job.id.encode()]


def test_a_step_that_waits_tells_why_in_its_pipelines_message(db: Store) -> None:
    job = planned(db, parallel(A, sequence(B, C)))
    first, second = db.do(advance(job.id))
    db.do(store.update(first, lambda j: j.positioned(Place(None, "All 2 workers are busy"))))
    db.do(store.update(second, Job.claimed))
    db.do(store.update(second.id, lambda j: j.retry_later(BROKE, 60_000)))
    view = orjson.loads(orjson.dumps(_view(db, on(db, job))))
    assert view["step"] == {"index": 1, "count": 3, "name": "a and b"}
    assert view["message"] == (
        "a: All 2 workers are busy; b: No answer. The next attempt starts from the beginning."
    )
    assert [(c["title"], c["state"]) for c in view["children"]] == [
        ("a", "queued"), ("b", "retrying"), ("c", None),
    ]  # fmt: skip
    assert view["children"][1]["attempt"]["next_at"] is not None
    assert view["progress"] == {"done": 0, "total": 3, "unit": "items", "eta": None}


def _view(db: Store, job: Job) -> Any:
    return orjson.loads(db.do(store.load_view(job.id, "ann")))


def test_counts_and_problems_of_all_steps_add_up(db: Store) -> None:
    job = planned(db, parallel(A, B), "continue")
    for child in db.do(advance(job.id)):
        end(db, child, lambda j: replace(j, counts=Counts(3, 1)).ended(DONE))
    done = on(db, job)
    assert (done.state, done.counts) == (State.PARTIAL, Counts(6, 2))
    assert done.result is not None
    assert done.result.links == DONE.links, "each once"


def test_a_step_that_was_forgotten_is_not_started_again(db: Store) -> None:
    job = planned(db)
    (first,) = db.do(advance(job.id))
    end(db, first)
    (second,) = db.do(advance(job.id))
    assert db.do(store.forget(of(db, job, 0)))
    end(db, second)
    assert [child.spec.title for child in db.do(advance(job.id))] == ["c"]


def test_news_of_a_step_whose_pipeline_was_forgotten_is_harmless(db: Store) -> None:
    job = planned(db, A, email=None)
    (child,) = db.do(advance(job.id))
    db.do(control.force(job.id, "sue", "it hangs"))
    assert db.do(store.forget(db.do(store.load(job.id))))
    db.do(store.update(child.id, Job.cancel_requested))
    assert db.do(advance(job.id)) == []
    assert due(db, "parent") == {}
    assert ask(db, "EXISTS", key(P, "job", job.id)) == 0


def test_the_steps_of_a_retry_have_the_idempotency_keys_of_the_first_time(db: Store) -> None:
    job = planned(db, A, "continue", idempotent=True)
    (child,) = db.do(advance(job.id))
    end(db, child, failing)
    again = db.do(control.retry(on(db, job).id)).job
    db.do(store.update(again, Job.claimed))
    db.do(store.update(again.id, lambda job: job.planned(Course.of(A))))
    (second,) = db.do(advance(again.id))
    assert (second.spec.root, second.id == child.id) == (child.id, False)
