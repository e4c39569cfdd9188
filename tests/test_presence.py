"""Who is there, on whatever node, as the store tells it."""

from __future__ import annotations

import pytest

from ringback import presence
from ringback.connection import Store
from ringback.errors import TooManyConnections
from ringback.instant import Instant
from ringback.presence import LEASE, NODES, Connection, Node, Totals, presence_keys
from tests.eye import ask, now
from tests.rig import come

TAB = Connection("tab", "socket", "node-1")
PHONE = Connection("phone", "sse", "node-2", "away")
ACTIVE, ALL = presence_keys("ann")


@pytest.fixture
def db(either: Store) -> Store:
    return either


def join(db: Store, connection: Connection, most: int = 50) -> int:
    return db.do(presence.join("ann", connection, most))


def there(db: Store, user: str = "ann") -> list[str]:
    return [connection.id for connection in db.do(presence.of(user)).connections]


def run_out(db: Store, name: str, user: str = "ann") -> None:
    """Its node was killed, and its lease has ended."""
    active, all_ = presence_keys(user)
    _, kept = ask(db, "HGET", all_, name).split(b" ", 1)
    ask(db, "HSET", all_, name, b"%d %b" % (now(db), kept))
    ask(db, "ZADD", active, "XX", now(db), name)


def test_a_users_connections_are_told_with_node_kind_state_and_since(db: Store) -> None:
    before = now(db)
    assert (join(db, TAB), join(db, PHONE)) == (1, 2)
    found = db.do(presence.of("ann"))
    assert (found.user, found.active, found.away) == ("ann", 1, 1)
    told = {connection.id: connection for connection in found.connections}
    assert (told["tab"].kind, told["tab"].node, told["tab"].state) == ("socket", "node-1", "active")
    assert (told["phone"].kind, told["phone"].state) == ("sse", "away")
    assert Instant(before) <= told["tab"].since <= Instant(now(db))


def test_nobody_is_there_at_first(db: Store) -> None:
    found = db.do(presence.of("nobody"))
    assert (found.connections, found.active, found.away) == ((), 0, 0)


def test_connections_are_counted_over_all_nodes_until_their_leases_end(db: Store) -> None:
    assert db.do(come("ann", "c1", "c2")) == [2]
    assert db.do(come("ann", "c2", "c3")) == [3]
    assert db.do(presence.leave({"ann": ["c1"]})) == [2]
    run_out(db, "c2")
    assert there(db) == ["c3"]
    assert db.do(come("bob", "c1")) == [1]


def test_a_lease_lasts_for_twelve_seconds(db: Store) -> None:
    join(db, TAB)
    (score,) = (float(ask(db, "ZSCORE", ACTIVE, "tab")),)
    assert 0 < score - now(db) <= LEASE == 12_000


def test_renewing_keeps_since(db: Store) -> None:
    join(db, TAB)
    kept = ask(db, "HGET", ALL, "tab").decode().split(" ")
    ask(db, "HSET", ALL, "tab", " ".join([kept[0], "1234", *kept[2:]]))
    assert db.do(presence.renew({"ann": [TAB]})) == [1]
    assert db.do(presence.of("ann")).connections[0].since == Instant(1234)


def test_a_store_that_lost_its_data_knows_who_is_there_after_a_renewal(db: Store) -> None:
    join(db, TAB)
    ask(db, "FLUSHALL")
    db.do(presence.renew({"ann": [TAB]}))
    assert there(db) == ["tab"]


def test_an_away_connection_is_there_but_not_active(db: Store) -> None:
    db.do(come("ann", "tab"))
    db.do(come("ann", "tab", state="away"))
    assert there(db) == ["tab"]
    assert ask(db, "ZRANGE", ACTIVE, 0, -1) == []
    db.do(come("ann", "tab"))
    assert ask(db, "ZRANGE", ACTIVE, 0, -1) == [b"tab"]


def test_one_connection_too_many_is_refused_and_changes_nothing(db: Store) -> None:
    join(db, TAB, most=2)
    join(db, PHONE, most=2)
    with pytest.raises(TooManyConnections, match="2 connections open, and 2 at once") as caught:
        join(db, Connection("third", "socket", "node-1"), most=2)
    assert (caught.value.count, caught.value.most) == (2, 2)
    assert sorted(there(db)) == ["phone", "tab"]


def test_a_repeated_join_is_no_other_connection(db: Store) -> None:
    assert join(db, TAB, most=1) == 1
    assert join(db, TAB, most=1) == 1


def test_a_connection_whose_node_died_makes_room_for_another(db: Store) -> None:
    join(db, TAB, most=1)
    run_out(db, "tab")
    assert join(db, PHONE, most=1) == 1


def test_one_call_renews_and_ends_the_leases_of_many_users(db: Store) -> None:
    """They are of one partition, whose keys share a slot."""
    assert db.do(presence.renew({"ann": [TAB, PHONE], "bob": [TAB]})) == [2, 1]
    assert db.do(presence.leave({"ann": ["tab"], "bob": ["tab"]})) == [1, 0]
    assert (there(db), there(db, "bob")) == (["phone"], [])


def test_nothing_is_kept_of_users_who_are_gone(db: Store) -> None:
    join(db, TAB)
    assert 0 < ask(db, "PTTL", ACTIVE) <= LEASE
    assert 0 < ask(db, "PTTL", ALL) <= LEASE
    db.do(presence.leave({"ann": ["tab"]}))
    assert ask(db, "KEYS", "*") == []


def test_nodes_tell_how_many_they_have(db: Store) -> None:
    one, two = Node("one", Totals(5, 2, 3)), Node("two", Totals(1, 0, 1))
    db.do(presence.beat(two))
    db.do(presence.beat(one))
    assert db.do(presence.nodes()) == [one, two]
    assert sum((node.totals for node in (one, two)), Totals()) == Totals(6, 2, 4)
    db.do(presence.gone("one"))
    assert db.do(presence.nodes()) == [two]


def test_a_node_that_was_killed_does_not_count(db: Store) -> None:
    db.do(presence.beat(Node("one", Totals(5, 2, 3))))
    said = ask(db, "HGET", NODES, "one")
    ask(db, "HSET", NODES, "one", said.replace(b'"at":', b'"at":-'))
    assert db.do(presence.nodes()) == []
