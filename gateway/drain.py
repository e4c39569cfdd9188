"""How a node stops: its clients go on at other nodes, a few at a time, and nothing is lost.

All at once they would be a storm for those nodes. So from the first signal on this node says that
it isn't ready (a load balancer sends new clients elsewhere, and those that come all the same
are refused), and lets go of the clients it has in slices. Other requests are served to the end.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from typing import Any, Protocol

import structlog
from aiohttp import web

from gateway import kinds
from gateway.background import spawn
from gateway.problems import Problem

log = structlog.get_logger(__name__)

SLICE = 0.25  #: seconds between two slices, or a little more
RETRY_AFTER = 1  #: seconds


class Clients(Protocol):
    """Connections that stay open, of one kind."""

    path: str  #: where they come in

    def clients(self) -> Collection[str]:
        """The ids of those that are open; a request that continues one has it as ``sid``."""

    async def send_away(self, client: str) -> None:
        """Closes one, in such a way that it goes on at another node, in a second or so."""


class Drain:
    """Sends the clients of this node away, once it is asked to."""

    def __init__(self, seconds: float) -> None:
        self.begun = False
        self._seconds = seconds
        self._kinds: list[Clients] = []
        self._leaving: dict[str, asyncio.Task[None]] = {}

    def add(self, kind: Clients) -> None:
        """One more kind of connections to let go of."""
        self._kinds.append(kind)

    async def run(self) -> None:
        """Returns when nobody is left, after the given seconds (0: all at once), or a little
        later where clients still had something to prove."""
        self.begun = True
        log.info("drain.begun", clients=len(self._staying()), seconds=self._seconds)
        slices = max(1, int(self._seconds / SLICE))
        for left in range(slices, 0, -1):
            if not self._staying():
                break
            await asyncio.sleep(self._seconds / slices)
            there = self._staying()
            for kind, client in there[: math.ceil(len(there) / left)]:
                self._leaving[client] = spawn(kind.send_away(client))
        if self._leaving:
            await asyncio.wait(self._leaving.values())
        log.info("drain.done")

    def _staying(self) -> list[tuple[Clients, str]]:
        there = [(kind, client) for kind in self._kinds for client in kind.clients()]
        return [(kind, client) for kind, client in there if client not in self._leaving]

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Refuses who would only have to go again. Raises a 503 Problem."""
        if not self.begun:
            response: web.StreamResponse = await handler(request)
            return response
        if request.path == "/readyz" or any(_is_new(request, kind) for kind in self._kinds):
            raise _stopping()
        response = await handler(request)
        if not response.prepared:
            response.force_close()  # the next request on this connection belongs elsewhere
        return response


def _is_new(request: web.Request, kind: Clients) -> bool:
    return request.path == kind.path and request.query.get("sid") not in kind.clients()


def _stopping() -> Problem:
    return Problem(
        kinds.UNAVAILABLE,
        "This node is being stopped and takes nobody in any more. Connect again in a second: "
        "another node answers, or this one when it is back. No job is affected.",
        headers={"Retry-After": str(RETRY_AFTER), "Connection": "close"},
    )  # fmt: skip
