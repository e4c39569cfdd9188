"""Asking web sites, politely: few requests at once, pauses where a site asks for them.

An address either answers as it should or is ``Unfit``; the words are in ``tasks.links_problem``.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from ringback.guard import PrivateAddress, Resolver, any_socket, public_socket
from tasks.csv_file import shown
from tasks.links_problem import (
    BAD_ADDRESS,
    BAD_ANSWER,
    BUSY,
    GIVEN_UP,
    LOOKUP,
    NO_HOST,
    NOT_FOUND,
    NOT_WEB,
    PRIVATE,
    REDIRECTS,
    SERVER_ERROR,
    SIGN_IN,
    TIMEOUT,
    TLS,
    TURNED_DOWN,
    UNREACHABLE,
    Unfit,
)
from tasks.retry_after import seconds_of

AT_ONCE = 32  #: requests
PER_HOST = 4  #: requests to one host
MAX_REDIRECTS = 10
#: Seconds before the second and the third request to a site that is busy and doesn't say when it
#: won't be; up to half of it less, so that links don't come back all together.
BACKOFF = (1.0, 4.0)
LONGEST_WAIT = 30.0  #: seconds that a site may ask us to wait
PATIENCE = 10  #: failures of a host in a row, after which its further links aren't tried
HEADER_SIZE = 1 << 16  #: bytes of one header; some sites' security policies pass the usual 8 KiB

#: It looks like a scheme, and isn't one.
_HOST_AND_PORT = re.compile(r"\s*(?!tel:|sms:)[\w.-]+:\d{1,5}(?:[/?#]|\s*$)", re.IGNORECASE)
_BUSY = (429, 502, 503, 504)
_REDIRECT = (301, 302, 303, 307, 308)


def web_address(text: str) -> URL:
    """The address. Raises Unfit for what isn't one, and for schemes other than http and https."""
    try:
        url = URL(text.strip())
        host = url.host or ""  # decoded only when it is asked for: "xn--" fails here
        host.encode("idna")  # as the look-up will, which takes no "a..b"
    except ValueError:
        raise Unfit(BAD_ADDRESS, "not a valid address") from None
    if url.scheme and url.scheme not in ("http", "https") and not _HOST_AND_PORT.match(text):
        raise Unfit(NOT_WEB, "not a web address")
    if not host:
        raise Unfit(BAD_ADDRESS, "no http:// or https:// and site at its beginning")
    return url


@dataclass(frozen=True, slots=True)
class Said:
    """The beginning of an answer; ``retry_after`` in seconds."""

    status: int
    reason: str
    retry_after: float | None = None

    @classmethod
    def of(cls, response: ClientResponse) -> Said:
        """What a response says in its head."""
        told = response.headers.get("Retry-After", "")
        reason = shown((response.reason or "").replace(":", " "), 40)
        return cls(response.status, reason, seconds_of(told))

    @property
    def busy(self) -> bool:
        """Whether the same request may well succeed a little later."""
        return self.status in _BUSY

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".rstrip()


@dataclass(slots=True)
class _Host:
    """One site: who may ask it now, and how it has been."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PER_HOST))
    failures: int = 0
    closed_until: float = 0.0  # in the loop's time

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of the host's few slots, once it is ready for more. Raises Unfit where it has failed
        so often that it isn't asked any more, or one silent host could hold a job for hours."""
        async with self.slots:
            if self.failures >= PATIENCE:
                raise Unfit(GIVEN_UP, "not tried, as its site had failed many times in a row")
            while (pause := self.closed_until - _now()) > 0:  # noqa: ASYNC110 (a time, no event)
                await asyncio.sleep(pause)
            yield

    def heard(self, said: Said) -> None:
        """It has answered."""
        self.failures = self.failures + 1 if said.busy else 0
        if said.busy and said.retry_after is not None and said.retry_after <= LONGEST_WAIT:
            self.closed_until = _now() + said.retry_after


