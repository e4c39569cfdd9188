"""Very many clients come at the same moment: the store is asked by few at a time, and once for all
who want the same. Bounds are counted, not timed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from gateway import engine
from ringback import feeds
from ringback.connection import AT_ONCE, AsyncStore, Store
from ringback.turnstile import WIDTH
from tests import eye
from tests.herd import Client
from tests.lean import Wire
from tests.rig import Valkey
from tests.wire import Node, gateway

CLIENTS, USERS = 150, ("ann", "bob", "cyd")
OTHERS = 4  #: connections of a gateway besides those of the turnstile


class Held(Client):
    """A client that doesn't sign in before ``now``."""

    now: asyncio.Event
    opened: asyncio.Semaphore

    def sign_in(self, wire: Wire) -> None:
        self.opened.release()
        waiting = asyncio.ensure_future(self.now.wait())
        waiting.add_done_callback(lambda _: super(Held, self).sign_in(wire))


@pytest.fixture
async def node(shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    async with gateway(shared_valkey.url, tmp_path, limit_connections=CLIENTS) as node:
        yield node


@asynccontextmanager
async def crowd(node: Node) -> AsyncIterator[list[Client]]:
    """Clients whose CONNECT packets are sent in the same moment; all are in."""
    Held.now, Held.opened = asyncio.Event(), asyncio.Semaphore(0)
    clients: list[Client] = [
        Held(str(node.url), node.token(USERS[number % len(USERS)])) for number in range(CLIENTS)
    ]
    coming = [asyncio.create_task(client.come()) for client in clients]
    for _ in clients:
        await Held.opened.acquire()
    Held.now.set()
    await asyncio.gather(*coming)
    yield clients
    for client in clients:
        client.leave()
    await asyncio.gather(*(client.lost() for client in clients))


def readings(db: Store) -> int:
    """How often feeds have been read: nothing else asks for SET … NX, the epoch's."""
    found = db.client.info("commandstats").get("cmdstat_set", {"calls": 0})
    return int(found["calls"])


async def heard(clients: list[Client], text: str) -> None:
    """Waits until each has an event with this in it."""
    async with asyncio.timeout(30):
        for client in clients:
            await client.hears(text)


async def test_a_crowd_is_let_in_by_few_connections_and_few_readings(
    real: Store, node: Node
) -> None:
    before = real.client.info("clients")["connected_clients"]
    real.client.config_resetstat()
    async with crowd(node) as clients:
        await heard(clients, '"reset":true')
        assert [client.tries for client in clients] == [1] * CLIENTS
        assert readings(real) <= CLIENTS // 5, "sockets of one user share"
        now = real.client.info("clients")["connected_clients"]
        assert now - before <= WIDTH + OTHERS


async def test_after_an_outage_all_sockets_of_a_user_are_told_by_one_reading(
    real: Store, node: Node
) -> None:
    async with crowd(node) as clients:
        await heard(clients, '"reset":true')
        real.client.config_resetstat()
        real.client.client_kill_filter(_type="pubsub")
        missed = {user: eye.submitted(real, user).id for user in USERS}  # nobody hears of it
        for place, user in enumerate(USERS):
            await heard(clients[place :: len(USERS)], missed[user])
        assert readings(real) <= 3 * len(USERS)
        following = eye.submitted(real, USERS[0]).id
        await heard(clients[:: len(USERS)], following)


async def test_who_waits_for_the_store_is_not_taken_for_silent(
    real: Store, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CONNECT_WITHIN", 0.2)
    async with node.websocket() as socket:
        await socket.hears("0")
        real.client.execute_command("CLIENT", "PAUSE", 500, "ALL")
        await socket.says(node.hello())
        assert await socket.hears("40")


async def test_a_store_for_thousands_makes_them_wait_and_refuses_nobody(
    real: Store, shared_valkey: Valkey
) -> None:
    db = AsyncStore(shared_valkey.url)
    before = real.client.info("clients")["connected_clients"]
    wanted = [partial(feeds.read, f"user-{number}") for number in range(4 * AT_ONCE)]
    async with asyncio.timeout(30):
        found = await asyncio.gather(*(db.do(read()) for read in wanted))
    assert len(found) == len(wanted)
    assert real.client.info("clients")["connected_clients"] - before <= AT_ONCE
    await db.close()
