"""Submitting, the same over REST and Socket.IO."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from gateway.background import spawn
from gateway.endpoint import require
from gateway.limits import Limits
from gateway.models import SubmitRequest
from gateway.problems import bad_request
from ringback import submission
from ringback.client import ring
from ringback.codec import view_json
from ringback.connection import AsyncStore
from ringback.doorbell import Doorbells
from ringback.job import Owner
from ringback.submission import Defaults, Request


class Submissions:
    """Accepts jobs."""

    def __init__(
        self, db: AsyncStore, doorbells: Doorbells, defaults: Defaults, limits: Limits
    ) -> None:
        self._db = db
        self._limits = limits
        self._doorbells = doorbells
        self._defaults = defaults

    async def submit(self, owner: Owner, wanted: SubmitRequest, header: str | None = None) -> bytes:
        """The view of the accepted job, on disk when this returns; ``header``: Idempotency-Key.

        Raises Problem and what ``submission.submit`` raises.
        """
        request = Request(
            type=wanted.type, owner=owner, params=wanted.params or {},
            idempotency_key=_one_key(header, wanted.idempotency_key),
        )  # fmt: skip
        await self._limits.submit(owner.id, request.idempotency_key)
        submitted = await self._db.do(submission.submit(request, self._defaults))
        if submitted.created:
            # the job is safe; nobody has to wait for the bell
            spawn(asyncio.to_thread(ring, self._doorbells, submitted.job))
        return view_json(submitted.job)


def acting_for(identity: Owner, roles: Collection[str], wanted: SubmitRequest) -> Owner:
    """Whose job it will be: a backend (role ``service``) may name somebody. Raises a 403 Problem
    for anybody else who does."""
    named = wanted.owner
    if named is None:
        return identity
    require(roles, "service")
    return Owner(
        id=named.id, email=named.email, name=named.name, locale=named.locale,
        timezone=named.timezone,
    )  # fmt: skip


def _one_key(header: str | None, body: str | None) -> str | None:
    if header is not None and body is not None and header != body:
        message = "differs from the header Idempotency-Key; send one of them"
        raise bad_request("idempotency_key", body, message)
    if header is not None and not header.isprintable():
        raise bad_request("Idempotency-Key", header, "must be text of printable characters")
    return header if header is not None else body
