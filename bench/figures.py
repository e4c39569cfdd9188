"""What was measured: figures, the best of several, printed and kept as JSON."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
import psutil
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
#: Another program on the machine can only make a figure worse, so the best of several is the one
#: that says most about this program.
BEST = {"more": max, "less": min, "none": max}


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one run; ``better`` says which of several to believe.

    ``none``: a fault, not a measure, so the worst is shown.
    """

    name: str
    value: float
    unit: str
    better: Literal["more", "less", "none"] = "less"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all don't exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def best(runs: Sequence[Sequence[Figure]]) -> dict[str, Figure]:
    """The best value of each figure, in the order in which they first came."""
    found: dict[str, Figure] = {}
    for figure in (figure for run in runs for figure in run):
        known = found.setdefault(figure.name, figure)
        value = BEST[figure.better](known.value, figure.value)
        found[figure.name] = Figure(figure.name, value, figure.unit, figure.better)
    return found


def show(title: str, figures: Mapping[str, Figure]) -> None:
    """Prints a table."""
    table = Table()
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for figure in figures.values():
        table.add_row(figure.name, f"{figure.value:,.{_digits(figure.value)}f}", figure.unit)
    console = Console(highlight=False)
    console.print(f"\n{title}")
    console.print(table)


def keep(name: str, runs: Sequence[Sequence[Figure]]) -> None:
    """Writes ``results/<name>.json``: the machine, each run, the best."""
    RESULTS.mkdir(exist_ok=True)
    record = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpus": psutil.cpu_count(), "load": psutil.getloadavg(),
            "python": platform.python_version(), "kernel": platform.release(),
        },
        "best": list(best(runs).values()),
        "runs": runs,
    }  # fmt: skip
    text = orjson.dumps(record, option=orjson.OPT_INDENT_2)
    (RESULTS / f"{name}.json").write_bytes(text + b"\n")


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2
