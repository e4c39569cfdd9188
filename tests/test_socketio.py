"""Socket.IO, version 5, as its protocol tells it (https://github.com/socketio/socket.io-protocol),
packet by packet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.rig import Valkey
from tests.wire import Node, gateway

STATE = '["presence",{"state":"active"}]'


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Node]:
    async with gateway(shared_valkey.url, tmp_path_factory.mktemp("node")) as running:
        yield running


# -- CONNECT


async def test_connect_answers_with_sid_and_pid_and_nothing_comes_before(node: Node) -> None:
    async with node.websocket() as socket:
        await socket.hears("0")
        await socket.says(node.hello("newcomer"))
        packet = await socket.hears("")
        assert packet.startswith("40")
        assert json.loads(packet[2:]).keys() == {"sid", "pid"}
        assert (await socket.hears("")).startswith('42["jobs",{"jobs":[],"reset":true},"')


@pytest.mark.parametrize("packet", ["40", '40{"token":"x"}', "40[1]", '40"x"', "407", "40/,{}"])
async def test_connect_without_a_token_is_refused_in_words(node: Node, packet: str) -> None:
    async with node.websocket() as socket:
        await socket.hears("0")
        await socket.says(packet)
        refusal = json.loads((await socket.hears("44"))[2:])
    assert refusal["data"]["status"] == 401
    assert refusal["message"] == refusal["data"]["detail"]


async def test_a_refused_client_may_try_again_on_the_same_transport(node: Node) -> None:
    async with node.websocket() as socket:
        await socket.says("40")
        await socket.hears("44")
        await socket.says(node.hello())
        await socket.hears("40")


@pytest.mark.parametrize("namespace", ["/admin", "/random", "/*", "//", "/__proto__"])
async def test_other_namespaces_are_refused_in_the_protocols_words(
    node: Node, namespace: str
) -> None:
    async with node.signed_in() as socket:
        await socket.says(f"40{namespace},{node.hello()[2:]}")
        assert await socket.hears("44") == f'44{namespace},{{"message":"Invalid namespace"}}'
        assert (await socket.asks("presence", {"state": "active"}))["ok"] is True


async def test_a_second_connect_ends_the_transport(node: Node) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        await socket.says(node.hello("bob"))
        await socket.ended()


async def test_disconnect_ends_the_transport(node: Node) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        await socket.says("41")
        await socket.ended()


async def test_disconnect_ends_a_polling_session(node: Node) -> None:
    session = await node.polling()
    await session.sign_in()
    assert (await session.post("41")).status == 200
    assert await session.ended()


# -- events


@pytest.mark.parametrize("packet", [f"421{STATE}", "43[1]", '451-["presence",{}]', "41"])
async def test_what_comes_before_connect_ends_the_transport_or_means_nothing(
    node: Node, packet: str
) -> None:
    async with node.unharmed(), node.websocket() as socket:
        await socket.hears("0")
        await socket.says(packet)
        await socket.says("42" + STATE)
        await socket.ended()


async def test_an_event_of_a_namespace_that_isnt_there_ends_the_transport(node: Node) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        await socket.says(f"42/admin,1{STATE}")
        await socket.ended()


async def test_an_event_without_an_id_is_done_and_not_acknowledged(node: Node) -> None:
    async with node.signed_in() as socket:
        await socket.says(f"42{STATE}")
        await socket.says(f"427{STATE}")
        assert await socket.hears("43") == '437[{"ok":true}]'


async def test_acknowledgements_come_in_the_order_of_their_events(node: Node) -> None:
    async with node.signed_in() as socket:
        for number in range(20):
            await socket.says(f"42{number}{STATE}")
        acks = [await socket.hears("43") for _ in range(20)]
    assert acks == [f'43{number}[{{"ok":true}}]' for number in range(20)]


@pytest.mark.parametrize("packet", ["43", "431", "431[]", '43999999["x"]', "431{}", "43[1,2,3]"])
async def test_an_acknowledgement_of_nothing_means_nothing(node: Node, packet: str) -> None:
    async with node.signed_in() as socket:
        await socket.says(packet)
        assert (await socket.asks("presence", {"state": "active"}))["ok"] is True


@pytest.mark.parametrize(
    "packet",
    [
        "4", "4x", "47", "48[]", "49", "44", '44{"message":"x"}', "42", "42{}", "42[]", "42[1]",
        "42[null]", '42[{"toString":"foo"}]', "42[[", "42" + "[" * 9_000, '42"presence"', "421e5[]",
        '42["presence"', "42" + "9" * 200 + STATE, "4²[1]",
    ],
)  # fmt: skip
async def test_a_malformed_packet_ends_its_transport_and_hurts_nobody_else(
    node: Node, packet: str
) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        await socket.says(packet)
        await socket.ended()


@pytest.mark.parametrize(
    "packets",
    [
        ['451-["presence",{"_placeholder":true,"num":0}]', b"x"],
        ['4599999-["presence",{"_placeholder":true,"num":0}]'],
        ['451-1["presence",{"_placeholder":true,"num":-1}]', b"x"],
        ['461-1[{"_placeholder":true,"num":0}]', b"x"],
        ["451-", b"x"],
        ["450-", b"x"],
        [b"binary"],
        ["bAAAA"],
    ],
)
async def test_nothing_here_is_binary_and_what_is_ends_the_transport(
    node: Node, packets: list[str | bytes]
) -> None:
    async with node.unharmed(), node.signed_in() as socket:
        for packet in packets:
            await socket.says(packet)
        await socket.ended()
