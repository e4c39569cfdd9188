"""Who is connected to this node, told to the store: leases joined, renewed and ended.

Every kind of connection comes here, sockets and event streams alike, by a name of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import structlog

from gateway.background import spawn
from ringback import presence
from ringback.connection import IN_A_CROWD, AsyncStore
from ringback.errors import StoreUnavailable
from ringback.keys import partition_of
from ringback.presence import RENEW_EVERY, Connection, Kind, Node, State, Totals

log = structlog.get_logger(__name__)

AT_ONCE = 200  #: users whose leases one call renews or ends


class Presence:
    """This node's connections. ``most``: connections that one user may have on all nodes."""

    def __init__(self, db: AsyncStore, most: int) -> None:
        self._db = db
        self._most = most
        self._here: dict[str, tuple[str, Connection]] = {}
        self._ids: set[str] = set()
        self._ended: list[tuple[str, Connection]] = []
        self.node = f"{socket.gethostname()}-{secrets.token_hex(3)}"

    async def join(self, name: str, user: str, kind: Kind) -> None:
        """A connection has come; ``name`` is this node's for it.

        Raises TooManyConnections and StoreUnavailable; then it isn't there.
        """
        connection = Connection(secrets.token_hex(8), kind, self.node)
        self._here[name] = user, connection
        self._ids.add(connection.id)
        try:
            come = partial(presence.join, user, connection, self._most)
            await self._db.share(("join", connection.id), come, IN_A_CROWD)
        except BaseException:  # a timeout too: the store may have counted it
            self.leave(name)
            raise
        self._end_again(user, connection)

    async def mark(self, name: str, state: State) -> None:
        """Somebody looks at the connection, or nobody does. Raises StoreUnavailable."""
        user, known = self._here[name]
        connection = replace(known, state=state)
        self._here[name] = user, connection
        await self._db.do(presence.renew({user: [connection]}))
        self._end_again(user, connection)

    def leave(self, name: str) -> None:
        """The connection is gone; also where it never came."""
        if name in self._here:
            user, connection = self._here.pop(name)
            self._ids.discard(connection.id)
            self._end(user, connection)

    @property
    def totals(self) -> Totals:
        """How many are here."""
        users = {user for user, _ in self._here.values()}
        away = sum(connection.state == "away" for _, connection in self._here.values())
        return Totals(len(self._here), away, len(users))

    async def keep(self) -> None:
        """Renews the leases until cancelled. After a crash they run out."""
        while True:
            try:
                await self._renew()
            except StoreUnavailable as error:
                log.warning("presence.not_renewed", reason=str(error))
            await asyncio.sleep(RENEW_EVERY / 1000)

    async def close(self) -> None:
        """This node has no connections any more."""
        try:
            await self._flush()
            await self._db.do(presence.gone(self.node))
        except StoreUnavailable:
            return  # the leases run out by themselves

    async def _renew(self) -> None:
        await self._db.do(presence.beat(Node(self.node, self.totals)))
        for batch in _batches(self._here.values()):
            await self._db.do(presence.renew(batch))
            for user, connections in batch.items():
                for connection in connections:
                    self._end_again(user, connection)

    def _end_again(self, user: str, connection: Connection) -> None:
        # hard disconnect: it left while its lease was asked for, and which came to the store last?
        if connection.id not in self._ids:
            self._end(user, connection)

    def _end(self, user: str, connection: Connection) -> None:
        self._ended.append((user, connection))
        if len(self._ended) == 1:
            spawn(self._flush_soon())

    async def _flush_soon(self) -> None:
        # many leave at once when a node stops or loses its network: they share a call
        try:
            await self._flush()
        except StoreUnavailable:
            return  # the leases run out by themselves

    async def _flush(self) -> None:
        ended, self._ended = self._ended, []
        for batch in _batches(ended):
            ids = {user: [c.id for c in connections] for user, connections in batch.items()}
            await self._db.do(presence.leave(ids))


def _batches(
    connections: Iterable[tuple[str, Connection]],
) -> Iterator[dict[str, list[Connection]]]:
    """Users with their connections, together as the store takes them: by partition."""
    partitions: dict[str, dict[str, list[Connection]]] = defaultdict(lambda: defaultdict(list))
    for user, connection in connections:
        partitions[partition_of(user)][user].append(connection)
    for users in partitions.values():
        names = list(users)
        for start in range(0, len(names), AT_ONCE):
            yield {user: users[user] for user in names[start : start + AT_ONCE]}
