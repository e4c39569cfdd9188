"""What deploy/ promises: the proxy keeps sessions together, the units and containers are sound."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server
from typing import Any

import aiohttp
import pytest
import socketio
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.app import FINISH_WITHIN
from gateway.sockets import PROVE_WITHIN
from ringback.parts import CLOSE_WITHIN
from ringback.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
INSTANCES = (
    "ringback-gateway@8001", "ringback-worker", "ringback-mailer", "ringback-webhooks",
    "ringback-supervisor",
)  # fmt: skip
SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # where Debian keeps nginx
CLOSING = web.AppKey("closing", asyncio.Event)
STOPPING = web.AppKey("stopping", asyncio.Event)


# --- nginx: real nginx, in front of two real servers ---------------------------------------------


@dataclass(frozen=True)
class Front:
    """An nginx with deploy/nginx.conf's substance and the two backends behind it."""

    url: str
    backends: dict[str, TestServer]


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with AsyncExitStack() as stack:
        backends = {name: await stack.enter_async_context(backend(name)) for name in "ab"}
        url = stack.enter_context(nginx(tmp_path, list(backends.values())))
        yield Front(url, backends)


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[TestServer]:
    """Serve what a gateway serves, as far as the proxy can tell, and say who answered."""
    sockets = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins=[])
    sockets.on("who", awaitable(name))
    app = web.Application(middlewares=[refuse_when_stopping])
    app[CLOSING] = asyncio.Event()
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(close_streams)
    sockets.attach(app)
    app.router.add_get("/", page(name))
    app.router.add_get("/api/v1/events", events)
    app.router.add_post("/api/v1/files", first_bytes)
    app.router.add_route("*", "/{path:.*}", echo_headers)
    server = TestServer(app)
    async with server:
        yield server


@web.middleware
async def refuse_when_stopping(request: web.Request, handler: Any) -> web.StreamResponse:
    """As gateway/drain.py does."""
    if request.app[STOPPING].is_set() and request.path == "/socket.io/":
        raise web.HTTPServiceUnavailable
    response: web.StreamResponse = await handler(request)
    return response


def awaitable(answer: str) -> Callable[[str], Awaitable[str]]:
    async def respond(_sid: str) -> str:
        return answer

    return respond


def page(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_request: web.Request) -> web.Response:
        return web.Response(text=name, content_type="text/html")

    return respond


async def events(request: web.Request) -> web.StreamResponse:
    """Send one event and stay silent: it arrives only if nobody on the way waits for more."""
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    await stream.write(b"data: one\n\n")
    await request.app[CLOSING].wait()
    return stream


async def close_streams(app: web.Application) -> None:
    app[CLOSING].set()


async def first_bytes(request: web.Request) -> web.Response:
    """Answer from the first bytes, while the client still has some to send."""
    return web.Response(body=await request.content.readany())


async def echo_headers(request: web.Request) -> web.Response:
    return web.json_response(dict(request.headers))


@contextmanager
def nginx(scratch: Path, backends: list[TestServer]) -> Iterator[str]:
    """Run nginx; it daemonizes only once its port is open, so there is nothing to wait for."""
    port = free_port()
    upstreams = [f"127.0.0.1:{server.port}" for server in backends]
    command = nginx_command(scratch, here(scratch, upstreams, port))
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, capture_output=True, timeout=30)


def nginx_command(scratch: Path, configuration: str) -> list[str]:
    program = shutil.which("nginx", path=SBIN)
    assert program, "no nginx: run tools/system_packages"
    file = scratch / "nginx.conf"
    file.write_text(configuration)
    # As root, nginx would hand its workers to a user who can't read pytest's directory.
    main_user = ["-g", "user root;"] if os.geteuid() == 0 else []
    return [program, "-p", str(scratch), "-c", str(file), "-e", "error.log", *main_user]


