"""The pages and their assets, built from web/ by `make up`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; "
    "img-src 'self' data:; style-src 'self'; script-src 'self'; frame-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: The studio shows emails in frames, which stand under its policy: their styles are in the HTML.
#: Nothing that a style could fetch is allowed either.
STUDIO = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "style-src 'self'", "style-src 'self' 'unsafe-inline'"
    ),
}
FOREVER = "public, max-age=31536000, immutable"  # the assets' names carry their hash


def routes(*, inbox: bool) -> list[Any]:
    """`/`, `/support`, `/ops`, `/studio`, `/docs`, `/inbox` (dev mail) and `/assets`."""
    pages = [
        web.get("/", _page("index.html")), web.get("/docs", _page("docs.html")),
        web.get("/support", _page("support.html")), web.get("/ops", _page("ops.html")),
        web.get("/studio", _page("studio.html", STUDIO)),
    ]  # fmt: skip
    if inbox:
        pages.append(web.get("/inbox", _page("inbox.html")))
    if (STATIC / "assets").is_dir():
        pages.append(web.get(r"/assets/{name:[\w.-]+}", _asset))
    return pages


def _page(name: str, headers: Mapping[str, str] = HEADERS) -> Any:
    async def page(_: web.Request) -> web.StreamResponse:
        path = STATIC / name
        if not path.is_file():
            text = "The pages aren't built yet. Run: make web"
            return web.Response(text=text, status=503)
        return web.FileResponse(path, headers={**headers, "Cache-Control": "no-cache"})

    return page


def _assets() -> set[str]:
    return {path.name for path in (STATIC / "assets").iterdir()}


async def _asset(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in _assets():  # only what lies there: no name can lead out of the folder
        raise web.HTTPNotFound
    path = STATIC / "assets" / name
    return web.FileResponse(path, headers={**HEADERS, "Cache-Control": FOREVER})
