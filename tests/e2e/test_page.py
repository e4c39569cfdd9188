"""An open page, from submitting to the end: the stock client over every transport."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ringback.job import State
from ringback.notice import SEEN
from tests.e2e.client import Client, rest
from tests.e2e.look import ended, notice_of, reached
from tests.rig import Rig

Tab = Callable[[], Client]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_job_is_followed_from_submit_to_its_end(rig: Rig, tab: Tab, transport: str) -> None:
    client = tab().open(rig.url, rig.token(f"follows-{transport}"), transports=[transport])
    assert client.wait(lambda r: r["kind"] == "open")["transport"] == transport
    job_id = client.submit("test.count", to=8, pause=0.1, bad=2)

    last = client.sees_state(job_id)
    assert (last["state"], last["counts"]) == (
        "partial", {"succeeded": 6, "failed": 2, "skipped": 0},
    )  # fmt: skip
    assert last["problems"][0]["message"] == "2 numbers are bad"
    views = client.views(job_id)
    assert {view["state"] for view in views} == {"queued", "running", "partial"}
    assert any(0 < view["progress"]["done"] < 8 for view in views)
    versions = [view["version"] for view in views]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_the_transports_pong_is_receipt_enough(rig: Rig, tab: Tab, transport: str) -> None:
    user = f"receives-{transport}"
    client = tab().open(rig.url, rig.token(user), transports=[transport])
    client.connected()
    job_id = client.submit("test.count", to=1)

    # the page is told, too, that no email comes
    told = client.sees(job_id, lambda view: (view["email"] or {}).get("state") == "skipped")
    assert told["email"]["reason"] == SEEN
    assert notice_of(rig, job_id).state == "skipped"
    assert rig.emails(f"{user}@example.com") == []


def test_an_upgrade_to_websocket_loses_no_event_under_way(rig: Rig, tab: Tab, gate: Path) -> None:
    token = rig.token("upgrades")
    body = {"type": "test.patient", "params": {"path": str(gate)}}
    jobs = [rest("POST", f"{rig.url}/api/v1/jobs", token, body).json["id"] for _ in range(3)]
    for job_id in jobs:
        reached(rig, job_id, State.RUNNING)  # from here on each writes ten events a second

    client = tab().open(rig.url, token)  # polling first: the stock default
    assert client.wait(lambda r: r["kind"] == "open")["transport"] == "polling"
    assert client.wait(lambda r: r["kind"] == "upgrade")["transport"] == "websocket"
    gate.touch()
    for job_id in jobs:
        assert client.sees_state(job_id)["version"] == ended(rig, job_id).ended_version
        assert notice_of(rig, job_id).reason == SEEN
    assert not [r for r in client.records if r["kind"] in ("disconnect", "connect_error")]
    seqs = [int(r["args"][-1].split(":")[1]) for r in client.records if r["kind"] == "event"]
    assert seqs == sorted(set(seqs)), "an event came twice, or out of order"


def test_two_tabs_of_a_user_see_the_same_jobs(rig: Rig, tab: Tab) -> None:
    one, other = (tab().open(rig.url, rig.token("two-tabs")) for _ in range(2))
    one.connected(), other.connected()
    job_id = one.submit("test.count", to=2)
    assert one.sees_state(job_id) == other.sees_state(job_id)


def test_a_fresh_page_gets_its_jobs_first_with_a_cursor(rig: Rig, tab: Tab, gate: Path) -> None:
    token = rig.token("comes-back")
    first = tab().open(rig.url, token)
    assert first.snapshot()[0] == {"jobs": [], "reset": True}
    done = first.submit("test.count", to=1)
    active = first.submit("test.gate", path=str(gate))
    notice_of(rig, done)
    first.sees_state(active, "running")
    first.leave()

    second = tab().open(rig.url, token)
    told, cursor = second.snapshot()
    first_event = second.wait(lambda r: r["kind"] == "event")
    assert first_event["name"] == "jobs"
    assert told["reset"] is True
    assert {view["id"]: view["state"] for view in told["jobs"]} == {
        done: "succeeded", active: "running",
    }  # fmt: skip
    assert all(view == rest("GET", f"{rig.url}/api/v1/jobs/{view['id']}", token).json
               for view in told["jobs"] if view["id"] == done)  # fmt: skip

    # a cursor that the page has kept brings what has changed since, and no more
    gate.touch()
    notice_of(rig, active)
    told, _ = tab().open(rig.url, token, {"since": cursor}).snapshot()
    assert told["reset"] is False
    assert [view["id"] for view in told["jobs"]] == [active]


@pytest.mark.parametrize("since", ["0123abcd:1", "nonsense", "", ":", "0123abcd:-1", 7])
def test_a_cursor_of_a_lost_store_brings_all_anew(rig: Rig, tab: Tab, since: object) -> None:
    token = rig.token("lost-cursor")
    key = "one job"
    job = rest("POST", f"{rig.url}/api/v1/jobs", token, {"type": "test.count", "params": {"to": 1}},
               Idempotency_Key=key).json  # fmt: skip
    told, _ = tab().open(rig.url, token, {"since": since}).snapshot()
    assert told["reset"] is True
    assert [view["id"] for view in told["jobs"]] == [job["id"]]


def test_an_end_told_by_the_first_event_needs_no_email_either(
    rig: Rig, tab: Tab, gate: Path
) -> None:
    token = rig.token("late-page")
    body = {"type": "test.patient", "params": {"path": str(gate)}}
    job_id = rest("POST", f"{rig.url}/api/v1/jobs", token, body).json["id"]
    gate.touch()
    notice_of(rig, job_id, "waiting")

    tab().open(rig.url, token).snapshot()
    assert notice_of(rig, job_id).reason == SEEN


def test_an_app_may_prove_by_itself_what_it_has_seen(rig: Rig, tab: Tab) -> None:
    client = tab().open(rig.url, rig.token("sees"))
    client.connected()
    job_id = client.submit("test.count", to=1)
    version = client.sees_state(job_id)["version"]
    assert client.emit("seen", {"id": job_id, "version": version}) == {"ok": True}
    assert notice_of(rig, job_id).reason == SEEN

    other = tab().open(rig.url, rig.token("sees-not"))
    other.connected()
    refused = other.emit("seen", {"id": job_id, "version": version})
    assert (refused["ok"], refused["problem"]["status"]) == (False, 404)
