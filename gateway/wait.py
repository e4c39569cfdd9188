"""Waiting for news of a job on behalf of a client that can't hold a connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from gateway.hub import Hub

LONGEST = 30  #: seconds that one request may wait
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)

Look = Callable[[], Awaitable[bytes | None]]


def preferred(header: str | None) -> int:
    """Seconds that the client would wait (``Prefer: wait=10``, RFC 7240), 30 at most; 0: none."""
    found = _WAIT.search(header or "")
    return min(int(found[1]), LONGEST) if found else 0


class _News:
    """A listener that only notices that something came."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def on_frame(self, _: str) -> None:
        self.came.set()

    def resync(self) -> None:
        self.came.set()


async def wait_for(hub: Hub, user: str, seconds: float, look: Look) -> bytes | None:
    """What ``look`` finds, as soon as it finds something; None after so many seconds.

    Each event of the user is a reason to look again, and no event can fall between two looks.
    """
    news = _News()
    try:
        async with asyncio.timeout(seconds):
            await hub.join(user, news)
            while (found := await look()) is None:
                await news.came.wait()
                news.came.clear()
            return found
    except TimeoutError:
        return await look()
    finally:
        hub.leave(user, news)
