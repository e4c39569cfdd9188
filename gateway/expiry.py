"""How long a live connection stays signed in, and as whom.

======= ===========================================================================
warned  60 s before the token's end: the client hears of it, and may show another
ended   pushes go on; whatever else the client asks is refused
cut     25 s after the end: the transport is closed, and the client comes back with
        whatever token it has then
======= ===========================================================================

A new token puts the connection back to the beginning, from ``ended`` too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from gateway import kinds
from gateway.auth import unauthorized
from gateway.claims import Identity
from gateway.models import ExpiringEvent
from gateway.problems import Problem
from ringback.instant import rfc3339

WARNING = 60.0  #: seconds before the token's end
GRACE = 25.0  #: seconds after it
LONGEST = 7 * 86_400.0  #: seconds that a connection lives on one token, however long that is good


class Timer(Protocol):
    """Something that is going to happen."""

    def cancel(self) -> None:
        """It isn't."""


class Clock(Protocol):
    """What time it is, and what is to happen later."""

    def time(self) -> float:
        """Seconds since 1970."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Calls ``callback`` in ``delay`` seconds."""


class LoopClock:
    """The machine's time, and the running loop's timers."""

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Calls ``callback`` in ``delay`` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback)


class SignIn:
    """The sign-in of one connection.

    ``warn`` gets what the client is told, ``cut`` closes the transport ``grace`` seconds after
    the token's end.
    """

    def __init__(
        self,
        identity: Identity,
        warn: Callable[[ExpiringEvent], None],
        cut: Callable[[], None],
        clock: Clock | None = None,
        grace: float = GRACE,
    ) -> None:
        self.identity = identity
        self._warn = warn
        self._cut = cut
        self._clock = clock or LoopClock()
        self._grace = grace
        self._timers: list[Timer] = []

    @property
    def expires_at(self) -> str:
        """When the token ends."""
        return rfc3339(self.identity.expires * 1000)

    def start(self) -> None:
        """The connection lives: from now on it is warned, and cut."""
        self.end()
        left = self.identity.expires - self._clock.time()
        self._timers = [
            self._clock.call_later(max(0.0, left - WARNING), self._tell),
            self._clock.call_later(min(left + self._grace, LONGEST), self._cut),
        ]

    def end(self) -> None:
        """The connection is gone."""
        for timer in self._timers:
            timer.cancel()

    def check(self) -> None:
        """Raises a 401 Problem once the token has ended."""
        if self._clock.time() >= self.identity.expires:
            raise unauthorized(
                f"The token ended at {self.expires_at}. Send `auth:refresh` with a new one, and "
                "then this once more; without it the connection is closed."
            )

    def refresh(self, identity: Identity) -> None:
        """Goes on with a new token of the same user. Raises a 403 Problem for another's, and
        leaves everything as it was."""
        if identity.owner.id != self.identity.owner.id:
            raise Problem(
                kinds.FORBIDDEN,
                "This token is another user's than the connection. Open a connection of its own "
                "with it, or refresh with a token of the same `sub`.",
            )
        self.identity = identity
        self.start()

    def _tell(self) -> None:
        left = self.identity.expires - self._clock.time()
        self._warn(ExpiringEvent(expires_at=self.expires_at, expires_in=max(0, round(left))))
