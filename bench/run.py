"""Measures and prints: ``make bench``, or ``python -m bench.run [hotpath|events|…]…``.

The best of several runs is shown, for other programs on the machine only make a run worse; all
runs are in ``bench/results``. Absolute figures belong to the machine. What carries over is how two
figures of one run compare.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import commits, emails, events, hotpath, letters, stalled, storm
from bench.events import Bench, Load
from bench.figures import Figure, best, keep, show
from bench.stalled import Deaf
from bench.storm import Herd
from tests.rig import Rig

MANY = Load(users=500, rate=1000, seconds=8, clients=events.CLIENTS)
FEW = Load(users=50, rate=100, seconds=6, clients=events.STOCK)
HERDS = (Herd(clients=2000, users=2000), Herd(clients=2000, users=50))

DEAF = (Deaf(clients=200, users=200), Deaf(clients=200, users=1))


def measure_commits(rig: Rig, repeat: int) -> None:
    """Commits per second."""
    _report("Commits", "commits", [commits.measure(rig.valkey) for _ in range(repeat)])


def measure_events(rig: Rig, repeat: int) -> None:
    """Publish to receive, in turn through the gateway and through Node."""
    bench = Bench(rig, MANY.users)
    runs = [[*bench.gateway(MANY), *bench.baseline(MANY)] for _ in range(repeat)]
    _report("1,000 events/s to 500 clients", "events", runs)


def measure_stock(rig: Rig, repeat: int) -> None:
    """The same with the stock JavaScript client: a check of the lean one."""
    bench = Bench(rig, FEW.users)
    runs = [[*bench.gateway(FEW), *bench.baseline(FEW)] for _ in range(repeat)]
    _report("100 events/s to 50 stock clients", "stock", runs)


def measure_hotpath(rig: Rig, repeat: int) -> None:
    """CPU time in isolation."""
    _report("The hot path", "hotpath", [hotpath.measure(rig.valkey) for _ in range(repeat)])


def measure_storm(rig: Rig, repeat: int) -> None:
    """A node that comes back, and all its clients with it."""
    runs = [[f for herd in HERDS for f in storm.measure(rig, herd)] for _ in range(repeat)]
    _report("2,000 clients return to a node at once", "storm", runs)


def measure_stalled(rig: Rig, repeat: int) -> None:
    """Clients that stop reading."""
    runs = [[f for deaf in DEAF for f in stalled.measure(rig, deaf)] for _ in range(repeat)]
    _report("200 clients read nothing any more", "stalled", runs)


def measure_emails(rig: Rig, repeat: int) -> None:
    """Notices that become emails. A run leaves the rig's mailer and supervisor on: one run each."""
    _report("1,000 emails to a local server", "emails", [emails.measure(rig)][:repeat])


def measure_letters(_: Rig, repeat: int) -> None:
    """Views that become letters."""
    _report("A letter, from view to bytes", "letters", [letters.measure() for _ in range(repeat)])


MEASURES: dict[str, Callable[[Rig, int], None]] = {
    "hotpath": measure_hotpath,
    "storm": measure_storm,
    "stalled": measure_stalled,
    "emails": measure_emails,
    "letters": measure_letters,
    "commits": measure_commits,
    "events": measure_events,
    "stock": measure_stock,
}


def main() -> None:
    """Decodes the command line and runs what it names (default: all)."""
    parser = argparse.ArgumentParser(description="Measure Ringback.")
    parser.add_argument("what", nargs="*", choices=(*MEASURES, []), help="default: all")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs is shown")
    asked = parser.parse_args()
    for name in asked.what or MEASURES:
        with TemporaryDirectory(prefix="ringback-bench-") as directory:
            rig = Rig(Path(directory) / "rig")
            try:
                MEASURES[name](rig, asked.repeat)
            finally:
                rig.close()


def _report(title: str, name: str, runs: list[list[Figure]]) -> None:
    keep(name, runs)
    show(f"{title} (best of {len(runs)})", best(runs))


if __name__ == "__main__":
    main()
