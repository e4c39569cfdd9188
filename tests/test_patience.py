"""Connections that keep a node waiting are closed, and slow ones that get on aren't."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from gateway import patience
from tests.rig import Valkey
from tests.wire import SOON, Node, gateway

POST = "POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def node(
    shared_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Node]:
    """A node that is patient for moments only."""
    monkeypatch.setattr(patience, "LOOK_EVERY", 0.02)
    for name in ("HEADERS_WITHIN", "BODY_WITHIN", "ANSWER_WITHIN"):
        monkeypatch.setattr(patience, name, 0.4)
    async with gateway(shared_valkey.url, tmp_path, limit_handshakes=2) as running:
        yield running


class Line:
    """A connection by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def says(self, text: str) -> None:
        self.writer.write(text.encode())

    async def trickles(self, text: str) -> None:
        """Bit by bit, for much longer than anybody waits."""
        for letter in text:
            if self.writer.is_closing():
                return
            self.says(letter)
            await asyncio.sleep(0.1)

    async def ended(self) -> bool:
        """Waits until the gateway hangs up."""
        async with asyncio.timeout(SOON):
            try:
                while await self.reader.read(65_536):
                    pass
            except ConnectionError:
                pass
        return True

    async def answered(self) -> bytes:
        """The head of the next answer."""
        async with asyncio.timeout(SOON):
            return await self.reader.readuntil(b"\r\n\r\n")


def requests_under_way() -> int:
    return sum("_handle_request" in str(task.get_coro()) for task in asyncio.all_tasks())


@asynccontextmanager
async def line(node: Node) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(node.url.host, node.url.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize("begun", ["", "GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_connection_without_a_request_is_closed(node: Node, begun: str) -> None:
    async with line(node) as slow:
        slow.says(begun)
        assert await slow.ended()


async def test_headers_letter_by_letter_are_closed(node: Node) -> None:
    async with line(node) as slow:
        sending = asyncio.ensure_future(slow.trickles("GET / HTTP/1.1\r\nX: " + "a" * 40))
        assert await slow.ended()
        assert not sending.done()
        sending.cancel()


async def test_a_body_letter_by_letter_is_closed(node: Node) -> None:
    async with line(node) as slow:
        slow.says(f"{POST}Authorization: Bearer {node.token()}\r\nContent-Length: 60\r\n\r\n")
        sending = asyncio.ensure_future(slow.trickles("x" * 60))
        assert await slow.ended()
        assert not sending.done()
        sending.cancel()


@pytest.mark.parametrize(
    "head",
    [
        f"{POST}Content-Length: 60\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n",
        POST.replace("jobs", "files?name=a.csv") + "Content-Length: 60\r\n",
        POST.replace("jobs", "files").replace("application/json", "multipart/form-data; boundary=b")
        + "Content-Length: 60\r\n",
    ],
)
async def test_who_leaves_amid_a_body_is_no_fault_of_ours(node: Node, head: str) -> None:
    with capture_logs() as logs:
        async with line(node) as leaving:
            leaving.says(
                f"{head}Expect: 100-continue\r\nAuthorization: Bearer {node.token()}\r\n\r\n"
            )
            assert b" 100 " in await leaving.answered()
            assert requests_under_way() == 1
            leaving.says("3\r\n{")
        async with asyncio.timeout(SOON):
            while requests_under_way():  # noqa: ASYNC110 (a request's end tells nobody)
                await asyncio.sleep(0.02)
    assert [each for each in logs if each["log_level"] == "error"] == []


async def test_chunks_that_are_none_are_told(node: Node) -> None:
    async with line(node) as wrong:
        auth = f"Authorization: Bearer {node.token()}\r\n"
        wrong.says(f"{POST}{auth}Transfer-Encoding: chunked\r\n\r\nnot a length\r\n")
        assert b" 400 " in await wrong.answered()


async def test_a_long_upload_that_gets_on_is_taken(node: Node) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(12):  # three times as long as a single piece may take
            yield b"x" * patience.PIECE
            await asyncio.sleep(0.1)
        yield b"\r\n--b--\r\n"

    headers = {
        "Authorization": f"Bearer {node.token()}",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    answer = await node.http.post(node.url / "api/v1/files", data=pieces(), headers=headers)
    assert answer.status == 201


async def test_an_idle_connection_between_requests_stays(node: Node) -> None:
    async with line(node) as idle:
        for _ in range(2):
            idle.says("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in await idle.answered()
            await asyncio.sleep(0.8)


async def test_who_never_takes_an_answer_is_closed(node: Node) -> None:
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    wire.connect((node.url.host, node.url.port))
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with wire, pytest.raises(ConnectionError):  # noqa: PT012 (it is closed in the midst of this)
        wire.settimeout(0)
        for _ in range(500):
            try:
                wire.send(asked)
            except BlockingIOError:
                pass
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("head", ["X: " + "x" * 9_000, "\r\n".join(["X: x"] * 200)])
async def test_too_long_a_head_is_refused(node: Node, head: str) -> None:
    async with line(node) as large:
        large.says(f"GET / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n")
        answered = await large.answered()
        assert b" 400 " in answered
        assert b"application/problem+json" in answered
        told = orjson.loads(await large.reader.read())
        assert "up to 8,190 bytes" in told["detail"]
        assert "xxx" not in str(told)


async def test_many_who_do_not_say_who_they_are_get_503(node: Node) -> None:
    first, _ = [await node.polling() for _ in range(2)]
    answer = await node.ask("GET", node.at("polling"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    await first.sign_in()
    assert (await node.ask("GET", node.at("polling"))).status == 200, "there is room again"


async def test_pongs_without_connect_keep_nobody_in(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.CONNECT_WITHIN", 0.3)
    async with node.websocket() as pinged:
        await pinged.hears("0")
        for _ in range(5):
            await pinged.says("3")
        await pinged.ended()
    answer = await node.ask("GET", node.at("polling"))
    assert answer.status == 200
