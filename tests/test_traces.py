"""What support learns of an attempt that failed: the words for the user, and the trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringback import InputError, Run, control, job, store, traces
from ringback.attempt import Attempts
from ringback.connection import Store
from ringback.declare import DeclaredJob
from ringback.errors import CircuitOpen
from ringback.job import Job, State
from ringback.keeper import Keeper
from tests.eye import ask, claimed, ended, stored_view
from tests.rig import new_spec


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def broken(_: Run) -> None:
    raise ZeroDivisionError("the divisor of row 17")


def refused(_: Run) -> None:
    raise InputError("The file is empty.", action="Choose another one.")


def waits(_: Run) -> None:
    raise CircuitOpen("stripe", "Stripe", 1000)


def tried(db: Store, directory: Path, function: Callable[[Run], Any], **policy: Any) -> Job:
    """A job after one attempt at a function."""
    declared: DeclaredJob = job("csv.import", idempotent=True)(function)
    attempts = Attempts(db, Keeper(db), directory, {"csv.import": declared})
    known = db.do(store.submit(new_spec(**{"idempotent": True, "max_attempts": 2, **policy}))).job
    attempts.run(known.id)
    return db.do(store.load(known.id))


def test_an_attempt_that_failed_leaves_its_trace(db: Store, tmp_path: Path) -> None:
    job = tried(db, tmp_path, broken)
    assert job.state is State.RETRYING
    (error,) = db.do(traces.errors(job.id))
    assert (error.attempt, error.code, error.state) == (1, "internal", "retrying")
    assert error.trace is not None
    assert error.trace.startswith("Traceback (most recent call last):")
    assert error.trace.endswith("ZeroDivisionError: the divisor of row 17\n")


def test_what_the_author_foresaw_leaves_its_trace_too(db: Store, tmp_path: Path) -> None:
    (error,) = db.do(traces.errors(tried(db, tmp_path, refused).id))
    assert (error.message, error.action) == ("The file is empty.", "Choose another one.")
    assert error.trace is not None
    assert "in refused" in error.trace


def test_a_wait_for_a_service_is_no_error(db: Store, tmp_path: Path) -> None:
    assert db.do(traces.errors(tried(db, tmp_path, waits).id)) == []


def test_a_trace_is_never_in_a_view_nor_in_the_history(db: Store, tmp_path: Path) -> None:
    job = tried(db, tmp_path, broken, max_attempts=1)
    assert b"divisor" not in stored_view(db, job)
    assert "divisor" not in str(db.do(store.history(job.id)))


def test_an_attempt_that_was_replaced_keeps_no_trace(db: Store) -> None:
    old = claimed(db, idempotent=True)
    db.do(store.update(old, Job.lease_expired))  # the supervisor put it back meanwhile
    assert not db.do(traces.keep(old, ValueError("late")))
    (error,) = db.do(traces.errors(old.id))
    assert (error.trace, error.code) == (None, None)
    assert error.reason is not None
    assert error.reason.startswith("The worker stopped answering.")


def test_a_job_that_is_gone_keeps_no_trace(db: Store) -> None:
    job = claimed(db)
    ask(db, "FLUSHALL")
    assert not db.do(traces.keep(job, ValueError("late")))
    assert ask(db, "KEYS", "*") == []


def test_the_latest_traces_are_kept_each_with_its_end(db: Store) -> None:
    job = claimed(db, idempotent=True, max_attempts=20)
    for number in range(1, 13):
        assert job.attempt == number
        assert db.do(traces.keep(job, ValueError("é" * traces.LONGEST + f" of {number}")))
        job = db.do(store.update(job, Job.lease_expired))
        job = db.do(store.update(job, Job.claimed))
    kept = ask(db, "HGETALL", traces.traces_key(job.id))
    assert sorted(map(int, kept)) == list(range(3, 13))
    for attempt, trace in kept.items():
        assert len(trace) <= traces.LONGEST + 6
        assert trace.decode().endswith(f" of {int(attempt)}\n")


def test_traces_go_with_their_job(db: Store, tmp_path: Path) -> None:
    job = tried(db, tmp_path, broken, max_attempts=1)
    db.do(store.update(job, lambda job: job.received(job.version, "seen")))
    assert db.do(store.forget(db.do(store.load(job.id))))
    assert ask(db, "EXISTS", traces.traces_key(job.id)) == 0


def test_what_went_well_or_was_stopped_has_no_errors(db: Store) -> None:
    assert db.do(traces.errors(ended(db).id)) == []
    stopped = claimed(db)
    db.do(control.cancel(stopped.id))
    db.do(store.update(stopped.id, Job.stopped))
    assert db.do(traces.errors(stopped.id)) == []
