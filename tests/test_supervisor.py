"""What the supervisor finds overdue, and what it does about it: once, however many look."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import orjson
import pytest

from ringback import census, store
from ringback.connection import Store
from ringback.doorbell import Doorbells, new_broker
from ringback.errors import LeaseLost
from ringback.estimate import MINUTE, SECOND, Estimate
from ringback.job import Counts, Job, State
from ringback.keys import due_key, partition_of
from tasks.supervisor import Supervisor
from tests.eye import BROKE, DONE, P, claimed, due, make_due, now, stored_view, submitted
from tests.mishaps import Fault, Wire
from tests.rig import Valkey, new_spec, until

TYPE = "csv.import"


@pytest.fixture
def doorbells(shared_valkey: Valkey) -> Doorbells:
    """Nobody hears them."""
    return Doorbells(new_broker(shared_valkey.url))


@pytest.fixture
def supervisor(db: Store, doorbells: Doorbells) -> Supervisor:
    return Supervisor(db, doorbells)


def view(db: Store, job: Job) -> Any:
    return orjson.loads(stored_view(db, job))


def told(db: Store, job: Job) -> list[str]:
    return [entry["what"] for entry in db.do(store.history(job.id))]


def let_pass(db: Store, job: Job) -> None:
    """Waits for the job's deadline, a matter of milliseconds."""
    deadline = job.deadline
    assert deadline is not None
    until(lambda: now(db) >= deadline.ms)


def changed(db: Store, job: Job, change: Callable[[Job], Job]) -> Job:
    return db.do(store.update(job, change))


def claim(db: Store, job: Job) -> None:
    changed(db, job, Job.claimed)


# -- deadlines


def test_a_job_that_runs_for_too_long_fails_and_its_attempt_writes_nothing_more(
    db: Store, supervisor: Supervisor
) -> None:
    job = claimed(db, timeout=1, idempotent=True)
    job = changed(db, job, lambda job: job.advanced(counts=Counts(80)))
    let_pass(db, job)
    assert supervisor.look() == 1
    error = view(db, job)["error"]
    assert (error["category"], error["code"]) == ("system", "timeout")
    assert "took longer than" in error["message"]
    assert "80 items were done by then and are kept" in error["action"]
    assert error["ref"] == job.id
    assert told(db, job)[-1] == "deadline passed"
    with pytest.raises(LeaseLost):
        db.do(store.update(job, lambda job: job.ended(DONE), held=job.fence))
    assert db.do(store.renew(job.id[:2], [(job.id, job.fence)])) == ([job.id], [])


@pytest.mark.parametrize(
    "change",
    [lambda job: job.retry_later(BROKE, 60_000), Job.lease_expired, Job.handed_back],
    ids=["retrying", "queued again", "handed back"],
)
def test_the_deadline_counts_all_attempts_and_the_waits_between_them(
    db: Store, supervisor: Supervisor, change: Callable[[Job], Job]
) -> None:
    job = changed(db, claimed(db, timeout=1, idempotent=True), change)
    let_pass(db, job)
    supervisor.look()
    shown = view(db, job)
    assert (shown["state"], shown["error"]["category"]) == ("failed", "system")
    assert told(db, job)[-1] == "deadline passed"
    assert (due(db, "retry"), due(db, "doorbell"), due(db, "deadline")) == ({}, {}, {})


def test_a_deadline_that_ends_the_retries_tells_why_they_were_needed(
    db: Store, supervisor: Supervisor
) -> None:
    job = claimed(db, timeout=1, idempotent=True)
    job = changed(db, job, lambda job: job.retry_later(BROKE, 60_000))
    let_pass(db, job)
    supervisor.look()
    assert BROKE.message in view(db, job)["error"]["message"]


def test_a_job_that_nobody_took_in_time_fails_with_nothing_done(
    db: Store, supervisor: Supervisor
) -> None:
    job = submitted(db, start_within=1)
    let_pass(db, job)
    supervisor.look()
    error = view(db, job)["error"]
    assert (error["code"], error["category"]) == ("not_started", "system")
    assert "never started" in error["message"]


def test_a_job_that_was_asked_to_stop_is_cancelled_by_its_deadline(
    db: Store, supervisor: Supervisor
) -> None:
    job = changed(db, claimed(db, timeout=1), Job.cancel_requested)
    let_pass(db, job)
    supervisor.look()
    assert view(db, job)["state"] == "cancelled"


@pytest.mark.parametrize("timeout", [None, 60_000])
def test_a_job_that_is_claimed_while_the_supervisor_looks_runs_on(
    db: Store, doorbells: Doorbells, shared_valkey: Valkey, timeout: int | None
) -> None:
    # race: the worker claims it after the supervisor has found it, and before it gives it up
    job = submitted(db, start_within=1, timeout=timeout)
    let_pass(db, job)
    wire = Wire(shared_valkey.url, [])
    looks_here = int(partition_of("ann"), 16)  # one call to each partition before
    wire.begin(fault=Fault(looks_here, lambda: claim(db, job), late=True))
    assert Supervisor(wire, doorbells).look() == 1
    assert wire.fault is None, "it was claimed in between"
    assert view(db, job)["state"] == "running"
    wire.close()


# -- silences and slowness


def test_silence_is_told_again_at_twice_the_time_and_ends_with_the_next_news(
    db: Store, supervisor: Supervisor
) -> None:
    job = claimed(db, stall_after=60_000)
    job = changed(db, job, lambda job: job.advanced(message="Adding up"))
    for silence, words in (60_000, "1 minute"), (120_000, "2 minutes"), (240_000, "4 minutes"):
        assert due(db, "silence")[job.id] == pytest.approx(now(db) + silence, abs=5_000)
        make_due(db, "silence", job.id)
        assert supervisor.look() == 1
        shown = view(db, job)
        assert shown["stalled"] is True
        assert shown["message"] == f"Still working, no news for {words}. Adding up"
    assert told(db, job)[-3:] == ["no news for long"] * 3

    job = changed(db, job, lambda job: job.advanced(counts=Counts(1)))
    assert (view(db, job)["stalled"], view(db, job)["message"]) == (False, "Adding up")
    assert due(db, "silence")[job.id] == pytest.approx(now(db) + 60_000, abs=5_000)


