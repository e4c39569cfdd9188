"""What was published against Socket.IO, Engine.IO, ws and the libraries under us, replayed: each
attack with what it must lead to here, and nobody else harmed."""

from __future__ import annotations

import asyncio
import base64
import gzip
import pickle
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.rig import Valkey
from tests.wire import END, SOON, Node, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATE = '["presence",{"state":"active"}]'
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = f"Sec-WebSocket-Key: {base64.b64encode(b'0123456789abcdef').decode()}\r\n"
SOCKET = "/socket.io/?EIO=4&transport=websocket"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Node]:
    async with gateway(shared_valkey.url, tmp_path_factory.mktemp("node")) as running:
        yield running


# -- packets, over a WebSocket that is signed in


@dataclass(frozen=True)
class Packets:
    """What one client sends; its transport must end (or, with ``stays``, go on as before)."""

    advisory: str
    sent: Sequence[str | bytes]
    stays: bool = False


PACKETS = [
    Packets("CVE-2022-2421: placeholders that are no number", [
        '451-["presence",{"_placeholder":true,"num":"splice"}]', b"x"]),
    Packets("CVE-2023-32695: an event's name that is no text", ['42[{"toString":"foo"}]']),
    Packets("CVE-2023-32695: an event that is no list", ['42{"0":"presence"}']),
    Packets("CVE-2024-38355: an error event of the library's own", ['421["error"]'], stays=True),
    Packets("CVE-2024-38355: a reserved name without arguments", ['421["disconnect"]'], stays=True),
    Packets("CVE-2024-38355: a reserved name", ['421["connect_error",1]'], stays=True),
    Packets("CVE-2020-36049: a large packet", ["42" + " " * 65_600]),
    Packets("CVE-2026-33151: attachments without end", [
        '4599999999-["presence",{"_placeholder":true,"num":0}]', *[b"x" * 60_000] * 20]),
    Packets("python-socketio#1206: too many digits of attachments", ["45" + "9" * 60_000 + "-[]"]),
    Packets("CVE-2020-10735: too many digits of an id", ["42" + "1" * 60_000 + STATE]),
    Packets("CVE-2020-10735: a number of too many digits", [
        f'421["presence",{{"state":{"9" * 60_000}}}]']),
    Packets("CVE-2025-67221: deep JSON", ["42" + "[" * 30_000 + "]" * 30_000]),
    Packets("CVE-2021-32640: a header of many spaces, as a packet", ["4" + " " * 60_000]),
    Packets("CVE-2026-48802: pongs that nobody asked for", ["3"] * 500, stays=True),
    Packets("prototype pollution: keys of JavaScript's objects", [
        '421["presence",{"__proto__":{"state":"active"},"constructor":1}]'], stays=True),
    Packets("NaN and Infinity, which are no JSON", ['421["presence",{"state":NaN}]'], stays=True),
    Packets("half a surrogate pair", ['421["presence",{"state":"\\ud800"}]'], stays=True),
    Packets("a name twice", ['421["presence",{"state":"x","state":"active"}]'], stays=True),
]  # fmt: skip


@pytest.mark.parametrize("attack", PACKETS, ids=lambda attack: attack.advisory)
async def test_a_packet_harms_nobody_but_its_sender(node: Node, attack: Packets) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        for packet in attack.sent:
            await socket.says(packet)
        if attack.stays:
            assert (await socket.asks("presence", {"state": "active"}))["ok"] is True
        else:
            await socket.ended()


# -- requests, byte by byte


@dataclass(frozen=True)
class Request:
    """What is sent, and the statuses that may answer it; 0: the connection just ends."""

    advisory: str
    sent: bytes
    status: Sequence[int]


def post(body: bytes, *headers: str, path: str = "/api/v1/jobs") -> bytes:
    head = "\r\n".join((f"POST {path} HTTP/1.1", "Host: x", *headers, "", ""))
    return head.encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *headers, "", "")).encode()