class Fetcher:
    """Asks sites; an async context manager. ``timeout``: seconds for each request. ``private``:
    whether addresses that aren't public may be asked."""

    def __init__(self, *, timeout: float, private: bool) -> None:
        self._timeout = timeout
        self._private = private
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._hosts: dict[tuple[str, int], _Host] = {}

    async def __aenter__(self) -> Self:
        self._resolver = Resolver()
        connector = TCPConnector(
            limit=0,  # the slots are ours: waiting for one mustn't count into the timeout
            resolver=self._resolver,
            socket_factory=any_socket if self._private else public_socket,
        )
        self._session = ClientSession(
            connector=connector,
            timeout=ClientTimeout(total=self._timeout),
            headers={"User-Agent": f"Ringback/{version('ringback')} (link check)"},
            max_line_size=HEADER_SIZE,
            max_field_size=HEADER_SIZE,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        await self._resolver.close()

    async def check(self, address: str) -> None:
        """Returns where the address answers as it should, else raises Unfit.

        HEAD first. What HEAD doesn't get is asked for with GET, whose body isn't read: many sites
        answer HEAD wrongly, so none is called broken for it. A busy site is asked twice more.
        """
        url = web_address(address)
        said = await self._head(url)
        if said is None or (said.status >= 400 and not said.busy):
            said = await self._ask("GET", url)
        for pause in BACKOFF:
            if not said.busy:
                break
            await _wait(said, pause)
            said = await self._ask("GET", url)
        _judge(said)

    @asynccontextmanager
    async def answer(self, method: str, url: URL) -> AsyncIterator[ClientResponse]:
        """The answer at the end of all redirects, its body not yet read. Raises Unfit, also from
        the reading."""
        for _ in range(MAX_REDIRECTS + 1):
            async with self._exchange(method, url) as response:
                target = _target(response)
                if target is None:
                    yield response
                    return
            url = target
        raise Unfit(REDIRECTS, f"more than {MAX_REDIRECTS} redirects")

    async def _head(self, url: URL) -> Said | None:
        try:
            return await self._ask("HEAD", url)
        except Unfit as unfit:
            if unfit.problem in (UNREACHABLE, BAD_ANSWER):
                return None
            raise

    async def _ask(self, method: str, url: URL) -> Said:
        async with self.answer(method, url) as response:
            return Said.of(response)

    @asynccontextmanager
    async def _exchange(self, method: str, url: URL) -> AsyncIterator[ClientResponse]:
        host = self._hosts.setdefault((url.host or "", url.port or 0), _Host())
        async with host.turn(), self._slots:
            try:
                with _understood(self._timeout):
                    request = self._session.request(method, url, allow_redirects=False)
                    async with request as response:
                        host.heard(Said.of(response))
                        yield response
            except Unfit as unfit:
                host.failures += unfit.problem in (TIMEOUT, UNREACHABLE, LOOKUP)
                raise


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _wait(said: Said, pause: float) -> None:
    if said.retry_after is None:
        await asyncio.sleep(random.uniform(pause / 2, pause))
    elif said.retry_after > LONGEST_WAIT:
        raise Unfit(BUSY, f"{said}, asks to wait {said.retry_after:,.0f} seconds")


def _judge(said: Said) -> None:
    if said.status < 400:
        return
    known = {401: SIGN_IN, 403: SIGN_IN, 407: SIGN_IN, 404: NOT_FOUND, 410: NOT_FOUND, 429: BUSY}
    problem = known.get(said.status, SERVER_ERROR if said.status >= 500 else TURNED_DOWN)
    raise Unfit(problem, str(said))


def _target(response: ClientResponse) -> URL | None:
    location = response.headers.get("Location")
    if response.status not in _REDIRECT or location is None:
        return None
    try:
        return web_address(str(response.url.join(URL(location))))
    except ValueError:
        raise Unfit(BAD_ADDRESS, "redirected to what isn't a valid address") from None


@contextmanager
def _understood(timeout: float) -> Iterator[None]:
    """Turns what the HTTP client raises into Unfit."""
    try:
        yield
    except aiohttp.ClientConnectorDNSError as error:
        raise _unknown_host(error) from error
    except (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.ServerFingerprintMismatch) as error:
        raise Unfit(TLS, _tls_fault(error)) from error
    except TimeoutError as error:
        raise Unfit(TIMEOUT, f"no answer within {timeout:g} seconds") from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, PrivateAddress):
            raise Unfit(PRIVATE, "leads to a private address") from error
        raise Unfit(UNREACHABLE, _os_fault(error.os_error)) from error
    except (aiohttp.ServerDisconnectedError, OSError) as error:
        raise Unfit(UNREACHABLE, "the connection broke off") from error
    except (aiohttp.InvalidURL, ValueError) as error:
        raise Unfit(BAD_ADDRESS, "not a valid address") from error
    except aiohttp.ClientError as error:
        raise Unfit(BAD_ANSWER, "an answer that isn't proper HTTP") from error


def _unknown_host(error: aiohttp.ClientConnectorDNSError) -> Unfit:
    if getattr(error.os_error, "errno", None) == socket.EAI_AGAIN:
        return Unfit(LOOKUP, f"the address of {error.host} couldn't be looked up")
    return Unfit(NO_HOST, f"there is no site {error.host}")


def _tls_fault(error: BaseException) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    why = getattr(inner, "verify_message", "") or "the secure connection failed"
    return str(why).replace(":", " ")


def _os_fault(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return "no connection could be made"
