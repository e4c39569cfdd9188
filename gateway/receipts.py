"""Receipts: a client proves that it has the view of an ended job, and no email needs to go out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import structlog

from gateway.frame import Proof
from gateway.problems import bad_request
from ringback import feeds, store
from ringback.connection import AsyncStore
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.job import Job
from ringback.keys import is_job_id

log = structlog.get_logger(__name__)

PATIENCE = 30.0  #: seconds that receipts wait for the store


async def book(db: AsyncStore, proofs: Iterable[Proof]) -> None:
    """What the transport proves. One that can't be booked in time is lost: the email goes out."""
    for proof in proofs:
        received = partial(Job.received, version=proof.version, proof="pong")
        await _book(db, proof.job_id, received)


async def book_cursor(db: AsyncStore, user: str, cursor: str) -> None:
    """What a cursor proves that a client sends back: it has what came before."""
    try:
        jobs = await db.do(feeds.proven(user, cursor), PATIENCE)
    except StoreUnavailable as error:
        log.warning("receipt.lost", reason=str(error))
        return
    for job_id in jobs:
        await _book(db, job_id, _received)


def _received(job: Job) -> Job:
    return job.received(job.version, "pong")


async def _book(db: AsyncStore, job_id: str, received: Callable[[Job], Job]) -> None:
    try:
        await db.do(store.update(job_id, received), PATIENCE)
    except (StoreUnavailable, JobNotFound) as error:
        log.warning("receipt.lost", job=job_id, reason=str(error))


async def seen(db: AsyncStore, user: str, job_id: object, version: object) -> None:
    """What the app says: its user has seen how the job ended. Raises Problem, JobNotFound,
    StoreUnavailable."""
    if not is_job_id(job_id):
        raise bad_request("id", job_id, "must be a job's id")
    if not isinstance(version, int):
        raise bad_request("version", version, "must be the version of the view that was seen")
    await db.do(store.load(job_id, user))
    await db.do(store.update(job_id, lambda job: job.received(version, "seen")))
