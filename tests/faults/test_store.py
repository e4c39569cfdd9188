"""The store is killed under load and comes back: nothing acknowledged is lost, all parts go on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from tests.e2e.client import Client, rest
from tests.e2e.look import ended, notice_of, story
from tests.rig import WITHIN, Rig, until

Tab = Callable[[], Client]
USERS = ("ann", "bob", "cat", "dan")


def _submit_until(stop: Event, rig: Rig, user: str, tally: Path) -> list[str]:
    """One job after the other, each with its Idempotency-Key until it is acknowledged."""
    token, accepted = rig.token(user), list[str]()
    body = {"type": "test.count", "params": {"to": 5, "pause": 0.02, "tally": str(tally)}}
    while not stop.is_set():
        key, deadline = f"{user}-{len(accepted)}", time.monotonic() + WITHIN
        answer = rest("POST", f"{rig.url}/api/v1/jobs", token, body, Idempotency_Key=key)
        while answer.status == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
            answer = rest("POST", f"{rig.url}/api/v1/jobs", token, body, Idempotency_Key=key)
        assert answer.status == 202, answer.content
        accepted.append(answer.json["id"])
        time.sleep(0.05)
    return accepted


def test_no_acknowledged_job_is_lost_when_the_store_is_killed_under_load(
    own_rig: Rig, tab: Tab, tmp_path: Path
) -> None:
    rig, tally, stop = own_rig, tmp_path / "tally", Event()
    rig.own |= {"GRACE_ABSENT": "60", "GRACE_PRESENT": "60"}
    rig.all()
    pages = {user: tab().open(rig.url, rig.token(user), transports=["websocket"]) for user in USERS}
    for page in pages.values():
        page.connected()
    with ThreadPoolExecutor(len(USERS)) as pool:
        users = {user: pool.submit(_submit_until, stop, rig, user, tally) for user in USERS}
        try:
            for attempts in (8, 16):
                _wait_for(tally, attempts)
                rig.valkey.kill()
                rig.valkey.start()
            _wait_for(tally, 30)  # the work goes on
        finally:
            stop.set()
    accepted = {user: future.result() for user, future in users.items()}

    for user, jobs in accepted.items():
        assert len(set(jobs)) == len(jobs)
        for job_id in jobs:
            job = ended(rig, job_id)
            assert job.counts.succeeded == 5
            # the page, which nobody reloaded, was told as well: no email
            assert pages[user].sees_state(job_id)["version"] >= (job.ended_version or 0)
            assert notice_of(rig, job_id).state == "skipped"
            assert story(rig, job_id).count("all items fine") == 1
    ghosts = {line.split()[0] for line in tally.read_text().splitlines()}
    assert ghosts == {job_id for jobs in accepted.values() for job_id in jobs}
    assert Counter(p.popen.poll() for p in rig.processes) == {None: len(rig.processes)}
    assert rig.emails() == []


def _wait_for(tally: Path, attempts: int) -> None:
    until(lambda: tally.exists() and tally.read_bytes().count(b"\n") >= attempts,
          what=f"{attempts} attempts")  # fmt: skip
