"""A node's copy of the revocations: whom it refuses, whom it cuts, what it does alone."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest

from gateway.claims import Identity
from gateway.revocations import Revocations
from ringback import revocation
from ringback.connection import AsyncStore
from ringback.errors import StoreUnavailable
from ringback.job import Owner
from ringback.keys import Call, plain
from ringback.testing import FakeStore
from tests.rig import free_port


class Socket:
    """A live connection that notes when it is cut."""

    def __init__(self, user: str = "ann", token: str | None = None, issued: int = 0) -> None:
        self.identity = Identity(Owner(id=user), frozenset(), 0, issued or now(), token)
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True


def now() -> int:
    return int(time.time())


@pytest.fixture
def memory() -> FakeStore:
    """The store, by the machine's own time: tokens are issued by it."""
    store = FakeStore()
    store.clock.advance(time.time() - store.clock.ms / 1000)
    return store


@pytest.fixture
async def node(memory: FakeStore) -> Revocations:
    """A node that has read everything."""
    copy = Revocations(memory.asynchronous())
    await copy.read()
    return copy


async def test_a_revoked_token_is_refused_and_no_other(
    memory: FakeStore, node: Revocations
) -> None:
    memory.do(revocation.revoke_token("t1"))
    await node.read()
    assert node.refuses(Socket(token="t1").identity)
    assert not node.refuses(Socket(token="t2").identity)
    assert not node.refuses(Socket().identity)


async def test_a_user_is_refused_with_all_earlier_tokens_and_let_in_with_a_later_one(
    memory: FakeStore, node: Revocations
) -> None:
    memory.do(revocation.revoke_user("ann"))
    await node.read()
    assert node.refuses(Socket(issued=now() - 3_600).identity)
    assert not node.refuses(Socket(issued=now() + 1).identity)
    assert not node.refuses(Socket("bob", issued=now() - 3_600).identity)


async def test_a_token_that_doesnt_say_when_it_was_issued_counts_as_old(
    memory: FakeStore, node: Revocations
) -> None:
    memory.do(revocation.revoke_user("ann"))
    await node.read()
    assert node.refuses(Identity(Owner(id="ann"), frozenset(), expires=now() + 60))


async def test_what_is_live_is_cut_when_its_sign_in_is_revoked(
    memory: FakeStore, node: Revocations
) -> None:
    sockets = [Socket(token="t1", issued=now() - 9), Socket("bob"), Socket(issued=now() - 9)]
    for socket in sockets:
        node.join(socket)
    memory.do(revocation.revoke_token("t1"))
    await node.read()
    assert [socket.is_cut for socket in sockets] == [True, False, False]
    memory.do(revocation.revoke_user("ann"))
    await node.read()
    assert [socket.is_cut for socket in sockets] == [True, False, True]


async def test_a_sign_in_that_was_revoked_while_it_connected_is_cut_at_once(
    memory: FakeStore, node: Revocations
) -> None:
    memory.do(revocation.revoke_token("t1"))
    await node.read()
    socket = Socket(token="t1")
    node.join(socket)
    assert socket.is_cut


async def test_what_has_left_isnt_cut(memory: FakeStore, node: Revocations) -> None:
    socket = Socket(token="t1")
    node.join(socket)
    node.leave(socket)
    memory.do(revocation.revoke_token("t1"))
    await node.read()
    assert not socket.is_cut


async def test_a_node_knows_after_a_start_what_was_revoked_before(memory: FakeStore) -> None:
    memory.do(revocation.revoke_token("t1"))
    fresh = Revocations(memory.asynchronous())
    await fresh.read()
    assert fresh.refuses(Socket(token="t1").identity)


async def test_a_revocation_holds_here_though_the_store_has_lost_it(
    memory: FakeStore, node: Revocations
) -> None:
    memory.do(revocation.revoke_token("t1"))
    await node.read()
    memory.do(_loss())
    memory.do(revocation.revoke_token("t2"))
    await node.read()
    assert node.refuses(Socket(token="t1").identity)
    assert node.refuses(Socket(token="t2").identity)


async def test_nobody_is_let_in_before_the_first_copy_is_there() -> None:
    away = AsyncStore(f"redis://127.0.0.1:{free_port()}")
    copy = Revocations(away)
    with pytest.raises(StoreUnavailable):
        await copy.read()
    with pytest.raises(StoreUnavailable):
        copy.refuses(Socket().identity)
    await away.close()


async def test_the_copy_serves_on_while_the_store_is_away_and_catches_up(
    memory: FakeStore, node: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.do(revocation.revoke_token("t1"))
    await node.read()
    socket = Socket(token="t2")
    node.join(socket)
    with monkeypatch.context() as broken:
        broken.setattr(node, "_db", AsyncStore(f"redis://127.0.0.1:{free_port()}"))
        with pytest.raises(StoreUnavailable):
            await node.read()
        assert node.refuses(Socket(token="t1").identity)
        assert not node.refuses(socket.identity)
    memory.do(revocation.revoke_token("t2"))
    await node.read()
    assert socket.is_cut


def _loss() -> Generator[Call, Any, None]:
    yield plain("DEL", revocation.LOG, revocation.UNTIL)
