"""The page behind the link in every email, for who has no wish to sign in: stop these emails.

Only a POST acts: mail scanners follow links, and mail programs POST (RFC 8058). It needs no
cookie and no token beside the link's own.
"""

from __future__ import annotations

import re

from aiohttp import web

from gateway.plain_page import PlainPage
from gateway.problems import NO_FORM
from ringback import catalog, choose, preferences
from ringback.connection import AsyncStore
from ringback.errors import StoreUnavailable, UnknownJobType
from ringback.unsubscribe import Links, Subscription


class Unsubscribe:
    """``/unsubscribe/{token}``."""

    def __init__(self, db: AsyncStore, links: Links) -> None:
        self._db = db
        self._links = links
        self._page = PlainPage("unsubscribe.html")

    def routes(self) -> list[web.RouteDef]:
        """Everything this serves; HEAD goes with GET."""
        path = "/unsubscribe/{token}"
        return [web.get(path, self.show), web.post(path, self.act)]

    async def show(self, request: web.Request) -> web.Response:
        """What the button would do; changes nothing."""
        subscription = self._links.read(request.match_info["token"])
        if subscription is None:
            return self._page.show("lost", 404, kind=None)
        try:
            return await self._shown(subscription, "on")
        except StoreUnavailable:
            return self._page.show("away", 503, kind=None)

    async def act(self, request: web.Request) -> web.Response:
        """Off, or, where the page's undo says so, on again. Whatever else the body says, who posts
        here wants no more emails."""
        subscription = self._links.read(request.match_info["token"])
        if subscription is None:
            return self._page.show("lost", 404, kind=None)
        undo = await _action(request) == "resubscribe"
        edit = choose.resubscribed if undo else choose.unsubscribed
        try:
            await self._db.do(choose.change(subscription.user, edit(subscription.job_type)))
            return await self._shown(subscription, "again" if undo else "on")
        except StoreUnavailable:
            return self._page.show("away", 503, kind=None)

    async def _shown(self, subscription: Subscription, on: str) -> web.Response:
        """``on``: the page where emails aren't off."""
        wanted = await self._db.do(preferences.load(subscription.user))
        kind = subscription.job_type
        choice = wanted.email if kind is None else wanted.choice(kind)
        title = kind and await self._title(kind)
        return self._page.show("off" if choice == "never" else on, kind=title)

    async def _title(self, job_type: str) -> str:
        """How people know jobs of this type: "Import of …"."""
        try:
            title = (await self._db.do(catalog.find(job_type))).title
        except UnknownJobType:
            return job_type
        return re.sub(r"\{[^}]*\}", "…", title)


async def _action(request: web.Request) -> object:
    """What the form asks for; None where the body is none that can be read, or has too much."""
    try:
        return (await request.post()).get("action")
    except (*NO_FORM, web.HTTPRequestEntityTooLarge):
        return None
