"""Finds what is overdue and sets it going again: leases, retries, doorbells, notices, deadlines,
silences, what webhooks are to be told; and forgets what was kept long enough.

Any number of supervisors may run. Each piece of overdue work is taken by one of them and comes
up again if that one dies before it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import dramatiq
import redis
import structlog

from ringback import advance, census, deliveries, store
from ringback.connection import Store
from ringback.doorbell import HOOK_QUEUE, MAIL_QUEUE, Doorbells, new_broker
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.job import Job, State
from ringback.keys import Call, partitions, plain
from ringback.settings import Settings
from tasks.queue import QueueNews
from tasks.retention import Retention

log = structlog.get_logger(__name__)

TICK = 0.5  #: seconds between two looks
UNHEARD = 1_000  #: rings that may pile up in a queue while nobody hears them
SPARED = 6.0  #: seconds after an outage of the store in which each living worker renews its leases
SWEEP = 60_000  #: ms between two looks for what was kept long enough


class Supervisor:
    """One look at all partitions at a time: ``look``."""

    def __init__(self, db: Store, doorbells: Doorbells) -> None:
        self._db = db
        self._doorbells = doorbells
        self._spared_until = 0.0

    def spare_leases(self) -> None:
        """The store was away: leases that ran out meanwhile say nothing about their workers."""
        self._spared_until = time.monotonic() + SPARED

    def look(self) -> int:
        """Handles all that is overdue now; how many pieces there were."""
        count = sum(self._partition(partition) for partition in partitions())
        of_app = self._db.do(deliveries.due_of_app())
        self._tell(of_app)
        return count + len(of_app)

    def _partition(self, partition: str) -> int:
        found = self._db.do(store.overdue(partition))
        now = self._db.do(_store_time()) if found.deadlines else 0
        changes: list[tuple[tuple[str, ...], str, Callable[[Job], Job]]] = [
            (found.deadlines, "deadline passed", lambda job: _give_up(job, now)),
            (self._lapsed(found), "lease expired", _expire),
            (found.retries, "retry due", _again),
            (found.silent, "silent", Job.fell_silent),
            (found.slow, "longer than usual", Job.took_long),
        ]
        for jobs, why, change in changes:
            for job_id in jobs:
                self._change(job_id, why, change)
        for job_id in found.pipelines:
            self._move_on(job_id)
        for job_id in found.doorbells:
            self._ring_again(job_id)
        if found.mail and self._doorbells.waiting(MAIL_QUEUE) < UNHEARD:
            for user in found.mail:
                self._doorbells.mail(user)
        if found.ended:
            self._tell(self._db.do(deliveries.fan_out(partition, found.ended)))
        self._tell(found.webhooks)
        others = (found.doorbells, found.mail, found.webhooks)
        return sum(len(jobs) for jobs, _, _ in changes) + sum(map(len, others))

    def _lapsed(self, found: store.Overdue) -> tuple[str, ...]:
        # spared ones come up again when they aren't hidden any more, unless they were renewed
        return () if time.monotonic() < self._spared_until else found.leases

    def _change(self, job_id: str, why: str, change: Callable[[Job], Job]) -> None:
        try:
            job = self._db.do(store.update(job_id, change))
        except JobNotFound:
            return
        log.info("supervisor.moved", job=job_id, why=why, state=job.state.value)
        if job.state is State.QUEUED:
            self._doorbells.job(job_id, job.spec.type)

    def _move_on(self, job_id: str) -> None:
        for job in self._db.do(advance.advance(job_id)):
            log.info("supervisor.moved", job=job.id, why="its pipeline came to it", state="queued")
            self._doorbells.job(job.id, job.spec.type)

    def _tell(self, webhooks: Sequence[str]) -> None:
        if webhooks and self._doorbells.waiting(HOOK_QUEUE) < UNHEARD:
            for webhook in webhooks:
                self._doorbells.webhook(webhook)

    def _ring_again(self, job_id: str) -> None:
        try:
            job = self._db.do(store.load(job_id))
        except JobNotFound:
            return
        queue = job.spec.type
        if job.state is State.QUEUED and self._doorbells.waiting(queue) < UNHEARD:
            self._doorbells.job(job_id, queue)


def _store_time() -> Generator[Call, Any, int]:
    seconds, micros = yield plain("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def _give_up(job: Job, now: int) -> Job:
    # a worker may have claimed it since we looked: then it has another deadline, or none
    return job.deadline_passed() if job.deadline and job.deadline.ms <= now else job


def _expire(job: Job) -> Job:
    return job.lease_expired() if job.state in (State.RUNNING, State.CANCELLING) else job


def _again(job: Job) -> Job:
    return job.due_again() if job.state is State.RETRYING else job


def supervise(settings: Settings, stopped: Callable[[float], bool]) -> None:
    """Looks twice a second until ``stopped`` (which waits so many seconds) says so; a store or
    broker that is away is waited for."""
    db = Store(settings.store)
    supervisor = Supervisor(db, Doorbells(new_broker(settings.broker)))
    news, retention = QueueNews(db), Retention(db, settings.keep, settings.defaults.data_dir)
    log.info("supervisor.ready")
    while not stopped(TICK):
        try:
            supervisor.look()
            news.look()
            if db.do(census.turn("retention", SWEEP)):
                retention.sweep()
        except (StoreUnavailable, redis.RedisError, dramatiq.BrokerConnectionError) as error:
            log.warning("supervisor.waits", reason=str(error))
            supervisor.spare_leases()
