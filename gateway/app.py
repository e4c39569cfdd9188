"""The gateway's wiring, in one screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from gateway import pages
from gateway.api import Api
from gateway.auth import Tokens
from gateway.control import Controls
from gateway.dev import Dev
from gateway.hub import Hub
from gateway.problems import problems
from gateway.sockets import Sockets
from gateway.submit import Submissions
from gateway.uploads import Uploads
from ringback.connection import AsyncStore
from ringback.doorbell import Doorbells, new_broker
from ringback.settings import Settings

BODY_LIMIT = 65_536  #: bytes of a JSON body; uploads have their own limit


def make_app(settings: Settings) -> web.Application:
    """The gateway as an aiohttp application. Connects to nothing until it is started."""
    db, hub, tokens = AsyncStore(settings.store), Hub(settings.store), Tokens(settings)
    data_dir = settings.defaults.data_dir
    doorbells = Doorbells(new_broker(settings.broker))
    submissions, controls = Submissions(db, doorbells, settings.defaults), Controls(db, doorbells)
    api = Api(db, hub, tokens, submissions, controls)
    sockets = Sockets(db, hub, tokens, submissions, controls, settings.origins)

    app = web.Application(middlewares=[problems], client_max_size=BODY_LIMIT)
    app.add_routes(api.routes())
    app.add_routes(Uploads(db, api, data_dir, settings.max_upload).routes())
    app.add_routes(pages.routes(inbox=settings.dev))
    if settings.dev:
        app.add_routes(Dev(tokens, data_dir / "inbox").routes())
    sockets.server.attach(app)

    async def running(_: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(hub.run()), asyncio.ensure_future(sockets.keep_present())]
        yield
        for task in tasks:
            await _end(task)
        await sockets.server.shutdown()
        await db.close()

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(sockets.send_away)
    return app


async def _end(task: asyncio.Task[None]) -> None:
    while not task.done():
        # again and again: a cancel that meets redis-py while it connects can get lost
        task.cancel()
        await asyncio.wait({task}, timeout=1)
