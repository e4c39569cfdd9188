"""Sign-ins of live connections: renewed, ended and revoked, on gateways in this process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio

from gateway.expiry import WARNING
from ringback import audit
from ringback.connection import Store
from ringback.job import Owner
from tests.rig import ROOT, WITHIN, Valkey
from tests.test_docs import block
from tests.wire import Answer, Node, Socket, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRESENCE = {"state": "active"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(
    shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes of one installation."""
    directory = tmp_path_factory.mktemp("nodes")
    async with (
        gateway(shared_valkey.url, directory) as one, gateway(shared_valkey.url, directory) as two
    ):  # fmt: skip
        yield one, two


@pytest.fixture
def node(nodes: tuple[Node, Node]) -> Node:
    return nodes[0]


def token(node: Node, user: str, lifetime: int = 3_600, role: str = "user") -> str:
    return node.tokens.issue(Owner(id=user), roles=[role], lifetime=lifetime)


def id_of(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return str(claims["jti"])


async def revoke(node: Node, role: str = "operator", **body: Any) -> Answer:
    """Asks a node to revoke."""
    bearer = f"Bearer {token(node, 'op', role=role)}"
    url = node.url / "api/v1/ops/revocations"
    return await node.ask(
        "POST", url, json.dumps(body), Authorization=bearer, Content_Type="application/json"
    )


async def jobs(node: Node, token: str) -> Answer:
    """Any request."""
    return await node.ask("GET", node.url / "api/v1/jobs", Authorization=f"Bearer {token}")


async def warned(socket: Socket) -> Any:
    """The warning."""
    return json.loads((await socket.hears('42["auth:expiring"')).removeprefix("42"))[1]


async def test_a_client_is_warned_and_goes_on_with_a_new_token(node: Node) -> None:
    async with node.signed_in("warned", token=token(node, "warned", lifetime=20)) as socket:
        told = await warned(socket)
        assert 15 <= told["expires_in"] <= 20
        ack = await socket.asks("auth:refresh", {"token": token(node, "warned", 3_600)})
        assert ack["ok"] is True
        assert told["expires_at"] < ack["expires_at"]
        assert (await socket.asks("presence", PRESENCE))["ok"] is True


async def test_a_client_whose_token_has_ended_may_only_show_a_new_one(node: Node) -> None:
    # taken, since clocks may differ, though it has ended by the server's own
    late = token(node, "late", lifetime=-2)
    async with node.signed_in("late", token=late) as socket:
        assert (await warned(socket))["expires_in"] == 0
        for event, data in (("presence", PRESENCE), ("cancel", {"id": "x"}), ("submit", {})):
            refused = await socket.asks(event, data)
            assert refused["problem"]["status"] == 401
            assert "Send `auth:refresh`" in refused["problem"]["detail"]
        assert (await socket.asks("auth:refresh", {"token": token(node, "late")}))["ok"] is True
        assert (await socket.asks("presence", PRESENCE))["ok"] is True


async def test_a_refresh_with_a_wrong_token_leaves_the_connection_as_it_was(node: Node) -> None:
    async with node.signed_in("steady") as socket:
        other = await socket.asks("auth:refresh", {"token": token(node, "somebody")})
        assert (other["ok"], other["problem"]["status"]) == (False, 403)
        ended = await socket.asks("auth:refresh", {"token": token(node, "steady", -60)})
        assert (ended["ok"], ended["problem"]["status"]) == (False, 401)
        missing = await socket.asks("auth:refresh", {})
        assert missing["problem"]["errors"][0]["field"] == "token"
        assert (await socket.asks("presence", PRESENCE))["ok"] is True


async def test_a_users_sockets_close_on_all_nodes_when_the_user_is_revoked(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    old = token(one, "thief")
    async with (
        one.signed_in("thief", token=old) as here, two.signed_in("thief", token=old) as there,
        two.signed_in("honest") as bystander,
    ):  # fmt: skip
        start = time.monotonic()
        revoked = await revoke(one, user="thief", reason="Laptop stolen")
        assert revoked.status == 200, revoked.text
        assert json.loads(revoked.text)["revoked_at"].endswith("Z")
        await here.ended()
        await there.ended()
        assert time.monotonic() - start < 5
        assert (await bystander.asks("presence", PRESENCE))["ok"] is True
    for node in nodes:
        refused = await jobs(node, old)
        assert refused.status == 401
        assert "This sign-in was revoked" in refused.text
        async with node.websocket() as again:
            await again.says(node.hello("thief", token=old))
            assert "revoked" in await again.hears("44")


async def test_one_token_is_revoked_and_the_users_others_stay_good(
    nodes: tuple[Node, Node], real: Store
) -> None:
    one, two = nodes
    leaked, good = token(one, "ann"), token(one, "ann")
    async with (
        two.signed_in("ann", token=leaked) as stolen, two.signed_in("ann", token=good) as own
    ):  # fmt: skip
        assert (await revoke(one, jti=id_of(leaked), reason="In a log")).status == 200
        await stolen.ended()
        assert (await own.asks("presence", PRESENCE))["ok"] is True
    assert (await jobs(two, leaked)).status == 401
    assert (await jobs(two, good)).status == 200
    (entry, *_) = real.do(audit.entries(1))
    assert (entry.who, entry.what, entry.why) == (
        "op", f"revoke token {id_of(leaked)}", "In a log",
    )  # fmt: skip


async def test_a_connection_that_went_on_with_another_token_doesnt_end_with_the_old_one(
    node: Node,
) -> None:
    old, new = token(node, "moved"), token(node, "moved")
    async with node.signed_in("moved", token=old) as socket:
        assert (await socket.asks("auth:refresh", {"token": new}))["ok"] is True
        assert (await revoke(node, jti=id_of(old), reason="Leaked")).status == 200
        assert (await socket.asks("presence", PRESENCE))["ok"] is True
        refused = await socket.asks("auth:refresh", {"token": old})
        assert "revoked" in refused["problem"]["detail"]


@pytest.mark.parametrize("role", ["user", "support", "author"])
async def test_only_operators_revoke(node: Node, role: str) -> None:
    assert (await revoke(node, role=role, user="ann", reason="Why not")).status == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "None named"}, "jti"),
        ({"jti": "t", "user": "ann", "reason": "Both"}, "jti"),
        ({"user": "ann"}, "reason"),
        ({"user": "ann", "reason": ""}, "reason"),
        ({"user": "", "reason": "Nobody"}, "user"),
        ({"jti": "x" * 501, "reason": "Long"}, "jti"),
        ({"user": "ann", "expires": 1, "reason": "Ends"}, "expires"),
        ({"jti": "t", "expires": "soon", "reason": "Ends"}, "expires"),
    ],
)
async def test_a_wrong_revocation_is_told_which_field(
    node: Node, body: dict[str, Any], field: str
) -> None:
    answer = await revoke(node, **body)
    assert answer.status == 400
    assert json.loads(answer.text)["errors"][0]["field"] == field


