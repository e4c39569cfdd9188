"""What an attacker tries; found in the field, and refused since."""

from __future__ import annotations

import http.client
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import jwt
import pytest

from gateway.auth import ALGORITHM
from tests.e2e.client import Client, rest
from tests.e2e.look import notice_of
from tests.rig import Rig, until

Tab = Callable[[], Client]


@pytest.mark.parametrize(
    "path",
    [
        "..%2findex.html",
        "..%2f..%2f..%2fREADME.md",
        "%2fetc%2fpasswd",
        "..",
        "%2e%2e%2findex.html",
        "..%5c..%5cREADME.md",
        "%00",
    ],
)
def test_no_name_of_an_asset_leads_out_of_the_folder(rig: Rig, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=30)
    connection.request("GET", f"/assets/{path}")  # as it is: no library tidies it
    assert connection.getresponse().status in (400, 404)
    connection.close()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/jobs?limit=" + "9" * 5000, "limit"),
        ("/api/v1/jobs?before=" + "1" * 4400, "before"),
        ("/api/v1/jobs?limit=0", "limit"),
    ],
)
def test_a_wrong_number_is_a_bad_request(rig: Rig, path: str, told: str) -> None:
    answer = rest("GET", rig.url + path, rig.token("numbers"))
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, told)


@pytest.mark.parametrize("depth", [300, 900])
def test_params_nested_too_deeply_are_told_so(rig: Rig, tab: Tab, depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    token, wanted = rig.token("deep"), {"type": "test.count", "params": {"to": deep}}
    answer = rest("POST", f"{rig.url}/api/v1/jobs", token, wanted)
    assert answer.status == 422
    assert "levels" in answer.json["errors"][0]["message"]
    page = tab().open(rig.url, token)
    assert page.emit("submit", wanted)["problem"]["status"] == 422


@pytest.mark.parametrize("kind", ["\ud800", "", "a b", "x" * 200, None, 7, {"a": 1}])
def test_what_cant_name_a_job_type_is_told_so(rig: Rig, tab: Tab, kind: Any) -> None:
    page = tab().open(rig.url, rig.token("kinds"))
    problem = page.emit("submit", {"type": kind})["problem"]
    assert (problem["status"], problem["errors"][0]["field"]) == (400, "type")


@asynccontextmanager
async def socket_of(rig: Rig, user: str = "raw") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connected client that speaks the protocol by hand."""
    url = f"{rig.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await answer(socket, "0")
        await socket.send_str('40{"token":"' + rig.token(user) + '"}')
        await answer(socket, "40")
        yield socket


async def answer(socket: aiohttp.ClientWebSocketResponse, prefix: str) -> str:
    """The first packet that begins so."""
    async for message in socket:
        if str(message.data).startswith(prefix):
            return str(message.data)
    raise AssertionError(f"closed before any {prefix!r}")


@pytest.mark.parametrize("event", ["connect", "disconnect", "connect_error", "*", "nonsense"])
async def test_event_names_that_arent_ours_are_unknown(rig: Rig, event: str) -> None:
    async with socket_of(rig) as socket:
        await socket.send_str(f'421["{event}",{{}}]')
        assert "is unknown" in await answer(socket, "431")
        await socket.send_str('422["presence",{"state":"active"}]')
        assert '"ok":true' in await answer(socket, "432")


@pytest.mark.parametrize(
    "packet",
    ["4", "42", "42{}", "42[]", "42[1]", "42[[", "42" + "[" * 5000, "451-", "9", "x", "4x"],
)
async def test_a_malformed_packet_harms_nobody_but_its_sender(rig: Rig, packet: str) -> None:
    gateway = next(p for p in rig.processes if "gateway" in p.argv)
    before = len(gateway.log)
    async with socket_of(rig) as socket, socket_of(rig) as bystander:
        await socket.send_str(packet)
        await bystander.send_str('421["presence",{"state":"active"}]')
        assert '"ok":true' in await answer(bystander, "431")
    assert "Traceback" not in gateway.log[before:]


async def test_who_never_reads_is_cut(rig: Rig) -> None:
    async with socket_of(rig, "deaf") as socket:
        asked = '421["submit",{"x":"' + "x" * 2_000 + '"}]'  # the answers are what piles up
        sent = 0
        with suppress(ConnectionError):
            while sent < 60_000:
                await socket.send_str(asked)
                sent += 1
        assert sent < 60_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"garbage"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid\r\n1',
        ),
    ],
)
def test_half_a_form_is_not_stored_as_a_whole_file(rig: Rig, kind: str, body: bytes) -> None:
    token = rig.token("halves")
    answer = rest("POST", f"{rig.url}/api/v1/files", token, body, Content_Type=kind)
    assert answer.status == 400
    assert answer.json["type"].endswith("bad-request")


def test_odd_claims_are_no_fault_of_ours(rig: Rig) -> None:
    for claims, status in (({"roles": [{}]}, 200), ({"sub": "\ud800"}, 401), ({"sub": 7}, 401)):
        answer = rest("GET", f"{rig.url}/api/v1/jobs", _token(rig, **claims))
        assert answer.status == status, claims


def test_a_socket_ends_with_its_token(rig: Rig, tab: Tab) -> None:
    page = tab().open(rig.url, _token(rig, exp=time.time() + 2), transports=["websocket"])
    page.connected()
    page.wait(lambda record: record["kind"] == "disconnect")
    answer = until(lambda: [r for r in page.records if r["kind"] == "connect_error"])
    assert answer[0]["data"]["status"] == 401


def test_a_client_with_explicit_receipts_proves_only_what_it_says(rig: Rig, tab: Tab) -> None:
    user = rig.token("explicit")
    tool = tab().open(rig.url, user, auth={"receipts": "seen"})
    tool.snapshot()
    shown, hidden = (
        rest("POST", f"{rig.url}/api/v1/jobs", user, {"type": "test.count", "params": {"to": to}})
        for to in (1, 2)
    )
    seen = tool.sees_state(shown.json["id"])
    assert tool.emit("seen", {"id": seen["id"], "version": seen["version"]})["ok"]
    assert notice_of(rig, shown.json["id"]).state == "skipped"
    assert notice_of(rig, hidden.json["id"]).state == "sent"


def _token(rig: Rig, **claims: Any) -> str:
    whole = {"sub": "ann", "aud": "ringback", "iss": "ringback", "exp": time.time() + 60, **claims}
    return jwt.encode(whole, rig.own["JWT_SECRET"], ALGORITHM)