def here(scratch: Path, upstreams: list[str], port: int) -> str:
    """Return deploy/nginx.conf with this test's addresses and files, and nothing else changed."""
    text = (DEPLOY / "nginx.conf").read_text()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"    {kind}_temp_path {scratch}/{kind};\n" for kind in kinds)
    changes = {
        "gateway-1:8000": upstreams[0],
        "gateway-2:8000": upstreams[1],
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/nginx.pid": f"{scratch}/nginx.pid",
        "error_log stderr": f"error_log {scratch}/error.log",
        "/dev/stdout": f"{scratch}/access.log",
        "worker_rlimit_nofile 65536;": "",  # only root may raise it
        "worker_connections 16384;": "worker_connections 256;",
        "worker_processes auto;": "worker_processes 1;",
        "http {\n": "http {\n" + temporary,
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def free_port() -> int:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def browser() -> aiohttp.ClientSession:
    """Return a client that keeps cookies, also those of a numeric address."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def read_page(session: aiohttp.ClientSession, front: Front) -> str:
    async with session.get(f"{front.url}/") as answer:
        return await answer.text()


async def who_answers(session: aiohttp.ClientSession, front: Front, transport: str) -> Any:
    """Hold one Socket.IO session over `transport` and ask the gateway for its name."""
    client = socketio.AsyncClient(http_session=session, reconnection=False)
    await client.connect(front.url, transports=[transport], wait_timeout=10)
    try:
        return [await client.call("who", timeout=10) for _ in range(3)][-1]
    finally:
        # Abort: a polite goodbye over polling waits for the last poll's answer, half a minute.
        await client.eio.disconnect(abort=True)


async def home_of(session: aiohttp.ClientSession, front: Front) -> str:
    """Return the gateway of a browser: the one it gets from its second page on."""
    await read_page(session, front)
    return await read_page(session, front)


def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    upstreams = ["127.0.0.1:8001", "127.0.0.1:8002"]
    command = nginx_command(tmp_path, here(tmp_path, upstreams, 8080))
    outcome = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert "[warn]" not in outcome.stderr


async def test_a_browser_stays_with_one_gateway(front: Front) -> None:
    async with browser() as session:
        home = await home_of(session, front)
        assert {await read_page(session, front) for _ in range(8)} == {home}


async def test_browsers_from_one_address_are_spread_over_both_gateways(front: Front) -> None:
    homes = set()
    for _ in range(40):  # all 40 on one side: once in 2^39 runs
        async with browser() as session:
            homes.add(await home_of(session, front))
    assert homes == {"a", "b"}


async def test_only_a_page_sets_the_cookie_and_only_once(front: Front) -> None:
    async with browser() as session:
        async with session.get(f"{front.url}/api/v1/types") as answer:
            assert "Set-Cookie" not in answer.headers
        async with session.get(f"{front.url}/") as answer:
            cookie = answer.cookies["rb_affinity"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        async with session.get(f"{front.url}/") as answer:
            assert "Set-Cookie" not in answer.headers


async def test_a_polling_session_stays_with_the_gateway_of_its_browser(front: Front) -> None:
    homes = set()
    for _ in range(6):
        async with browser() as session:
            home = await home_of(session, front)
            assert await who_answers(session, front, "polling") == home
            homes.add(home)
    assert homes


async def test_a_polling_session_without_cookies_stays_with_one_gateway(front: Front) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        assert await who_answers(session, front, "polling") in {"a", "b"}


async def test_a_websocket_is_upgraded_through_the_proxy(front: Front) -> None:
    async with browser() as session:
        assert await who_answers(session, front, "websocket") in {"a", "b"}


async def test_a_browser_moves_to_the_other_gateway_when_its_own_dies(front: Front) -> None:
    async with browser() as session:
        home = await home_of(session, front)
        await front.backends[home].close()
        other = ({"a", "b"} - {home}).pop()
        assert await read_page(session, front) == other
        assert await who_answers(session, front, "polling") == other


async def test_a_websocket_goes_to_the_other_gateway_when_its_own_is_stopping(
    front: Front,
) -> None:
    async with browser() as session:
        home = await home_of(session, front)
        front.backends[home].app[STOPPING].set()
        assert await who_answers(session, front, "websocket") == ({"a", "b"} - {home}).pop()


async def test_an_event_of_a_stream_arrives_while_the_stream_is_open(front: Front) -> None:
    async with browser() as session, session.get(f"{front.url}/api/v1/events") as answer:
        assert await answer.content.readline() == b"data: one\n"


async def test_an_upload_reaches_the_gateway_before_its_end(front: Front) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"id,name\n"
        await arrived.wait()

    arrived = asyncio.Event()
    async with (
        browser() as session,
        session.post(f"{front.url}/api/v1/files", data=body()) as answer,
    ):
        assert await answer.read() == b"id,name\n"
        arrived.set()


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
async def test_what_is_for_operators_is_not_served_to_the_world(front: Front, path: str) -> None:
    async with browser() as session, session.get(front.url + path) as answer:
        assert answer.status == 404


async def test_a_client_can_not_pretend_another_address(front: Front) -> None:
    async with browser() as session:
        liar = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}
        async with session.get(f"{front.url}/api/v1/types", headers=liar) as answer:
            seen = await answer.json()
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "nginx/" not in answer.headers["Server"]
    assert seen["X-Forwarded-For"] == seen["X-Real-IP"] == "127.0.0.1"


async def test_no_token_is_written_to_the_access_log(front: Front, tmp_path: Path) -> None:
    async with browser() as session:
        hushed = "/api/v1/ops/suppressions/hush-3@example.com"
        for path in ("/unsubscribe/hush-1", "/d/hush-4", "/api/v1/events2?token=hush-2", hushed):
            async with session.get(front.url + path) as answer:
                assert answer.status == 200
    log = (tmp_path / "access.log").read_text()
    assert "/unsubscribe/-" in log
    assert "hush" not in log


# --- systemd -------------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Copy the units, with a program that exists here in place of /opt/ringback/bin/ringback."""
    for unit in UNITS.glob("*.service"):
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def systemd_analyze(*arguments: str) -> None:
    outcome = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("unit", INSTANCES)
def test_systemd_understands_each_unit(units: Path, unit: str) -> None:
    systemd_analyze("verify", "--man=no", f"{units}/{unit}.service")


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.glob("*.service")))
def test_each_unit_is_locked_down_to_what_it_needs(units: Path, unit: str) -> None:
    systemd_analyze("security", "--offline=true", "--threshold=15", f"{units}/{unit}")  # 1.5 of 10


