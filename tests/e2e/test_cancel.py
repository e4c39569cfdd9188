"""A job is stopped: at once where it waits, soon where it runs, and what that left is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from ringback import control, store
from ringback.job import Job, State
from ringback.keys import due_key
from ringback.notice import CANCELLED_BY_USER
from tests.e2e.client import Answer, Client, rest
from tests.e2e.look import ended, job_of, make_due, notice_of, reached, story
from tests.rig import Rig, until

Tab = Callable[[], Client]
SOON = 10.0  #: seconds; a job that tells no news hears of a cancel within 2 s, on a machine at rest


def submit(rig: Rig, user: str, job_type: str, **params: Any) -> str:
    body = {"type": job_type, "params": params}
    answer = rest("POST", f"{rig.url}/api/v1/jobs", rig.token(user), body)
    assert answer.status == 202, answer.json
    return str(answer.json["id"])


def cancel(rig: Rig, user: str, job_id: str) -> Answer:
    return rest("POST", f"{rig.url}/api/v1/jobs/{job_id}/cancel", rig.token(user))


def view(rig: Rig, user: str, job_id: str) -> Any:
    return rest("GET", f"{rig.url}/api/v1/jobs/{job_id}", rig.token(user)).json


def running(rig: Rig, user: str, job_type: str, **params: Any) -> str:
    job_id = submit(rig, user, job_type, **params)
    reached(rig, job_id, State.RUNNING)
    return job_id


def stopped(rig: Rig, job_id: str) -> Job:
    """Waits for it, but not for long."""
    until(lambda: job_of(rig, job_id).state.terminal, SOON, f"{job_id} stops")
    return job_of(rig, job_id)


# -- where it waits


def test_a_queued_job_is_cancelled_at_once_and_never_starts(rig: Rig, tmp_path: Path) -> None:
    worker = next(p for p in rig.processes if p.log_path.name.startswith("worker"))
    book = tmp_path / "book"
    worker.freeze()
    try:
        job_id = submit(rig, "queues", "test.ledger", book=str(book), items=3)
        answer = cancel(rig, "queues", job_id)
    finally:
        worker.thaw()
    assert (answer.status, answer.json["state"]) == (202, "cancelled")
    assert answer.json["result"]["summary"] == "Cancelled before it started."
    ended(rig, submit(rig, "queues", "test.count", to=1))  # by when the first ring was heard, too
    assert not book.exists()
    assert story(rig, job_id)[:2] == ["submitted", "cancelled while waiting"]


def test_a_job_that_waits_for_its_next_attempt_is_cancelled_at_once(rig: Rig) -> None:
    job_id = submit(rig, "waits", "test.shaky", falls=["later"])
    reached(rig, job_id, State.RETRYING)
    shown = cancel(rig, "waits", job_id).json
    assert shown["state"] == "cancelled"
    assert shown["result"]["summary"] == "Stopped after 2 items (2 skipped); what was done is kept."
    assert shown["attempt"]["next_at"] is None


# -- where it runs


def test_a_function_of_items_stops_after_the_item_it_is_at(rig: Rig, tmp_path: Path) -> None:
    book = tmp_path / "book"
    job_id = running(rig, "items", "test.ledger", book=str(book), items=10_000, pause=0.01)
    until(lambda: job_of(rig, job_id).counts.seen > 5)
    assert cancel(rig, "items", job_id).json["state"] == "cancelling"
    job = stopped(rig, job_id)
    lines = book.read_text().splitlines()
    assert job.state is State.CANCELLED
    assert job.counts.succeeded == len(lines), "what was begun was finished, and no more begun"
    assert job.result is not None
    assert job.result.summary == f"Stopped after {len(lines):,} entries, which are kept."


def test_a_function_at_checkpoints_that_tells_nothing_stops_soon(rig: Rig, gate: Path) -> None:
    job_id = running(rig, "quiet", "test.gate", path=str(gate))
    cancel(rig, "quiet", job_id)
    assert stopped(rig, job_id).state is State.CANCELLED


def test_an_async_function_stops_awaiting_and_its_cleanup_runs_whole(
    rig: Rig, tmp_path: Path
) -> None:
    woken = tmp_path / "woken"
    job_id = running(rig, "naps", "test.naps", woken=str(woken))
    cancel(rig, "naps", job_id)
    assert stopped(rig, job_id).state is State.CANCELLED
    assert woken.exists()


def test_a_cancel_over_the_socket_is_seen_by_every_tab(rig: Rig, tab: Tab, gate: Path) -> None:
    one, other = (tab().open(rig.url, rig.token("two-cancel")) for _ in range(2))
    one.connected(), other.connected()
    job_id = one.submit("test.sends", path=str(gate))
    before = other.sees(job_id, lambda view: view["state"] == "running")
    assert before["cancel_warning"] == "Letters that were sent stay sent."
    assert before["can"]["cancel"] is True

    until(lambda: job_of(rig, job_id).kept)
    ack = one.emit("cancel", {"id": job_id})
    assert (ack["ok"], ack["job"]["state"]) == (True, "cancelling")
    assert ack["job"]["can"]["cancel"] is False
    assert other.sees_state(job_id, "cancelling")["cancel_warning"] == before["cancel_warning"]
    last = other.sees_state(job_id)
    assert last["result"]["summary"] == "12 letters were sent; nothing else was."
    assert (last["cancel_warning"], last["can"]["cancel"]) == (None, False)
    assert last["email"] == {
        "state": "skipped", "reason": CANCELLED_BY_USER, "at": last["finished_at"],
    }  # fmt: skip


# -- where it can't be stopped


def test_a_step_that_can_not_be_interrupted_is_waited_for(rig: Rig, gate: Path) -> None:
    job_id = running(rig, "sealed", "test.sealed", path=str(gate), more=True)
    until(lambda: view(rig, "sealed", job_id)["step"])
    assert "“Publishing” can't be interrupted" in view(rig, "sealed", job_id)["cancel_warning"]
    cancel(rig, "sealed", job_id)
    _heard(rig, job_id)
    assert job_of(rig, job_id).state is State.CANCELLING
    gate.touch()
    job = stopped(rig, job_id)
    assert job.state is State.CANCELLED


def _heard(rig: Rig, job_id: str) -> None:
    """Waits until the worker has renewed the lease, by which it hears of a cancel."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        leases = due_key(job_id[:2], "lease")
        before = client.zscore(leases, job_id)
        until(lambda: client.zscore(leases, job_id) != before, what="the lease is renewed")


