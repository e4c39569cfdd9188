"""python-socketio and python-engineio, fitted: recovery's ``pid``, our send queue, pongs.

All knowledge of their insides is in this module and in ``transport.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import engineio
import socketio
import structlog
from aiohttp import web
from engineio import exceptions
from engineio import packet as eio
from engineio.async_drivers.aiohttp import WebSocket
from socketio import packet as sio

from gateway import kinds
from gateway.background import spawn
from gateway.meter import Meter
from gateway.problems import Problem
from gateway.sendqueue import SendQueue
from gateway.stalled import LOOK_EVERY, WITHIN, Stalled
from gateway.transport import Transport
from gateway.wirebuffer import narrow

log = structlog.get_logger(__name__)

FRAME_LIMIT = 65_536  #: bytes a client may send in one message
CONNECT_WITHIN = 5.0  #: seconds from the transport's opening to the Socket.IO CONNECT
FROM_CLIENTS = frozenset({eio.CLOSE, eio.PONG, eio.MESSAGE, eio.UPGRADE})
BINARY = (str(sio.BINARY_EVENT), str(sio.BINARY_ACK))
RESERVED = frozenset({"connect", "connect_error", "disconnect", "*"})
UNAWAITED = 16_384  #: bytes that a WebSocket's writer writes between two looks at its buffer
RETRY_AFTER = 5  #: seconds: by then those that wait have said CONNECT, or were cut
PING_EVERY, PONG_WITHIN = 25, 20  #: seconds; the stock client's usual

Hook = Callable[[str], None]  #: called with a transport's id


def _quiet() -> logging.Logger:
    """The libraries log a traceback for each malformed packet; one line of ours is enough."""
    logger = logging.getLogger("gateway.engine.library")
    logger.setLevel(logging.CRITICAL)
    return logger


class Wire(WebSocket):  # type: ignore[misc]  # engineio ships no types
    """A WebSocket without permessage-deflate (aiohttp accepts it: four times the memory)."""

    within: float | None = None  #: seconds that the next packet may take, during an upgrade

    async def wait(self) -> Any:
        """The next packet. Raises OSError where the WebSocket is gone, or took too long."""
        async with asyncio.timeout(None if self.handler.__self__.upgraded else self.within):
            return await super().wait()

    async def send(self, message: Any) -> None:
        """As the base's, which asks with each message whether aiohttp's functions are async."""
        send = self._sock.send_bytes if isinstance(message, bytes) else self._sock.send_str
        await send(message)

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        request = environ["aiohttp.request"]
        self._sock = web.WebSocketResponse(
            max_msg_size=self.server.max_http_buffer_size, compress=False,
            writer_limit=UNAWAITED,
        )  # fmt: skip
        await self._sock.prepare(request)
        if request.transport is not None:
            narrow(request.transport)
        self.handler.__self__.transport = request.transport
        self.environ = environ
        try:
            await self.handler(self)
        except (ValueError, IndexError) as error:  # no packet of the protocol
            log.info("socket.malformed", reason=type(error).__name__)
            await self._sock.close()
        return self._sock


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # engineio ships no types
    """Engine.IO with our send queue and wire."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.admit: Callable[[], None] = lambda: None  #: before each handshake
        self._async: dict[str, Any] = {**self._async, "websocket": Wire}
        self.meter = Meter()

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Serves a transport. Version 4 of the protocol has no JSONP, which any page may include
        as a script. Raises a 503 Problem where no others are admitted."""
        if "transport" not in request.query or "j" in request.query:
            text = "Say ?EIO=4&transport=polling or ?EIO=4&transport=websocket"
            return web.Response(text=text, status=400)
        if "sid" not in request.query:
            self.admit()
        socket = self.sockets.get(request.query.get("sid"))
        if socket is not None and socket.closed:
            del self.sockets[socket.sid]  # engineio would raise KeyError, a fault of ours
        response: web.StreamResponse = await super().handle_request(request)
        return response

    def create_queue(self, *_: Any, **__: Any) -> SendQueue:
        """The hook by which each socket gets its queue."""
        queue = SendQueue()
        queue.meter = self.meter
        return queue


class Server(socketio.AsyncServer):  # type: ignore[misc]  # socketio ships no types
    """Socket.IO that answers CONNECT with a ``pid``, so that the stock client can recover."""

    def __init__(
        self, *, origins: list[str], handshakes: int, on_pong: Hook, on_gone: Hook
    ) -> None:
        super().__init__(
            async_mode="aiohttp", cors_allowed_origins=origins, cors_credentials=False,
            ping_interval=PING_EVERY, ping_timeout=PONG_WITHIN, max_http_buffer_size=FRAME_LIMIT,
            http_compression=False, logger=_quiet(), engineio_logger=_quiet(),
            # one event of a client after the other: who sends faster than we answer has to wait
            async_handlers=False,
        )  # fmt: skip
        self.eio.admit = self._admit
        self._handshakes = handshakes
        self._on_pong = on_pong
        self._on_gone = on_gone
        self._pids: dict[str, str] = {}
        self._after: dict[str, Callable[[], None]] = {}
        self._silent: set[str] = set()  # half-open: no CONNECT has come
        self._arriving: set[str] = set()
        self._connected: set[str] = set()
        self._cut: set[str] = set()

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def queue(self, eio_sid: str) -> SendQueue:
        """A transport's queue. Raises KeyError where it is gone."""
        queue: SendQueue = self.eio.sockets[eio_sid].queue
        return queue

    @property
    def meter(self) -> Meter:
        """What this node counts."""
        meter: Meter = self.eio.meter
        return meter

    def transports(self) -> dict[str, int]:
        """How many clients there are, by transport."""
        kinds = Counter(
            "websocket" if socket.upgraded else "polling" for socket in self.eio.sockets.values()
        )
        return {kind: kinds[kind] for kind in ("polling", "websocket")}

    def clients(self) -> Collection[str]:
        """The ids of all transports."""
        ids: Collection[str] = self.eio.sockets.keys()
        return ids

    def alive(self, eio_sid: str) -> bool:
        """Whether the transport is still there."""
        socket = self.eio.sockets.get(eio_sid)
        return socket is not None and not (socket.closed or socket.closing)

    async def cut_stalled(self) -> None:
        """Cuts clients that take nothing, until cancelled."""
        stalled, clock = Stalled[str](WITHIN), asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for eio_sid in stalled.look(self._waiting(), clock()):
                log.info("socket.stalled")
                self.cut(eio_sid)

    def _waiting(self) -> dict[str, tuple[int, int]]:
        """Of each client for which something waits, what changes when it takes some."""
        waiting = {}
        for eio_sid, socket in self.eio.sockets.items():
            transport = getattr(socket, "transport", None)
            buffered = 0 if transport is None else transport.get_write_buffer_size()
            if buffered or not socket.queue.empty():
                waiting[eio_sid] = socket.queue.taken, buffered
        return waiting

    def greet(self, eio_sid: str, pid: str, then: Callable[[], None]) -> None:
        """For a connect handler: the ``pid`` to answer with, and what to push once the CONNECT
        ack is queued (handlers run before it)."""
        self._pids[eio_sid] = pid
        self._after[eio_sid] = then

    def cut(self, eio_sid: str) -> None:
        """Closes the transport. Never a Socket.IO DISCONNECT: the stock client wouldn't return."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or eio_sid in self._cut:
            return
        self._cut.add(eio_sid)
        transport = getattr(socket, "transport", None)
        if transport is not None:
            transport.abort()
        socket.end()
        spawn(socket.close(wait=False, abort=True))

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        if eio_sid in self._cut:
            return  # a refusal, say: the stock client would take it as final
        if pkt.packet_type != sio.CONNECT:
            await super()._send_packet(eio_sid, pkt)
            return
        self._connected.add(eio_sid)
        pkt.data["pid"] = self._pids.pop(eio_sid)
        then = self._after.pop(eio_sid)
        await super()._send_packet(eio_sid, pkt)
        try:
            then()
        except Exception:  # ours, not the client's: it mustn't pass for a malformed packet
            log.exception("socket.unforeseen")
            self.cut(eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if not isinstance(data, str) or data[:1] in BINARY:
                raise ValueError("nothing here is binary: attachments would only wait for others")
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:  # whatever the library's decoding stumbles over
            log.info("socket.malformed", reason=type(error).__name__)
            self.cut(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if namespace not in (None, "/"):
            refusal = {"message": "Invalid namespace"}  # the protocol's own words
            await self._send_packet(
                eio_sid, self.packet_class(sio.CONNECT_ERROR, refusal, namespace)
            )
            return
        if self._signed_in(eio_sid):
            raise ValueError("a second CONNECT")
        self._silent.discard(eio_sid)
        self._arriving.add(eio_sid)  # it has spoken: how long it waits now is up to us
        try:
            await super()._handle_connect(eio_sid, namespace, data)
        finally:
            self._arriving.discard(eio_sid)
            self._expect(eio_sid)

    async def _handle_disconnect(self, eio_sid: str, *reason: Any) -> None:
        await super()._handle_disconnect(eio_sid, *reason)
        if self.alive(eio_sid):  # the client said goodbye, and nothing else is on this transport
            self.cut(eio_sid)

    def _signed_in(self, eio_sid: str) -> bool:
        return self.manager.sid_from_eio_sid(eio_sid, "/") is not None

    async def _handle_event(self, eio_sid: str, namespace: str, id: int, data: Any) -> None:
        if namespace not in (None, "/") or not self._signed_in(eio_sid):
            raise ValueError("an event before CONNECT")
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            raise ValueError("an event needs a name")
        if data[0] in RESERVED:  # these would reach our own handlers
            data = [f"reserved name {data[0]}", *data[1:]]
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        socket = Transport.adopt(self.eio.sockets[eio_sid])
        receive = socket.receive

        async def receive_and_tell(pkt: Any) -> None:
            if pkt.packet_type not in FROM_CLIENTS:
                self.cut(eio_sid)
                raise exceptions.UnknownPacketError
            if pkt.packet_type == eio.PONG:
                self._on_pong(eio_sid)
            await receive(pkt)

        socket.receive = receive_and_tell
        socket.queue.overflow = partial(self._too_slow, eio_sid)
        self._expect(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        for ids in (self._silent, self._connected, self._cut):
            ids.discard(eio_sid)
        self._pids.pop(eio_sid, None)
        self._after.pop(eio_sid, None)
        self.eio.sockets[eio_sid].end()  # else its WebSocket would stay for as long as it talks
        self._on_gone(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)

    def _too_slow(self, eio_sid: str) -> None:
        if eio_sid not in self._cut:
            self.meter.slow += 1
        self.cut(eio_sid)

    def _expect(self, eio_sid: str) -> None:
        if eio_sid not in self._connected and self.alive(eio_sid):
            self._silent.add(eio_sid)
            loop = asyncio.get_running_loop()
            loop.call_later(CONNECT_WITHIN, self._cut_if_silent, eio_sid)

    def _admit(self) -> None:
        if len(self._silent) >= self._handshakes:
            raise _crowded()

    def _cut_if_silent(self, eio_sid: str) -> None:
        if eio_sid not in self._connected and eio_sid not in self._arriving:
            self.cut(eio_sid)


def _crowded() -> Problem:
    return Problem(
        kinds.UNAVAILABLE,
        "Very many clients have connected to this node and not said yet who they are, so it takes "
        f"no others in. Connect again in {RETRY_AFTER} seconds. No job is affected.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )
