"""The protocols by hand, for what no well-behaved client would send: a gateway in this process, and
clients that speak Engine.IO 4 and Socket.IO 5 packet by packet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from gateway.app import make_app
from gateway.auth import Tokens
from gateway.patience import patient
from gateway.unreadable import told_plainly
from ringback.job import Owner
from ringback.parts import serving
from ringback.settings import Settings

END = "\x1e"  #: between the packets of one polling body
SOON = 5.0  #: seconds that a test waits for an answer; it comes at once or never


class Node:
    """A gateway that serves in this process."""

    def __init__(
        self, settings: Settings, http: aiohttp.ClientSession, url: URL, app: web.Application
    ) -> None:
        self.tokens = Tokens(settings)
        self.http = http
        self.url = url
        self.app = app

    def at(self, transport: str, sid: str | None = None, **query: str) -> URL:
        """Where a transport connects."""
        own = {"sid": sid} if sid else {}
        return (self.url / "socket.io/").with_query(
            {"EIO": "4", "transport": transport, **own, **query}
        )

    def token(self, user: str = "ann") -> str:
        """A token of a user."""
        return self.tokens.issue(Owner(id=user, email=f"{user}@example.com"))

    def hello(self, user: str = "ann", **auth: Any) -> str:
        """The CONNECT packet that signs a user in."""
        return "40" + json.dumps({"token": self.token(user), **auth})

    async def ask(self, method: str, url: URL, body: Any = None, **headers: str) -> Answer:
        """One request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = self.http.request(method, url, data=body, headers=named, allow_redirects=False)
        async with asyncio.timeout(SOON), sent as response:
            return Answer(response.status, response.headers, await response.text())

    async def polling(self) -> Polling:
        """A new polling session."""
        answer = await self.ask("GET", self.at("polling"))
        assert answer.status == 200, answer.text
        return Polling(self, answer.text)

    @asynccontextmanager
    async def websocket(self, sid: str | None = None) -> AsyncIterator[Socket]:
        """A WebSocket, of a polling session or of its own."""
        async with self.http.ws_connect(self.at("websocket", sid), max_msg_size=0) as socket:
            yield Socket(socket)

    @asynccontextmanager
    async def signed_in(self, user: str = "ann", **auth: Any) -> AsyncIterator[Socket]:
        """A WebSocket after CONNECT."""
        async with self.websocket() as socket:
            await socket.hears("0")
            await socket.says(self.hello(user, **auth))
            await socket.hears("40")
            await socket.hears('42["jobs"')
            yield socket

    @asynccontextmanager
    async def unharmed(self) -> AsyncIterator[None]:
        """Another user's socket was there all the time, and is served as before."""
        async with self.signed_in("bystander") as socket:
            yield
            assert (await socket.asks("presence", {"state": "active"}))["ok"] is True


class Answer:
    """What was answered."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status, self.headers, self.text = status, headers, text


class Polling:
    """A polling session."""

    def __init__(self, node: Node, opened: str) -> None:
        self._node = node
        self.opened: dict[str, Any] = json.loads(opened[1:])
        self.sid: str = self.opened["sid"]

    @property
    def url(self) -> URL:
        """Where it polls and posts."""
        return self._node.at("polling", self.sid)

    async def poll(self) -> Answer:
        """One GET."""
        return await self._node.ask("GET", self.url)

    async def post(self, *packets: str) -> Answer:
        """One POST."""
        return await self._node.ask("POST", self.url, END.join(packets).encode())

    async def hears(self, prefix: str) -> str:
        """Polls until a packet begins so."""
        async with asyncio.timeout(SOON):
            while True:
                answer = await self.poll()
                assert answer.status == 200, answer.text
                for packet in answer.text.split(END):
                    if packet.startswith(prefix):
                        return packet

    async def sign_in(self, user: str = "ann") -> None:
        """CONNECT, and its answer."""
        assert (await self.post(self._node.hello(user))).status == 200
        await self.hears("40")

    async def ended(self) -> bool:
        """Whether the gateway knows it no more."""
        return (await self.post("3")).status == 400


class Socket:
    """A WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self._asked = 1_000  # beyond what tests number themselves

    async def says(self, packet: str | bytes) -> None:
        """Sends one packet; nothing happens where the gateway has gone."""
        send: Any = self.raw.send_bytes if isinstance(packet, bytes) else self.raw.send_str
        with suppress(ConnectionError):  # what comes next in the test sees it
            await send(packet)

    async def hears(self, prefix: str) -> str:
        """The first packet that begins so."""
        async with asyncio.timeout(SOON):
            async for message in self.raw:
                if str(message.data).startswith(prefix):
                    return str(message.data)
        raise AssertionError(f"closed before any {prefix!r}")

    async def asks(self, event: str, data: Any) -> Any:
        """An event, and its acknowledgement."""
        self._asked += 1
        await self.says(f"42{self._asked}{json.dumps([event, data])}")
        head = f"43{self._asked}"
        answer = await self.hears(f"{head}[")
        return json.loads(answer.removeprefix(head))[0]

    async def ended(self) -> None:
        """Waits until the gateway hangs up; fails where it doesn't."""
        async with asyncio.timeout(SOON):
            async for _ in self.raw:
                pass


@asynccontextmanager
async def gateway(store_url: str, data_dir: Path, **settings: Any) -> AsyncIterator[Node]:
    """A gateway on a store."""
    own: dict[str, Any] = {
        "store_url": store_url,
        "data_dir": data_dir,
        "jwt_secret": "s" * 32,
        "limit_submits": 60_000,
        **settings,
    }
    whole = Settings(**own)
    app = make_app(whole)
    server = TestServer(app)
    await server.start_server(**serving())
    told_plainly(server.runner)
    # as where it isn't tested: who leaves doesn't cancel what was begun
    server.runner.server.handler_cancellation = False  # type: ignore[union-attr]
    async with server, patient(server.runner), aiohttp.ClientSession() as http:
        yield Node(whole, http, server.make_url("/"), app)
