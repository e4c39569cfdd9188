"""The store has no memory or no disk left: submissions are told when to come back, running jobs
wait with what they have done, and nothing is lost once there is room again."""

from __future__ import annotations

import itertools
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from ringback import feeds
from ringback.job import State
from tests.e2e.client import Answer
from tests.e2e.look import job_of
from tests.faults.case import Case, Row, configure, user
from tests.rig import WITHIN, Rig, Valkey, until

ITEMS, PAUSE = 30, 0.04
STILL_FULL = 2.0  #: seconds that it lasts after the jobs' end; one call is tried for a second
ASKER = user(99)  #: submits while there is no room

# Python lets its children die of SIGXFSZ; a full disk is an error that Valkey has to handle
IGNORING_SIGXFSZ = [sys.executable, "-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"]


@pytest.fixture
def rig(own_rig: Rig) -> Rig:
    """A gateway, a worker and a supervisor; a Valkey that survives a full disk."""
    own_rig.valkey.kill()
    own_rig.valkey.argv = [*IGNORING_SIGXFSZ, *own_rig.valkey.argv]
    own_rig.valkey.start()
    own_rig.gateway()
    own_rig.supervisor()
    return own_rig


def _memory(rig: Rig, share: float) -> None:
    """Limits the memory to a share of what is in use; 0: no limit."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] * share))


def _no_disk(rig: Rig) -> None:
    """Its files can grow no further: what a write to a full disk comes to, without a mount."""
    files = (rig.valkey.log_path.parent / "appendonlydir").glob("*.aof")
    _limit(rig.valkey, max(file.stat().st_size for file in files) + 256)


def _limit(valkey: Valkey, size: int) -> None:
    _, hard = resource.prlimit(valkey.popen.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(valkey.popen.pid, resource.RLIMIT_FSIZE, (size, hard))


def _disk_again(rig: Rig) -> None:
    _limit(rig.valkey, resource.RLIM_INFINITY)


def test_a_store_without_memory_takes_no_jobs_and_loses_none(
    rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    case = _running(rig, "no memory left", tmp_path)
    _memory(rig, 1.001)  # it has room one moment and none the next
    refused = _refused(case)
    _memory(rig, 0.5)
    _held(case)
    _memory(rig, 0)
    _recovers(case, refused, told)


def test_a_store_without_disk_takes_no_jobs_and_loses_none(
    rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    case = _running(rig, "no disk left", tmp_path)
    _no_disk(rig)
    refused = _refused(case)
    _held(case)
    _disk_again(rig)
    _recovers(case, refused, told)


def test_a_store_that_stops_for_want_of_disk_goes_on_where_it_was(
    rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    configure(rig, "appendfsync", "always")
    case = _running(rig, "no disk left, fsync always", tmp_path)
    _no_disk(rig)
    until(lambda: rig.valkey.popen.poll() is not None, what="Valkey stops")
    case.kills += 1
    refused = _refused(case)
    rig.valkey.start()
    _recovers(case, refused, told)


def _running(rig: Rig, name: str, directory: Path) -> Case:
    """A case with jobs well under way."""
    case = Case(name, rig, directory)
    case.worker()
    for job_id in case.submit(3, ITEMS, PAUSE, users=3):
        until(lambda j=job_id: case.tries(j) >= 4, what="a job under way")  # type: ignore[misc]
    return case


def _refused(case: Case) -> str:
    """Submits until there is no more room: the key that was refused, with good manners."""
    keys = map(str, itertools.count())
    deadline = time.monotonic() + WITHIN
    for key in keys:
        answer = case.request(ASKER, key, 2, 0.0)
        if answer.status == 503:
            _well_mannered(answer)
            return key
        assert answer.status == 202, answer.content
        assert time.monotonic() < deadline, "never refused"
    raise AssertionError


def _well_mannered(answer: Answer) -> None:
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["type"] == "urn:ringback:problem:unavailable"
    assert answer.json["status"] == 503


def _held(case: Case) -> None:
    """The functions come to their end, and it is kept until it can be written."""
    first = list(case.jobs)[:3]
    until(lambda: all(case.tries(job_id) == ITEMS for job_id in first), what="all items tried")
    time.sleep(STILL_FULL)
    assert {job_of(case.rig, job_id).state for job_id in first} == {State.RUNNING}


def _recovers(case: Case, refused: str, told: Callable[[Row], None]) -> None:
    """There is room: what was refused is accepted, and what was begun ends in its attempt."""

    def accepted() -> bool:
        answer = case.request(ASKER, refused, 2, 0.0)
        assert answer.status in (202, 503), answer.content
        return answer.status == 202

    until(accepted, what="accepted again")
    told(case.settled(WITHIN))
    known = case.rig.do(feeds.page(ASKER, limit=1000)).jobs
    assert len(known) == len(case.jobs) - 3, "a job that nobody was told of"
    assert case.attempts() == {(1, 1)}, "an attempt more than needed"
