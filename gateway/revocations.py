"""This node's copy of the revocations: asked at each sign-in, applied to what is live.

The copy is read on from the store once a second, and from nothing else: with no message there is
none to lose, and a node that was cut off knows everything with its first answer. So a revocation
holds on every node 1 second after it was written, or after the node reaches the store again;
requests ask no store. While the store is away the copy serves on. It is the truth then, too, as
nobody can revoke, unless this node alone is cut off; and such a node gets no news to tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

import structlog

from gateway.claims import Identity
from ringback import revocation
from ringback.connection import AsyncStore
from ringback.errors import StoreUnavailable
from ringback.revocation import Revocation

log = structlog.get_logger(__name__)

EVERY = 1.0  #: seconds


class Live(Protocol):
    """A connection that outlives a request: a socket, a stream of events."""

    @property
    def identity(self) -> Identity:
        """As whom it is signed in now."""

    def cut(self) -> None:
        """Closes the transport; the client comes back with another token, or not at all."""


class Revocations:
    """What is revoked, and whom it concerns here."""

    def __init__(self, db: AsyncStore) -> None:
        self._db = db
        self._tokens: dict[str, Revocation] = {}
        self._users: dict[str, Revocation] = {}
        self._position: bytes | None = None
        self._live: set[Live] = set()

    def refuses(self, identity: Identity) -> bool:
        """Whether this sign-in was revoked. Raises StoreUnavailable until the first copy is there:
        not to know is no reason to let in.

        A token of the second in which its user was revoked counts as older than that.
        """
        if self._position is None:
            raise StoreUnavailable("The revocations haven't been read yet.")
        user = self._users.get(identity.owner.id)
        earlier = user is not None and identity.issued * 1000 < user.at
        return earlier or identity.token_id in self._tokens

    def join(self, live: Live) -> None:
        """From now on ``live`` is cut when its sign-in is revoked, or at once if it was meanwhile:
        its token was verified some time ago."""
        self._live.add(live)
        self._cut_revoked([live])

    def leave(self, live: Live) -> None:
        """It is gone."""
        self._live.discard(live)

    async def run(self) -> None:
        """Reads on until cancelled."""
        while True:
            try:
                await self.read()
            except StoreUnavailable as error:
                log.warning("revocations.not_read", reason=str(error))
            await asyncio.sleep(EVERY)

    async def read(self) -> None:
        """Takes in what is new. Raises StoreUnavailable."""
        known = revocation.NOTHING if self._position is None else self._position
        news, self._position = await self._db.do(revocation.after(known))
        if not news:
            return
        for entry in news:
            self._take(entry)
        self._forget(time.time() * 1000)
        self._cut_revoked(tuple(self._live))

    def _take(self, entry: Revocation) -> None:
        # nothing is ever taken back, so what the store may have lost holds on here
        copy = self._tokens if entry.kind == "jti" else self._users
        known = copy.get(entry.name)
        if known is None or known.at < entry.at:
            copy[entry.name] = entry

    def _forget(self, now: float) -> None:
        for copy in (self._tokens, self._users):
            for name in [name for name, entry in copy.items() if entry.until < now]:
                del copy[name]

    def _cut_revoked(self, lives: Iterable[Live]) -> None:
        for live in lives:
            if self.refuses(live.identity):
                log.info("sign_in.revoked", user=live.identity.owner.id)
                live.cut()
