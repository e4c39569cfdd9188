"""Jobs that failed by no fault of their users: to be looked at, and done again.

A job is a dead letter when it ended ``failed`` for an external or system reason: out of attempts,
out of time, its worker lost. It stays one until it is replayed or forgotten.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ringback import control, store
from ringback.errors import JobNotFound, NotRetryable
from ringback.job import Job
from ringback.keys import Call, key, plain
from ringback.store import Submitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters: by job type, error code, owner's id, and since when (ms since 1970).

    ``replayed``: those that were replayed already, too.
    """

    type: str | None = None
    code: str | None = None
    user: str | None = None
    since: int = 0
    replayed: bool = False

    def takes(self, job: Job) -> bool:
        """Whether it is one of these."""
        wanted = (
            (self.type, job.spec.type),
            (self.code, job.error and job.error.code),
            (self.user, job.spec.owner.id),
        )
        return job.dead and all(want is None or want == is_ for want, is_ in wanted)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter, and the job that does it again, if there is one."""

    job: Job
    replayed_as: str | None


def search(
    partitions: Sequence[str], wanted: Filter, limit: int
) -> Generator[Call, Any, list[DeadLetter]]:
    """Dead letters of the partitions, latest first, at most ``limit``."""
    found: list[tuple[int, str]] = []
    for partition in partitions:
        there = yield plain(
            "ZRANGE", key(partition, "dead"), wanted.since, "+inf", "BYSCORE", "WITHSCORES"
        )
        found += [(int(at), job_id.decode()) for job_id, at in scored(there)]
    letters: list[DeadLetter] = []
    for _, job_id in sorted(found, reverse=True):
        letter = yield from _letter(job_id, wanted)
        if letter is not None:
            letters.append(letter)
        if len(letters) == limit:
            break
    return letters


def replay(job_id: str) -> Generator[Call, Any, Submitted]:
    """Does a dead letter again, as a new job linked to it. Raises JobNotFound, and NotRetryable
    where it is no dead letter or can't be run twice."""
    job = yield from store.load(job_id)
    if not job.dead:
        raise NotRetryable(job_id, f"it is no dead letter: it is {job.state.value}.")
    return (yield from control.retry(job_id))


def _letter(job_id: str, wanted: Filter) -> Generator[Call, Any, DeadLetter | None]:
    try:
        job = yield from store.load(job_id)
    except JobNotFound:
        return None
    if not wanted.takes(job):
        return None
    replayed_as = yield from store.retried_as(job)
    return None if replayed_as and not wanted.replayed else DeadLetter(job, replayed_as)


def scored(reply: Sequence[Any]) -> Iterator[tuple[bytes, float]]:
    for member, score in reply:
        yield bytes(member), float(score)
