"""Users' channels: one subscription per user and node, shared by all sockets of the user here.

Pub/sub may lose events while the connection to the store is down; the listeners are told when
it comes back (``resync``) and read what they missed from the feed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import Any, Protocol

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from gateway.background import spawn
from ringback.keys import channel_of

log = structlog.get_logger(__name__)

LINGER = 30.0  #: seconds that a subscription outlives the user's last socket here
PING_EVERY = 5.0  #: seconds
SILENT = 3  #: pings without any answer before the connection counts as dead
RETRY = 0.25  #: seconds between attempts to reach the store
SAY_EVERY = 10.0  #: seconds between two warnings that it can't be reached


class Listener(Protocol):
    """A socket of a user."""

    def on_frame(self, frame: str) -> None:
        """A frame was published on the user's channel."""

    def resync(self) -> None:
        """Events may have been lost: read the feed."""


class Hub:
    """Reads the channels of this node's users."""

    def __init__(self, url: str) -> None:
        self._pool: Any = redis.asyncio.ConnectionPool.from_url(
            url, protocol=2, socket_connect_timeout=2, socket_timeout=2
        )
        self._connection: Any = None
        self._listeners: dict[str, set[Listener]] = {}
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._linger: dict[str, asyncio.TimerHandle] = {}
        self._asked: list[str] = []  # channels for the next SUBSCRIBE
        self._unanswered = 0
        self._said = float("-inf")
        self.reconnects = 0  #: connections that were lost

    @property
    def healthy(self) -> bool:
        """Whether events come in."""
        return self._connection is not None

    async def join(self, user: str, listener: Listener) -> None:
        """Returns once the listener can't miss an event any more: snapshot only after this."""
        channel = channel_of(user)
        self._listeners.setdefault(channel, set()).add(listener)
        timer = self._linger.pop(channel, None)
        if timer is not None:
            timer.cancel()
        if channel not in self._confirmed:
            self._confirmed[channel] = asyncio.get_running_loop().create_future()
            self._subscribe(channel)
        await asyncio.shield(self._confirmed[channel])

    def leave(self, user: str, listener: Listener) -> None:
        """The socket is gone."""
        channel = channel_of(user)
        members = self._listeners.get(channel, set())
        members.discard(listener)
        if not members and channel not in self._linger:
            loop = asyncio.get_running_loop()
            self._linger[channel] = loop.call_later(LINGER, self._forget, channel)

    async def run(self) -> None:
        """Reads until cancelled; reconnects for ever."""
        while True:
            try:
                await self._session()
            except (RedisError, OSError) as error:
                self.reconnects += 1
                self._say(error)
            finally:
                await self._drop()
            await asyncio.sleep(RETRY)

    def _say(self, error: Exception) -> None:
        """A lost connection at once, one that can't be had now and then."""
        if self.healthy or time.monotonic() - self._said >= SAY_EVERY:
            self._said = time.monotonic()
            log.warning("hub.reconnects", reason=str(error))

    async def _session(self) -> None:
        connection: Any = self._pool.make_connection()
        await connection.connect()
        self._connection, self._unanswered = connection, 0
        known = [c for c in self._confirmed if self._listeners.get(c)]
        self._confirmed = {c: self._pending(c) for c in known}
        if known:
            await connection.send_command("SUBSCRIBE", *known)
        pinging = asyncio.ensure_future(self._ping(connection))
        try:
            await self._read(connection)
        finally:
            pinging.cancel()

    def _pending(self, channel: str) -> asyncio.Future[None]:
        old = self._confirmed[channel]
        return old if not old.done() else asyncio.get_running_loop().create_future()

    async def _read(self, connection: Any) -> None:
        while True:
            kind, channel, *rest = await connection.read_response(
                disable_decoding=True, timeout=math.inf
            )
            self._unanswered = 0
            if kind == b"message":
                self._deliver(channel.decode(), rest[0].decode())
            elif kind == b"subscribe":
                self._subscribed(channel.decode())

    async def _ping(self, connection: Any) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            self._unanswered += 1
            if self._unanswered > SILENT:
                # half-open connection: nothing would ever come, and nothing would fail either
                await connection.disconnect(nowait=True)
                return
            await self._command("PING")

    def _deliver(self, channel: str, frame: str) -> None:
        for listener in tuple(self._listeners.get(channel, ())):
            listener.on_frame(frame)

    def _subscribed(self, channel: str) -> None:
        future = self._confirmed.get(channel)
        if future is not None and not future.done():
            future.set_result(None)
        for listener in tuple(self._listeners.get(channel, ())):
            listener.resync()

    def _forget(self, channel: str) -> None:
        self._linger.pop(channel, None)
        if self._listeners.get(channel):
            return
        self._listeners.pop(channel, None)
        self._confirmed.pop(channel, None)
        spawn(self._unsubscribe(channel))

    def _subscribe(self, channel: str) -> None:
        """With whatever else is asked for in this turn of the loop: one command for a crowd."""
        if not self._asked:
            spawn(self._subscribe_all())
        self._asked.append(channel)

    async def _subscribe_all(self) -> None:
        asked, self._asked = self._asked, []
        await self._command("SUBSCRIBE", *asked)

    async def _unsubscribe(self, channel: str) -> None:
        if channel not in self._confirmed:  # nobody has joined again meanwhile
            await self._command("UNSUBSCRIBE", channel)

    async def _command(self, *command: str) -> None:
        # while the store is away there is nothing to do: the next session subscribes to all
        if self._connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._connection.send_command(*command)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
