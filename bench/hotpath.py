"""The hot path in isolation: what one event costs the worker and the gateway, in CPU time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bench import people
from bench.figures import Figure
from gateway.claims import Identity
from gateway.hub import Hub
from gateway.sendqueue import SendQueue
from gateway.session import Resume, Session
from ringback import codec, feeds, store
from ringback.connection import AsyncStore, Store, request
from ringback.job import Job, Owner
from ringback.keys import Call, channel_of
from tests.rig import Valkey

TIMES = 5_000
USER = "user0"


def measure(valkey: Valkey) -> list[Figure]:
    """All of it, once."""
    db = Store(valkey.url)
    job = people.start(db, USER)
    job = people.commit(db, job, 1, "Checking row 1")
    figures = [*_worker(db, job), *asyncio.run(_gateway(valkey.url, db))]
    db.close()
    return figures


def _worker(db: Store, job: Job) -> list[Figure]:
    after = people.advance(job, 2, "Checking row 2")
    call = next(store.update(job, lambda _: after, held=job.fence))
    pack = db.client.connection_pool.make_connection().pack_command
    return [
        _per_call("worker: encode_record", lambda: codec.encode_record(after)),
        _per_call("worker: encode_view", lambda: codec.encode_view(after)),
        _per_call("worker: a commit's call, all of it", lambda: _call(job)),
        _per_call("worker: pack the command", lambda: pack(*request(call))),
    ]


def _call(job: Job) -> Call:
    change = store.update(job, lambda j: people.advance(j, 2, "Checking row 2"), held=job.fence)
    return next(change)


async def _gateway(url: str, db: Store) -> list[Figure]:
    """One socket's session, opened as usual; then frames are handed to the hub."""
    hub, async_db, queue = Hub(url), AsyncStore(url), SendQueue()
    reading = asyncio.ensure_future(hub.run())
    identity = Identity(Owner(id=USER), frozenset({"user"}), round(time.time()) + 3_600)
    session = Session(identity, queue, hub, async_db, cut=lambda: None)
    await session.open(Resume())
    session.start()
    await _settled(queue)
    frames = _frames(db, TIMES)
    figures = [_rated("gateway: hub to send queue, and out", lambda: _deliver(hub, queue, frames))]
    reading.cancel()
    await asyncio.wait([reading])
    await async_db.close()
    return figures


async def _settled(queue: SendQueue) -> None:
    """The snapshot, and what the subscription's confirmation set off, are out of the way."""
    quiet = 0
    while quiet < 10:
        await asyncio.sleep(0.02)
        quiet = quiet + 1 if queue.empty() else 0
        while not queue.empty():
            queue.get_nowait()


def _frames(db: Store, count: int) -> list[str]:
    """The user's next frames, numbered on from the feed."""
    feed = db.do(feeds.read(USER))
    view = feed.views[0].decode()
    return [f'42["job",{view},"{feed.epoch}:{feed.seq + n}"]' for n in range(1, count + 1)]


def _deliver(hub: Hub, queue: SendQueue, frames: list[str]) -> int:
    channel = channel_of(USER)
    for frame in frames:
        hub._deliver(channel, frame)
        if queue.get_nowait().encode_cache is not frame:
            raise AssertionError("the frame didn't come through")
    return len(frames)


def _per_call(name: str, call: Callable[[], object]) -> Figure:
    def repeat() -> int:
        for _ in range(TIMES):
            call()
        return TIMES

    return _rated(name, repeat)


def _rated(name: str, work: Callable[[], int]) -> Figure:
    before = time.process_time()
    times = work()
    return Figure(name, (time.process_time() - before) / times * 1e6, "µs")
