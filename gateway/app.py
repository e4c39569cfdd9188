"""The gateway's wiring, in one screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from gateway import background, pages
from gateway.api import Api
from gateway.auth import Tokens
from gateway.bounces import Bounces
from gateway.control import Controls
from gateway.dev import Dev
from gateway.documents import DOCUMENTS, Documents
from gateway.drain import Drain
from gateway.endpoint import routes
from gateway.events import Events
from gateway.handouts import HandoutPage
from gateway.hub import Hub
from gateway.limits import Limits
from gateway.metrics import Metrics
from gateway.ops import Ops
from gateway.preferences import PreferencesApi
from gateway.presence import Presence
from gateway.problems import BODY_LIMIT, problems
from gateway.proofs import Proofs
from gateway.publishing import Publishing
from gateway.revocations import Revocations
from gateway.revoking import Revoking
from gateway.shield import Shield
from gateway.sockets import Sockets
from gateway.sse import Streams
from gateway.studio import Studio
from gateway.submit import Submissions
from gateway.support import Support
from gateway.suppressions import Suppressions
from gateway.unsubscribe import Unsubscribe
from gateway.uploads import Uploads
from gateway.webhooks import OpsWebhooks, Webhooks
from letters.people import Sender
from ringback.connection import AsyncStore
from ringback.doorbell import Doorbells, new_broker
from ringback.errors import StoreUnavailable
from ringback.handout import Handouts
from ringback.library import Library
from ringback.settings import Settings
from ringback.unsubscribe import Links

DRAIN = web.AppKey("drain", Drain)
FINISH_WITHIN = 5.0  #: seconds, once all clients have gone, for what they set off: receipts, say


def make_app(settings: Settings) -> web.Application:
    """The gateway as an aiohttp application. Connects to nothing until it is started."""
    db, hub = AsyncStore(settings.store), Hub(settings.store)
    revocations = Revocations(db)
    tokens = Tokens(settings, revocations)
    data_dir = settings.defaults.data_dir
    doorbells = Doorbells(new_broker(settings.broker))
    limits = Limits(db, settings.limit_submits, settings.limit_events)
    submissions = Submissions(db, doorbells, settings.defaults, limits)
    controls = Controls(db, doorbells, limits)
    presence = Presence(db, settings.limit_connections)
    events = Events(db, tokens, presence, limits, submissions, controls)
    sockets = Sockets(db, hub, tokens, presence, revocations, events, settings)
    ops = Ops(db, doorbells)
    streams = Streams(db, hub, presence, revocations)
    sender = Sender(settings.email_from, settings.public_url, settings.support)
    proofs, library = Proofs(settings.templates, sender, live=settings.dev), Library()
    endpoints = [
        *Api(db, hub, submissions, controls).endpoints(),
        *Revoking(db, revocations).endpoints(),
        *Uploads(db, data_dir, settings.max_upload).endpoints(),
        *Support(db, doorbells).endpoints(),
        *ops.endpoints(),
        *Suppressions(db).endpoints(),
        *Bounces(db, settings.bounce_token).endpoints(),
        *streams.endpoints(),
        *PreferencesApi(db, settings.email_window).endpoints(),
        *Webhooks(db, private=settings.private).endpoints(),
        *OpsWebhooks(db, private=settings.private).endpoints(),
        *Studio(db, proofs, library, limits, saves=settings.dev).endpoints(),
        *Publishing(db, proofs, library, limits, saves=settings.dev).endpoints(),
    ]
    metrics = Metrics(sockets.server.meter, db, hub, sockets, ops)

    drain = Drain(settings.drain)
    drain.add(sockets)
    drain.add(streams)

    middlewares = [metrics.middleware(), problems, drain.guard]
    app = web.Application(middlewares=middlewares, client_max_size=BODY_LIMIT)
    app[DRAIN] = drain
    app.add_routes([*routes(endpoints, tokens), metrics.route(tokens, settings.metrics_token)])
    app[DOCUMENTS] = Documents(endpoints, events.table(), settings.public_url)
    app.add_routes(app[DOCUMENTS].routes())
    app.add_routes(pages.routes(inbox=settings.dev))
    app.add_routes(Unsubscribe(db, Links(settings.links, settings.public_url)).routes())
    handouts = Handouts(settings.links, settings.public_url)
    app.add_routes(HandoutPage(db, handouts, data_dir).routes())
    if settings.dev:
        app.add_routes(Dev(tokens, data_dir / "inbox").routes())
    sockets.server.attach(app)
    Shield(settings).protect(app)

    async def running(_: web.Application) -> AsyncIterator[None]:
        with suppress(StoreUnavailable):  # then it is tried again, and until then nobody gets in
            await revocations.read()
        work = (
            hub.run(), revocations.run(), tokens.keys.run(), presence.keep(), streams.look(),
            sockets.server.cut_stalled(),
        )  # fmt: skip
        tasks = [asyncio.ensure_future(each) for each in work]
        yield
        await background.finish(FINISH_WITHIN)
        for task in tasks:
            await _end(task)
        await sockets.server.shutdown()
        await presence.close()
        await proofs.close()
        await db.close()

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(sockets.cut_all)
    app.on_shutdown.append(streams.end_all)
    return app


async def _end(task: asyncio.Task[None]) -> None:
    while not task.done():
        # again and again: a cancel that meets redis-py while it connects can get lost
        task.cancel()
        await asyncio.wait({task}, timeout=1)
