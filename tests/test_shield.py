"""Headers on everything that is answered, and which pages may connect and read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, WSServerHandshakeError
from aiohttp.test_utils import TestServer
from yarl import URL

from gateway.app import make_app
from gateway.documents import DOCUMENTS
from gateway.shield import ASKS, HEADERS, SHOWS
from ringback.settings import Settings
from tests.rig import Valkey
from tests.wire import Node

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN, APP = "https://jobs.example.com", "https://app.example.com"
FOREIGN = [
    "null",
    "",
    " ",
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com:443",
    "https://app.example.com.",
    "https://app.example.com/",
    "https://APP.example.com",
    "HTTPS://app.example.com",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://sub.app.example.com",
    "https://example.com",
    "https://app.example.com@evil.example",
    "https://app.example.com%2eevil.example",
    "https://app.example.com\\.evil.example",
    "https://app.example.com https://evil.example",
    "https://app.example.com, https://evil.example",
    "https://xn--pp-7lc.example.com",  # a Cyrillic look-alike
    "file://",
    "chrome-extension://abcdef",
    "*",
]
CROSS = FOREIGN[3:]  # a browser's `null` and an empty one are looked at apart


@pytest.fixture(scope="module")
def settings(shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    fields: dict[str, Any] = {
        "store_url": shared_valkey.url, "data_dir": tmp_path_factory.mktemp("shield"), "dev": True,
        "jwt_secret": "s" * 32, "public_url": f"{OWN}/", "allowed_origins": (APP,),
    }  # fmt: skip
    return Settings(**fields)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(settings: Settings) -> AsyncIterator[Node]:
    app = make_app(settings)
    async with TestServer(app) as server, ClientSession() as http:
        yield Node(settings, http, server.make_url("/"), app)


def paths(settings: Settings) -> list[tuple[str, str]]:
    """Every method and path that the app serves, with something in place of each part."""
    found = set()
    for route in make_app(settings).router.routes():
        if route.resource is not None and route.method not in ("*", "HEAD"):
            path = re.sub(r"\{[^}]*\}", "x", route.resource.canonical)
            found.add((route.method, path))
    return sorted(found)


async def test_every_answer_of_every_route_has_the_headers(node: Node, settings: Settings) -> None:
    everything = [
        *paths(settings),
        ("GET", "/none"),
        ("GET", "/api/v1/none"),
        ("PUT", "/api/v1/jobs"),
    ]
    assert len(everything) > 15
    for method, path in everything:
        answer = await node.ask(method, node.url.join(URL(path)), Authorization="Bearer x")
        told = f"{method} {path}: {answer.status}"
        assert answer.status != 500, told
        assert HEADERS.keys() <= answer.headers.keys(), told
        assert answer.headers["X-Content-Type-Options"] == "nosniff", told
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", told
        assert "Server" not in answer.headers, told
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy or path.startswith("/dev/inbox"), told
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0], told
        if "html" not in answer.headers.get("Content-Type", ""):
            page = path in ("/", "/inbox") or "assets" in path
            assert page or policy == HEADERS["Content-Security-Policy"], told


async def test_over_plain_http_nobody_is_told_to_come_by_tls(settings: Settings) -> None:
    local = settings.model_copy(update={"public_url": "http://127.0.0.1:8000"})
    async with (
        TestServer(make_app(local)) as server,
        ClientSession() as http,
        http.get(server.make_url("/healthz")) as answer,
    ):
        assert "Strict-Transport-Security" not in answer.headers


# -- sockets: cross-site WebSocket hijacking


@pytest.mark.parametrize("origin", [FOREIGN[0], *CROSS])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_page_of_another_origin_opens_no_transport(
    node: Node, origin: str, transport: str
) -> None:
    headers = {"Origin": origin}
    if transport == "polling":
        answer = await node.ask("GET", node.at("polling"), **headers)
        assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (400, False)
        return
    with pytest.raises(WSServerHandshakeError) as refused:
        await node.http.ws_connect(node.at("websocket"), headers=headers)
    assert refused.value.status == 400


async def test_a_page_of_another_origin_cant_post_into_a_session(node: Node) -> None:
    session = await node.polling()
    refused = await node.ask("POST", session.url, node.hello(), Origin="https://evil.example")
    assert refused.status == 400
    await session.sign_in()


@pytest.mark.parametrize("origin", [OWN, APP, None, ""])
async def test_our_pages_listed_ones_and_what_is_no_browser_connect(
    node: Node, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with node.http.ws_connect(node.at("websocket"), headers=headers):
        pass
    answer = await node.ask("GET", node.at("polling"), **headers)
    assert answer.status == 200
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin or None)
    assert "Access-Control-Allow-Credentials" not in answer.headers


# -- REST: CORS


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_of_another_origin_reads_no_answer(node: Node, origin: str) -> None:
    url = node.url / "api/v1/types"
    answer = await node.ask("GET", url, Origin=origin, Authorization=f"Bearer {node.token()}")
    assert answer.headers["Vary"] == "Origin"
    asked = await node.ask("OPTIONS", url, Origin=origin, Access_Control_Request_Method="GET")
    assert asked.status == 405
    for response in (answer, asked):
        assert not [name for name in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("origin", [OWN, APP])
async def test_a_listed_page_reads_answers_and_problems(node: Node, origin: str) -> None:
    for path, status in (("types", 200), ("jobs/none", 404)):
        answer = await node.ask(
            "GET", node.url / "api/v1" / path, Origin=origin, Authorization=f"Bearer {node.token()}"
        )
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        shown = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert shown >= {"ETag", "Link", "Location", "Preference-Applied", "Retry-After"}
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_listed_page_may_ask_first(node: Node) -> None:
    url = node.url / "api/v1/jobs"
    headers = {"Origin": APP, "Access_Control_Request_Method": "POST"}
    answer = await node.ask("OPTIONS", url, **headers)
    assert answer.status == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) >= {
        "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID",
        "Prefer",
    }  # fmt: skip
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert (await node.ask("OPTIONS", node.url / "api/v1/none", **headers)).status == 404


async def test_pages_may_send_and_read_every_header_of_the_document(settings: Settings) -> None:
    document = make_app(settings)[DOCUMENTS].all()["openapi"]
    operations = [o for methods in document["paths"].values() for o in methods.values()]
    asked = {p["name"] for o in operations for p in o["parameters"] if p["in"] == "header"}
    assert asked <= set(ASKS.split(", "))
    shown = {
        name for o in operations for r in o["responses"].values() for name in r.get("headers", ())
    }
    assert {"ETag", "Link", "Location", "Retry-After"} <= shown <= set(SHOWS.split(", "))
