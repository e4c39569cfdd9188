"""Publish to receive: 1,000 events a second for 500 clients of one gateway, and what it costs.

The same commits, the same clients, and in between either the gateway or socket.io on Node: what
differs is theirs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from bench import people
from bench.figures import Figure, percentile
from ringback.connection import Store
from tests.rig import ROOT, Process, Rig, free_port

PATIENCE = 30.0  #: seconds that clients wait for events after the last was due
CLIENTS = [sys.executable, "-m", "bench.clients"]
STOCK = ["node", str(ROOT / "bench" / "stock.mjs")]
BASELINE = ["node", str(ROOT / "bench" / "baseline.mjs")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``users`` with one socket each, ``rate`` events a second in all, for ``seconds``."""

    users: int
    rate: int
    seconds: int
    clients: list[str]

    @property
    def events(self) -> int:
        """How many in all."""
        return self.rate * self.seconds


class Bench:
    """One installation, the jobs of its users, and a Node server beside the gateway."""

    def __init__(self, rig: Rig, users: int) -> None:
        self.rig = rig
        db = Store(rig.valkey.url)
        db.client.config_set("appendfsync", "always")  # 500 submissions, not 500 waits for a disk
        self.jobs = {user: people.start(db, user).id for user in people.names(users)}
        self.tokens = {user: rig.token(user) for user in self.jobs}
        db.client.config_set("appendfsync", "everysec")
        db.close()

    def gateway(self, load: Load) -> list[Figure]:
        """Ringback's gateway under ``load``."""
        return self._measure("gateway", self.rig.gateway(), self.rig.url, load)

    def baseline(self, load: Load) -> list[Figure]:
        """Node under the same."""
        port = free_port()
        node = self._process("baseline", [*BASELINE, self.rig.valkey.url, str(port)])
        node.says("ready")
        return self._measure("node", node, f"http://127.0.0.1:{port}", load)

    def _measure(self, name: str, server: Process, url: str, load: Load) -> list[Figure]:
        users = list(self.jobs)[: load.users]
        within = load.seconds + PATIENCE
        plan = {
            "url": url, "tokens": {user: self.tokens[user] for user in users},
            "store": self.rig.valkey.url, "jobs": [self.jobs[user] for user in users],
            "events": load.events, "rate": load.rate, "warm": load.rate,
            "within": within,
        }  # fmt: skip
        file = self.rig.directory / "plan.json"
        file.write_bytes(orjson.dumps(plan))
        clients = self._process("clients", [*load.clients, str(file)])
        clients.says("ready")
        before = psutil.Process(server.popen.pid).cpu_times()
        publisher = self._process("publisher", [sys.executable, "-m", "bench.publisher", str(file)])
        published = answer(publisher, within)
        got = answer(clients, within)
        after = psutil.Process(server.popen.pid).cpu_times()
        memory = psutil.Process(server.popen.pid).memory_info().rss
        server.stop()
        used = after.user + after.system - before.user - before.system
        return [
            Figure(f"{name}: events made", published["rate"], "/s", "more"),
            Figure(f"{name}: lost", load.events - got["received"], "events", "none"),
            *(
                Figure(f"{name}: p{share:g}", percentile(got["late"], share / 100), "ms")
                for share in (50, 99, 100)
            ),
            Figure(f"{name}: CPU per event", used / load.events * 1e6, "µs"),
            Figure(f"{name}: memory", memory / 1e6, "MB"),
        ]

    def _process(self, name: str, argv: list[str]) -> Process:
        log = self.rig.directory / f"{name}-{len(self.rig.processes)}.log"
        self.rig.processes.append(Process(argv, self.rig.env(), log))
        return self.rig.processes[-1]


def answer(process: Process, within: float) -> Any:
    """The last line that a process wrote, once it has ended."""
    if process.popen.wait(within + PATIENCE):
        raise RuntimeError(f"{process.argv} failed:\n{process.log}")
    return orjson.loads(Path(process.log_path).read_bytes().splitlines()[-1])