WEBSOCKET = (UPGRADE + KEY).split("\r\n")[:-1]
POLLING = "/socket.io/?EIO=4&transport=polling&sid=x"
LENGTHS = ("Content-Length: 4", "Transfer-Encoding: chunked")
REQUESTS = [
    Request(
        "CVE-2022-21676: reserved bits in a frame",
        get(SOCKET, *WEBSOCKET) + b"\xf1\x80\x00\x00\x00\x00",
        [101],
    ),
    Request(
        "CVE-2021-32640: a header of many spaces",
        get(SOCKET, *WEBSOCKET, f"Sec-WebSocket-Protocol: a{' ' * 7000}b"),
        [101],
    ),
    Request(
        "CVE-2024-37890: more headers than a parser likes",
        get(SOCKET, *(f"X-{n}: 1" for n in range(3_000))),
        [400],
    ),
    Request(
        "CVE-2022-41940: a request that breaks off", get(SOCKET, *UPGRADE.split("\r\n")[:-1]), [400]
    ),
    Request(
        "CVE-2020-36048: a polling body that is too large",
        post(b"", "Content-Length: 100000000", path=POLLING),
        [400],
    ),
    Request(
        "CVE-2026-22815: a header that never ends", get("/healthz", "X: " + "x" * 100_000), [400]
    ),
    Request("a path that never ends", get("/" + "x" * 100_000), [400, 414]),
    Request(
        "CVE-2023-49081: a line break in the method",
        b"GE\rT /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        [400],
    ),
    Request("smuggling: length and chunks", post(b"0\r\n\r\nGET", *LENGTHS), [400]),
    Request(
        "smuggling: two lengths", post(b"ab", "Content-Length: 2", "Content-Length: 20"), [400]
    ),
    Request("smuggling: a signed length", post(b"ab", "Content-Length: +2"), [400]),
    Request(
        "smuggling: chunks in another spelling", post(b"", "Transfer-Encoding: xchunked"), [400]
    ),
    Request(
        "smuggling: a folded header", get("/healthz", "X: a", "\tTransfer-Encoding: chunked"), [400]
    ),
    Request("smuggling: a space before the colon", get("/healthz", "Content-Length : 2"), [400]),
    Request(
        "smuggling: a chunk's size with underscores",
        post(b"0_2\r\nab\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        [400, 401],
    ),
    Request("no host", b"GET /healthz HTTP/1.1\r\n\r\n", [200, 400]),
    Request("an old protocol", b"GET /healthz HTTP/0.9\r\n\r\n", [400, 200]),
    Request("HTTP/2 without having asked", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 404, 405]),
    Request(
        "another host's URL", b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n", [200]
    ),
    Request(
        "a proxy's CONNECT",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        [400, 404, 405],
    ),
    *(
        Request(f"CVE-2024-23334: out of the folder by {path}", get(path), [400, 404])
        for path in (
            "/assets/../../pyproject.toml",
            "/assets/..%2f..%2fpyproject.toml",
            "//etc/passwd",
            "/assets/%2e%2e/%2e%2e/pyproject.toml",
            "/assets/%00",
            "/assets/.hidden",
            "/docs/../../etc",
            "/api/v1/files/..%2f..%2fjwt_secret",
            "/api/v1/../../healthz/x",
        )
    ),
]


async def answered(node: Node, sent: bytes) -> int:
    """The status of the answer; 0 where the connection ended without."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.url.port, limit=1 << 20)
    try:
        async with asyncio.timeout(SOON):
            writer.write(sent)
            line = await reader.readline()
    except ConnectionError:
        return 0
    finally:
        writer.close()
    return int(line.split()[1]) if line else 0


@pytest.mark.parametrize("attack", REQUESTS, ids=lambda attack: attack.advisory)
async def test_a_request_harms_nobody_but_its_sender(node: Node, attack: Request) -> None:
    async with node.unharmed():
        status = await answered(node, attack.sent)
        assert status in (*attack.status, 401) if b"/api/" in attack.sent else attack.status


async def test_a_compressed_frame_is_no_bomb(node: Node) -> None:
    # permessage-deflate isn't agreed to, so a frame that says it is compressed is malformed
    async with node.unharmed():
        headers = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
        async with node.http.ws_connect(node.at("websocket"), headers=headers) as socket:
            assert "Sec-WebSocket-Extensions" not in socket._response.headers


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_body_is_no_bomb(node: Node, encoding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    answer = await node.ask(
        "POST", node.url / "api/v1/jobs", bomb, Authorization=f"Bearer {node.token()}", **headers
    )
    assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")


# -- CVE-2025-61765: a pickle in the store's channel


async def test_what_is_published_in_the_store_is_never_unpickled(
    node: Node, shared_valkey: Valkey, tmp_path: Path
) -> None:
    marker = tmp_path / "unpickled"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.mkdir, (marker,)

    async with node.unharmed():
        with redis.Redis.from_url(shared_valkey.url) as client:
            client.publish("socketio", pickle.dumps({"method": "emit", "data": Bomb()}))
    assert not marker.exists()


# -- whatever else


PIECES = st.sampled_from(
    [
        *"0123456",
        "4",
        "40",
        "41",
        "42",
        "43",
        "45",
        "46",
        "-",
        ",",
        "/",
        "/admin,",
        "[",
        "]",
        "{",
        "}",
        '"presence"',
        '"submit"',
        '{"state":"active"}',
        '{"_placeholder":true,"num":0}',
        "null",
        "1e999",
        "2probe",
        "5",
        "\x00",
        "\ud7ff",
        "9" * 40,
        END,
        "b4",
        "?",
        " ",
        "\\",
        '"',
    ]
)
PACKET = st.one_of(
    st.lists(PIECES, max_size=8).map("".join), st.text(max_size=30), st.binary(max_size=9)
)


@settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(packets=st.lists(PACKET, min_size=1, max_size=4), signed_in=st.booleans())
async def test_no_packet_whatever_is_a_fault_of_ours(
    node: Node, packets: list[str | bytes], signed_in: bool
) -> None:
    with capture_logs() as logs:
        async with node.signed_in("fuzzer") if signed_in else node.websocket() as socket:
            for packet in packets:
                await socket.says(packet)
        session = await node.polling()
        await session.post(*(str(packet) for packet in packets))
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical")]
