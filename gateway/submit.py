"""Submitting, the same over REST and Socket.IO."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.background import spawn
from gateway.problems import bad_request
from ringback import submission
from ringback.client import ring
from ringback.codec import view_json
from ringback.connection import AsyncStore
from ringback.declare import NAME
from ringback.doorbell import Doorbells
from ringback.job import Owner
from ringback.submission import Defaults, Request

FIELDS = {"type", "params", "idempotency_key"}


class Submissions:
    """Accepts jobs."""

    def __init__(self, db: AsyncStore, doorbells: Doorbells, defaults: Defaults) -> None:
        self._db = db
        self._doorbells = doorbells
        self._defaults = defaults

    async def submit(self, owner: Owner, data: Any, key: str | None = None) -> bytes:
        """The view of the accepted job, on disk when this returns.

        ``data``: ``{type, params, idempotency_key}``. Raises Problem and what
        ``submission.submit`` raises.
        """
        request = _request(owner, data, key)
        submitted = await self._db.do(submission.submit(request, self._defaults))
        if submitted.created:
            # the job is safe; nobody has to wait for the bell
            spawn(asyncio.to_thread(ring, self._doorbells, submitted.job))
        return view_json(submitted.job)


def _request(owner: Owner, data: Any, key: str | None) -> Request:
    if not isinstance(data, dict):
        raise bad_request("body", data, 'must be a JSON object: {"type": …, "params": {…}}')
    unknown = sorted(set(data) - FIELDS)
    if unknown:
        raise bad_request(unknown[0], data[unknown[0]], f"is unknown; known: {', '.join(FIELDS)}")
    kind, params = data.get("type"), data.get("params")
    params = {} if params is None else params
    key = _one_key(key, data.get("idempotency_key"))
    if not (isinstance(kind, str) and NAME.fullmatch(kind)):
        raise bad_request("type", kind, "must be the name of a job type (GET /api/v1/types)")
    if not isinstance(params, dict):
        raise bad_request("params", params, "must be an object")
    if key is not None and not (isinstance(key, str) and key.isprintable()):
        raise bad_request("idempotency_key", key, "must be text of printable characters")
    return Request(type=kind, owner=owner, params=params, idempotency_key=key)


def _one_key(header: str | None, body: Any) -> Any:
    if header is not None and body is not None and header != body:
        message = "differs from the header Idempotency-Key; send one of them"
        raise bad_request("idempotency_key", body, message)
    return header if header is not None else body
