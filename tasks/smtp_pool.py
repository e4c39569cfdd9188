"""Connections to the mail server that carry more than one email, within bounds.

Guarantee: at most ``MOST`` are open at once, each for ``USES`` emails and for ``Pace.idle`` seconds
without one. A connection that the server has closed meanwhile is replaced before an email notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiosmtplib

from tasks.smtp_line import ERRORS, Pace, Server, Talk, cut, dial

MOST = 5  #: connections of one process at once; servers limit them
USES = 100  #: emails of one connection
GOODBYE = 2.0  #: seconds that the answer to QUIT may take


@dataclass(slots=True, eq=False)
class Line:
    """One connection, and how many emails were begun on it before the one at hand."""

    client: aiosmtplib.SMTP
    uses: int = 0
    idle_since: float = 0.0


class Pool:
    """For one event loop. Who takes a line gives it back or drops it."""

    def __init__(self, server: Server, pace: Pace) -> None:
        self._server = server
        self._pace = pace
        self._places = asyncio.Semaphore(MOST)
        self._idle: list[Line] = []
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def take(self, talk: Talk) -> Line:
        """A line of one's own, which the server answers on. Raises as ``dial``."""
        await self._places.acquire()
        try:
            return await self._living() or Line(await dial(self._server, self._pace, talk))
        except BaseException:
            self._places.release()
            raise

    async def replace(self, line: Line, talk: Talk) -> None:
        """A new connection for a line whose server has hung up. Raises as ``dial``."""
        cut(line.client)
        line.client, line.uses = await dial(self._server, self._pace, talk), 0

    def give_back(self, line: Line) -> None:
        """For the next email, where that may be."""
        line.uses += 1
        if not line.client.is_connected or line.uses >= USES:
            self.drop(line)
            return
        loop = asyncio.get_running_loop()
        line.idle_since = loop.time()
        self._idle.append(line)
        self._places.release()
        loop.call_later(self._pace.idle, self._dismiss_idle)

    def drop(self, line: Line, *, politely: bool = True) -> None:
        """Ends the connection: no answer of the server can be taken for another's."""
        self._places.release()
        if politely and line.client.is_connected:
            self._soon(_quit(line.client))
        else:
            cut(line.client)

    async def close(self) -> None:
        """Says goodbye on all idle lines."""
        idle, self._idle = self._idle, []
        for line in idle:
            self._soon(_quit(line.client))
        if self._goodbyes:
            await asyncio.wait(self._goodbyes)

    async def _living(self) -> Line | None:
        """The idle line used last, if the server still answers on it."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if now - line.idle_since < self._pace.idle:
                with suppress(*ERRORS):
                    await line.client.rset(timeout=self._pace.reset)
                    return line
            cut(line.client)
        return None

    def _dismiss_idle(self) -> None:
        before = asyncio.get_running_loop().time() - self._pace.idle
        for line in [line for line in self._idle if line.idle_since <= before]:
            self._idle.remove(line)
            self._soon(_quit(line.client))

    def _soon(self, goodbye: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(goodbye)
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)


async def _quit(client: aiosmtplib.SMTP) -> None:
    with suppress(*ERRORS):  # how a connection ends doesn't matter to what was taken
        await client.execute_command(b"QUIT", timeout=GOODBYE)
    cut(client)
