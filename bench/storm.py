"""A node dies with 2,000 clients on it and comes back: how long until all are back, and what the
store feels of it meanwhile."""

from __future__ import annotations

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from threading import Event
from typing import Any

import orjson
import psutil

from bench import people
from bench.events import answer
from bench.figures import Figure, percentile
from ringback import feeds
from ringback.connection import Store
from ringback.job import Job
from tests.rig import Process, Rig

LOOK_EVERY = 0.01  #: seconds between two looks at the store
WITHIN = 60.0  #: seconds that a herd may take
BYSTANDER = "bystander"  #: a user whose feed is read meanwhile, as any other process would


@dataclass(frozen=True, slots=True)
class Herd:
    """``clients`` of ``users`` with a running job each."""

    clients: int
    users: int

    def __str__(self) -> str:
        return f"{self.clients:,} of {self.users:,}"


@dataclass(slots=True)
class Watch:
    """What the store looks like from outside while the storm lasts."""

    late: list[float] = field(default_factory=list)  #: ms that each look took
    connections: int = 0  #: most at once

    def look(self, url: str, over: Event) -> None:
        """Looks until it is over."""
        db = Store(url)
        while not over.wait(LOOK_EVERY):
            begun = time.monotonic()
            db.do(feeds.read(BYSTANDER))
            self.late.append((time.monotonic() - begun) * 1e3)
            self.connections = max(self.connections, db.client.info("clients")["connected_clients"])
        db.close()


def measure(rig: Rig, herd: Herd) -> list[Figure]:
    """One storm, from the moment when the node is there again."""
    db = Store(rig.valkey.url)
    db.client.config_set("appendfsync", "always")
    jobs = [people.start(db, user) for user in people.names(herd.users)]
    rig.own["LIMIT_CONNECTIONS"] = str(2 * herd.clients)  # the dead node's count for a while
    gateway = rig.gateway()
    clients = _clients(rig, [rig.token(job.spec.owner.id) for job in jobs], herd.clients)
    gateway.kill()
    _go_on(db, jobs)
    gateway = rig.gateway()
    db.client.config_resetstat()
    before = _cpu(gateway)
    report, watch = _storm(rig.valkey.url, clients)
    used = _cpu(gateway) - before
    scripts = db.client.info("commandstats")["cmdstat_evalsha"]["calls"] - len(watch.late)
    gateway.stop()
    db.close()
    took = report["took"]
    return [
        Figure(f"{herd}: half of them back", percentile(took, 0.5), "s"),
        Figure(f"{herd}: all back", max(took), "s"),
        Figure(f"{herd}: not recovered", herd.clients - report["recovered"], "clients", "none"),
        Figure(f"{herd}: tried again", report["again"], "times", "none"),
        Figure(f"{herd}: gateway's CPU per client", used / herd.clients * 1e3, "ms"),
        Figure(f"{herd}: store, script calls", scripts, "calls"),
        Figure(f"{herd}: store, connections", watch.connections, "at once"),
        Figure(f"{herd}: store, p50", percentile(watch.late, 0.5), "ms"),
        Figure(f"{herd}: store, p99", percentile(watch.late, 0.99), "ms"),
    ]


def _clients(rig: Rig, tokens: list[str], count: int) -> Process:
    tokens = list(islice(cycle(tokens), count))
    plan = rig.directory / "plan.json"
    plan.write_bytes(orjson.dumps({"url": rig.url, "tokens": tokens, "within": WITHIN}))
    log = rig.directory / f"herd-{len(rig.processes)}.log"
    rig.processes.append(Process([sys.executable, "-m", "bench.herd", str(plan)], rig.env(), log))
    rig.processes[-1].says("ready", 2 * WITHIN)
    return rig.processes[-1]


def _go_on(db: Store, jobs: list[Job]) -> None:
    """Each user has something to catch up with."""
    for job in jobs:
        people.commit(db, job, 1, "Checking row 1")


def _cpu(process: Process) -> float:
    times = psutil.Process(process.popen.pid).cpu_times()
    return float(times.user + times.system)


def _storm(url: str, clients: Process) -> tuple[Any, Watch]:
    watch, over = Watch(), Event()
    with ThreadPoolExecutor(1) as aside:
        looking = aside.submit(watch.look, url, over)
        try:
            clients.popen.send_signal(signal.SIGUSR1)
            report = answer(clients, WITHIN)
        finally:
            over.set()
        looking.result()
    return report, watch
