"""Runs store operations on a real server: ``Store`` blocks, ``AsyncStore`` awaits.

Calls repeat safely (a commit carries its operation id), so a lost connection is tried once
again at once and ``patience`` may go on for longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Generator, Hashable
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn, TypeVar, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from ringback.errors import StoreUnavailable
from ringback.keys import Call
from ringback.turnstile import Turnstile

T = TypeVar("T")
Op = Generator[Call, Any, T]

TIMEOUT = 0.9  #: seconds for one reply; a caller gets StoreUnavailable within a second
FSYNC_WAIT = 700  #: ms of one WAITAOF; below TIMEOUT, and repeated
FSYNC_TRIES = 4
RETRY_EVERY = 0.25  #: seconds between tries while patience lasts
#: Seconds of patience for what is asked as a crowd comes in: the loop may be busy with it for so
#: long that answers seem late.
IN_A_CROWD = 3.0

_LIBRARIES = {
    "audit": ("splice",), "commit": ("splice", "notice"), "mail": ("notice",),
    "fanout": ("delivery",), "webhook": ("delivery",),
}  # fmt: skip
_CONNECTION: dict[str, Any] = {
    "socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "socket_keepalive": True,
    "protocol": 3,
}  # fmt: skip
THREADS = 512  #: connections of one Store: more than a worker has threads
AT_ONCE = 64  #: connections of one AsyncStore, whose callers may be thousands; the rest wait
_LOST = (redis.exceptions.ConnectionError,)
_PASSING = (OutOfMemoryError, ReadOnlyError, TryAgainError, MasterDownError, ClusterDownError)


@cache
def source(script: str) -> bytes:
    """A script's text with its libraries. The shebang makes the server refuse it whole, before
    the first write, when memory is full."""
    lua = files("ringback") / "lua"
    parts = [*_LIBRARIES.get(script, ()), script]
    return b"#!lua\n" + b"\n".join((lua / f"{part}.lua").read_bytes() for part in parts)


@cache
def sha(script: str) -> str:
    """The SHA-1 by which the server knows a script."""
    return hashlib.sha1(source(script), usedforsecurity=False).hexdigest()


def request(call: Call) -> tuple[Any, ...]:
    """The command for a call."""
    if not call.script:
        return call.args
    return ("EVALSHA", sha(call.script), len(call.keys), *call.keys, *call.args)


def _fsync_mark(call: Call) -> tuple[Any, ...]:
    # WAITAOF waits for writes of its own connection; a repeated commit writes nothing, this does
    return ("SET", call.keys[0].partition("}")[0] + "}:fsync", 1)


def _on_disk(replies: list[Any]) -> bool:
    answer = replies[-1]
    if isinstance(answer, ResponseError):
        if "appendonly is disabled" in str(answer):
            return True  # the operator's choice; start-up warns of what it risks
        raise answer
    return bool(answer[0])


def passing(error: Exception) -> bool:
    """Whether waiting may help: no connection, no answer, no memory, no disk, a failover."""
    if isinstance(error, ResponseError):
        return isinstance(error, _PASSING) or str(error).startswith(("MISCONF", "BUSY"))
    return True


def _give_up(error: Exception) -> NoReturn:
    if isinstance(error, StoreUnavailable) or not passing(error):
        raise error
    raise StoreUnavailable(f"The store didn't answer: {error}") from error


# What a store does, without doing it: each step is a batch of commands for one connection, to be
# answered by their replies, or a pause in seconds. The two stores below only carry it out.
Batch = tuple[tuple[Any, ...], ...]
Steps = Generator[Batch | float, Any, T]


def _steps(op: Op[T], patience: float) -> Steps[T]:
    try:
        call = next(op)
        while True:
            call = op.send((yield from _patiently(call, patience)))
    except StopIteration as end:
        return cast(T, end.value)


def _patiently(call: Call, patience: float) -> Steps[Any]:
    deadline = time.monotonic() + patience
    while True:
        try:
            return (yield from _answer(call))
        except (RedisError, StoreUnavailable) as error:
            if time.monotonic() >= deadline or not passing(error):
                _give_up(error)
        yield RETRY_EVERY


def _answer(call: Call) -> Steps[Any]:
    try:
        return (yield from (_durably(call) if call.durable else _plainly(call)))
    except NoScriptError:
        yield (("SCRIPT LOAD", source(call.script)),)
        return (yield from _answer(call))


def _plainly(call: Call) -> Steps[Any]:
    (reply,) = yield (request(call),)
    return reply


def _durably(call: Call) -> Steps[Any]:
    command, answer = request(call), None
    for attempt in range(FSYNC_TRIES):
        replies = yield (command, ("WAITAOF", 1, 0, FSYNC_WAIT))
        if isinstance(replies[0], Exception):
            raise replies[0]
        if attempt == 0:
            answer, command = replies[0], _fsync_mark(call)
        if _on_disk(replies):
            return answer
    raise StoreUnavailable("The store couldn't write to its disk in time.")


class Store:
    """The blocking side. Threads may share one."""

    def __init__(self, url: str) -> None:
        self.client: Any = redis.Redis.from_url(
            url, **_CONNECTION, max_connections=THREADS,
            retry=Retry(NoBackoff(), 1, supported_errors=_LOST),
        )  # fmt: skip

    def do(self, op: Op[T], patience: float = 0.0) -> T:
        """Runs an operation. Raises StoreUnavailable once ``patience`` seconds have passed
        without an answer, and whatever the operation raises."""
        steps = _steps(op, patience)
        try:
            step = next(steps)
            while True:
                try:
                    replies = self._take(step)
                except RedisError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(replies)
        except StopIteration as end:
            return cast(T, end.value)

    def _take(self, step: Batch | float) -> Any:
        if isinstance(step, float):
            return time.sleep(step)
        if len(step) == 1:
            return (self.client.execute_command(*step[0]),)
        with self.client.pipeline(transaction=False) as pipe:
            for command in step:
                pipe.execute_command(*command)
            return pipe.execute(raise_on_error=False)

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()


class AsyncStore:
    """The awaiting side, for one event loop."""

    def __init__(self, url: str) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url, **_CONNECTION, max_connections=AT_ONCE, timeout=TIMEOUT,
            retry=AsyncRetry(NoBackoff(), 1, supported_errors=_LOST),
        )  # fmt: skip
        self.client: Any = redis.asyncio.Redis.from_pool(pool)
        self._turns = Turnstile()
        self.errors = 0  #: commands that weren't answered, or refused

    async def do(self, op: Op[T], patience: float = 0.0) -> T:
        """As ``Store.do``."""
        steps = _steps(op, patience)
        try:
            step = next(steps)
            while True:
                try:
                    replies = await self._take(step)
                except RedisError as error:
                    self.errors += not isinstance(error, NoScriptError)
                    step = steps.throw(error)
                else:
                    step = steps.send(replies)
        except StopIteration as end:
            return cast(T, end.value)

    async def _take(self, step: Batch | float) -> Any:
        if isinstance(step, float):
            return await asyncio.sleep(step)
        if len(step) == 1:
            return (await self.client.execute_command(*step[0]),)
        async with self.client.pipeline(transaction=False) as pipe:
            for command in step:
                pipe.execute_command(*command)
            return await pipe.execute(raise_on_error=False)

    async def share(self, what: Hashable, op: Callable[[], Op[T]], patience: float = 0.0) -> T:
        """As ``do``, for what thousands may want at the same moment: a few of them at a time, and
        once for all who ask for the same before its turn comes. Waits for its turn as long as
        that takes."""
        return await self._turns.take((what, patience), lambda: self.do(op(), patience))

    async def close(self) -> None:
        """Closes the connections."""
        await self.client.aclose()