async def test_the_warning_comes_a_minute_before_the_end(node: Node) -> None:
    lifetime = round(WARNING) + 2
    async with node.signed_in("soon", token=token(node, "soon", lifetime)) as socket:
        told = await warned(socket)
        assert told["expires_in"] <= WARNING


async def test_without_a_secret_there_is_no_sign_in_of_our_own(
    shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("issuer")
    url = "http://127.0.0.1:1/keys"
    async with gateway(
        shared_valkey.url, directory, jwt_secret=None, jwks_url=url, link_secret="s" * 32, dev=True
    ) as node:
        answer = await node.ask("POST", node.url / "dev/sign-in", '{"email": "ann@example.com"}')
    assert answer.status == 404
    assert "RINGBACK_JWKS_URL" in answer.text


async def test_the_example_of_the_api_page_keeps_its_connection_and_comes_back(
    node: Node,
) -> None:
    first, second, third = token(node, "docs", 20), token(node, "docs"), token(node, "docs")
    given = json.dumps([first, second, third])
    head = (
        f"const GATEWAY = {json.dumps(str(node.url))}, tokens = {given};\n"
        "const freshToken = async () => tokens.shift();\n"
    )
    imports, example = block("sign-in", "docs/api.md").split("\n\n", 1)
    tail = (
        'socket.on("connect", () => console.log(`connected ${socket.recovered}`));\n'
        "const ask = async () => {\n"
        '  const { ok } = await socket.emitWithAck("presence", { state: "active" });\n'
        "  console.log(`asked ${ok} ${tokens.length}`);\n"
        "};\n"
        'socket.on("auth:expiring", () => setTimeout(ask, 300));\n'
    )
    script = ROOT / "web" / f"sign-in-{node.url.port}.mjs"
    script.write_text(f"{imports}\n{head}{example}{tail}")
    page = await asyncio.create_subprocess_exec("node", script, stdout=asyncio.subprocess.PIPE)
    try:
        assert page.stdout is not None
        async with asyncio.timeout(WITHIN):
            assert await page.stdout.readline() == b"connected false\n"
            assert await page.stdout.readline() == b"asked true 1\n"
            assert (await revoke(node, jti=id_of(second), reason="Lost")).status == 200
            assert await page.stdout.readline() == b"connected true\n"
    finally:
        page.kill()
        await page.wait()
        script.unlink()