# --- containers ----------------------------------------------------------------------------------


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_container_restarts_and_says_whether_it_is_healthy(compose: Any) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for name, service in compose["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service or ("build" in service and "HEALTHCHECK" in dockerfile)


def test_only_the_proxy_and_the_dev_inbox_are_reachable_and_only_from_this_host(
    compose: Any,
) -> None:
    ports = {name: service.get("ports", []) for name, service in compose["services"].items()}
    assert {name for name, published in ports.items() if published} == {"nginx", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)
    assert compose["networks"]["store"] == {"internal": True}
    assert compose["services"]["valkey"]["networks"] == ["store"]


def test_a_gateway_has_the_time_to_send_its_clients_away(compose: Any) -> None:
    drain = Settings.model_fields["drain"].default
    needed = drain + PROVE_WITHIN + CLOSE_WITHIN + FINISH_WITHIN
    unit = (UNITS / "ringback-gateway@.service").read_text()
    granted = re.search(r"(?m)^TimeoutStopSec=(\d+)$", unit)
    assert granted
    assert int(granted[1]) > needed
    for name in ("gateway-1", "gateway-2"):
        assert int(compose["services"][name]["stop_grace_period"].removesuffix("s")) > needed


def test_the_store_keeps_what_it_was_given(compose: Any) -> None:
    valkey = compose["services"]["valkey"]
    for option in ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction"):
        assert f"--{option}" in valkey["command"]
    assert valkey["volumes"] == ["store:/data"]


def test_what_compose_refers_to_exists(compose: Any, tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    for secret in compose["secrets"].values():
        assert (tmp_path / secret["file"]).read_text()
    services = compose["services"]
    assert set(services["nginx"]["depends_on"]) == {"gateway-1", "gateway-2"} <= set(services)
    for name in services["nginx"]["depends_on"]:
        assert f"server {name}:8000 " in (DEPLOY / "nginx.conf").read_text()
    build = services["worker"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_the_secrets_made_once_are_kept(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    first = (tmp_path / "secrets" / "jwt_secret").read_text()
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    assert (tmp_path / "secrets" / "jwt_secret").read_text() == first
    assert len(first) == 96  # 48 random bytes, in hexadecimal


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    wanted = re.findall(r"(?m)^COPY (?!--from)(?:--\S+ )?(.+) \S+$", dockerfile_text())
    allowed = re.findall(r"(?m)^!([^\s*/]+)", (ROOT / ".dockerignore").read_text())
    for source in " ".join(wanted).split():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source


def test_the_image_takes_only_what_is_locked_and_runs_without_root() -> None:
    text = dockerfile_text()
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert text.split("FROM ")[-1].count("USER ringback") == 1


def dockerfile_text() -> str:
    return (DEPLOY / "Dockerfile").read_text()
