"""Submitting jobs from a web app's backend, blocking or async."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import dramatiq
import redis
import structlog

from ringback import control, presence, submission
from ringback.connection import AsyncStore, Store
from ringback.doorbell import Doorbells, new_broker
from ringback.job import Job, Owner, Scope
from ringback.presence import Presence
from ringback.settings import Settings, load_settings
from ringback.submission import Request

log = structlog.get_logger(__name__)


class Client:
    """A blocking client. Raises what ``submission.submit`` raises, and StoreUnavailable."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or load_settings()
        self._defaults = settings.defaults
        self._store = Store(settings.store)
        self._doorbells = Doorbells(new_broker(settings.broker))

    def submit(
        self,
        job_type: str,
        *,
        owner: Owner,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Writes a job, durably, and rings for a worker. The same ``idempotency_key`` of the same
        owner gives the same job."""
        request = _request(job_type, owner, params, idempotency_key)
        submitted = self._store.do(submission.submit(request, self._defaults))
        if submitted.created:
            ring(self._doorbells, submitted.job)
        return submitted.job

    def cancel(self, job_id: str, *, owner: str | None = None) -> Job:
        """Asks a job to stop. Raises what ``control.cancel`` raises, and StoreUnavailable."""
        return self._store.do(control.cancel(job_id, owner))

    def retry(self, job_id: str, *, owner: str | None = None, scope: Scope = "all") -> Job:
        """Does an ended job again, as the new job that is returned. Raises what ``control.retry``
        raises, and StoreUnavailable."""
        again = self._store.do(control.retry(job_id, owner, scope))
        if again.created:
            ring(self._doorbells, again.job)
        return again.job

    def presence(self, user: str) -> Presence:
        """The user's connections to all gateways, right at most 12 seconds after one was killed.
        Raises StoreUnavailable."""
        return self._store.do(presence.of(user))

    def close(self) -> None:
        """Closes the connections."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """``Client`` for an event loop."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or load_settings()
        self._defaults = settings.defaults
        self._store = AsyncStore(settings.store)
        self._doorbells = Doorbells(new_broker(settings.broker))

    async def submit(
        self,
        job_type: str,
        *,
        owner: Owner,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """As ``Client.submit``."""
        request = _request(job_type, owner, params, idempotency_key)
        submitted = await self._store.do(submission.submit(request, self._defaults))
        if submitted.created:
            await asyncio.to_thread(ring, self._doorbells, submitted.job)
        return submitted.job

    async def cancel(self, job_id: str, *, owner: str | None = None) -> Job:
        """As ``Client.cancel``."""
        return await self._store.do(control.cancel(job_id, owner))

    async def retry(self, job_id: str, *, owner: str | None = None, scope: Scope = "all") -> Job:
        """As ``Client.retry``."""
        again = await self._store.do(control.retry(job_id, owner, scope))
        if again.created:
            await asyncio.to_thread(ring, self._doorbells, again.job)
        return again.job

    async def presence(self, user: str) -> Presence:
        """As ``Client.presence``."""
        return await self._store.do(presence.of(user))

    async def close(self) -> None:
        """Closes the connections."""
        await self._store.close()


def submit(job_type: str, *, owner: Owner, **request: Any) -> Job:
    """``Client.submit`` for scripts and tests: connects, submits, disconnects."""
    with Client() as client:
        return client.submit(job_type, owner=owner, **request)


def ring(doorbells: Doorbells, job: Job) -> None:
    """Rings; a broker that is away only costs time, since the supervisor rings again."""
    try:
        doorbells.job(job.id, job.spec.type)
    except (redis.RedisError, dramatiq.BrokerConnectionError) as error:
        log.warning("doorbell.lost", job=job.id, reason=str(error))


def _request(
    job_type: str, owner: Owner, params: Mapping[str, Any] | None, key: str | None
) -> Request:
    return Request(type=job_type, owner=owner, params=params or {}, idempotency_key=key)
