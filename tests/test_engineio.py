"""Engine.IO, version 4, as its protocol tells it (https://github.com/socketio/engine.io-protocol),
packet by packet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSServerHandshakeError

from ringback import store
from ringback.connection import Store
from ringback.keys import new_job_id
from tests.rig import Valkey, new_spec
from tests.wire import END, SOON, Node, Polling, gateway

STATE = '["presence",{"state":"active"}]'


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Node]:
    async with gateway(shared_valkey.url, tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def quick(
    shared_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Node]:
    """A node whose heart beats fast."""
    monkeypatch.setattr("gateway.engine.PING_EVERY", 0.3)
    monkeypatch.setattr("gateway.engine.PONG_WITHIN", 0.2)
    monkeypatch.setattr("gateway.transport.UPGRADE_WITHIN", 0.2)
    async with gateway(shared_valkey.url, tmp_path) as running:
        yield running


# -- handshake


async def test_polling_opens_with_all_that_a_client_must_know(node: Node) -> None:
    opened = (await node.polling()).opened
    assert opened == {
        "sid": opened["sid"], "upgrades": ["websocket"], "pingInterval": 25_000,
        "pingTimeout": 20_000, "maxPayload": 65_536,
    }  # fmt: skip


async def test_a_websocket_opens_and_has_nothing_to_upgrade_to(node: Node) -> None:
    async with node.websocket() as socket:
        opened = json.loads((await socket.hears("0"))[1:])
    assert (opened["upgrades"], opened["maxPayload"]) == ([], 65_536)


@pytest.mark.parametrize(
    "query",
    [
        "transport=polling",
        "EIO=3&transport=polling",
        "EIO=abc&transport=polling",
        "EIO=4",
        "EIO=4&transport=abc",
        "EIO=4&transport=constructor",
        "EIO=4&transport=websocket",  # without the header
        "EIO=4&transport=polling&sid=unknown",
        "EIO=4&transport=polling&j=0",  # JSONP is gone from this version
    ],
)
async def test_a_wrong_handshake_is_refused(node: Node, query: str) -> None:
    url = (node.url / "socket.io/").with_query(query)
    assert (await node.ask("GET", url)).status == 400


@pytest.mark.parametrize("query", ["transport=websocket", "EIO=3&transport=websocket", "EIO=4"])
async def test_a_wrong_handshake_of_a_websocket_is_refused(node: Node, query: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await node.http.ws_connect((node.url / "socket.io/").with_query(query))
    assert refused.value.status == 400


@pytest.mark.parametrize(("method", "status"), [("POST", 400), ("PUT", 405), ("DELETE", 405)])
async def test_only_a_get_opens_a_session(node: Node, method: str, status: int) -> None:
    assert (await node.ask(method, node.at("polling"))).status == status


# -- polling


async def test_a_body_may_hold_many_packets(node: Node) -> None:
    session = await node.polling()
    events = [f"42{n}{STATE}" for n in range(100)]
    assert (await session.post(node.hello(), *events)).text == "OK"
    assert await session.hears("4399[") == '4399[{"ok":true}]'


async def test_a_body_that_comes_in_pieces_is_read_whole(node: Node) -> None:
    session, body = await node.polling(), node.hello().encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", node.url.port)
    head = f"POST {session.url.path_qs} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:20])
    await writer.drain()
    await node.polling()  # by now the gateway has seen the first piece
    writer.write(body[20:])
    assert b" 200 " in await reader.readline()
    writer.close()
    await session.hears("40")


@pytest.mark.parametrize(
    "body", ["abc", "", "7", "0", "2", "6", f"3{END}", "d=4", "4" + "x" * 65_536]
)
async def test_a_malformed_body_ends_its_session(node: Node, body: str) -> None:
    session = await node.polling()
    async with node.unharmed():
        assert (await session.post(body)).status == 400
        assert (await session.poll()).status == 400


async def test_a_body_that_isnt_text_ends_its_session(node: Node) -> None:
    session = await node.polling()
    assert (await node.ask("POST", session.url, b"4\xff\xfe")).status == 400
    assert await session.ended()


async def test_two_polls_at_once_end_the_session(node: Node) -> None:
    session = await node.polling()
    answers = await asyncio.gather(session.poll(), session.poll())
    assert sorted(answer.status for answer in answers) == [200, 400]
    assert await session.ended()


# -- close


async def test_closing_answers_the_waiting_poll(node: Node) -> None:
    session = await node.polling()
    waiting = asyncio.create_task(session.poll())
    await node.polling()  # by now the poll waits
    assert (await session.post("1")).status == 200
    assert (await waiting).text == "6"
    assert await session.ended()


async def test_closing_ends_the_websocket(node: Node) -> None:
    async with node.signed_in() as socket:
        await socket.says("1")
        await socket.ended()


@pytest.mark.parametrize("packet", ["abc", "", "9", "0", "2", "6", b""])
async def test_a_malformed_packet_ends_the_websocket(node: Node, packet: str | bytes) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        await socket.says(packet)
        await socket.ended()


# -- heartbeat


async def test_who_answers_pings_stays(quick: Node) -> None:
    async with quick.signed_in() as socket:
        for _ in range(3):
            assert await socket.hears("2") == "2"
            await socket.says("3")
        assert (await socket.asks("presence", {"state": "active"}))["ok"] is True


async def test_a_polling_client_that_answers_pings_stays(quick: Node) -> None:
    session = await quick.polling()
    for _ in range(3):
        await session.hears("2")
        assert (await session.post("3")).status == 200


async def test_who_answers_no_ping_is_dropped(quick: Node) -> None:
    async with quick.signed_in() as socket:
        await socket.ended()


async def test_a_polling_client_that_answers_no_ping_is_dropped(quick: Node) -> None:
    session = await quick.polling()
    await session.hears("2")
    async with asyncio.timeout(SOON):
        while (await session.poll()).status == 200:
            pass


# -- upgrade


async def probed(node: Node, session: Polling) -> None:
    """A WebSocket that came and went without a word."""
    async with node.websocket(session.sid):
        pass


async def test_an_upgrade_loses_and_doubles_nothing(node: Node, db: Store) -> None:
    def submit() -> None:  # the view is on its way to ann when this returns
        jobs.append(db.do(store.submit(new_spec("ann"))).job.id)

    session = await node.polling()
    await session.sign_in()
    heard: list[str] = []
    jobs: list[str] = []
    submit()
    async with node.websocket(session.sid) as socket:
        await socket.says("2probe")
        assert await socket.hears("3") == "3probe"
        submit()
        while "6" not in heard:
            heard += (await session.poll()).text.split(END)
        submit()
        heard += (await session.poll()).text.split(END)
        await socket.says("5")
        submit()
        while sum(jobs[-1] in packet for packet in heard) == 0:
            heard.append(await socket.hears(""))
        assert (await socket.asks("presence", {"state": "active"}))["ok"] is True
        assert (await session.poll()).status == 400  # the session has moved
    told = [packet for packet in heard if packet.startswith('42["job"')]
    assert [sum(job in packet for packet in told) for job in jobs] == [1, 1, 1, 1]


@pytest.mark.parametrize("instead", ["4hello", "2", "5", "3probe"])
async def test_a_wrong_probe_ends_the_websocket_and_leaves_polling_whole(
    node: Node, instead: str
) -> None:
    session = await node.polling()
    await session.sign_in()
    async with node.websocket(session.sid) as socket:
        await socket.says(instead)
        await socket.ended()
    await session.post(f"421{STATE}")
    assert await session.hears("431") == '431[{"ok":true}]'


async def test_a_websocket_that_closes_before_its_probe_leaves_polling_whole(node: Node) -> None:
    session = await node.polling()
    await session.sign_in()
    await probed(node, session)
    await session.post(f"421{STATE}")
    assert await session.hears("431") == '431[{"ok":true}]'


@pytest.mark.parametrize("said", [[], ["2probe"]])
async def test_a_probe_that_never_ends_is_ended(quick: Node, said: list[str]) -> None:
    session = await quick.polling()
    async with quick.websocket(session.sid) as socket:
        for packet in said:
            await socket.says(packet)
        await socket.ended()


async def test_one_websocket_at_a_time_may_take_over(node: Node) -> None:
    session = await node.polling()
    async with node.websocket(session.sid) as socket:
        await socket.says("2probe")
        await socket.hears("3probe")
        with pytest.raises(WSServerHandshakeError):
            await probed(node, session)
        await socket.says("5")
        await socket.says(node.hello())
        await socket.hears("40")
        with pytest.raises(WSServerHandshakeError):
            await probed(node, session)
        assert (await socket.asks("presence", {"state": "active"}))["ok"] is True


async def test_a_stranger_cant_take_over_a_session(node: Node) -> None:
    with pytest.raises(WSServerHandshakeError):
        async with node.websocket(new_job_id("ann")):
            pass
