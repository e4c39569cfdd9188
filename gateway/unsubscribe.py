"""The page behind the link in every email, for who has no wish to sign in: stop these emails.

Only a POST acts: mail scanners follow links, and mail programs POST (RFC 8058). It needs no
cookie and no token beside the link's own.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cached_property
from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, StrictUndefined, Template

from gateway.problems import NO_FORM
from ringback import catalog, choose, preferences
from ringback.connection import AsyncStore
from ringback.errors import StoreUnavailable, UnknownJobType
from ringback.unsubscribe import Links, Subscription

AGAIN = 5  #: seconds after which to try once more while the store is away


class Unsubscribe:
    """``/unsubscribe/{token}``."""

    def __init__(self, db: AsyncStore, links: Links) -> None:
        self._db = db
        self._links = links

    def routes(self) -> list[web.RouteDef]:
        """Everything this serves; HEAD goes with GET."""
        path = "/unsubscribe/{token}"
        return [web.get(path, self.show), web.post(path, self.act)]

    async def show(self, request: web.Request) -> web.Response:
        """What the button would do; changes nothing."""
        subscription = self._links.read(request.match_info["token"])
        if subscription is None:
            return self._page("lost", 404)
        try:
            return await self._shown(subscription, "on")
        except StoreUnavailable:
            return self._page("away", 503)

    async def act(self, request: web.Request) -> web.Response:
        """Off, or, where the page's undo says so, on again. Whatever else the body says, who posts
        here wants no more emails."""
        subscription = self._links.read(request.match_info["token"])
        if subscription is None:
            return self._page("lost", 404)
        undo = await _action(request) == "resubscribe"
        edit = choose.resubscribed if undo else choose.unsubscribed
        try:
            await self._db.do(choose.change(subscription.user, edit(subscription.job_type)))
            return await self._shown(subscription, "again" if undo else "on")
        except StoreUnavailable:
            return self._page("away", 503)

    async def _shown(self, subscription: Subscription, on: str) -> web.Response:
        """``on``: the page where emails aren't off."""
        wanted = await self._db.do(preferences.load(subscription.user))
        kind = subscription.job_type
        choice = wanted.email if kind is None else wanted.choice(kind)
        return self._page("off" if choice == "never" else on, kind=kind and await self._title(kind))

    async def _title(self, job_type: str) -> str:
        """How people know jobs of this type: "Import of …"."""
        try:
            title = (await self._db.do(catalog.find(job_type))).title
        except UnknownJobType:
            return job_type
        return re.sub(r"\{[^}]*\}", "…", title)

    def _page(self, state: str, status: int = 200, kind: str | None = None) -> web.Response:
        html = self._template.render(state=state, kind=kind, style=self._style)
        headers = {**self._headers, **({"Retry-After": str(AGAIN)} if status == 503 else {})}
        return web.Response(text=html, status=status, content_type="text/html", headers=headers)

    @cached_property
    def _template(self) -> Template:
        env = Environment(autoescape=True, undefined=StrictUndefined)
        return env.from_string((files("gateway") / "unsubscribe.html").read_text("utf-8"))

    @cached_property
    def _style(self) -> str:
        return (files("gateway") / "unsubscribe.css").read_text("utf-8")

    @cached_property
    def _headers(self) -> dict[str, str]:
        mark = b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{mark}'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
            "Cache-Control": "no-store",
        }


async def _action(request: web.Request) -> object:
    """What the form asks for; None where the body is none that can be read, or has too much."""
    try:
        return (await request.post()).get("action")
    except (*NO_FORM, web.HTTPRequestEntityTooLarge):
        return None
