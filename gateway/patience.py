"""How long a connection may keep us waiting: for its first request, a body, or to take an answer.

aiohttp waits for all of them as long as the client likes. All connections of a node are looked at
every second, and those that are too slow are closed. (Between requests, its keep-alive decides.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.stalled import LOOK_EVERY, Stalled

log = structlog.get_logger(__name__)

HEADERS_WITHIN = 10.0  #: seconds from the connection's begin to the end of its first headers
BODY_WITHIN = 10.0  #: seconds that each piece of a body may take,
PIECE = 5_000  #: bytes of it; the whole may take as long as it is long
ANSWER_WITHIN = 20.0  #: seconds in which some of an answer must be taken


class Patience:
    """What is known of a node's connections from the last looks at them."""

    def __init__(self) -> None:
        self._silent = Stalled[Any](HEADERS_WITHIN)
        self._slow = Stalled[Any](BODY_WITHIN)
        self._deaf = Stalled[Any](ANSWER_WITHIN)

    def look(self, connections: Iterable[RequestHandler], now: float) -> set[Any]:
        """Those to be closed."""
        there = [each for each in connections if each.transport is not None]
        silent = {each: 0 for each in there if each._request_count == 0}
        slow = {each: _pieces(each) for each in there if _owes_body(each)}
        deaf = {each: _unsent(each) for each in there if _unsent(each)}
        return {
            *self._silent.look(silent, now), *self._slow.look(slow, now),
            *self._deaf.look(deaf, now),
        }  # fmt: skip

    async def run(self, server: web.Server) -> None:
        """Closes them, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for slow in self.look(server.connections, asyncio.get_running_loop().time()):
                if slow.transport is not None:
                    log.info("connection.slow")
                    slow.transport.abort()


@asynccontextmanager
async def patient(runner: web.BaseRunner | None) -> AsyncIterator[None]:
    """While inside, slow connections of a runner that was set up are closed."""
    assert runner is not None
    assert runner.server is not None, "set up comes first"
    looking = asyncio.ensure_future(Patience().run(runner.server))
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


def _owes_body(connection: RequestHandler) -> bool:
    request = connection._current_request
    if request is None or request.content.is_eof():
        return False
    return not connection._reading_paused  # else it waits for us


def _pieces(connection: RequestHandler) -> int:
    request = connection._current_request
    return 0 if request is None else request.content.total_bytes // PIECE


def _unsent(connection: RequestHandler) -> int:
    transport: Any = connection.transport
    return int(transport.get_write_buffer_size())
