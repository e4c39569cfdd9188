"""A look into a store, whichever it is: the real one, or the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings

from ringback import store
from ringback.connection import Store
from ringback.failure import Failure
from ringback.job import Counts, Job, Link, Result, Spec
from ringback.keys import Call, channel_of, due_key, partition_of, plain
from ringback.testing import FakeStore
from tests.rig import new_spec

P = partition_of("ann")
DONE = Result("Done", (Link("Download", "/api/v1/files/1"),))
BROKE = Failure(code="bank_away", category="external", message="No answer.", action="Wait.")

#: For properties that use the `db` fixture: nothing in them depends on an empty store.
with_db = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def submitted(db: Store, user: str = "ann", **policy: Any) -> Job:
    """A job that waits."""
    return db.do(store.submit(new_spec(user, **policy))).job


def claimed(db: Store, user: str = "ann", **policy: Any) -> Job:
    """A job that runs."""
    return db.do(store.update(submitted(db, user, **policy), Job.claimed))


def ended(db: Store, user: str = "ann", **policy: Any) -> Job:
    """A job that went well."""
    return db.do(store.update(claimed(db, user, **policy), lambda job: job.ended(DONE)))


def stored_view(db: Store, job: Job) -> bytes:
    """What clients get."""
    return db.do(store.load_view(job.id, job.spec.owner.id))


def ask(db: Store, *command: Any) -> Any:
    """The reply to a plain command: how these tests look into a store."""
    return send(db, plain(*command))


def send(db: Store, call: Call) -> Any:
    """The reply to one request."""

    def op() -> Any:
        return (yield call)

    return db.do(op())


def now(db: Store) -> int:
    """The store's clock, ms."""
    seconds, micros = ask(db, "TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def due(db: Store, kind: str, partition: str = P) -> dict[str, int]:
    """What the supervisor must look at, and when (ms)."""
    found = ask(db, "ZRANGE", due_key(partition, kind), 0, -1, "WITHSCORES")
    return {member.decode(): int(score) for member, score in found}


def make_due(db: Store, kind: str, *members: str) -> None:
    """Lets the time pass that these would have waited."""
    for member in members:
        ask(db, "ZADD", due_key(P, kind), "XX", 1, member)


def everything(db: Store) -> dict[bytes, Any]:
    """All that is stored."""
    return {name: stored(db, name) for name in ask(db, "KEYS", "*")}


def stored(db: Store, name: bytes) -> Any:
    """What is stored under a name, whatever its type."""
    looks = {
        b"string": ("GET", name), b"hash": ("HGETALL", name), b"set": ("SMEMBERS", name),
        b"list": ("LRANGE", name, 0, -1), b"zset": ("ZRANGE", name, 0, -1, "WITHSCORES"),
    }  # fmt: skip
    return ask(db, *looks[ask(db, "TYPE", name)])


Packets = AbstractContextManager[Callable[[], list[bytes]]]


def listening(db: Store, user: str) -> Packets:
    """Yields a function that gives the packets published since it was last asked."""
    channel = channel_of(user)
    return kept(db, channel) if isinstance(db, FakeStore) else subscribed(db, channel)


@contextmanager
def subscribed(db: Store, channel: str) -> Iterator[Callable[[], list[bytes]]]:
    """Hears a channel on the wire."""
    with db.client.pubsub() as ears:
        ears.subscribe(channel)
        ears.get_message(timeout=5)

        def packets() -> list[bytes]:
            db.client.publish(channel, "end")
            heard = iter(lambda: ears.get_message(timeout=5)["data"], b"end")
            return list(heard)

        yield packets


@contextmanager
def kept(db: FakeStore, channel: str) -> Iterator[Callable[[], list[bytes]]]:
    """Reads what the store in memory has kept of a channel."""
    told = len(db.published)

    def packets() -> list[bytes]:
        nonlocal told
        new, told = db.published[told:], len(db.published)
        return [packet.data for packet in new if packet.channel == channel]

    yield packets


def unique(name: str, user: str = "ann") -> Spec:
    """Work with a name that no other unfinished work may bear."""
    return replace(new_spec(user), unique=(name,))


def flawed(job: Job) -> Job:
    """One more item failed."""
    return job.advanced(counts=Counts(failed=job.counts.failed + 1))
