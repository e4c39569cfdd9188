"""What waits for a client that doesn't keep up waits in the store: nothing missing, little kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import background, sendqueue
from gateway.follower import Follower
from gateway.frame import cursor_of, job_of
from gateway.hub import Hub
from gateway.sendqueue import SendQueue
from ringback import feeds, store
from ringback.connection import AsyncStore, Store
from ringback.job import Job
from tests.herd import Client
from tests.rig import Valkey, new_spec
from tests.wire import Node, gateway

ROOM, ENOUGH, LIMIT = 4_000, 8_000, 16_000  #: a small client's
SOON = 10.0  #: seconds
METRICS = "m" * 16


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "ROOM", ROOM)
    monkeypatch.setattr(sendqueue, "ENOUGH", ENOUGH)
    monkeypatch.setattr(sendqueue, "LIMIT", LIMIT)


class Reader:
    """One client: what waits for it, and what it has taken."""

    def __init__(self, hub: Hub, db: AsyncStore) -> None:
        self.queue = SendQueue()
        self.queue.limit = LIMIT
        self.queue.overflow = self.fail
        self.follower = Follower("ann", self.queue, hub, db, self.fail)
        self.taken: list[str] = []

    def fail(self) -> None:
        raise AssertionError("it was cut")

    async def take(self, until: Callable[[], bool]) -> int:
        """Takes until that is so; the most bytes that waited meanwhile."""
        most = 0
        async with asyncio.timeout(SOON):
            while not until():
                most = max(most, self.queue.size)
                packet = await self.queue.get()
                self.taken.append(packet.encode_cache or "")
        return most

    def told(self) -> set[str]:
        """The jobs whose last news it has."""
        return {job_of(frame) for frame in self.taken if frame.startswith('42["job",')}

    @property
    def cursor(self) -> str:
        return cursor_of([frame for frame in self.taken if frame.startswith("42")][-1])


@asynccontextmanager
async def reader(valkey: Valkey, since: str | None = None) -> AsyncIterator[Reader]:
    hub, db = Hub(valkey.url), AsyncStore(valkey.url)
    reading = asyncio.ensure_future(hub.run())
    client = Reader(hub, db)
    if await client.follower.open(since):
        client.follower.start_with_changes()
    else:
        client.follower.start_with_all()
    yield client
    client.follower.close()
    await background.finish(SOON)  # it may be reading on
    reading.cancel()
    await asyncio.wait([reading])
    await db.close()


def submitted(db: Store, count: int) -> list[Job]:
    return [db.do(store.submit(new_spec("ann"))).job for _ in range(count)]


async def test_a_burst_waits_in_the_feed_and_all_of_it_comes(
    db: Store, shared_valkey: Valkey
) -> None:
    async with reader(shared_valkey) as client:
        jobs = await asyncio.to_thread(submitted, db, 40)
        for _ in range(500):  # until the burst has come
            if client.queue.enough:
                break
            await asyncio.sleep(0.01)
        most = await client.take(lambda: len(client.told()) == len(jobs))
        assert most < LIMIT
        last = db.do(store.update(jobs[0], Job.claimed))
        await client.take(lambda: f'"id":"{last.id}","version":{last.version}' in client.taken[-1])
    told = [frame for frame in client.taken if frame.startswith('42["job",')]
    assert len(told) <= len(jobs) + 2, "and nothing comes twice"


async def test_who_was_away_is_told_page_by_page_and_a_cut_in_between_resumes(
    db: Store, shared_valkey: Valkey
) -> None:
    since = db.do(feeds.read("ann")).cursor
    jobs = {job.id for job in await asyncio.to_thread(submitted, db, 30)}
    async with reader(shared_valkey, since) as first:
        most = await first.take(lambda: len(first.told()) == len(jobs) // 2)
        assert most < 3 * ROOM, "text with a dash in it takes two bytes a character"
    async with reader(shared_valkey, first.cursor) as second:
        await second.take(lambda: first.told() | second.told() == jobs)
    assert len(first.told() & second.told()) <= ROOM // 500, "no more than a page again"


@pytest.mark.parametrize("talks", [False, True])
async def test_a_deaf_websocket_is_cut_whatever_it_says(
    db: Store, shared_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talks: bool
) -> None:
    monkeypatch.setattr("gateway.engine.WITHIN", 0.3)
    monkeypatch.setattr("gateway.engine.LOOK_EVERY", 0.05)
    async with gateway(shared_valkey.url, tmp_path, metrics_token=METRICS) as node:
        client = Client(str(node.url), node.token())
        await client.come()
        client.deafen(4_096)
        await _cut(node, db, client.pong if talks else lambda: None)
        client.leave()
        await client.lost()


async def _cut(node: Node, db: Store, meanwhile: Callable[[], None]) -> None:
    job = db.do(store.update(db.do(store.submit(new_spec("ann"))).job, Job.claimed))
    async with asyncio.timeout(2 * SOON):
        while await _there(node):
            meanwhile()
            job = await asyncio.to_thread(_louder, db, job)


async def _there(node: Node) -> bool:
    told = await node.ask("GET", node.url / "metrics", Authorization=f"Bearer {METRICS}")
    return 'transport="websocket"} 1.0' in told.text


def _louder(db: Store, job: Job) -> Job:
    for _ in range(20):
        job = db.do(store.update(job, lambda j: j.advanced(message="x" * 4_000)))
    return job
