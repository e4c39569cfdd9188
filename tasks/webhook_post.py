"""Posting to receivers that nobody vouches for: checked addresses, bounded time, bounded answers.

An answer is a status, or one of few reasons why there was none. They are shown to whoever
registered the webhook, so they tell nothing of what a name leads to.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver

from ringback.address import parse
from ringback.delivery import Answer
from ringback.errors import BadAddress
from ringback.guard import Resolver, any_socket, public_socket
from tasks.retry_after import seconds_of

TIMEOUT = 15.0  #: seconds for all of a request, as users of Standard Webhooks expect
BODY_READ = 65_536  #: bytes of an answer's body, so that its connection can be used again

NO_CONNECTION = Answer(None, "No connection could be made")
BROKEN_OFF = Answer(None, "The connection broke off")
NOT_SECURE = Answer(None, "The secure connection failed")
NOT_HTTP = Answer(None, "The answer wasn't proper HTTP")


class Post:
    """Posts; an async context manager. ``private``: whether addresses that aren't public, and
    plain http, may be used. ``timeout`` in seconds."""

    def __init__(
        self, *, private: bool, timeout: float = TIMEOUT, resolver: AbstractResolver | None = None
    ) -> None:
        self._private = private
        self._timeout = timeout
        self._resolver = resolver

    async def __aenter__(self) -> Self:
        self._resolver = self._resolver or Resolver()
        self._session = ClientSession(
            connector=TCPConnector(
                limit=0,  # claims bound the requests
                resolver=self._resolver,
                socket_factory=any_socket if self._private else public_socket,
            ),
            timeout=ClientTimeout(total=self._timeout),
            headers={"User-Agent": f"Ringback/{version('ringback')} (webhook)"},
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,  # nobody reads it, and it may be a bomb
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        assert self._resolver is not None
        await self._resolver.close()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What the receiver answers."""
        try:
            target = parse(url, private=self._private)
        except BadAddress as error:
            return Answer(None, f"The address {error}")
        try:
            request = self._session.post(target, data=body, headers=headers, allow_redirects=False)
            async with request as response:
                await self._drain(response)
                return _answer(response)
        except TimeoutError:
            return Answer(None, f"No answer within {self._timeout:g} seconds")
        except (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.ServerFingerprintMismatch):
            return NOT_SECURE
        except aiohttp.ClientConnectorError:  # refused, unknown, private: all the same to outsiders
            return NO_CONNECTION
        except (aiohttp.ServerDisconnectedError, OSError):
            return BROKEN_OFF
        except (aiohttp.ClientError, ValueError):
            return NOT_HTTP

    @staticmethod
    async def _drain(response: aiohttp.ClientResponse) -> None:
        """Reads a short body. The status has come, so that nothing in it changes the answer: a
        receiver that took the message and then falters has taken it."""
        left = BODY_READ
        try:
            while left > 0 and (chunk := await response.content.read(left)):
                left -= len(chunk)
        except (OSError, aiohttp.ClientError):
            response.close()


def _answer(response: aiohttp.ClientResponse) -> Answer:
    status = response.status
    if 300 <= status < 400:
        return Answer(status, f"Answered {status}, a redirect; give the address that it leads to")
    seconds = seconds_of(response.headers.get("Retry-After", ""))
    wait = None if seconds is None else round(seconds * 1000)
    return Answer(status, f"Answered {status}", wait)
