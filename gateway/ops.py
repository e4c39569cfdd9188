"""``/api/v1/ops``: how the whole does, and what operators do about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.background import spawn
from gateway.endpoint import Asked, Endpoint, reply
from gateway.models import ErrorView
from gateway.oversight import (
    AlertView,
    AuditEntry,
    AuditPage,
    AuditQuery,
    BreakerView,
    DeadLetters,
    DeadLettersQuery,
    DeadLetterView,
    ImpactView,
    OverviewView,
    Replayed,
    ReplayRequest,
    SentAgain,
    TypeLoad,
    UnsentEmails,
    UnsentQuery,
    UnsentView,
    plain,
)
from ringback import audit, dead_letters, overview, unsent
from ringback.breaker import Breaker
from ringback.client import ring
from ringback.connection import AsyncStore
from ringback.dead_letters import DeadLetter, Filter
from ringback.doorbell import Doorbells
from ringback.errors import RingbackError, StoreUnavailable
from ringback.instant import Instant
from ringback.job import Job
from ringback.keys import partitions
from ringback.overview import Overview

ROOT = "/api/v1/ops"
FRESH = 2.0  #: seconds for which an overview is good enough for everybody who asks


class Ops:
    """For tokens with the role ``operator``."""

    def __init__(self, db: AsyncStore, doorbells: Doorbells) -> None:
        self._db = db
        self._doorbells = doorbells
        self._lock = asyncio.Lock()
        self._known: tuple[float, Overview] | None = None

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        one = partial(Endpoint, tag="ops", role="operator")
        return [
            one(
                method="GET", path=f"{ROOT}/overview", handler=self.overview, answer=OverviewView,
                summary="Queues, workers, breakers, what is open, and whom delays hit",
            ),
            one(
                method="GET", path=f"{ROOT}/dead-letters", handler=self.dead_letters,
                query=DeadLettersQuery, answer=DeadLetters,
                summary="Jobs that failed by no fault of their users, latest first",
            ),
            one(
                method="POST", path=f"{ROOT}/dead-letters/replay", handler=self.replay,
                body=ReplayRequest, answer=Replayed,
                summary="Do dead letters again, as new jobs linked to them",
            ),
            one(
                method="GET", path=f"{ROOT}/unsent", handler=self.unsent, query=UnsentQuery,
                answer=UnsentEmails,
                summary="Emails that failed by no fault of their users, latest first",
            ),
            one(
                method="POST", path=f"{ROOT}/unsent/send", handler=self.send_again,
                body=ReplayRequest, answer=SentAgain, summary="Send such emails again",
            ),
            one(
                method="GET", path=f"{ROOT}/audit", handler=self.audit, query=AuditQuery,
                answer=AuditPage, summary="Who did what, when and why, newest first",
            ),
        ]  # fmt: skip

    async def overview(self, _: Asked[None, None]) -> web.Response:
        """At most two seconds old."""
        return reply(_view(await self.look()))

    async def look(self) -> Overview:
        """One look serves all who ask within two seconds. Raises StoreUnavailable."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > FRESH:
                found = await self._db.do(overview.look())
                self._known = time.monotonic(), found
            return self._known[1]

    async def dead_letters(self, asked: Asked[DeadLettersQuery, None]) -> web.Response:
        """Reads the ids of all dead letters, and as many of the jobs as it takes."""
        query = asked.query
        wanted = Filter(
            type=query.type, code=query.code, user=query.user, replayed=query.replayed
        )  # fmt: skip
        search = dead_letters.search(partitions(), wanted, query.limit)
        return reply(DeadLetters(dead_letters=_letters(await self._db.do(search))))

    async def replay(self, asked: Asked[None, ReplayRequest]) -> web.Response:
        """Each by itself: one that is refused keeps none of the others back."""
        ids, reason = list(dict.fromkeys(asked.body.ids)), asked.body.reason
        await self._db.do(audit.record(asked.user, "replay", reason, ids))
        done, refused = {}, {}
        for job_id in ids:
            try:
                done[job_id] = await self._again(job_id)
            except StoreUnavailable:
                raise
            except RingbackError as error:
                refused[job_id] = str(error)
        return reply(Replayed(replayed=done, refused=refused))

    async def _again(self, job_id: str) -> str:
        again = await self._db.do(dead_letters.replay(job_id))
        if again.created:
            spawn(asyncio.to_thread(ring, self._doorbells, again.job))
        return again.job.id

    async def unsent(self, asked: Asked[UnsentQuery, None]) -> web.Response:
        """Reads the ids of all such emails, and as many of the jobs as it takes."""
        query = asked.query
        found = await self._db.do(unsent.search(partitions(), query.limit, query.user))
        return reply(UnsentEmails(emails=[_unsent(job) for job in found]))

    async def send_again(self, asked: Asked[None, ReplayRequest]) -> web.Response:
        """Each by itself: one that is refused keeps none of the others back."""
        ids, reason = list(dict.fromkeys(asked.body.ids)), asked.body.reason
        await self._db.do(audit.record(asked.user, "send again the emails of", reason, ids))
        done, refused = [], {}
        for job_id in ids:
            try:
                done.append((await self._db.do(unsent.send_again(job_id))).id)
            except StoreUnavailable:
                raise
            except RingbackError as error:
                refused[job_id] = str(error)
        return reply(SentAgain(sent=done, refused=refused))

    async def audit(self, asked: Asked[AuditQuery, None]) -> web.Response:
        """A page of the trail."""
        query = asked.query
        found = await self._db.do(audit.entries(query.limit, query.before))
        entries = [AuditEntry(**plain(entry, jobs=list(entry.jobs))) for entry in found]
        more = len(found) == query.limit and found[-1].seq > 1
        return reply(AuditPage(entries=entries, next=found[-1].seq if more else None))


