"""Commits per second: progress and durable ones, on one connection and on sixteen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from typing import Any

from bench import people
from bench.figures import Figure, percentile
from ringback import store
from ringback.connection import Store
from tests.rig import Valkey

CONNECTIONS = 16
SECONDS = 2.0
DURABLE_SECONDS = 4.0  #: a durable commit may wait a second for the disk
STARTING = 2.0  #: seconds for the processes to import, connect and warm up

Work = Callable[[Store, str], Iterator[None]]


def measure(valkey: Valkey) -> list[Figure]:
    """All of it, once."""
    db = Store(valkey.url)
    db.client.config_set("appendfsync", "everysec")
    figures = [
        *_rates("SET of 1 kB, 1 connection", _alone(valkey.url, plain_sets, SECONDS), "µs"),
        *_rates("progress, 1 connection", _alone(valkey.url, progress, SECONDS), "µs"),
        *_rates("progress, 16 connections, 1 process", _threads(valkey.url, progress, SECONDS)),
        *_rates("progress, 16 connections, 2 processes", _processes(valkey.url, progress)),
        *_rates("submit everysec, 1 connection", _alone(valkey.url, submits, DURABLE_SECONDS)),
        *_rates("submit everysec, 16 connections", _threads(valkey.url, submits, DURABLE_SECONDS)),
    ]
    db.client.config_set("appendfsync", "always")
    figures += [
        *_rates("submit always, 1 connection", _alone(valkey.url, submits, SECONDS)),
        *_rates("submit always, 16 connections", _threads(valkey.url, submits, SECONDS)),
        *_rates("progress always, 16 connections", _threads(valkey.url, progress, SECONDS)),
    ]
    db.client.config_set("appendfsync", "everysec")
    figures += _script(db)
    db.close()
    return figures


# -- the work of one connection: one step per commit


def plain_sets(db: Store, user: str) -> Iterator[None]:
    """What the same client does at best: the yardstick."""
    while True:
        db.client.set(f"bench:{user}", b"x" * 1000)
        yield


def progress(db: Store, user: str) -> Iterator[None]:
    """Progress of one running job."""
    job = people.start(db, user)
    for done in count():
        job = people.commit(db, job, done, f"Checking row {done:,}")
        yield


def submits(db: Store, user: str) -> Iterator[None]:
    """New jobs, durably."""
    while True:
        db.do(store.submit(people.spec_of(user)), people.PATIENCE)
        yield


def hammer(url: str, work: Work, users: list[str], begin: float, seconds: float) -> list[float]:
    """One connection and thread per user from ``begin`` on; what each step took, in seconds."""
    db = Store(url)
    with ThreadPoolExecutor(len(users)) as pool:
        took = pool.map(lambda user: _hammer(db, work, user, begin, seconds), users)
        found = [each for one in took for each in one]
    db.close()
    return found


def _hammer(db: Store, work: Work, user: str, begin: float, seconds: float) -> list[float]:
    steps, took = work(db, user), list[float]()
    next(steps)
    time.sleep(max(0.0, begin - time.monotonic()))
    before, end = time.monotonic(), time.monotonic() + seconds
    while before < end:
        next(steps)
        now = time.monotonic()
        took.append(now - before)
        before = now
    return took


Taken = tuple[list[float], float]


def _alone(url: str, work: Work, seconds: float) -> Taken:
    return hammer(url, work, people.names(1), _soon(), seconds), seconds


def _threads(url: str, work: Work, seconds: float) -> Taken:
    return hammer(url, work, people.names(CONNECTIONS), _soon(), seconds), seconds


def _processes(url: str, work: Work) -> Taken:
    users, begin = people.names(CONNECTIONS), _soon()
    halves = [users[: CONNECTIONS // 2], users[CONNECTIONS // 2 :]]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        job = partial(hammer, url, work, begin=begin, seconds=SECONDS)
        return [each for one in pool.map(job, halves) for each in one], SECONDS


def _soon() -> float:
    return time.monotonic() + STARTING


def _rates(name: str, taken: Taken, unit: str = "ms") -> list[Figure]:
    took, seconds = taken
    scale = {"ms": 1e3, "µs": 1e6}[unit]
    return [
        Figure(f"{name}: rate", len(took) / seconds, "/s", "more"),
        Figure(f"{name}: p50", percentile(took, 0.5) * scale, unit),
        Figure(f"{name}: p99", percentile(took, 0.99) * scale, unit),
    ]


def _script(db: Store) -> list[Figure]:
    """What a progress commit costs the server, by its own account."""
    steps = progress(db, "user0")
    next(steps)
    db.client.config_resetstat()
    for _ in range(2000):
        next(steps)
    stats: dict[str, Any] = db.client.info("commandstats")
    return [Figure("commit script in the server", stats["cmdstat_evalsha"]["usec_per_call"], "µs")]
