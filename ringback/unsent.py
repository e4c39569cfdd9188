"""Emails that failed by no fault of their users: to be looked at, and sent again.

The mail server refused them for a reason that operators can mend (its policy, a setting of ours),
or put them off for a day. Such a notice stays here until it is sent again or its job is forgotten.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from ringback import alert, store
from ringback.dead_letters import scored
from ringback.errors import JobNotFound, NotSendable
from ringback.job import Job
from ringback.keys import Call, key, plain

BLOCKED = "mail.blocked"  #: the alert that tells of them


def search(
    partitions: Sequence[str], limit: int, user: str | None = None
) -> Generator[Call, Any, list[Job]]:
    """Jobs whose email failed so, latest first, at most ``limit``; of one user only, if given."""
    found: list[tuple[int, str]] = []
    for partition in partitions:
        there = yield plain("ZRANGE", key(partition, "unsent"), 0, "+inf", "BYSCORE", "WITHSCORES")
        found += [(int(at), job_id.decode()) for job_id, at in scored(there)]
    jobs: list[Job] = []
    for _, job_id in sorted(found, reverse=True):
        try:
            job = yield from store.load(job_id)
        except JobNotFound:  # forgotten meanwhile
            continue
        if job.notice is not None and job.notice.dead and user in (None, job.spec.owner.id):
            jobs.append(job)
        if len(jobs) == limit:
            break
    return jobs


def send_again(job_id: str) -> Generator[Call, Any, Job]:
    """Lets a mailer try once more; what the user prefers counts as ever. Raises JobNotFound, and
    NotSendable where the email isn't one of these, or is under way already."""
    job = yield from store.update(job_id, _again)
    yield from alert.settle(BLOCKED)  # it sounds again where nothing was mended
    return job


def _again(job: Job) -> Job:
    # of two operators who send it at once, one is told that it is under way
    if job.notice is None or not job.notice.dead:
        state = "isn't decided" if job.notice is None else f"is {job.notice.state}"
        raise NotSendable(job.id, state)
    return job.email_again()
