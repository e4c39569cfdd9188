"""A store in memory: the real operations and the real scripts, without a server.

It promises what the real one promises but durability: all is gone with the object. Time stands
still until a test lets it pass.
"""

from __future__ import annotations

import hashlib
from threading import RLock
from typing import Any, NamedTuple

import redis
from redis.exceptions import NoScriptError, RedisError

from ringback.connection import AsyncStore, Batch, Store
from ringback.testing import commands
from ringback.testing.clock import Clock
from ringback.testing.keyspace import Keyspace
from ringback.testing.script import Scripts
from ringback.turnstile import Turnstile


class Packet(NamedTuple):
    """What was published: the channel's name, and the bytes that its listeners get."""

    channel: str
    data: bytes


class Server:
    """Answers commands, one at a time, as Valkey would."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.published: list[Packet] = []
        self._space = Keyspace(self.clock)
        self._scripts = Scripts(self._execute)
        self._sources: dict[bytes, bytes] = {}
        self._lock = RLock()
        client: Any = redis.Redis(protocol=3)  # never connects: it only knows how to
        self._encode = client.get_encoder().encode
        self._callbacks = client.response_callbacks

    def answers(self, batch: Batch) -> list[Any]:
        """The replies to a batch, errors among them, as a client's pipeline gives them."""
        with self._lock:
            return [self._answer(*request) for request in batch]

    def _answer(self, name: str, *words: Any) -> Any:
        first, *more = name.split()
        try:
            reply = self._execute(first, *map(self._encode, (*more, *words)))
        except RedisError as error:
            return error
        shaped = self._callbacks.get(name)
        return reply if shaped is None or reply is None else shaped(reply)

    def _execute(self, name: str, *words: bytes) -> Any:
        match name.upper():
            case "EVALSHA":
                return self._run(*words)
            case "SCRIPT":
                return self._load(*words)
            case "PUBLISH" | "SPUBLISH":
                return self._publish(*words)
            case "WAITAOF":
                return [1, 0]  # memory is all the disk there is
        return commands.run(self._space, name, *words)

    def _run(self, sha: bytes, count: bytes, *words: bytes) -> Any:
        source = self._sources.get(sha)
        if source is None:
            raise NoScriptError("No matching script.")
        return self._scripts.run(source, words[: int(count)], words[int(count) :])

    def _load(self, _: bytes, source: bytes) -> bytes:
        sha = hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()
        self._sources[sha] = source
        return sha

    def _publish(self, channel: bytes, data: bytes) -> int:
        self.published.append(Packet(channel.decode(), data))
        return 0


class FakeStore(Store):
    """``ringback.connection.Store`` without a server. Threads may share one.

    ``clock`` tells its time, ``published`` keeps what listeners would have heard.
    """

    def __init__(self) -> None:
        self._server = Server()

    @property
    def clock(self) -> Clock:
        """The store's time: ``clock.advance(seconds)``."""
        return self._server.clock

    @property
    def published(self) -> list[Packet]:
        """Every packet so far, oldest first."""
        return self._server.published

    def asynchronous(self) -> AsyncFakeStore:
        """The awaiting side of the same store."""
        return AsyncFakeStore(self._server)

    def _take(self, step: Batch | float) -> Any:
        return _taken(self._server, step)

    def close(self) -> None:
        """Nothing to close."""


class AsyncFakeStore(AsyncStore):
    """``ringback.connection.AsyncStore`` on a FakeStore's memory."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._turns = Turnstile()
        self.errors = 0

    async def _take(self, step: Batch | float) -> Any:
        return _taken(self._server, step)

    async def close(self) -> None:
        """Nothing to close."""


def _taken(server: Server, step: Batch | float) -> Any:
    if isinstance(step, float):
        return server.clock.advance(step)
    replies = server.answers(step)
    if len(replies) == 1 and isinstance(replies[0], Exception):
        raise replies[0]
    return replies
