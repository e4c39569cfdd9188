"""How often a user may ask: the bucket in the store, and how a node refuses."""

from __future__ import annotations

import pytest

from gateway.limits import REMEMBERED, Limits
from gateway.problems import Problem
from ringback.connection import Op, Store
from ringback.errors import StoreUnavailable
from ringback.keys import key, partition_of
from ringback.limits import Limit, seconds, take
from ringback.testing import FakeStore
from tests.eye import ask

SIX = Limit("submits", 6)  #: three at once, then one in ten seconds
BUCKET = key(partition_of("ann"), "bucket", "submits", "ann")


@pytest.fixture
def db(either: Store) -> Store:
    return either


def empty(db: Store) -> None:
    for _ in range(SIX.burst):
        assert db.do(take(SIX, "ann")) == 0


def test_half_a_minutes_worth_is_there_at_once(db: Store) -> None:
    empty(db)
    assert 9_000 < db.do(take(SIX, "ann")) <= SIX.period == 10_000


def test_a_bucket_is_one_users_and_of_one_kind(db: Store) -> None:
    empty(db)
    assert db.do(take(SIX, "bob")) == 0
    assert db.do(take(Limit("events", 6), "ann")) == 0


def test_a_bucket_is_forgotten_when_it_is_full_again(db: Store) -> None:
    empty(db)
    assert 29_000 < ask(db, "PTTL", BUCKET) <= 30_000


def test_a_refusal_costs_nothing(db: Store) -> None:
    empty(db)
    first = db.do(take(SIX, "ann"))
    assert all(db.do(take(SIX, "ann")) <= first for _ in range(5))


def test_what_is_asked_for_again_has_its_token(db: Store) -> None:
    for _ in range(10):
        assert db.do(take(SIX, "ann", "monday")) == 0
    assert db.do(take(SIX, "ann", "tuesday")) == 0
    assert db.do(take(SIX, "ann", "\ud800")) == 0
    assert db.do(take(SIX, "ann", "wednesday")) > 0
    assert db.do(take(SIX, "ann", "monday")) == 0


def test_tokens_come_back_one_by_one() -> None:
    db = FakeStore()
    empty(db)
    db.clock.advance(9.9)
    assert db.do(take(SIX, "ann")) == 100
    db.clock.advance(0.1)
    assert db.do(take(SIX, "ann")) == 0
    assert db.do(take(SIX, "ann")) == 10_000


def test_a_wait_is_told_in_whole_seconds_and_never_too_short() -> None:
    assert [seconds(ms) for ms in (0, 1, 1000, 1001)] == [0, 1, 1, 2]


# -- a node


class Counting:
    """The store in memory, and how often it was asked."""

    def __init__(self) -> None:
        self.store, self.asked, self.down = FakeStore(), 0, False

    async def do(self, op: Op[object]) -> object:
        self.asked += 1
        if self.down:
            raise StoreUnavailable("no answer")
        return self.store.do(op)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def node(store: Counting) -> Limits:
    return Limits(store, submits=6, events=2)  # type: ignore[arg-type]  # asked as an AsyncStore


async def refused(node: Limits, user: str = "ann") -> Problem:
    """The user's last submit was one too many."""
    try:
        for _ in range(SIX.burst + 1):
            await node.submit(user)
    except Problem as problem:
        return problem
    raise AssertionError("all were let through")


async def test_one_too_many_is_told_when_to_come_back(node: Limits) -> None:
    problem = await refused(node)
    assert (problem.status, problem.headers["Retry-After"]) == (429, "10")
    assert problem.body["retry_after"] == 10
    assert "6 jobs a minute" in problem.body["detail"]
    assert "Nothing was started; ask again in 10 seconds." in problem.body["detail"]


async def test_a_flood_does_not_reach_the_store(node: Limits, store: Counting) -> None:
    await refused(node)
    asked = store.asked
    for _ in range(50):
        with pytest.raises(Problem):
            await node.submit("ann")
    assert store.asked == asked
    await node.submit("bob")


async def test_a_repeated_submit_is_let_through_where_its_user_is_refused(node: Limits) -> None:
    await node.submit("ann", "monday")
    await refused(node)
    await node.submit("ann", "monday")


async def test_events_have_a_bucket_of_their_own(node: Limits) -> None:
    await node.event("ann")
    with pytest.raises(Problem, match="2 events a minute"):
        await node.event("ann")
    await node.submit("ann")


async def test_without_the_store_nothing_is_let_through(node: Limits, store: Counting) -> None:
    store.down = True
    with pytest.raises(StoreUnavailable):
        await node.submit("ann")


async def test_a_node_remembers_only_so_many_refusals(node: Limits) -> None:
    for number in range(REMEMBERED + 5):
        node._remember(("submits", f"u{number}"), 0)
    assert len(node._until) == REMEMBERED
