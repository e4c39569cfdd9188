"""A web site with moods, for tests of what fetches pages: real HTTP on a loopback port."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event, Thread

from aiohttp import web

Mood = Callable[["Site", web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Runs in a thread of its own. ``pages``: HTML by path; ``asked``: requests so far, like
    "GET /fine"; ``most``: how many were under way at once. ``release`` ends the slow ones."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.most = self._now = 0
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._up = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        self._up.wait()

    def url(self, path: str = "/fine") -> str:
        """An address of this site."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{path}"

    def release(self) -> None:
        """Slow answers come now."""
        self._loop.call_soon_threadsafe(self._released.set)

    def close(self) -> None:
        """Ends it and its thread."""
        self.release()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port: int = self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[f"{request.method} {request.path}"] += 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            if request.path in self.pages:
                return web.Response(text=self.pages[request.path], content_type="text/html")
            return await MOODS[request.path.split("/")[1]](self, request)
        finally:
            self._now -= 1

    def times(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(n for asked, n in self.asked.items() if asked.partition(" ")[2] == path)

    async def slow(self) -> None:
        """Until released."""
        await self._released.wait()


def said(status: int, **headers: str) -> Mood:
    async def answer(_: Site, __: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


def to_head(status: int) -> Mood:
    """HEAD is answered wrongly, GET isn't."""

    async def answer(_: Site, request: web.Request) -> web.StreamResponse:
        return web.Response(status=status if request.method == "HEAD" else 200)

    return answer


def once(status: int, **headers: str) -> Mood:
    """The first request only."""

    async def answer(site: Site, request: web.Request) -> web.StreamResponse:
        first = site.times(request.path) == 1
        return web.Response(status=status, headers=headers) if first else web.Response()

    return answer


async def slow(site: Site, _: web.Request) -> web.StreamResponse:
    await site.slow()
    return web.Response()


async def reset(_: Site, request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def to(_: Site, request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": request.query["at"]})


async def tally(site: Site, _: web.Request) -> web.StreamResponse:
    await asyncio.sleep(0.01)  # so that requests meet
    return web.Response(text=str(site.most))


async def late_page(site: Site, request: web.Request) -> web.StreamResponse:
    """A page that can be had a second later."""
    if site.times(request.path) == 1:
        return web.Response(status=429, headers={"Retry-After": "1"})
    return web.Response(text="<a href=/fine>Fine</a>", content_type="text/html")


async def huge(_: Site, request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/html"})
    await stream.prepare(request)
    for _i in range(100):
        await stream.write(b"x" * (1 << 16))
    return stream


MOODS: dict[str, Mood] = {
    "fine": said(200), "missing": said(404), "gone": said(410), "members": said(401),
    "teapot": said(418), "no-head": to_head(405), "wrong-head": to_head(404),
    "broken-head": to_head(500), "broken": said(500), "hiccup": once(503, **{"Retry-After": "0"}),
    "busy": said(503, **{"Retry-After": "0"}), "wait": once(429, **{"Retry-After": "1"}),
    "much-later": said(429, **{"Retry-After": "600"}), "slow": slow, "reset": reset, "to": to,
    "loop": said(302, Location="/loop"), "nowhere": said(302), "tally": tally, "huge": huge,
    "late-page": late_page,
    "pdf": said(200, **{"Content-Type": "application/pdf"}), "big-header": said(200, X="y" * 9_000),
}  # fmt: skip


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody has reason to trust."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
