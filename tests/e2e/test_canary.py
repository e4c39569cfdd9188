"""At INFO no log of any part holds a token, an address or a payload; canaries tell."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Callable

from tests.e2e.client import Client, rest
from tests.e2e.look import ended, notice_of
from tests.rig import Rig

Tab = Callable[[], Client]


def test_no_log_of_any_part_tells_what_is_private(rig: Rig, tab: Tab) -> None:
    canary = secrets.token_hex(12)
    token = rig.token("canary-owner", f"{canary}@example.com")
    jobs = f"{rig.url}/api/v1/jobs"

    upload = rest("POST", f"{rig.url}/api/v1/files?name={canary}.csv", token, canary.encode())
    params = {"file": upload.json["id"]}
    read = rest(
        "POST", jobs, token, {"type": "test.reads", "params": params}, Idempotency_Key=canary
    )
    broken = rest("POST", jobs, token, {"type": "test.fails", "params": {"how": canary}})
    for posted in (read, broken):
        assert posted.status == 202
        ended(rig, posted.json["id"])
        notice_of(rig, posted.json["id"])  # by email, to the address

    rest("POST", jobs, token, {"type": "test.count", "params": {"to": canary, canary: 1}})
    rest("POST", jobs, token, canary.encode())
    rest("GET", f"{jobs}?before={canary}", token)
    rest("GET", f"{jobs}/{canary}", token)
    rest("GET", jobs, f"{token}{canary}")
    rest("GET", f"{rig.url}/{canary}?token={token}")
    _raw(rig, f"GET / HTTP/1.1\r\nHost : {canary}\r\n\r\n")
    page = tab().open(rig.url, token, transports=["websocket"])
    page.emit("submit", {"type": canary})
    page.emit(canary, {canary: canary})
    assert "401" in str(tab().open(rig.url, canary, transports=["polling"]).refused())

    private = {canary, token, rig.own["JWT_SECRET"]}
    for process in rig.processes:
        leaked = [line for line in process.log.splitlines() if any(p in line for p in private)]
        assert not leaked, f"{process.argv}: {leaked}"


def _raw(rig: Rig, request: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=30)
    connection.connect()
    connection.sock.sendall(request.encode())
    connection.sock.recv(1_000)
    connection.close()
