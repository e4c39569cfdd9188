"""The store does as it is told and its answer gets lost on the way: asked again it answers the
same, so there is one job, one attempt, one end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from ringback import feeds
from tests.faults.case import LONG, SEED, Case, Row, user
from tests.faults.proxy import Proxy
from tests.rig import WITHIN, Rig

JOBS, ASKED = (200, 300) if LONG else (8, 20)  #: submitted straight, and by the gateway
Loses = Callable[[int], bool]


def _every_other(number: int) -> bool:
    """The first answer to each call, where calls come one by one."""
    return number % 2 == 1


def _now_and_then() -> Loses:
    chance = Random(SEED)
    return lambda _: chance.random() < 0.35


@contextmanager
def _lossy(rig: Rig, loses: Loses) -> Iterator[Proxy]:
    """Parts that are started within reach the store by a road that loses answers."""
    proxy, direct = Proxy(rig.valkey.port, loses), rig.own["STORE_URL"]
    rig.own |= {"BROKER_URL": rig.settings.broker, "STORE_URL": proxy.url}
    try:
        yield proxy
    finally:
        rig.own["STORE_URL"] = direct
        proxy.close()


def test_a_worker_that_loses_answers_runs_each_job_once(
    swift_rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    swift_rig.supervisor()
    for name, loses in (("every other", _every_other), ("every third or so", _now_and_then())):
        case = Case(f"worker loses {name} answer", swift_rig, tmp_path / name)
        with _lossy(swift_rig, loses) as proxy:
            worker = case.worker()
            swift_rig.own["STORE_URL"] = swift_rig.valkey.url
            case.submit(JOBS, 12, 0.03, users=6)
            row = case.settled(WITHIN, lambda: f"{proxy.lost} of {proxy.seen} answers lost")
            worker.kill()
        told(row)
        assert proxy.lost >= len(case.jobs)
        assert row.tries == row.effects, "an item was tried twice"
        assert case.attempts() == {(1, 1)}, "an attempt more than needed"


def test_a_gateway_that_loses_answers_accepts_each_job_once(
    swift_rig: Rig, tmp_path: Path, told: Callable[[Row], None]
) -> None:
    swift_rig.supervisor()
    case = Case("gateway loses answers", swift_rig, tmp_path)
    case.worker()
    lost = 0
    for number, (loses, keyed) in enumerate(((_every_other, False), (_now_and_then(), True))):
        with _lossy(swift_rig, loses) as proxy:
            gateway = swift_rig.gateway()
            for at in range(ASKED):
                _accepted(case, user(number), f"key-{at}" if keyed else None)
            gateway.stop()
        lost += proxy.lost
    told(case.settled(WITHIN, lambda: f"{lost} answers lost"))
    assert lost >= ASKED
    for number in range(2):
        assert len(swift_rig.do(feeds.page(user(number), limit=1000)).jobs) == ASKED, (
            "a job too many"
        )


def _accepted(case: Case, who: str, key: str | None) -> None:
    """Asks until the job is accepted; only with a key may one ask again."""
    answer = case.request(who, key, 3, 0.0)
    while key and answer.status == 503:
        time.sleep(0.05)
        answer = case.request(who, key, 3, 0.0)
    assert answer.status == 202, answer.content
