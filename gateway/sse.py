"""``GET /api/v1/events``: a user's events for clients that hold no socket, and their receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog
from aiohttp import web

from gateway import kinds, receipts
from gateway.background import spawn
from gateway.endpoint import Asked, Endpoint
from gateway.frame import is_cursor
from gateway.hub import Hub
from gateway.models import SeenRequest, StreamQuery
from gateway.presence import Presence
from gateway.problems import bad_request
from gateway.revocations import Revocations
from gateway.stalled import LOOK_EVERY, WITHIN, Stalled
from gateway.stream import EVENT_STREAM, HEADERS, Stream
from ringback.connection import AsyncStore
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.keys import is_job_id

log = structlog.get_logger(__name__)

OPEN_WITHIN = 4.0  #: seconds for the store to answer


class Streams:
    """All event streams of this node."""

    path = "/api/v1/events"

    def __init__(
        self, db: AsyncStore, hub: Hub, presence: Presence, revocations: Revocations
    ) -> None:
        self._db = db
        self._hub = hub
        self._presence = presence
        self._revocations = revocations
        self._streams: dict[str, Stream] = {}

    def endpoints(self) -> Sequence[Endpoint]:
        """Everything this serves."""
        return (
            Endpoint(
                method="GET", path=self.path, handler=self.events, tag="events",
                summary="Your jobs' events as they happen (server-sent events)",
                query=StreamQuery, produces=(EVENT_STREAM,),
                problems=(kinds.TOO_MANY_CONNECTIONS,),
                headers={"Last-Event-ID": "goes on from this cursor, and proves what came before"},
            ),
            Endpoint(
                method="POST", path="/api/v1/jobs/{id}/seen", handler=self.seen, tag="events",
                summary="The user has seen the end of a job: no email needs to tell it",
                body=SeenRequest, status=204, problems=(kinds.NOT_FOUND,),
            ),
        )  # fmt: skip

    async def seen(self, asked: Asked[None, SeenRequest]) -> web.Response:
        """204: the receipt is booked, where it still mattered."""
        job_id = asked.part("id")
        if not is_job_id(job_id):
            raise JobNotFound(job_id, asked.user)
        await receipts.seen(self._db, asked.user, job_id, asked.body.version)
        return web.Response(status=204)

    async def events(self, asked: Asked[StreamQuery, None]) -> web.StreamResponse:
        """The stream, until either side ends it."""
        since = _cursor_of(asked)
        if asked.request.method == "HEAD":
            return web.Response(headers=HEADERS)
        stream = Stream(asked.identity, asked.request, self._hub, self._db)
        self._streams[stream.name] = stream
        self._revocations.join(stream)
        try:
            await self._open(stream, since)
            if since is not None:
                spawn(receipts.book_cursor(self._db, asked.user, since))
            return await stream.run()
        finally:
            del self._streams[stream.name]
            self._revocations.leave(stream)
            stream.close()
            self._presence.leave(stream.name)

    async def _open(self, stream: Stream, since: str | None) -> None:
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                await self._presence.join(stream.name, stream.user, "sse")
                await stream.open(since)
        except TimeoutError:
            raise StoreUnavailable("The store didn't answer in time.") from None

    # -- this node

    async def look(self) -> None:
        """Ends the streams whose clients have left or take nothing, until cancelled."""
        stalled, clock = Stalled[Stream](WITHIN), asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_EVERY)
            marks = {each: each.mark for each in self._streams.values() if each.mark}
            for stream in stalled.look(marks, clock()):
                log.info("stream.stalled")
                stream.cut()
            for stream in self._streams.values():
                if stream.gone:
                    stream.end()

    def clients(self) -> Collection[str]:
        """The names of the open streams."""
        return self._streams.keys()

    async def send_away(self, client: str) -> None:
        """Ends a stream; its client goes on at another node from where it is."""
        if client in self._streams:
            self._streams[client].end()

    async def end_all(self, _: object) -> None:
        """This node stops, drained or not."""
        for stream in self._streams.values():
            stream.end()


def _cursor_of(asked: Asked[StreamQuery, None]) -> str | None:
    """Where the client is. The header wins: a browser's own goes on while the URL stays."""
    header = asked.request.headers.get("Last-Event-ID")
    for name, cursor in (("Last-Event-ID", header), ("since", asked.query.since)):
        if cursor and not is_cursor(cursor):
            told = "must be the id of an event that came, such as 5f3a01bc:42; leave it out to "
            raise bad_request(name, cursor, f"{told}begin anew")
    return header or asked.query.since or None
