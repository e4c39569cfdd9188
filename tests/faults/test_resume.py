"""Work goes on where it was broken off: after a kill, and through any number of deploys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ringback import store
from ringback.client import Client
from ringback.job import Counts, Job, Owner, State
from ringback.tally import record_of
from tests.e2e.look import ended, job_of, make_due, reached, story
from tests.rig import Process, Rig, until

KILLS = 3
DEPLOYS = 5
STEP = 5  #: items between two of them


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A store and a supervisor; the tests start and stop the workers."""
    whole = Rig(tmp_path_factory.mktemp("resume"))
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
        process.kill()


def submit(rig: Rig, job_type: str, **params: Any) -> str:
    with Client(rig.settings) as client:
        return client.submit(job_type, owner=Owner(id="ann"), params=params).id


def seen(rig: Rig, job_id: str, least: int) -> Job:
    """Waits until so many items have an outcome in the store."""
    until(lambda: job_of(rig, job_id).counts.seen >= least, what=f"{least} items")
    return job_of(rig, job_id)


def tried(book: Path, attempt: int) -> list[int]:
    """The items that an attempt tried, in order."""
    lines = [line.split() for line in book.read_text().splitlines()]
    return [int(item) for number, item, _ in lines if int(number) == attempt]


def failed(rig: Rig, job_id: str) -> list[str]:
    """The keys of the failed items."""
    return [record_of(text).key for text in rig.do(store.items(job_id, "failed"))]


def test_after_a_kill_the_next_attempt_goes_on_and_counts_nothing_twice(
    rig: Rig, new_worker: Callable[[], Process], tmp_path: Path
) -> None:
    book, items, bad = tmp_path / "book", 80, [3, 30, 31, 70]
    worker = new_worker()
    job_id = submit(rig, "test.ledger", book=str(book), items=items, bad=bad, pause=0.02)
    for kill in range(1, KILLS + 1):
        seen(rig, job_id, job_of(rig, job_id).counts.seen + STEP)
        worker.kill()
        left = job_of(rig, job_id).counts.seen
        make_due(rig, "lease", job_id)
        worker = new_worker()
        reached(rig, job_id, State.RUNNING)
        until(partial(tried, book, kill + 1), what="it goes on")
        assert tried(book, kill + 1)[0] == left, "where the store knows, not a step further"

    job = ended(rig, job_id)
    assert (job.state, job.attempt) == (State.PARTIAL, KILLS + 1)
    assert job.counts == Counts(items - len(bad), len(bad))
    assert [problem.count for problem in job.problems] == [len(bad)]
    assert failed(rig, job_id) == [str(place) for place in bad]
    assert job.reason == f"Attempt {KILLS + 1} of 5 made it."


def test_deploy_after_deploy_costs_no_attempt_and_repeats_no_item(
    rig: Rig, new_worker: Callable[[], Process], tmp_path: Path
) -> None:
    book, items = tmp_path / "book", 100
    job_id = submit(rig, "test.ledger", book=str(book), items=items, bad=[2, 50], pause=0.02)
    for _ in range(DEPLOYS):
        worker = new_worker()
        seen(rig, job_id, job_of(rig, job_id).counts.seen + STEP)
        assert worker.stop() == 0
        back = job_of(rig, job_id)
        assert (back.state, back.attempt) == (State.QUEUED, 0)
        assert back.counts.seen == len(tried(book, 1)), "all that was done is written"
    new_worker()
    job = ended(rig, job_id)
    assert (job.state, job.attempt, job.reason) == (State.PARTIAL, 1, None)
    assert job.counts == Counts(items - 2, 2)
    assert tried(book, 1) == list(range(items))
    assert failed(rig, job_id) == ["2", "50"]
    assert story(rig, job_id).count("lease expired or worker stopping") == DEPLOYS


def test_what_is_lost_with_its_attempt_is_done_again_and_listed_once(
    rig: Rig, new_worker: Callable[[], Process], gate: Path
) -> None:
    worker = new_worker()
    job_id = submit(rig, "test.afresh", path=str(gate), items=7)
    seen(rig, job_id, 7)
    worker.stop()
    assert len(failed(rig, job_id)) == 7
    new_worker()
    gate.touch()
    job = ended(rig, job_id)
    assert job.counts == Counts(0, 7)
    assert failed(rig, job_id) == [str(place) for place in range(7)]


def test_a_job_that_can_not_run_twice_is_finished_by_a_stopping_worker(
    rig: Rig, new_worker: Callable[[], Process]
) -> None:
    worker = new_worker()
    job_id = submit(rig, "test.once", pause=0.02)
    seen(rig, job_id, STEP)
    assert worker.stop() == 0
    job = job_of(rig, job_id)
    assert (job.state, job.counts) == (State.SUCCEEDED, Counts(100))
    assert story(rig, job_id).count("a worker claims it") == 1


def test_an_async_job_is_handed_back_at_once_after_its_cleanup(
    rig: Rig, new_worker: Callable[[], Process], tmp_path: Path
) -> None:
    worker, woken = new_worker(), tmp_path / "woken"
    job_id = submit(rig, "test.naps", woken=str(woken))
    reached(rig, job_id, State.RUNNING)
    until(lambda: job_of(rig, job_id).step)
    assert worker.stop() == 0
    back = job_of(rig, job_id)
    assert (back.state, back.attempt, woken.exists()) == (State.QUEUED, 0, True)