def _view(found: Overview) -> OverviewView:
    return OverviewView(
        impacts=[
            ImpactView(**plain(impact, since=str(impact.since), text=impact.text))
            for impact in overview.impacts(found)
        ],
        queues=_queues(found),
        workers=len(found.workers),
        threads=sum(worker.threads for worker in found.workers),
        busy=sum(worker.busy for worker in found.workers),
        breakers=[_breaker(one) for one in found.breakers],
        alerts=[
            AlertView(**plain(one, since=str(one.since), last=str(one.last)))
            for one in found.alerts
        ],
        notices=found.notices, notices_due=found.due, dead_letters=found.dead, unsent=found.unsent,
        connections=found.present.connections, connected_users=found.present.users,
        whole=found.whole, at=str(Instant(found.now)),
    )  # fmt: skip


def _queues(found: Overview) -> list[TypeLoad]:
    served = {kind for worker in found.workers for kind in worker.types}
    kinds_ = sorted({*found.queued, *found.running, *found.retrying, *served})
    return [_queue(found, kind) for kind in kinds_]


def _queue(found: Overview, kind: str) -> TypeLoad:
    threads, busy = overview.threads(found, kind)
    queued = found.queued.get(kind)
    oldest = None if queued is None or queued.oldest is None else str(Instant(queued.oldest))
    return TypeLoad(
        type=kind, queued=queued.jobs if queued else 0, oldest=oldest,
        running=found.running[kind].jobs if kind in found.running else 0,
        retrying=found.retrying[kind].jobs if kind in found.retrying else 0,
        workers=sum(kind in worker.types for worker in found.workers),
        threads=threads, busy=busy,
    )  # fmt: skip


def _breaker(one: Breaker) -> BreakerView:
    def told(moment: Instant | None) -> str | None:
        return None if moment is None else str(moment)

    return BreakerView(
        **plain(one, state=one.state.value, since=told(one.since), until=told(one.until))
    )


def _unsent(job: Job) -> UnsentView:
    assert job.notice is not None
    return UnsentView(
        id=job.id, type=job.spec.type, title=job.spec.title, user=job.spec.owner.id,
        at=None if job.notice.at is None else str(job.notice.at), reason=job.notice.reason,
        answer=job.notice.answer,
    )  # fmt: skip


def _letters(found: Sequence[DeadLetter]) -> list[DeadLetterView]:
    return [
        DeadLetterView(
            id=letter.job.id, type=letter.job.spec.type, title=letter.job.spec.title,
            user=letter.job.spec.owner.id, at=str(letter.job.finished_at),
            attempts=letter.job.attempt, error=ErrorView(**plain(letter.job.error)),
            replayable=bool(letter.job.scopes), replayed_as=letter.replayed_as,
        )
        for letter in found
    ]  # fmt: skip
