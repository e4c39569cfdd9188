"""This node's connections and what it tells the store of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

import pytest

from gateway.presence import AT_ONCE, Presence, _batches
from ringback import presence
from ringback.connection import Op
from ringback.errors import StoreUnavailable, TooManyConnections
from ringback.keys import partition_of
from ringback.presence import Connection, Totals
from ringback.testing import FakeStore
from ringback.testing.fake import AsyncFakeStore
from tests.eye import ask

T = TypeVar("T")


class SlowStore(AsyncFakeStore):
    """The store in memory, whose answers wait until they are let through."""

    def __init__(self) -> None:
        self.now = FakeStore()
        super().__init__(self.now._server)
        self.open = asyncio.Event()
        self.open.set()
        self.down = False
        self.calls = 0

    async def do(self, op: Op[T], patience: float = 0) -> T:
        self.calls += 1
        if self.down:
            raise StoreUnavailable("no answer")
        answer = self.now.do(op, patience)
        await self.open.wait()
        return answer


@pytest.fixture
async def db() -> SlowStore:
    return SlowStore()


@pytest.fixture
async def node(db: SlowStore) -> Presence:
    return Presence(db, most=2)


def there(db: SlowStore, user: str = "ann") -> list[tuple[str, str]]:
    return [(c.kind, c.state) for c in db.now.do(presence.of(user)).connections]


async def settle() -> None:
    """What was started has run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_joins_is_there_until_it_leaves(node: Presence, db: SlowStore) -> None:
    await node.join("a", "ann", "socket")
    await node.join("b", "ann", "sse")
    assert sorted(there(db)) == [("socket", "active"), ("sse", "active")]
    assert node.totals == Totals(connections=2, away=0, users=1)
    node.leave("a")
    await settle()
    assert there(db) == [("sse", "active")]


async def test_leaving_twice_or_without_having_joined_does_nothing(node: Presence) -> None:
    await node.join("a", "ann", "socket")
    for name in ("a", "a", "never"):
        node.leave(name)
    assert node.totals == Totals()


async def test_one_too_many_is_refused(node: Presence, db: SlowStore) -> None:
    await node.join("a", "ann", "socket")
    await node.join("b", "ann", "socket")
    with pytest.raises(TooManyConnections):
        await node.join("c", "ann", "socket")
    assert node.totals.connections == 2
    await settle()
    assert len(there(db)) == 2


async def test_a_connection_that_breaks_while_it_joins_is_not_there(
    node: Presence, db: SlowStore
) -> None:
    """hard disconnect"""
    db.open.clear()
    joining = asyncio.ensure_future(node.join("a", "ann", "socket"))
    await settle()
    node.leave("a")
    db.now.do(presence.leave({"ann": ["the leave that came first"]}))
    db.open.set()
    await joining
    await settle()
    assert there(db) == []


async def test_a_connection_that_leaves_while_it_is_renewed_is_not_there(
    node: Presence, db: SlowStore
) -> None:
    """hard disconnect"""
    await node.join("a", "ann", "socket")
    kept = node._here["a"][1]
    node.leave("a")
    await settle()
    db.now.do(presence.renew({"ann": [kept]}))  # was under way
    node._end_again("ann", kept)
    await settle()
    assert there(db) == []


async def test_away_is_told_and_renewed_as_away(node: Presence, db: SlowStore) -> None:
    await node.join("a", "ann", "socket")
    await node.mark("a", "away")
    assert there(db) == [("socket", "away")]
    ask(db.now, "FLUSHALL")
    await node._renew()
    assert there(db) == [("socket", "away")]
    assert node.totals.away == 1


async def test_a_node_that_cant_reach_the_store_goes_on_and_catches_up(
    node: Presence, db: SlowStore
) -> None:
    db.down = True
    with pytest.raises(StoreUnavailable):
        await node.join("a", "ann", "socket")
    assert node.totals == Totals()
    db.down = False
    await node.join("a", "ann", "socket")
    assert there(db) == [("socket", "active")]


async def test_a_stopped_node_is_no_node(node: Presence, db: SlowStore) -> None:
    await node.join("a", "ann", "socket")
    await node._renew()
    assert [n.id for n in db.now.do(presence.nodes())] == [node.node]
    node.leave("a")
    await node.close()
    assert db.now.do(presence.nodes()) == []
    assert there(db) == []


async def test_two_thousand_users_cost_a_call_per_partition(node: Presence, db: SlowStore) -> None:
    for number in range(2_000):
        await node.join(str(number), f"user{number}", "socket")
    db.calls = 0
    await node._renew()
    assert db.calls <= 1 + 128
    db.calls = 0
    for number in range(2_000):
        node.leave(str(number))
    await settle()
    for _ in range(200):
        await asyncio.sleep(0)
    assert db.calls <= 128
    assert node.totals == Totals()


def test_a_call_holds_users_of_one_partition_and_not_too_many() -> None:
    tab = Connection("tab", "socket", "node")
    many = [f"u{number}" for number in range(128 * AT_ONCE * 2)]
    batches = list(_batches((user, tab) for user in many))
    assert sorted(user for batch in batches for user in batch) == sorted(many)
    assert all(len(batch) <= AT_ONCE and len(_partitions(batch)) == 1 for batch in batches)


def _partitions(users: Iterable[str]) -> set[str]:
    return {partition_of(user) for user in users}
