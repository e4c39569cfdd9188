"""Ended jobs are kept for as long as was promised, and then nothing of them stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ringback import control, files, store
from ringback.connection import Store
from ringback.errors import DuplicateWork, JobNotFound
from ringback.files import File
from ringback.job import TERMINAL, Counts, Job, Link, Result, State
from ringback.keys import key
from ringback.store import Flaws
from tasks.retention import Retention
from tests.eye import BROKE, DONE, ask, claimed, everything, submitted
from tests.rig import new_spec

HOUR = 3_600_000
KEEP = {
    State.SUCCEEDED: HOUR, State.PARTIAL: 3 * HOUR, State.FAILED: 4 * HOUR,
    State.CANCELLED: 2 * HOUR,
}  # fmt: skip


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


@pytest.fixture
def retention(db: Store, tmp_path: Path) -> Retention:
    return Retention(db, KEEP, tmp_path)


def over(db: Store, change: Callable[[Job], Job]) -> Job:
    """A job that ended so, and whose owner has been told."""
    job = db.do(store.update(claimed(db, email=None, idempotent=True), change))
    return db.do(store.update(job, Job.stopped)) if job.state is State.CANCELLING else job


ENDS: dict[State, Callable[[Job], Job]] = {
    State.SUCCEEDED: lambda job: job.ended(DONE),
    State.PARTIAL: lambda job: job.advanced(counts=Counts(1, 1)).ended(DONE),
    State.FAILED: lambda job: job.failed(BROKE),
    State.CANCELLED: Job.cancel_requested,
}


def age(db: Store, job: Job, ms: int) -> None:
    """The job ended so long ago."""
    assert job.finished_at is not None
    ended = key(job.id[:2], "ended", job.state.value)
    assert ask(db, "ZADD", ended, "XX", "CH", job.finished_at.ms - ms, job.id) == 1


def there(db: Store, job: Job) -> bool:
    try:
        db.do(store.load(job.id))
    except JobNotFound:
        return False
    return True


def traces(db: Store, job: Job) -> list[bytes]:
    """The keys under which something of the job is left."""
    mark = job.id.encode()
    return [name for name, value in everything(db).items() if mark in name or mark in _bytes(value)]


def _bytes(value: Any) -> bytes:
    return repr(value).encode()


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_job_is_kept_as_long_as_its_end_deserves(
    db: Store, retention: Retention, state: State
) -> None:
    job = over(db, ENDS[state])
    assert job.state is state
    age(db, job, KEEP[state] - HOUR // 2)
    assert retention.sweep() == 0
    assert there(db, job)
    age(db, job, KEEP[state] + 1)
    assert retention.sweep() == 1
    assert not there(db, job)


def test_what_has_not_ended_stays(db: Store, retention: Retention) -> None:
    jobs = [submitted(db), claimed(db)]
    retention.sweep()
    assert all(there(db, job) for job in jobs)


def test_a_job_stays_until_its_owner_was_told(db: Store, retention: Retention) -> None:
    job = db.do(store.update(claimed(db), lambda job: job.ended(DONE)))
    age(db, job, 9 * HOUR)
    assert retention.sweep() == 0
    db.do(store.update(job.id, lambda job: job.email_delayed("451 busy", 5_000)))
    assert retention.sweep() == 0
    assert there(db, job)
    db.do(store.update(job.id, lambda job: job.email_sent("250 OK")))
    assert retention.sweep() == 1


def test_nothing_of_a_forgotten_job_stays_in_the_store(db: Store, retention: Retention) -> None:
    spec = replace(new_spec(email=None, idempotent=True, timeout=HOUR), unique=("customers",))
    job = db.do(store.submit(spec)).job
    job = db.do(store.update(job, Job.claimed))
    flaws = Flaws(failed=(b'["1","bad","",0]',), skipped=(b'["2","known","",0]',))
    job = db.do(store.update(job, lambda job: job.advanced(counts=Counts(0, 1, 1)), flaws=flaws))
    job = db.do(store.update(job, lambda job: job.retry_later(BROKE, 1)))
    job = db.do(store.update(job, Job.due_again))
    job = db.do(store.update(job, Job.claimed))
    job = db.do(store.update(job, lambda job: job.failed(BROKE)))
    assert len(traces(db, job)) > 5
    age(db, job, 9 * HOUR)
    assert retention.sweep() == 1
    assert traces(db, job) == []


def test_nothing_stays_of_a_retry_either(db: Store, retention: Retention) -> None:
    job = over(db, ENDS[State.FAILED])
    again = db.do(control.cancel(db.do(control.retry(job.id)).job.id))
    for each in (job, again):
        age(db, each, 9 * HOUR)
    retention.sweep()
    assert traces(db, again) == []
    assert traces(db, job) == []


def test_a_name_that_another_job_bears_by_now_stays_taken(db: Store, retention: Retention) -> None:
    spec = replace(new_spec(email=None), unique=("customers",))
    job = db.do(control.cancel(db.do(store.submit(spec)).job.id))
    db.do(store.submit(replace(new_spec(), unique=spec.unique)))
    age(db, job, 9 * HOUR)
    assert retention.sweep() == 1
    with pytest.raises(DuplicateWork):
        db.do(store.submit(replace(new_spec(), unique=spec.unique)))


def test_the_files_of_the_result_go_with_the_job_and_no_others(
    db: Store, retention: Retention, tmp_path: Path
) -> None:
    job = claimed(db, email=None)
    made, upload = _file(db, tmp_path, "rejected.csv", job.id), _file(db, tmp_path, "upload.csv")
    links = Link("Download", made.url), Link("What you sent", upload.url), Link("Look", "https://x")
    job = db.do(store.update(job, lambda job: job.ended(Result("Done", links))))
    age(db, job, 9 * HOUR)
    assert made.path.exists()
    retention.sweep()
    assert (made.path.exists(), upload.path.exists()) == (False, True)
    with pytest.raises(files.FileNotFound):
        db.do(files.find(made.id, "ann", tmp_path))
    assert db.do(files.find(upload.id, "ann", tmp_path)) == upload


def _file(db: Store, data_dir: Path, name: str, job: str | None = None) -> File:
    file_id = files.new_file_id("ann")
    where = files.place(data_dir, file_id)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text("id\n")
    file = File(id=file_id, name=name, size=3, content_type="text/csv", path=where)
    db.do(files.record("ann", file, job))
    return file
