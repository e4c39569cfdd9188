"""Clients for tests and benches with very many of them.

Each does as the stock client does: it keeps the ``pid`` and the last cursor, shows them when it
returns, and where that fails tries again after 1 to 5 seconds, with jitter.
"""

from __future__ import annotations

import asyncio
import random
import time
from urllib.parse import urlsplit

import orjson

from tests.lean import Wire

FIRST_DELAY, LONGEST_DELAY, JITTER = 1.0, 5.0, 0.5  #: seconds, and a share; the stock defaults
PING, PONG, OPEN, CONNECT, EVENT = "2", "3", "0", "40", "42"


class Client:
    """One client of a user."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._token = str(parts.hostname), parts.port or 80, token
        self._pid = self._offset = ""
        self._in, self._news = asyncio.Event(), asyncio.Event()
        self._wire: Wire | None = None
        self.events: list[str] = []
        self.recovered = False
        self.tries = 0

    async def come(self) -> float:
        """Connects, however often that takes; the moment when it was in."""
        self._in.clear()
        self.tries, delay = 0, FIRST_DELAY
        while not await self._try():
            await asyncio.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))
            delay = min(2 * delay, LONGEST_DELAY)
        return time.monotonic()

    async def lost(self) -> None:
        """Returns when the connection has ended."""
        assert self._wire is not None
        await self._wire.lost.wait()

    async def hears(self, text: str) -> None:
        """Returns once an event has this in it."""
        while not any(text in event for event in self.events):
            self._news.clear()
            await self._news.wait()

    def deafen(self, buffer: int) -> None:
        """Takes nothing any more but ``buffer`` bytes, which the operating system takes for it."""
        assert self._wire is not None
        self._wire.deafen(buffer)

    def pong(self) -> None:
        """Says that it heard a ping, whether it did or not."""
        assert self._wire is not None
        self._wire.send(PONG)

    def leave(self) -> None:
        """Closes the connection."""
        if self._wire is not None:
            self._wire.close()

    async def _try(self) -> bool:
        self.tries += 1
        loop = asyncio.get_running_loop()
        try:
            _, self._wire = await loop.create_connection(
                lambda: Wire(f"{self._host}:{self._port}", self._heard), self._host, self._port
            )
        except OSError:
            return False
        ends = [asyncio.ensure_future(end) for end in (self._in.wait(), self._wire.lost.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        return self._in.is_set()

    def _heard(self, wire: Wire, text: str) -> None:
        if text == PING:
            wire.send(PONG)
        elif text.startswith(EVENT):
            self.events.append(text)
            self._news.set()
            self._offset = text[text.rindex(',"') + 2 : -2]
        elif text.startswith(CONNECT):
            pid = orjson.loads(text[2:])["pid"]
            self.recovered, self._pid = pid == self._pid, pid
            self._in.set()
        elif text.startswith(OPEN):
            self.sign_in(wire)

    def sign_in(self, wire: Wire) -> None:
        """The transport is open."""
        past = {"pid": self._pid, "offset": self._offset} if self._pid else {}
        wire.send(CONNECT + orjson.dumps({"token": self._token, **past}).decode())
