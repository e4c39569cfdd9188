"""A worker is frozen past its lease and wakes up: its attempt writes nothing, and is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ringback.job import State
from tests.e2e.look import ended, job_of, make_due
from tests.faults.case import LONG, Case, Row
from tests.rig import WITHIN, Rig, until

ITEMS, PAUSE = 75, 0.04


def test_an_attempt_frozen_past_its_lease_wakes_up_to_lease_lost(
    swift_rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    case = Case("frozen past its lease", swift_rig, tmp_path)
    swift_rig.supervisor()
    sleeper = case.worker()
    (job_id,) = case.submit(1, ITEMS, PAUSE)
    until(lambda: case.tries(job_id) >= ITEMS // 3, what="a third is done")
    sleeper.freeze()
    first = job_of(swift_rig, job_id)
    heir = case.worker()
    if not LONG:
        make_due(swift_rig, "lease", job_id)
    until(lambda: job_of(swift_rig, job_id).attempt == 2, WITHIN, "the second attempt")

    before = _tries_of(case, 1)
    sleeper.thaw()  # while the second attempt runs
    until(lambda: case.lease_lost(job_id), what="the first attempt learns of it")
    job = ended(swift_rig, job_id)
    after = _tries_of(case, 1) - before

    assert _first_of(case, 2) >= first.counts.seen, "it goes on where the store knows"
    told(case.settled(WITHIN, lambda: f"{after} items by the old attempt after it woke"))
    assert case.lease_lost(job_id) == [1]
    assert (job.attempt, job.state) == (2, State.PARTIAL)
    assert job.fence > first.fence
    assert before + after < ITEMS, "the old attempt stopped on its way"
    sleeper.says("attempt.lost")
    assert "attempt.lost" not in heir.log


def _tries_of(case: Case, attempt: int) -> int:
    return case.ledger.count("SELECT COUNT(*) FROM tries WHERE attempt = ?", attempt)


def _first_of(case: Case, attempt: int) -> int:
    return case.ledger.count("SELECT MIN(item) FROM tries WHERE attempt = ?", attempt)
