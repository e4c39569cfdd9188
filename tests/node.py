"""A gateway node within the test's process, and clients that speak to it by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp.test_utils import TestServer

from gateway.app import make_app
from gateway.auth import Tokens
from ringback.job import Owner
from ringback.settings import Settings
from tests.rig import WITHIN

SECRET = "a secret of at least thirty-two bytes"


class Node:
    """One node on a store, and HTTP to it."""

    def __init__(self, settings: Settings, server: TestServer, http: aiohttp.ClientSession) -> None:
        self.settings = settings
        self._server = server
        self._http = http

    def token(self, user: str, *roles: str) -> str:
        """A token of a user."""
        owner = Owner(id=user, email=f"{user}@example.com")
        return Tokens(self.settings).issue(owner, roles=list(roles) or ["user"])

    async def ask(
        self, method: str, path: str, token: str | None = None, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and body (decoded where it is JSON) of a request."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else orjson.dumps(body)
        async with self._http.request(
            method, self._server.make_url(path), data=data, headers=headers
        ) as response:
            content = await response.read()
            decoded = orjson.loads(content) if "json" in response.content_type else content
            return response.status, decoded

    async def send(self, path: str, body: Any, kind: str, token: str) -> tuple[int, Any]:
        """Status and JSON of a POST whose body is said to be ``kind``."""
        data = BytesIO(body if isinstance(body, bytes) else orjson.dumps(body))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        url = self._server.make_url(path)
        async with self._http.post(url, data=data, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def opens(self, path: str, token: str | None) -> tuple[int, Any]:
        """Status of a stream, which is left at once."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self._http.get(self._server.make_url(path), headers=headers) as response:
            return response.status, response.content_type

    async def upload(self, name: str, token: str | None) -> tuple[int, Any]:
        """Status and body of an upload."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = self._server.make_url(f"/api/v1/files?name={name}")
        async with self._http.post(url, data=b"id\n1\n", headers=headers) as response:
            return response.status, await response.json(content_type=None)

    @asynccontextmanager
    async def socket(self, token: str, **auth: Any) -> AsyncIterator[Wire]:
        """A connected Socket.IO client, its first ``jobs`` event still to be read."""
        url = self._server.make_url("/socket.io/?EIO=4&transport=websocket")
        async with self._http.ws_connect(url) as socket:
            wire = Wire(socket)
            await socket.send_str("40" + orjson.dumps({"token": token, **auth}).decode())
            wire.hello = orjson.loads((await wire.frame(lambda text: text.startswith("40")))[2:])
            yield wire


class Wire:
    """Socket.IO by hand. Every ping is answered at once: what the client got, it proves."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.hello: Any = None
        self.heard: list[str] = []
        self._acks = 0

    async def emit(self, event: str, data: Any) -> Any:
        """Emits, and gives the ack; events that come before are kept in ``heard``."""
        self._acks += 1
        begin = f"43{self._acks}["
        await self._socket.send_str(f"42{self._acks}" + orjson.dumps([event, data]).decode())
        return orjson.loads(
            (await self.frame(lambda text: text.startswith(begin)))[len(begin) - 1 :]
        )[0]

    async def event(self, name: str, wanted: Callable[[Any], bool] = lambda _: True) -> list[Any]:
        """The arguments of the next such event, among the kept ones too."""

        def fits(text: str) -> bool:
            return text.startswith(f'42["{name}"') and wanted(orjson.loads(text[2:])[1])

        kept = next((text for text in self.heard if fits(text)), None)
        if kept is not None:
            del self.heard[: self.heard.index(kept) + 1]
        args: list[Any] = orjson.loads((kept or await self.frame(fits))[2:])[1:]
        return args

    async def frame(self, wanted: Callable[[str], bool]) -> str:
        """The next frame that is wanted."""
        async with asyncio.timeout(WITHIN):
            async for message in self._socket:
                text = str(message.data)
                if text == "2":
                    await self._socket.send_str("3")
                elif wanted(text):
                    return text
                else:
                    self.heard.append(text)
        raise AssertionError(f"the socket was closed; heard: {self.heard}")


@asynccontextmanager
async def running(store_url: str, directory: Path, **settings: Any) -> AsyncIterator[Node]:
    """Starts a node on a store."""
    whole = Settings(
        **{"store_url": store_url, "data_dir": directory, "jwt_secret": SECRET, **settings}
    )
    server = TestServer(make_app(whole))
    async with aiohttp.ClientSession() as http:
        await server.start_server()
        try:
            yield Node(whole, server, http)
        finally:
            with suppress(asyncio.TimeoutError):
                await server.close()


def ids(jobs: Collection[Any]) -> set[str]:
    """The ids of views."""
    return {view["id"] for view in jobs}
