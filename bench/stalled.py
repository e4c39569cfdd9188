"""Clients that stop reading: what each costs the gateway, and how soon it is rid of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice

import psutil

from bench import people
from bench.figures import Figure
from ringback import store
from ringback.connection import Store
from tests.herd import Client
from tests.rig import Process, Rig, new_spec

JOBS = 20  #: new jobs of each user, all at once
TITLE = "A title of two bytes a character… "  #: as most views are, for a dash or quotes in them
RECEIVE = 4_096  #: bytes that a client's own system takes
WITHIN = 60.0  #: seconds


@dataclass(frozen=True, slots=True)
class Deaf:
    """``clients`` of ``users``, who read nothing but the start."""

    clients: int
    users: int

    def __str__(self) -> str:
        return f"{self.clients} of {self.users}"


def measure(rig: Rig, deaf: Deaf) -> list[Figure]:
    """Each user gets 220 kB of news at once, more than all buffers on the way hold."""
    rig.own["LIMIT_CONNECTIONS"] = str(deaf.clients)
    gateway = rig.gateway()
    names = people.names(deaf.users)
    tokens = [rig.token(name) for name in names]
    idle = _memory(gateway)
    most, late = asyncio.run(_stall(rig, gateway, names, list(islice(cycle(tokens), deaf.clients))))
    gateway.stop()
    return [
        Figure(f"{deaf}: memory a client", (most - idle) / deaf.clients / 1024, "KiB"),
        Figure(f"{deaf}: all cut after", late, "s"),
    ]


async def _stall(
    rig: Rig, gateway: Process, names: Sequence[str], tokens: Sequence[str]
) -> tuple[int, float]:
    """The most memory, in bytes, and the seconds from the news of the last user."""
    clients = [Client(rig.url, token) for token in tokens]
    await asyncio.gather(*(client.come() for client in clients))
    for client in clients:
        client.deafen(RECEIVE)
    process = psutil.Process(gateway.popen.pid)
    most = 0
    told = asyncio.ensure_future(asyncio.to_thread(_tell, rig.valkey.url, names))
    begun = time.monotonic()
    while time.monotonic() < begun + WITHIN:
        await asyncio.sleep(0.1)
        most = max(most, _memory(gateway))
        if told.done() and not _there(process, rig.url):
            break
    for client in clients:
        client.leave()
    return most, time.monotonic() - await told


def _tell(url: str, names: Sequence[str]) -> float:
    """Tells everybody; when that was done."""
    db = Store(url)
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda name: _jobs_of(db, name), names))
    db.close()
    return time.monotonic()


def _jobs_of(db: Store, name: str) -> None:
    for _ in range(JOBS):
        db.do(store.submit(new_spec(name, TITLE * 300)), people.PATIENCE)


def _memory(process: Process) -> int:
    return int(psutil.Process(process.popen.pid).memory_info().rss)


def _there(process: psutil.Process, url: str) -> int:
    """Clients that the gateway has."""
    port = int(url.rpartition(":")[2].strip("/"))
    lines = process.net_connections("tcp")
    return sum(line.status == psutil.CONN_ESTABLISHED and line.laddr.port == port for line in lines)
