"""How often users may ask for what costs something: refused with 429 and the seconds to wait."""

from __future__ import annotations

import math
import time

from gateway import kinds
from gateway.problems import Problem
from ringback import limits
from ringback.connection import AsyncStore
from ringback.limits import Limit

DRAFTS = 240  #: drafts of emails that one author has written, checked or published in a minute
REMEMBERED = 10_000  #: refusals that this node remembers


class Limits:
    """A user's submits and events. A user who was refused is refused again by this node alone
    until there can be a token: no flood reaches the store."""

    def __init__(self, db: AsyncStore, submits: int, events: int) -> None:
        self._db = db
        self._submits = Limit("submits", submits)
        self._events = Limit("events", events)
        self._drafts = Limit("drafts", DRAFTS)
        self._until: dict[tuple[str, str], float] = {}

    async def submit(self, user: str, idempotency_key: str | None = None) -> None:
        """A job is about to be submitted; repeating it with its key costs no other token.

        Raises a 429 Problem and StoreUnavailable.
        """
        wait = await self._wait(self._submits, user, idempotency_key)
        if wait:
            raise _too_many(self._submits, wait, "jobs", "Nothing was started")

    async def event(self, user: str) -> None:
        """A client has sent an event. Raises a 429 Problem and StoreUnavailable."""
        wait = await self._wait(self._events, user, None)
        if wait:
            raise _too_many(self._events, wait, "events", "Nothing was done")

    async def draft(self, user: str) -> None:
        """An author has sent a draft. Raises a 429 Problem and StoreUnavailable."""
        wait = await self._wait(self._drafts, user, None)
        if wait:
            raise _too_many(self._drafts, wait, "drafts", "Nothing was written")

    async def _wait(self, limit: Limit, user: str, once: str | None) -> int:
        """Whole seconds; 0: there was a token."""
        known, now = (limit.kind, user), time.monotonic()
        left = self._until.get(known, now) - now
        if left > 0 and once is None:
            return math.ceil(left)
        wait = await self._db.do(limits.take(limit, user, once))
        self._until.pop(known, None)
        if wait:
            self._remember(known, now + wait / 1000)
        return limits.seconds(wait)

    def _remember(self, known: tuple[str, str], until: float) -> None:
        self._until[known] = until
        if len(self._until) > REMEMBERED:
            del self._until[next(iter(self._until))]  # the oldest; the store knows it


def _too_many(limit: Limit, wait: int, what: str, so: str) -> Problem:
    seconds = f"{wait} second{'' if wait == 1 else 's'}"
    return Problem(
        kinds.TOO_MANY_REQUESTS,
        f"That's more than {limit.per_minute} {what} a minute, the most for one user. {so}; ask "
        f"again in {seconds}.",
        headers={"Retry-After": str(wait)},
        retry_after=wait,
    )
