"""``webhook.deliver``: sends a webhook what is due to it.

A ring names a webhook. Its deliveries are sent a few at once on an event loop beside the worker's
threads, so a slow receiver costs no thread, and other webhooks don't wait for it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from threading import Thread

import structlog

from ringback import delivery, webhook
from ringback.connection import AsyncStore, Store
from ringback.deliveries import AT_ONCE, Claim, Due, claim, release, settle, told
from ringback.doorbell import HOOK_QUEUE, TELL
from ringback.errors import StoreUnavailable
from ringback.settings import Settings
from ringback.worker import Actor
from tasks.webhook_post import TIMEOUT, Post

log = structlog.get_logger(__name__)

PATIENCE = 10.0  #: seconds that a deliverer waits for the store; a claim lasts longer
WEBHOOKS = 64  #: that one process serves at once; the supervisor rings again for others
TURN = 10.0  #: seconds after which a webhook with much to deliver makes place for others


class Deliverer:
    """Delivers for one process."""

    def __init__(self, db: AsyncStore, post: Post, source: str) -> None:
        self._db = db
        self._post = post
        self._source = source
        self.stopping = False

    async def deliver(self, webhook_id: str) -> None:
        """Sends what is due, if nobody else is at it."""
        token, until = secrets.token_hex(8), time.monotonic() + TURN
        while held := await self._db.do(claim(webhook_id, token), patience=PATIENCE):
            kept = await asyncio.gather(*(self._one(held, due) for due in held.due))
            if not all(kept):
                log.info("webhook.claim_lost", webhook=webhook_id)
                return
            if len(held.due) < AT_ONCE or self.stopping or time.monotonic() > until:
                await self._db.do(release(held), patience=PATIENCE)
                return

    async def _one(self, held: Claim, due: Due) -> bool:
        verdict, sent = await self._verdict(held, due)
        log.info(
            "webhook.outcome", webhook=held.webhook, delivery=due.id, state=verdict.state,
            status=verdict.status,
        )  # fmt: skip
        return await self._db.do(settle(held, due.id, verdict, sent=sent), patience=PATIENCE)

    async def _verdict(self, held: Claim, due: Due) -> tuple[delivery.Verdict, bool]:
        """What becomes of it, and whether a request was made."""
        if due.tries > delivery.TRIES:
            return delivery.dead(delivery.DIED, due.tries), False
        body = await self._body(held, due)
        if body is None:
            return delivery.dead(delivery.NO_JOB, due.tries), False
        headers = webhook.headers(due.id, body, held.secrets, held.now)
        answer = await self._post.send(held.url, body, headers)
        return delivery.judge(due.tries, held.now - due.at, answer), True

    async def _body(self, held: Claim, due: Due) -> bytes | None:
        _, subject = webhook.parts_of(due.id) or ("", "")
        if subject.startswith("test-"):
            return webhook.test_of(due.id, self._source, held.webhook, due.at)
        found = await self._db.do(told(subject), patience=PATIENCE)
        return found and webhook.event_of(due.id, self._source, *found)


class Service:
    """The deliverer on an event loop and a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._under_way: dict[str, Future[None]] = {}
        self._thread = Thread(target=self._loop.run_forever, name="webhooks", daemon=True)
        self._thread.start()
        self._deliverer = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def hear(self, webhook_id: str) -> None:
        """Starts to deliver to a webhook. A ring too many is dropped: the store knows what is due,
        and the supervisor rings again."""
        if webhook_id in self._under_way or len(self._under_way) >= WEBHOOKS:
            return
        work = asyncio.run_coroutine_threadsafe(self._deliver(webhook_id), self._loop)
        self._under_way[webhook_id] = work
        work.add_done_callback(lambda _: self._under_way.pop(webhook_id, None))

    def close(self) -> None:
        """Lets requests under way end, and starts no others."""
        self._deliverer.stopping = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> Deliverer:
        settings = self._settings
        self._db = AsyncStore(settings.store)
        self._post = Post(private=settings.private)
        await self._post.__aenter__()
        return Deliverer(self._db, self._post, settings.public_url)

    async def _deliver(self, webhook_id: str) -> None:
        try:
            await self._deliverer.deliver(webhook_id)
        except StoreUnavailable as error:
            # its claim ends, and it is due again
            log.warning("webhook.waits", webhook=webhook_id, reason=str(error))
        except Exception:
            log.exception("webhook.failed", webhook=webhook_id)

    async def _end(self) -> None:
        under_way = [asyncio.wrap_future(work) for work in list(self._under_way.values())]
        if under_way:
            await asyncio.wait(under_way, timeout=TIMEOUT + PATIENCE)
        await self._post.__aexit__(None, None, None)
        await self._db.close()


def _make(settings: Settings, _: Store, closing: ExitStack) -> Callable[[str], None]:
    service = Service(settings)
    closing.callback(service.close)
    return service.hear


webhook_deliver = Actor(TELL, HOOK_QUEUE, _make)
