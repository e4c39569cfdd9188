"""A node is stopped while clients are on it: they go on at another one, and lose nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ringback.notice import SEEN
from tests.e2e.client import Client, rest
from tests.e2e.look import ended, notice_of
from tests.rig import Rig, free_port, until

Tab = Callable[[], Client]

PAGES = 6


def _dropped(pages: list[Client]) -> int:
    return sum(any(r["kind"] == "disconnect" for r in page.records) for page in pages)


def test_clients_of_a_stopping_node_recover_on_another_and_each_end_is_told_once(
    rig: Rig, tab: Tab, gate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rig.own, "DRAIN", "4")
    ports = free_port(), free_port()
    here, there = (rig.gateway(port) for port in ports)
    old, new = (f"http://127.0.0.1:{port}" for port in ports)
    tokens = {f"drained-{number}": rig.token(f"drained-{number}") for number in range(PAGES)}
    pages = [tab().open(old, token, transports=["websocket"]) for token in tokens.values()]
    jobs = [page.submit("test.patient", path=str(gate)) for page in pages]
    stays = pages[0].submit("test.patient", path=f"{gate}-of-another")
    for page in pages:
        page.move(new)
    before = [len(page.records) for page in pages]

    here.popen.send_signal(signal.SIGTERM)
    until(lambda: rest("GET", f"{old}/readyz").status == 503, what="the node isn't ready")
    assert _dropped(pages) < PAGES, "told too late"
    assert rest("GET", f"{old}/socket.io/?EIO=4&transport=polling").status == 503
    assert rest("GET", f"{old}/api/v1/jobs", tokens["drained-0"]).status == 200
    gate.touch()  # the jobs end while their clients are being moved
    until(lambda: 0 < _dropped(pages) < PAGES, what="some have been sent away, not all")

    assert here.popen.wait(30) == 0
    for page, place in zip(pages, before, strict=True):
        assert page.wait(lambda r: r["kind"] == "connect", place)["recovered"] is True
    for page, job_id, user in zip(pages, jobs, tokens, strict=True):
        assert page.sees_state(job_id)["version"] == ended(rig, job_id).ended_version
        told = notice_of(rig, job_id)
        emails = len(rig.emails(f"{user}@example.com"))
        assert (told.reason == SEEN) + emails == 1, (told, emails)
    Path(f"{gate}-of-another").touch()
    assert pages[0].sees_state(stays)["state"] == "succeeded"
    assert "Traceback" not in here.log
    there.stop()


def test_a_second_signal_ends_a_node_at_once(
    rig: Rig, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rig.own, "DRAIN", "3600")
    port = free_port()
    node = rig.gateway(port)
    page = tab().open(f"http://127.0.0.1:{port}", rig.token("impatient"))
    page.connected()
    node.popen.send_signal(signal.SIGTERM)
    node.says("drain.begun")
    assert node.stop(within=10) == -signal.SIGTERM
