"""What webhooks are sent to: a real server that keeps what it got, and names that lead to it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.links_site import Site


@dataclass(frozen=True, slots=True)
class Message:
    """One request, as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What a receiver tells repeats by."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """The CloudEvent."""
        return orjson.loads(self.body)


class Receiver(Site):
    """A site, with its moods, that keeps each message."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Message] = []
        super().__init__(tls)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Message(headers, await request.read()))
        return await super()._answer(request)


class Names(AbstractResolver):
    """A name server that says what a test wants; no answer: there is no such name."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in found
        ]

    async def close(self) -> None:
        """Nothing to close."""