def test_a_cancel_that_takes_too_long_is_shown_as_such_once(
    db: Store, supervisor: Supervisor
) -> None:
    job = changed(db, claimed(db, cancel_within=30_000), Job.cancel_requested)
    assert view(db, job)["stalled"] is False
    make_due(db, "silence", job.id)
    supervisor.look()
    shown = view(db, job)
    assert (shown["state"], shown["stalled"]) == ("cancelling", True)
    assert shown["message"].startswith("Still finishing")
    assert due(db, "silence") == {}
    assert told(db, job)[-1] == "the cancel takes long"
    ended = changed(db, job, Job.stopped)
    assert view(db, ended)["stalled"] is False


def test_progress_while_a_cancel_is_awaited_puts_nothing_off(db: Store) -> None:
    job = changed(db, claimed(db, cancel_within=30_000), Job.cancel_requested)
    due_at = due(db, "silence")
    job = changed(db, job, lambda job: job.advanced(counts=Counts(1)))
    assert due(db, "silence") == due_at


def test_a_job_that_takes_longer_than_nine_of_ten_says_so_once(
    db: Store, supervisor: Supervisor
) -> None:
    usual = Estimate(runs=20, low=MINUTE, high=2 * MINUTE, late=3 * MINUTE)
    job = db.do(store.submit(replace(new_spec(), estimate=usual))).job
    assert due(db, "slow") == {}
    job = changed(db, job, Job.claimed)
    assert job.started_at is not None
    assert due(db, "slow") == {job.id: job.started_at.ms + 3 * MINUTE}
    make_due(db, "slow", job.id)
    supervisor.look()
    assert view(db, job)["promise"].startswith(
        "This takes longer than usual. This usually takes 1\N{EN DASH}2 minutes. "
    )
    job = changed(db, job, lambda job: job.advanced(counts=Counts(1)))
    assert due(db, "slow") == {}
    assert told(db, job) == ["submitted", "a worker claims it", "longer than usual"]


# -- leases, retries, doorbells


def test_a_job_whose_worker_fell_silent_is_rung_for_again(
    db: Store, supervisor: Supervisor, doorbells: Doorbells
) -> None:
    job = claimed(db, idempotent=True)
    make_due(db, "lease", job.id)
    assert supervisor.look() == 1
    assert (view(db, job)["state"], doorbells.waiting(TYPE)) == ("queued", 1)


def test_a_job_is_rung_for_when_its_next_attempt_is_due(
    db: Store, supervisor: Supervisor, doorbells: Doorbells
) -> None:
    job = changed(db, claimed(db, idempotent=True), lambda job: job.retry_later(BROKE, 60_000))
    assert supervisor.look() == 0
    make_due(db, "retry", job.id)
    supervisor.look()
    assert (view(db, job)["state"], doorbells.waiting(TYPE)) == ("queued", 1)


def test_what_was_forgotten_in_the_meantime_is_no_trouble(
    db: Store, supervisor: Supervisor
) -> None:
    for kind in ("lease", "retry", "doorbell", "deadline", "silence", "slow"):
        db.client.zadd(due_key(P, kind), {f"{P}-gone": 1})
    assert supervisor.look() == 6


# -- many supervisors


def test_two_supervisors_at_once_do_each_piece_once(db: Store, doorbells: Doorbells) -> None:
    usual = Estimate(runs=20, low=SECOND, high=SECOND, late=SECOND)
    jobs: dict[str, list[Job]] = {}
    kinds: dict[str, Callable[[], Job]] = {
        "lease": lambda: claimed(db, idempotent=True),
        "retry": lambda: changed(
            db, claimed(db, idempotent=True), lambda job: job.retry_later(BROKE, 60_000)
        ),
        "silence": lambda: claimed(db),
        "slow": lambda: changed(
            db, db.do(store.submit(replace(new_spec(), estimate=usual))).job, Job.claimed
        ),
        "deadline": lambda: claimed(db, timeout=1),
    }
    for kind, new in kinds.items():
        jobs[kind] = [new() for _ in range(10)]
        make_due(db, kind, *(job.id for job in jobs[kind]))
    let_pass(db, jobs["deadline"][-1])

    both = Barrier(2)

    def look(_: int) -> None:
        both.wait()
        for _ in range(3):
            Supervisor(db, doorbells).look()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look, range(2)))
    last = {
        "lease": "lease expired or worker stopping", "retry": "its time has come",
        "silence": "no news for long", "slow": "longer than usual", "deadline": "deadline passed",
    }  # fmt: skip
    for kind, what in last.items():
        for job in jobs[kind]:
            assert told(db, job).count(what) == 1, kind
            assert told(db, job)[-1] == what
    states = {kind: {db.do(store.load(job.id)).state for job in jobs[kind]} for kind in jobs}
    assert states == {
        "lease": {State.QUEUED}, "retry": {State.QUEUED}, "silence": {State.RUNNING},
        "slow": {State.RUNNING}, "deadline": {State.FAILED},
    }  # fmt: skip
    assert doorbells.waiting(TYPE) == 20


def test_the_sweep_is_one_supervisors_turn(db: Store) -> None:
    assert db.do(census.turn("retention", 60_000))
    assert not db.do(census.turn("retention", 60_000))
