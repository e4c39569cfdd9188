"""What people ask of a job that is there: to stop it, to do it again."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, Literal

from ringback import store, submission
from ringback.errors import DuplicateWork, NotRetryable, PartOfPipeline
from ringback.job import RECORDED, Job, Scope, State
from ringback.keys import Call, new_job_id
from ringback.store import RETRY, Submitted

By = Literal["user", "support"]

NOT_ENDED = "it hasn't ended yet. Wait for its end, or cancel it."
ALL_WELL = "all of it was done; there is nothing to do again. Submit a new job for new work."
UNSAFE = (
    "running jobs of this kind twice isn't safe. Check what was done, and submit a new job for the "
    "rest."
)
ALL_ONLY = "its failed {unit} weren't kept one by one. Retry all of it."


def cancel(
    job_id: str, owner: str | None = None, by: By = "user", why: str = ""
) -> Generator[Call, Any, Job]:
    """Asks a job to stop: at once where it waits, else at its next checkpoint. Asking again changes
    nothing.

    Raises JobNotFound (also where ``owner`` isn't the owner), JobEnded, NotCancellable,
    PartOfPipeline.
    """
    job = yield from store.load(job_id, owner)
    _check_alone(job)
    return (yield from store.update(job, lambda job: job.cancel_requested(by, why)))


def force(job_id: str, who: str, why: str) -> Generator[Call, Any, Job]:
    """Support ends a job without waiting for a checkpoint; its attempt can write nothing more.

    Raises JobNotFound, JobEnded, NotCancellable, PartOfPipeline.
    """
    job = yield from cancel(job_id, by="support", why=why)
    if job.state is not State.CANCELLING:
        return job
    return (yield from store.update(job, lambda job: job.forced(who, why)))


def retry(
    job_id: str, owner: str | None = None, scope: Scope = "all"
) -> Generator[Call, Any, Submitted]:
    """Does an ended job again, whole or its failed items only, as a new job linked to it.

    While such a job is under way (or came a moment ago, by the first click of two), it is that
    one. Raises JobNotFound (also where ``owner`` isn't the owner), NotRetryable, DuplicateWork,
    PartOfPipeline.
    """
    job = yield from store.load(job_id, owner)
    _check_alone(job)
    _check(job, scope)
    name = f"{RETRY}{job.id}"
    spec = replace(
        job.spec, id=new_job_id(job.spec.owner.id), retry_of=job.id,
        root=job.spec.root or job.id, scope=scope,
        # all of a retry of failed items is those items
        items_of=job.id if scope == "failed" else job.spec.items_of,
        unique=(name, *(n for n in job.spec.unique if not n.startswith(RETRY))),
        estimate=(yield from submission.estimate(job.spec.type)),
    )  # fmt: skip
    try:
        return (yield from store.submit(spec))
    except DuplicateWork as found:
        there = yield from store.load(found.job_id)
        if there.spec.retry_of != job.id:
            raise
        return Submitted(there, created=False)


def _check_alone(job: Job) -> None:
    if job.spec.parent is not None:
        raise PartOfPipeline(job.id, job.spec.parent)


def _check(job: Job, scope: Scope) -> None:
    if not job.state.terminal:
        raise NotRetryable(job.id, NOT_ENDED)
    if job.state is State.SUCCEEDED:
        raise NotRetryable(job.id, ALL_WELL)
    if not job.spec.policy.idempotent:
        raise NotRetryable(job.id, UNSAFE)
    if scope not in job.scopes:
        raise NotRetryable(job.id, _why_all(job))


def _why_all(job: Job) -> str:
    unit = job.spec.policy.unit
    if not job.counts.failed:
        return f"none of its {unit} failed. Retry all of it."
    if job.counts.failed > RECORDED:
        return f"more than {RECORDED:,} of its {unit} failed. Retry all of it."
    return ALL_ONLY.format(unit=unit)
