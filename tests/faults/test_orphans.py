"""All workers die at once: their jobs run again soon, on the workers that are left."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ringback.job import State
from tests.e2e.look import ended, job_of, make_due
from tests.faults.case import LONG, SEED, Case, Row
from tests.rig import Rig, until

ORPHANS, WORKERS, THREADS = (1_000, 4, 250) if LONG else (60, 1, 60)
WITHIN = 20.0  #: seconds from the kill in which 99 of 100 run again
PATIENCE = 120.0
USERS = 16


def test_the_jobs_of_killed_workers_run_again_soon(
    swift_rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    swift_rig.own["THREADS"] = str(THREADS)
    swift_rig.supervisor()
    swift_rig.supervisor()
    case = Case("orphans", swift_rig, tmp_path)
    heirs = [case.worker() for _ in range(WORKERS)]
    for heir in heirs:
        heir.freeze()
    workers = [case.worker() for _ in range(WORKERS)]
    jobs = case.hold(ORPHANS, tmp_path / "gate", users=USERS)
    until(lambda: _running(case, 1) == ORPHANS, PATIENCE, "all jobs run")

    killed = time.time()
    for worker in workers:
        worker.kill()
    for heir in heirs:
        heir.thaw()
    if not LONG:
        for job_id in jobs:
            make_due(swift_rig, "lease", job_id)
    until(lambda: _running(case, 2) == ORPHANS, PATIENCE, "all jobs run again")
    waits = [at - killed for (at,) in case.ledger.ask(
        "SELECT MIN(at) FROM starts WHERE attempt = 2 GROUP BY job ORDER BY MIN(at)")]  # fmt: skip
    (tmp_path / "gate").touch()
    for job_id in jobs:
        assert ended(swift_rig, job_id).state is State.SUCCEEDED
        assert job_of(swift_rig, job_id).attempt == 2

    p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    starts = case.ledger.count("SELECT COUNT(*) FROM starts")
    told(Row(
        case="orphans", seed=SEED, jobs=ORPHANS, kills=len(workers), tries=starts, effects=ORPHANS,
        lost=ORPHANS - len(waits), doubled=0,
        note=f"running again after p50 {p50:.1f} s, p99 {p99:.1f} s, last {waits[-1]:.1f} s",
    ))  # fmt: skip
    assert not LONG or p99 <= WITHIN


def _running(case: Case, attempt: int) -> int:
    return case.ledger.count("SELECT COUNT(DISTINCT job) FROM starts WHERE attempt = ?", attempt)
