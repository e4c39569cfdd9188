"""A worker is killed at the points where it matters: each item's effect is there once, and the
job ends as if nothing had been."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from ringback.doorbell import Doorbells, new_broker
from ringback.job import State
from tests.e2e.look import ended, job_of, make_due
from tests.faults.case import JOBS, LONG, Case, Row
from tests.rig import WITHIN, Process, Rig, until

ITEMS, PAUSE = 20, 0.06
ROUNDS = 4 if LONG else 1
CHECKPOINTS = 2, 5  #: the fatal one is one of these; ten a second are written

# point, attempts that the job takes, what the supervisor must find overdue to set it going again
CASES = [
    ("before-claim", 1, "doorbell"),
    ("after-claim", 2, "lease"),
    ("before-checkpoint", 2, "lease"),
    ("after-checkpoint", 2, "lease"),
    ("before-end", 2, "lease"),
    ("after-end", 1, ""),
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A store, a supervisor and a worker that is there for what the killed ones leave."""
    whole = Rig(tmp_path_factory.mktemp("points"))
    whole.supervisor()
    whole.worker(JOBS).freeze()
    yield whole
    whole.close()


def _heir(rig: Rig) -> Process:
    return next(p for p in rig.processes if p.log_path.name.startswith("worker"))


def _mortal(rig: Rig, point: str, nth: int) -> Process:
    argv = [sys.executable, "-m", "tests.faults.mortal", point, str(nth), JOBS]
    process = Process(argv, rig.env(), rig.directory / f"mortal-{len(rig.processes)}.log")
    rig.processes.append(process)
    process.says("worker.ready")
    return process


@pytest.mark.parametrize("round_", range(1, ROUNDS + 1))
@pytest.mark.parametrize(("point", "attempts", "overdue"), CASES, ids=[c[0] for c in CASES])
def test_a_worker_killed_at_a_point_leaves_nothing_undone_and_nothing_done_twice(
    rig: Rig, tmp_path_factory: pytest.TempPathFactory, told: Callable[[Row], None],
    point: str, attempts: int, overdue: str, round_: int,
) -> None:  # fmt: skip
    case = Case(f"killed {point}, round {round_}", rig, tmp_path_factory.mktemp(point))
    nth = case.random.randint(*CHECKPOINTS) if "checkpoint" in point else 1
    mortal = _mortal(rig, point, nth)
    (job_id,) = case.submit(1, ITEMS, PAUSE)
    assert mortal.popen.wait(WITHIN) == -9, mortal.log
    case.kills += 1
    before = job_of(rig, job_id)  # as the dead one left it

    _heir(rig).thaw()
    if overdue:
        make_due(rig, overdue, job_id)
    else:  # the ring that it couldn't acknowledge comes again
        Doorbells(new_broker(rig.settings.broker)).job(job_id, "faults.effects")
    job = ended(rig, job_id)
    until(lambda: _deaf(rig), what="all rings are heard")
    _heir(rig).freeze()

    told(case.row())
    assert job.attempt == attempts
    assert case.ledger.count("SELECT COUNT(*) FROM starts") <= attempts
    if before.state is State.RUNNING:
        assert _first_of(case, attempts) == before.counts.seen, "it goes on where the store knows"


def _first_of(case: Case, attempt: int) -> int | None:
    """The first item that an attempt tried; all of them, where it had none left to try."""
    question = "SELECT COALESCE(MIN(item), ?) FROM tries WHERE attempt = ?"
    return case.ledger.count(question, ITEMS, attempt)


def _deaf(rig: Rig) -> bool:
    with suppress(ConnectionError):
        return Doorbells(new_broker(rig.settings.broker)).waiting("faults.effects") == 0
    return False
