"""Many jobs while workers and supervisors are killed again and again: each job ends, each item's
effect is there once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.case import LONG, Case, Row, hurry
from tests.rig import Process, Rig

USERS = 12


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; ``every``: seconds between two kills, at least and at most."""

    jobs: int
    items: int
    pause: float
    workers: int
    threads: int
    kills: int
    every: tuple[float, float]
    within: float


SIZE = (
    Size(2_000, 20, 0.15, workers=4, threads=16, kills=40, every=(2, 7), within=900)
    if LONG else
    Size(150, 8, 0.13, workers=3, threads=8, kills=8, every=(0.4, 1.1), within=90)
)  # fmt: skip


TURNS = 4


def test_no_job_is_lost_and_no_effect_doubled_under_kill_after_kill(
    swift_rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    swift_rig.own["THREADS"] = str(SIZE.threads)
    case = Case(f"kill after kill, {SIZE.items} items a job", swift_rig, tmp_path)
    crowd = [swift_rig.supervisor(), swift_rig.supervisor()]
    crowd += [case.worker() for _ in range(SIZE.workers)]
    started = time.monotonic()
    for turn in range(1, TURNS + 1):  # on a slow machine those who die may have done nothing yet
        case.submit(SIZE.jobs, SIZE.items, SIZE.pause, users=USERS)
        _kill_again_and_again(case, crowd, turn * SIZE.kills)
        attempts = case.ledger.count("SELECT MAX(attempt) FROM starts")
        if attempts > 1 and case.kills > SIZE.kills // 2:
            break
    row = case.row(f"{time.monotonic() - started:.0f} s")
    told(row)
    assert attempts > 1, "no kill hit a running job"
    assert row.kills > SIZE.kills // 2, "all ended before half of the kills"


def _kill_again_and_again(case: Case, crowd: list[Process], most: int) -> None:
    """Until all jobs have ended; whoever dies comes back at once."""
    deadline, due = time.monotonic() + SIZE.within, time.monotonic() + 1
    while not case.over():
        now = time.monotonic()
        assert now < deadline, f"jobs are still open after {SIZE.within} s"
        assert [p.popen.poll() for p in crowd] == [None] * len(crowd), "one died unasked"
        if case.kills < most and now > due:
            victim = case.random.choice(crowd)
            victim.kill()
            victim.start()
            case.kills += 1
            due = now + case.random.uniform(*SIZE.every)
        if not LONG:
            hurry(case.rig, case.jobs)
        time.sleep(0.1)
