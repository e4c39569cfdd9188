"""Cancelling and retrying, the same over REST and Socket.IO."""

from __future__ import annotations

import asyncio

from gateway.background import spawn
from gateway.limits import Limits
from ringback import control
from ringback.client import ring
from ringback.codec import view_json
from ringback.connection import AsyncStore
from ringback.doorbell import Doorbells
from ringback.errors import JobNotFound
from ringback.job import Scope
from ringback.keys import is_job_id


class Controls:
    """Does to jobs what their owners ask."""

    def __init__(self, db: AsyncStore, doorbells: Doorbells, limits: Limits) -> None:
        self._db = db
        self._limits = limits
        self._doorbells = doorbells

    async def cancel(self, owner: str, job_id: str) -> bytes:
        """The view of the job that is asked to stop. Raises what ``control.cancel`` raises."""
        return view_json(await self._db.do(control.cancel(_known(job_id, owner), owner)))

    async def retry(self, owner: str, job_id: str, scope: Scope) -> bytes:
        """The view of the new job. Raises Problem and what ``control.retry`` raises."""
        await self._limits.submit(owner)
        again = await self._db.do(control.retry(_known(job_id, owner), owner, scope))
        if again.created:
            spawn(asyncio.to_thread(ring, self._doorbells, again.job))
        return view_json(again.job)


def _known(job_id: str, owner: str) -> str:
    if not is_job_id(job_id):
        raise JobNotFound(job_id[:100], owner)
    return job_id
