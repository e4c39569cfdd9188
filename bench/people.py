"""Users with a running job each, whose progress makes the events."""

from __future__ import annotations

from ringback import store
from ringback.connection import Store
from ringback.job import Counts, Job, Owner, Policy, Problem, Progress, Spec, Step
from ringback.keys import new_job_id

PATIENCE = 10.0  #: seconds


def names(count: int) -> list[str]:
    """The ids of ``count`` users."""
    return [f"user{number}" for number in range(count)]


def spec_of(user: str) -> Spec:
    """A job that ``user`` asks for."""
    return Spec(
        id=new_job_id(user), type="csv.import", title="Import of customers.csv",
        owner=Owner(id=user, email=f"{user}@example.com"),
        params={"file": f"{new_job_id(user)}", "table": "customers"},
        policy=Policy(idempotent=True, unit="rows", steps=4, grace_absent=5_000,
                      grace_present=30_000),
    )  # fmt: skip


def start(db: Store, user: str) -> Job:
    """A new running job of ``user``."""
    job = db.do(store.submit(spec_of(user)), PATIENCE).job
    return db.do(store.update(job, Job.claimed), PATIENCE)


def advance(job: Job, done: int, message: str) -> Job:
    """The job a little further on, with as much to tell as a usual import (a view of 1 kB)."""
    return job.advanced(
        message=message, step=Step(2, 4, "Checking rows"), progress=Progress(done, 100_000),
        counts=Counts(done, 3, 1),
        problems=(
            Problem(
                code="missing_id", outcome="failed", count=3, many="{count} rows have no ID",
                action="Give each row a unique ID and import the file again",
                examples=("row 17", "row 203", "row 998"),
            ),
        ),
    )  # fmt: skip


def commit(db: Store, job: Job, done: int, message: str) -> Job:
    """Commits progress as a worker does."""
    change = store.update(job, lambda j: advance(j, done, message), held=job.fence)
    return db.do(change, PATIENCE)
