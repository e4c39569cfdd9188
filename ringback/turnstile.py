"""What thousands want at the same moment, let through a few at a time.

When a node comes back, or the store does, all clients want to be told at once what they missed.
The store sees no more than ``WIDTH`` of them; the others wait for no longer than all together take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]

WIDTH = 16  #: turns at once; one core of gateway can't keep more than a few replies busy


@dataclass(slots=True, eq=False)
class _Turn:
    work: Work[Any]
    done: asyncio.Future[Any]
    wanted: int = 0  #: by so many


class Turnstile:
    """First come, first served; who wants what somebody already waits for shares that turn."""

    def __init__(self, width: int = WIDTH) -> None:
        self._width = width
        self._serving = 0
        self._waiting: dict[Hashable, _Turn] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds them weakly

    @property
    def waiting(self) -> int:
        """Turns that haven't come yet."""
        return len(self._waiting)

    async def take(self, what: Hashable, work: Work[T]) -> T:
        """The result of ``work``, begun after this was called. Others who have asked for the same
        by then get the same result. Raises what ``work`` raises."""
        turn = self._waiting.get(what)
        if turn is None:
            turn = _Turn(work, asyncio.get_running_loop().create_future())
            self._waiting[what] = turn
            self._serve_more()
        turn.wanted += 1
        try:
            result: T = await asyncio.shield(turn.done)
            return result
        finally:
            turn.wanted -= 1

    def _serve_more(self) -> None:
        if self._serving < self._width:
            self._serving += 1
            task = asyncio.get_running_loop().create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await _take(self._waiting.pop(next(iter(self._waiting))))
        finally:
            self._serving -= 1


async def _take(turn: _Turn) -> None:
    if not turn.wanted:
        return  # all who waited for it have gone
    try:
        result = await turn.work()
    except Exception as error:
        turn.done.set_exception(error)
        turn.done.exception()  # seen, even if they go before it reaches them
    else:
        turn.done.set_result(result)