def test_a_job_that_ends_with_such_a_step_ends_well(rig: Rig, gate: Path) -> None:
    job_id = running(rig, "sealed-last", "test.sealed", path=str(gate))
    until(lambda: job_of(rig, job_id).step)
    cancel(rig, "sealed-last", job_id)
    gate.touch()
    job = stopped(rig, job_id)
    assert (job.state, job.result and job.result.summary) == (State.SUCCEEDED, "Published")
    assert "it ended before a checkpoint" in story(rig, job_id)


@pytest.mark.parametrize("over", ["rest", "socket"])
def test_a_job_that_can_not_be_cancelled_says_why(
    rig: Rig, tab: Tab, gate: Path, over: str
) -> None:
    user = f"fixed-{over}"
    job_id = running(rig, user, "test.fixed", path=str(gate))
    assert view(rig, user, job_id)["can"]["cancel"] is False
    problem = _refused(rig, tab, user, job_id, over)
    assert (problem["status"], problem["job"]) == (409, job_id)
    assert problem["type"].endswith(":not-cancellable")
    assert "The bank has the order already." in problem["detail"]
    gate.touch()
    assert ended(rig, job_id).state is State.SUCCEEDED


@pytest.mark.parametrize("over", ["rest", "socket"])
def test_what_has_ended_can_not_be_cancelled_but_what_is_cancelled_stays_so(
    rig: Rig, tab: Tab, gate: Path, over: str
) -> None:
    user = f"too-late-{over}"
    done = submit(rig, user, "test.count", to=1)
    ended(rig, done)
    problem = _refused(rig, tab, user, done, over)
    assert (problem["status"], problem["job"]) == (409, done)
    assert problem["type"].endswith(":job-ended")
    assert "nothing was changed" in problem["detail"]

    job_id = running(rig, user, "test.gate", path=str(gate))
    first = cancel(rig, user, job_id)
    second = cancel(rig, user, job_id)
    assert (first.status, second.status) == (202, 202)
    last = stopped(rig, job_id)
    again = cancel(rig, user, job_id)
    assert (again.status, again.json["version"]) == (202, last.version)
    assert story(rig, job_id).count("cancel requested") == 1


@pytest.mark.parametrize("over", ["rest", "socket"])
def test_somebody_elses_job_is_not_there(rig: Rig, tab: Tab, gate: Path, over: str) -> None:
    job_id = running(rig, "victim", "test.gate", path=str(gate))
    for wrong in (job_id, "00-0197", "no id at all"):
        problem = _refused(rig, tab, "attacker", wrong.replace(" ", "%20"), over)
        assert problem["status"] == 404
    assert job_of(rig, job_id).cancel is None
    gate.touch()


def _refused(rig: Rig, tab: Tab, user: str, job_id: str, over: str) -> Any:
    if over == "rest":
        return cancel(rig, user, job_id).json
    client = tab().open(rig.url, rig.token(user))
    client.connected()
    ack = client.emit("cancel", {"id": job_id})
    assert ack["ok"] is False
    return ack["problem"]


# -- where it doesn't stop


def test_a_job_that_does_not_stop_is_shown_as_such_and_support_ends_it(
    rig: Rig, gate: Path
) -> None:
    job_id = running(rig, "stubborn", "test.stubborn", path=str(gate))
    until(lambda: job_of(rig, job_id).step)
    cancel(rig, "stubborn", job_id)
    make_due(rig, "silence", job_id)
    until(lambda: view(rig, "stubborn", job_id)["stalled"], what="it is shown")
    shown = view(rig, "stubborn", job_id)
    assert shown["message"].startswith("Still finishing")

    rig.do(control.force(job_id, "sue", "It hangs."))
    last = view(rig, "stubborn", job_id)
    assert (last["state"], last["stalled"]) == ("cancelled", False)
    assert last["result"]["summary"].startswith("Our support stopped the job")
    assert "the cancel takes long" in story(rig, job_id)
    assert "stopped by support, without a checkpoint" in story(rig, job_id)
    assert notice_of(rig, job_id).state == "sent", "who asked for it is told what became of it"

    gate.touch()  # its function returns now, and wants to write the end
    worker = next(p for p in rig.processes if p.log_path.name.startswith("worker"))
    until(lambda: "attempt.lost" in worker.log and job_id in worker.log)
    assert job_of(rig, job_id).result == _result(rig, job_id, last)


def _result(rig: Rig, job_id: str, shown: Any) -> Any:
    job = rig.do(store.load(job_id))
    assert job.result is not None
    assert job.result.summary == shown["result"]["summary"]
    return job.result


def test_support_cancels_and_the_user_hears_of_it(rig: Rig, gate: Path) -> None:
    job_id = running(rig, "helped", "test.gate", path=str(gate))
    rig.do(control.cancel(job_id, by="support", why="It reads the wrong file."))
    stopped(rig, job_id)
    assert notice_of(rig, job_id).state == "sent"
    (message,) = rig.emails("helped@example.com")
    assert message["X-Ringback-Job"] == job_id
