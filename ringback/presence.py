"""Presence: which connections a user has, on whatever node, and how many people there are.

Each connection holds a lease that its node renews, so the store is right about a node that was
killed once ``LEASE`` has passed. An away connection is there, but doesn't count as present: only
active ones lengthen the wait before an email (``commit.lua``). Every operation repeats safely.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from ringback import beats
from ringback.errors import TooManyConnections
from ringback.instant import NOW, Instant
from ringback.keys import Call, key, partition_of

NODES = "rb:nodes"
LEASE = 12_000  #: ms that a connection, or a node, counts without being renewed
RENEW_EVERY = 4_000  #: ms between renewals; two may fail

State = Literal["active", "away"]
Kind = Literal["socket", "sse"]


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of a user: how it came and over which node, whether somebody looks at it,
    and since when it is there. ``id`` is chosen by the node and gives no access to anything."""

    id: str
    kind: Kind
    node: str
    state: State = "active"
    since: Instant = NOW


@dataclass(frozen=True, slots=True)
class Presence:
    """A user's connections on all nodes, longest there first."""

    user: str
    connections: tuple[Connection, ...]

    @property
    def active(self) -> int:
        """Connections that somebody looks at; with one of them, emails wait longer."""
        return sum(connection.state == "active" for connection in self.connections)

    @property
    def away(self) -> int:
        """Connections in the background."""
        return len(self.connections) - self.active


@dataclass(frozen=True, slots=True)
class Totals:
    """How many connections there are, how many of them are away, and of how many users.

    In a sum over nodes, a user of two nodes counts twice.
    """

    connections: int = 0
    away: int = 0
    users: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.connections + other.connections, self.away + other.away, self.users + other.users
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway process and who is connected to it."""

    id: str
    totals: Totals


# -- a user's connections


def join(user: str, connection: Connection, most: int) -> Generator[Call, Any, int]:
    """Takes a lease for a new connection; how many the user has now.

    Raises TooManyConnections where the user has ``most`` others.
    """
    args = ("join", LEASE, _told([[connection]]), most)
    joined, count = yield Call("presence", presence_keys(user), args)
    if not joined:
        raise TooManyConnections(count, most)
    return int(count)


def renew(connections: Mapping[str, Sequence[Connection]]) -> Generator[Call, Any, list[int]]:
    """Renews leases of users, all of one partition; how many connections each has on all nodes."""
    args = ("renew", LEASE, _told(list(connections.values())))
    counts: list[int] = yield Call("presence", _keys(connections), args)
    return counts


def leave(ids: Mapping[str, Sequence[str]]) -> Generator[Call, Any, list[int]]:
    """Ends leases of users, all of one partition; how many connections each has left."""
    args = ("leave", orjson.dumps(list(ids.values())))
    counts: list[int] = yield Call("presence", _keys(ids), args)
    return counts


def of(user: str) -> Generator[Call, Any, Presence]:
    """A user's connections. Right at most ``LEASE`` after a node was killed."""
    found = yield Call("presence", presence_keys(user), ("look",))
    pairs = zip(*[iter(found)] * 2, strict=True)
    connections = [_connection(name.decode(), kept.decode()) for name, kept in pairs]
    return Presence(user, tuple(sorted(connections, key=lambda c: (c.since, c.id))))


def presence_keys(user: str) -> tuple[str, str]:
    """The active connections, and all of them."""
    partition = partition_of(user)
    return key(partition, "presence", user), key(partition, "connections", user)


def _keys(users: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for user in users for name in presence_keys(user))


def _told(users: Sequence[Sequence[Connection]]) -> bytes:
    return orjson.dumps([[(c.id, c.state, c.kind, c.node) for c in user] for user in users])


def _connection(name: str, kept: str) -> Connection:
    _, since, state, kind, node = kept.split(" ", 4)
    return Connection(name, cast(Kind, kind), node, cast(State, state), Instant(int(since)))


# -- nodes


def beat(node: Node) -> Generator[Call, Any, None]:
    """Tells that a node is there, and how many are connected to it."""
    said = {
        "connections": node.totals.connections, "away": node.totals.away,
        "users": node.totals.users,
    }  # fmt: skip
    yield from beats.beat(NODES, node.id, said)


def gone(node_id: str) -> Generator[Call, Any, None]:
    """Tells that a node has stopped."""
    yield from beats.leave(NODES, node_id)


def nodes() -> Generator[Call, Any, list[Node]]:
    """The nodes that are there, by id."""
    alive = yield from beats.alive(NODES, LEASE)
    return [Node(name, Totals(**said)) for name, said in alive.items()]
