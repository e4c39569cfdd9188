"""What every answer carries: headers that keep browsers from harm, and CORS for the listed origins.

They are set as an answer is prepared, so that files and streams have them, too. Where a handler has
set one itself, as the pages do with their policy, its own holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import hdrs, web

from ringback.settings import Settings

#: For what is no page: nothing in it is run, shown in a frame, or guessed to be something else.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: Sent where the public URL is https; browsers heed it over TLS only (RFC 6797, 7.2).
TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000"}
API = "/api/"
ASKS = "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer"
SHOWS = "ETag, Link, Location, Preference-Applied, Retry-After, WWW-Authenticate"
PREFLIGHT_HOLDS = "600"  #: seconds


class Shield:
    """The headers of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._origins: Sequence[str] = settings.origins
        https = settings.public_url.startswith("https:")
        self._headers = {**HEADERS, **(TRANSPORT_SECURITY if https else {})}

    def protect(self, app: web.Application) -> None:
        """Puts them on everything that ``app`` answers."""
        app.middlewares.insert(0, self._preflight())
        app.on_response_prepare.append(self._prepare)

    async def _prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        response.headers.pop(hdrs.SERVER, None)  # which version of what we run is nobody's business
        if request.path.startswith(API):
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
            if self._welcome(request):
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
                response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = SHOWS

    def _welcome(self, request: web.Request) -> bool:
        """Whether the page that asks may read the answer. (A token is what lets it in; there are no
        cookies, hence no credentials to allow.)"""
        return request.headers.get(hdrs.ORIGIN) in self._origins

    def _preflight(self) -> Any:
        """Answers the question that a browser asks before a page's own request."""

        @web.middleware
        async def answer(request: web.Request, handler: Any) -> web.StreamResponse:
            response: web.StreamResponse = await handler(request)
            asked = request.method == hdrs.METH_OPTIONS and request.path.startswith(API)
            if not (asked and response.status == 405 and self._welcome(request)):
                return response
            return web.Response(status=204, headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: response.headers[hdrs.ALLOW],
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ASKS,
                hdrs.ACCESS_CONTROL_MAX_AGE: PREFLIGHT_HOLDS,
            })  # fmt: skip

        return answer
