"""The page behind a signed link in an email: one file, for who has the link, for seven days.

Mail scanners follow links, so a GET shows the page and hands out nothing; the button POSTs for the
file. Neither changes anything, however often it is asked.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from gateway.plain_page import PlainPage
from gateway.uploads import attached
from ringback import files, store
from ringback.connection import AsyncStore
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.files import File, FileNotFound
from ringback.handout import PATH, Handout, Handouts
from ringback.job import Job

UNITS = ("bytes", "kB", "MB", "GB", "TB")


class HandoutPage:
    """``/d/{token}``."""

    def __init__(self, db: AsyncStore, links: Handouts, data_dir: Path) -> None:
        self._db = db
        self._links = links
        self._data_dir = data_dir
        self._page = PlainPage("handout.html")

    def routes(self) -> list[web.RouteDef]:
        """Everything this serves; HEAD goes with GET."""
        path = PATH + "{token}"
        return [web.get(path, self.show), web.post(path, self.hand_out)]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """What there is to be had."""
        found = await self._found(request)
        if isinstance(found, web.Response):
            return found
        handout, job, file = found
        return self._page.show(
            "file", title=job.spec.title, name=file.name, size=size_of(file.size), **_about(handout)
        )

    async def hand_out(self, request: web.Request) -> web.StreamResponse:
        """The file."""
        found = await self._found(request)
        return found if isinstance(found, web.Response) else attached(found[2])

    async def _found(self, request: web.Request) -> tuple[Handout, Job, File] | web.Response:
        """What the link leads to, or the page that says why there is nothing to be had."""
        handout = self._links.read(request.match_info["token"])
        if handout is None:
            return self._page.show("lost", 404)
        if handout.ends <= time.time():
            return self._page.show("ended", 410, **_about(handout))
        try:
            return handout, *await self._find(handout)
        except (JobNotFound, FileNotFound):
            return self._page.show("gone", 410)
        except StoreUnavailable:
            return self._page.show("away", 503)

    async def _find(self, handout: Handout) -> tuple[Job, File]:
        job = await self._db.do(store.load(handout.job))
        look = files.find(handout.file, job.spec.owner.id, self._data_dir)
        file = await self._db.do(look)
        if not file.path.is_file():
            raise FileNotFound(file.id)
        return job, file


def _about(handout: Handout) -> dict[str, Any]:
    """When the link ends, and where the job's own page is."""
    ends = datetime.fromtimestamp(handout.ends, UTC)
    return {
        "ends": f"{ends.day} {ends:%B %Y, %H:%M} UTC",
        "page": f"/?job={quote(handout.job, safe='')}",
    }


def size_of(count: int) -> str:
    """Bytes as people read them: ``1 byte``, ``999 bytes``, ``1.2 MB``."""
    size, unit = float(count), 0
    while round(size, 1) >= 1_000 and unit < len(UNITS) - 1:
        size, unit = size / 1_000, unit + 1
    if unit == 0:
        return "1 byte" if count == 1 else f"{count} bytes"
    return f"{size:,.1f} {UNITS[unit]}"
