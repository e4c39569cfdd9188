"""One client's stream of server-sent events (WHATWG HTML, 9.2): what a socket gets, with the
cursor of each event as its id."""

from __future__ import annotations

import asyncio
import secrets

import structlog
from aiohttp import web

from gateway.claims import Identity
from gateway.expiry import SignIn
from gateway.follower import Follower
from gateway.frame import event_frame, parts_of
from gateway.hub import Hub
from gateway.models import ExpiringEvent
from gateway.outgoing import EXPIRING
from gateway.sendqueue import SendQueue
from gateway.wirebuffer import narrow
from ringback.connection import AsyncStore

log = structlog.get_logger(__name__)

HEARTBEAT = 15.0  #: seconds of silence before a comment tells that the stream is alive
PIECE = 16_384  #: bytes written at once
BACK_AFTER = range(1_000, 3_001)  #: ms; at random, or all clients of a node that died come at once
PING = b": ping\n\n"
EVENT_STREAM = "text/event-stream"
HEADERS = {
    "Content-Type": EVENT_STREAM,
    "Cache-Control": "no-store, no-transform",  # no-transform: a proxy that compresses would buffer
    "X-Accel-Buffering": "no",  # nginx
}


class Stream:
    """Writes a user's events to one response, from its start until either side ends it."""

    def __init__(self, identity: Identity, request: web.Request, hub: Hub, db: AsyncStore) -> None:
        self.identity = identity
        self.user = identity.owner.id
        # it ends with its token: there is no way to show it another one
        self._sign_in = SignIn(identity, self._warn, self.end, grace=0)
        self.name = f"sse-{secrets.token_hex(8)}"
        self._request = request
        self._transport = request.transport
        self._queue = SendQueue()
        self._queue.proving = False  # what came through, only the client's next request tells
        self._queue.overflow = self.cut
        self._follower = Follower(self.user, self._queue, hub, db, self.cut)
        self._goes_on = False

    async def open(self, since: str | None) -> None:
        """Joins the channel and reads the feed. Raises StoreUnavailable."""
        self._goes_on = await self._follower.open(since)

    async def run(self) -> web.StreamResponse:
        """Tells what the client lacks, then each event as it comes."""
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(self._request)
        if self._transport is not None:
            narrow(self._transport)
        if self._goes_on:
            self._follower.start_with_changes()
        else:
            self._follower.start_with_all()
        self._sign_in.start()
        try:
            await self._write_all(response)
        except ConnectionError:
            self.cut()
        except Exception:  # ours; an answer has begun, so there is no other to give
            log.exception("stream.unforeseen")
            self.cut()
        return response

    def close(self) -> None:
        """The client is gone."""
        self._sign_in.end()
        self._follower.close()

    @property
    def gone(self) -> bool:
        """Whether the client has closed the connection. (aiohttp tells it to nobody who doesn't
        read or write.)"""
        return self._transport is None or self._transport.is_closing()

    @property
    def mark(self) -> tuple[int, int] | None:
        """What changes when the client takes some of what waits for it; None: nothing waits."""
        buffered = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return (self._queue.taken, buffered) if buffered or not self._queue.empty() else None

    def _warn(self, told: ExpiringEvent) -> None:
        self._queue.send(event_frame(EXPIRING, told))

    def end(self) -> None:
        """Ends the stream behind what is queued; the client comes back by itself."""
        self._queue.put_nowait(None)

    def cut(self) -> None:
        """Ends the connection, whatever is queued."""
        self._queue.overflow = None  # once is enough
        if self._transport is not None:
            self._transport.abort()
        self.end()

    async def _write_all(self, response: web.StreamResponse) -> None:
        await response.write(b"retry: %d\n\n" % secrets.choice(BACK_AFTER))
        while (text := await self._next()) is not None:
            for start in range(0, len(text), PIECE):
                await response.write(text[start : start + PIECE])

    async def _next(self) -> bytes | None:
        """What is to be written; None: this is the end."""
        try:
            async with asyncio.timeout(HEARTBEAT):
                packet = await self._queue.get()
        except TimeoutError:
            return PING
        return None if packet is None else event_of(packet.encode_cache)


def event_of(frame: str) -> bytes:
    """A frame as a server-sent event. (JSON has no line breaks, so its data is one line.)"""
    name, data, cursor = parts_of(frame)
    place = f"id: {cursor}\n" if cursor else ""
    return f"{place}event: {name}\ndata: {data}\n\n".encode()
