"""Workers that die, freeze and stop: each job ends once, and old attempts write nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ringback import store
from ringback.client import Client
from ringback.doorbell import Doorbells, new_broker
from ringback.job import Job, Owner, State
from tests.e2e.look import ended, job_of, make_due, reached, story
from tests.rig import WITHIN, Process, Rig, until

SOON = 20.0  #: seconds from a worker's death in which its job ends, plus the job's own length


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A store, and two supervisors; the tests start and stop the workers."""
    whole = Rig(tmp_path_factory.mktemp("workers"))
    whole.supervisor()
    whole.supervisor()
    yield whole
    whole.close()


@pytest.fixture
def new_worker(rig: Rig) -> Iterator[Callable[[], Process]]:
    """Starts workers of the test's own."""
    started: list[Process] = []

    def another() -> Process:
        started.append(rig.worker())
        return started[-1]

    yield another
    for process in started:
        process.thaw()
        process.kill()


@pytest.fixture
def worker(new_worker: Callable[[], Process]) -> Process:
    """The worker that gets the job, as long as there is no other."""
    return new_worker()


def _submit(rig: Rig, job_type: str, user: str = "ann", **params: Any) -> str:
    with Client(rig.settings) as client:
        return client.submit(job_type, owner=Owner(id=user), params=params).id


def _attempts(tally: Path) -> list[int]:
    return [int(line.split()[1]) for line in tally.read_text().splitlines()]


def test_a_job_whose_worker_is_killed_ends_soon_on_another(
    rig: Rig, worker: Process, new_worker: Callable[[], Process], tmp_path: Path
) -> None:
    tally, numbers, pause = tmp_path / "tally", 20, 0.1
    other = new_worker()
    other.freeze()  # so that the jobs are the first one's
    again = _submit(rig, "test.count", to=numbers, pause=pause, tally=str(tally))
    never_again = _submit(rig, "test.once", pause=0.1)
    for job_id in (again, never_again):
        reached(rig, job_id, State.RUNNING)

    worker.kill()
    killed = time.monotonic()
    other.thaw()
    job, lost = ended(rig, again), ended(rig, never_again)
    assert time.monotonic() - killed < SOON + numbers * pause

    assert (job.state, job.counts.succeeded, _attempts(tally)) == (
        State.SUCCEEDED, numbers, [1, 2],
    )  # fmt: skip
    # what can't be run again safely isn't, and the user is told what to do
    assert (lost.state, lost.attempt) == (State.FAILED, 1)
    assert lost.error is not None
    assert (lost.error.code, lost.error.ref) == ("worker_lost", never_again)


def test_an_attempt_that_slept_past_its_lease_writes_nothing_more(
    rig: Rig, worker: Process, new_worker: Callable[[], Process], gate: Path
) -> None:
    job_id = _submit(rig, "test.gate", path=str(gate))
    first = reached(rig, job_id, State.RUNNING)
    worker.freeze()
    new_worker()
    make_due(rig, "lease", job_id)
    until(lambda: job_of(rig, job_id).attempt == 2, what="the second attempt")
    gate.touch()
    done = ended(rig, job_id)

    worker.thaw()  # its function returns now, and wants to write the end
    worker.says("attempt.lost")
    assert job_of(rig, job_id) == done
    assert done.fence > first.fence
    assert story(rig, job_id) == [
        "submitted", "a worker claims it", "lease expired or worker stopping",
        "a worker claims it", "all items fine",
    ], "there is one end, and nothing after it"  # fmt: skip


def test_a_stopping_worker_hands_its_job_back_and_the_attempt_isnt_counted(
    rig: Rig, worker: Process, new_worker: Callable[[], Process], gate: Path
) -> None:
    job_id = _submit(rig, "test.gate", path=str(gate))
    reached(rig, job_id, State.RUNNING)
    assert worker.stop() == 0
    back = job_of(rig, job_id)
    assert (back.state, back.attempt) == (State.QUEUED, 0)

    gate.touch()
    new_worker()
    done = ended(rig, job_id)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 1)


def test_a_job_that_kills_every_worker_stops_at_its_limit(
    rig: Rig, new_worker: Callable[[], Process], gate: Path
) -> None:
    job_id = _submit(rig, "test.gate", path=str(gate))
    limit = job_of(rig, job_id).spec.policy.max_attempts
    rig.do(store.update(job_id, lambda job: _with_attempts(job, limit - 1)))
    worker = new_worker()
    reached(rig, job_id, State.RUNNING)
    worker.kill()
    make_due(rig, "lease", job_id)
    last = ended(rig, job_id)
    assert (last.state, last.attempt) == (State.FAILED, limit)


def _with_attempts(job: Job, attempts: int) -> Job:
    for _ in range(attempts):
        job = job.claimed().lease_expired()
    return job


def test_a_ring_that_comes_many_times_is_one_attempt(
    rig: Rig, worker: Process, tmp_path: Path
) -> None:
    tally, doorbells = tmp_path / "tally", Doorbells(new_broker(rig.settings.broker))
    worker.freeze()
    job_id = _submit(rig, "test.count", to=3, pause=0.05, tally=str(tally))
    for _ in range(20):
        doorbells.job(job_id, "test.count")
    worker.thaw()
    ended(rig, job_id)
    until(lambda: doorbells.waiting("test.count") == 0, what="all rings are heard")
    # rings are heard in order: once the next job has ended, the last of the twenty was, too
    ended(rig, _submit(rig, "test.count", to=1))
    assert _attempts(tally) == [1]
    assert story(rig, job_id).count("a worker claims it") == 1


def test_all_lost_doorbells_are_rung_again(rig: Rig, worker: Process, tmp_path: Path) -> None:
    tally, doorbells = tmp_path / "tally", Doorbells(new_broker(rig.settings.broker))
    worker.freeze()
    jobs = [_submit(rig, "test.count", user=user, to=1, tally=str(tally)) for user in "abcdefgh"]
    _forget_rings(rig)
    for job_id in jobs:
        assert job_of(rig, job_id).state is State.QUEUED
        make_due(rig, "doorbell", job_id)
    until(lambda: doorbells.waiting("test.count") == len(jobs), what="one ring for each job")
    worker.thaw()
    for job_id in jobs:
        ended(rig, job_id)
    assert _attempts(tally) == [1] * len(jobs)


def _forget_rings(rig: Rig) -> None:
    new_broker(rig.settings.broker).client.flushdb()


def test_a_worker_that_is_asked_to_stop_many_times_stops(worker: Process) -> None:
    for _ in range(50):
        worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(WITHIN) == 0


def test_a_ring_waits_for_a_worker_that_knows_the_job_type(rig: Rig, worker: Process) -> None:
    module = "from ringback import job\n\n@job('test.elsewhere')\ndef elsewhere(run): pass\n"
    (rig.directory / "elsewhere.py").write_text(module)
    rig.path = [str(rig.directory)]
    rig.worker("elsewhere").stop()  # the job type is declared, and nobody is there to do it
    job_id = _submit(rig, "test.elsewhere")
    assert ended(rig, _submit(rig, "test.count", to=1)).state is State.SUCCEEDED
    assert Doorbells(new_broker(rig.settings.broker)).waiting("test.elsewhere") == 1
    assert worker.popen.poll() is None

    rig.worker("elsewhere")
    assert ended(rig, job_id).state is State.SUCCEEDED
