"""The stock client's own recovery: after a crash of its gateway, and on another node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from gateway.session import new_pid
from ringback import store
from ringback.job import Job
from ringback.notice import SEEN
from tests.e2e.client import Client
from tests.e2e.look import ended, notice_of
from tests.rig import Process, Rig, free_port, new_spec, until

Tab = Callable[[], Client]


def _assert_nothing_was_missed(client: Client, rig: Rig, *jobs: str) -> None:
    for job_id in jobs:
        seen = client.sees_state(job_id)
        assert seen["version"] == ended(rig, job_id).ended_version
        versions = [view["version"] for view in client.views(job_id)]
        assert versions == sorted(set(versions)), "a view came twice, or an older one later"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_client_recovers_and_misses_nothing_when_its_gateway_is_killed(
    rig: Rig, tab: Tab, gate: Path, transport: str
) -> None:
    port, user = free_port(), f"recovers-{transport}"
    node = rig.gateway(port)
    client = tab().open(f"http://127.0.0.1:{port}", rig.token(user), transports=[transport])
    assert client.connected()["recovered"] is False
    first = client.submit("test.patient", path=str(gate))
    second = client.submit("test.patient", path=str(gate))
    client.sees(first, lambda view: view["progress"]["done"] > 0)

    before = len(client.records)
    node.kill()
    gate.touch()  # both end while no gateway is there
    ended(rig, first), ended(rig, second)
    node.start()

    assert client.wait(lambda r: r["kind"] == "connect", before)["recovered"] is True
    _assert_nothing_was_missed(client, rig, first, second)
    assert not [r for r in client.records[before:] if r.get("name") == "jobs"], "a reset came"
    assert notice_of(rig, first).reason == notice_of(rig, second).reason == SEEN
    node.stop()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("end", [Process.kill, Process.stop])
def test_a_client_recovers_on_another_node(
    rig: Rig, tab: Tab, gate: Path, end: Callable[[Process], object], transport: str
) -> None:
    ports = free_port(), free_port()
    here, there = (rig.gateway(port) for port in ports)
    client = tab().open(
        f"http://127.0.0.1:{ports[0]}",
        rig.token(f"mover-{end.__name__}-{transport}"),
        transports=[transport],
    )
    client.connected()
    job_id = client.submit("test.patient", path=str(gate))
    client.sees(job_id, lambda view: view["progress"]["done"] > 0)

    before = len(client.records)
    client.move(f"http://127.0.0.1:{ports[1]}")
    end(here)

    assert client.wait(lambda r: r["kind"] == "connect", before)["recovered"] is True
    gate.touch()
    _assert_nothing_was_missed(client, rig, job_id)
    assert notice_of(rig, job_id).reason == SEEN
    there.stop()


def test_a_recovered_client_is_told_nothing_again(rig: Rig, tab: Tab) -> None:
    port = free_port()
    node = rig.gateway(port)
    client = tab().open(f"http://127.0.0.1:{port}", rig.token("again"), transports=["websocket"])
    client.connected()
    job_id = client.submit("test.count", to=3)
    client.sees(job_id, lambda view: (view["email"] or {}).get("state") == "skipped")

    before = len(client.records)
    node.kill()
    node.start()
    assert client.wait(lambda r: r["kind"] == "connect", before)["recovered"] is True
    client.submit("test.count", to=1)  # its ack comes after whatever the connection began with

    assert not [r for r in client.records[before:] if job_id in str(r)]
    node.stop()


def test_a_page_that_signs_in_as_somebody_else_doesnt_recover(rig: Rig, tab: Tab) -> None:
    client = tab().open(rig.url, rig.token("ann-first"), transports=["websocket"])
    client.connected()
    client.submit("test.count", to=3)

    before = len(client.records)
    client.sign_in(rig.token("bob-then"))

    assert client.wait(lambda r: r["kind"] == "connect", before)["recovered"] is False
    assert client.snapshot(before)[0] == {"jobs": [], "reset": True}


def test_a_client_that_is_owed_very_much_gets_it_all(rig: Rig, tab: Tab) -> None:
    with redis.Redis.from_url(rig.valkey.url) as client:
        client.config_set("appendfsync", "always")
        token, title = rig.token("hoarder"), "A long title. " * 300
        first = tab().open(rig.url, token, transports=["websocket"])
        cursor = first.snapshot()[1]
        jobs = {rig.do(store.submit(new_spec("hoarder", title))).job.id for _ in range(490)}
    back = {"pid": new_pid("hoarder"), "offset": cursor}
    replayed = tab().open(rig.url, token, auth=back, transports=["websocket"])
    until(lambda: {view["id"] for view in replayed.views()} == jobs, what="the whole replay")
    fresh = tab().open(rig.url, token, transports=["polling"])
    assert {view["id"] for view in fresh.snapshot()[0]["jobs"]} == jobs
    for client_of in (replayed, fresh):
        assert not [r for r in client_of.records if r["kind"] == "disconnect"]
    for job_id in jobs:  # nobody else has to look after them
        rig.do(store.update(job_id, Job.cancel_requested))
    with redis.Redis.from_url(rig.valkey.url) as client:
        client.config_set("appendfsync", "everysec")
