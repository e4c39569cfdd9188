"""The store goes away under running jobs and submissions, for a second or for eight: they wait,
and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import redis

from ringback.job import State
from ringback.keys import due_key
from tests.e2e.look import ended, job_of
from tests.faults.case import LONG, Case, Row, user
from tests.rig import WITHIN, Rig, until

SUBMITTERS = 3
ROUNDS = 6 if LONG else 1
LONG_JOBS = 4
LONG_JOB = (190 * ROUNDS, 0.1)  #: items and pause of jobs that see all the outages
SHORT_JOB = (6, 0.05)


def test_outages_of_the_store_cost_no_attempt_and_double_nothing(
    own_rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    rig, stop = own_rig, Event()
    case = Case(f"store away 1 s, 7 s, 8 s ({ROUNDS} x)", rig, tmp_path)
    rig.own["THREADS"] = "6"
    rig.gateway()
    rig.supervisor()
    case.worker()
    case.worker()
    case.submit(LONG_JOBS, *LONG_JOB)
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        done = [pool.submit(_submit_until, stop, case, user(n)) for n in range(SUBMITTERS)]
        try:
            for harm, seconds in ROUNDS * ((_killed, 1.0), (_frozen, 7.0), (_killed, 8.0)):
                _goes_on(case)
                harm(case, seconds)
            _goes_on(case)
        finally:
            stop.set()
    refusals = sum(future.result() for future in done)

    told(case.settled(2 * WITHIN, lambda: f"{refusals} submissions were told to come back"))
    assert refusals > 0
    begun = {job_id for (job_id,) in case.ledger.ask("SELECT DISTINCT job FROM starts")}
    assert begun == case.jobs.keys(), "a job that nobody was told of"
    assert case.attempts() == {(1, 1)}, "an attempt more than needed"
    assert [p.popen.poll() for p in rig.processes] == [None] * len(rig.processes)


def _submit_until(stop: Event, case: Case, who: str) -> int:
    """One job after the other, each with its key until it is accepted; how many refusals."""
    refusals = number = 0
    while not stop.is_set():
        answer = case.request(who, f"{who}-{number}", *SHORT_JOB)
        while answer.status == 503:
            refusals += 1
            time.sleep(0.2)
            answer = case.request(who, f"{who}-{number}", *SHORT_JOB)
        assert answer.status == 202, answer.content
        number += 1
        time.sleep(0.3)
    return refusals


def _goes_on(case: Case) -> None:
    """Waits until new jobs were begun, and the long ones' progress is written down again."""
    before, seen = _begun(case), _seen(case)
    until(lambda: _begun(case) >= before + 6, what="new jobs")
    until(lambda: all(now > then for now, then in zip(_seen(case), seen, strict=True)),
          what="progress")  # fmt: skip


def _begun(case: Case) -> int:
    return case.ledger.count("SELECT COUNT(*) FROM starts")


def _seen(case: Case) -> list[int]:
    """How many items of each long job the store knows of; the leases are renewed with them."""
    return [job_of(case.rig, job_id).counts.seen for job_id in list(case.jobs)[:LONG_JOBS]]


def _killed(case: Case, seconds: float) -> None:
    case.rig.valkey.kill()
    case.kills += 1
    time.sleep(seconds)
    case.rig.valkey.start()


def _frozen(case: Case, seconds: float) -> None:
    case.rig.valkey.freeze()
    time.sleep(seconds)
    case.rig.valkey.thaw()


def test_an_outage_longer_than_a_lease_costs_no_attempt_of_a_living_worker(
    own_rig: Rig, tmp_path: Path
) -> None:
    case, gate = Case("store away past a lease", own_rig, tmp_path), tmp_path / "gate"
    own_rig.supervisor()
    case.worker()
    (job_id,) = case.hold(1, gate)
    until(lambda: job_of(own_rig, job_id).step is not None, what="it has nothing more to tell")
    if not LONG:
        _lapses_in(own_rig, job_id, 0.5)
    _killed(case, 20.0 if LONG else 1.0)
    until(lambda: _lease(own_rig, job_id) > 12, what="the worker renews its lease")
    assert job_of(own_rig, job_id).attempt == 1
    gate.touch()
    assert (ended(own_rig, job_id).state, case.attempts()) == (State.SUCCEEDED, {(1, 1)})


def _lapses_in(rig: Rig, job_id: str, seconds: float) -> None:
    """As if the outage that follows came late in the lease."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        now, micros = client.time()
        at = (now + seconds) * 1000 + micros // 1000
        client.zadd(due_key(job_id[:2], "lease"), {job_id: at}, xx=True)


def _lease(rig: Rig, job_id: str) -> float:
    """Seconds that are left of it."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        now, _ = client.time()
        left: float = (client.zscore(due_key(job_id[:2], "lease"), job_id) or 0) / 1000 - now
        return left
