"""One client's socket: what it is sent, and what it proves to have received."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.background import spawn
from gateway.frame import Proof, cursor_of, job_frame, jobs_frame, split
from gateway.hub import Hub
from gateway.sendqueue import SendQueue
from ringback import feeds, store
from ringback.connection import AsyncStore
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.feeds import Feed
from ringback.job import Owner

log = structlog.get_logger(__name__)

PATIENCE = 30.0  #: seconds that receipts and catching up wait for the store
CURSOR = re.compile(r"[0-9a-f]{1,16}:\d{1,15}")


@dataclass(frozen=True, slots=True)
class Resume:
    """What a client says of its past: ``pid`` and ``offset`` (native recovery of the stock
    client), or ``since`` (a cursor the app kept across page loads)."""

    pid: str | None = None
    offset: str | None = None
    since: str | None = None
    explicit: bool = False  #: ``receipts: "seen"``: this client's pongs prove nothing

    @classmethod
    def from_auth(cls, auth: dict[str, object]) -> Resume:
        """Reads the CONNECT packet's payload; what is malformed counts as absent."""
        pid = auth.get("pid")
        return cls(
            pid=pid if isinstance(pid, str) else None,
            offset=_cursor(auth.get("offset")),
            since=_cursor(auth.get("since")),
            explicit=auth.get("receipts") == "seen",
        )


def _cursor(text: object) -> str | None:
    return text if isinstance(text, str) and CURSOR.fullmatch(text) else None


class Session:
    """Pushes a user's events to one socket, from CONNECT to its end."""

    def __init__(
        self, owner: Owner, queue: SendQueue, hub: Hub, db: AsyncStore, cut: Callable[[], None]
    ) -> None:
        self.owner = owner
        self.user = owner.id
        self.pid = new_pid(owner.id)
        self.away = False
        self.expiry: asyncio.TimerHandle | None = None
        self._queue = queue
        self._hub = hub
        self._db = db
        self._cut = cut
        self._held: list[str] | None = []  # frames that came before the feed was pushed
        self._cursor, self._epoch, self._seq = "", "", 0
        self._prelude: tuple[Feed, bool] | None = None

    async def open(self, resume: Resume) -> None:
        """Joins the channel, then reads the feed: no event can fall between the two.

        Raises StoreUnavailable.
        """
        self._queue.proving = not resume.explicit
        await self._hub.join(self.user, self)
        recover = resume.offset if owns_pid(self.user, resume.pid) else None
        feed = await self._db.do(feeds.read(self.user, recover or resume.since))
        if recover and not feed.reset and resume.pid:
            self.pid, self._cursor = resume.pid, recover
        self._prelude = (feed, bool(recover) and not feed.reset)

    def start(self) -> None:
        """The CONNECT ack is queued: pushes what the client lacks, and from now on lives."""
        assert self._prelude is not None
        (feed, recovered), self._prelude = self._prelude, None
        if recovered:
            self._replay(feed)
        else:
            self._snapshot(feed)
        self._go_live()

    def close(self) -> None:
        """The socket is gone."""
        self._hub.leave(self.user, self)
        if self.expiry is not None:
            self.expiry.cancel()

    def on_frame(self, frame: str) -> None:
        """A frame from the user's channel."""
        if self._held is not None:
            self._held.append(frame)
            return
        epoch, seq = split(cursor_of(frame))
        if epoch == self._epoch and seq <= self._seq:
            return  # the feed has told it already
        if epoch != self._epoch or seq > self._seq + 1:
            self._held = [frame]
            spawn(self._catch_up())
            return
        self._seq, self._cursor = seq, f"{epoch}:{seq}"
        self._queue.offer(frame)
        self._queue.barrier()

    def resync(self) -> None:
        """Events may have been missed: holds what comes until the feed has told them."""
        if self._held is None:
            self._held = []
            spawn(self._catch_up())

    def prove(self) -> None:
        """A pong came."""
        proofs = self._queue.proven()
        if proofs:
            spawn(self._record(proofs))

    async def _catch_up(self) -> None:
        try:
            feed = await self._db.do(feeds.read(self.user, self._cursor), PATIENCE)
        except StoreUnavailable:
            self._cut()  # the client comes back by itself, perhaps to a node with a store
            return
        if feed.reset:
            self._snapshot(feed)
        else:
            self._replay(feed)
        self._go_live()

    def _replay(self, feed: Feed) -> None:
        # only the last event carries the new cursor: a client that is cut in between asks for
        # all of it again
        self._queue.allow(sum(map(len, feed.views)))
        for place, view in enumerate(feed.views, 1):
            cursor = feed.cursor if place == len(feed.views) else self._cursor
            self._queue.offer(job_frame(view.decode(), cursor))
        self._reached(feed)

    def _snapshot(self, feed: Feed) -> None:
        self._queue.allow(sum(map(len, feed.views)))
        views = [view.decode() for view in feed.views]
        self._queue.send(jobs_frame(views, feed.cursor, reset=feed.reset))
        for view in views:
            self._queue.expect(view)
        self._reached(feed)

    def _reached(self, feed: Feed) -> None:
        self._cursor, self._epoch, self._seq = feed.cursor, feed.epoch, feed.seq
        self._queue.barrier()

    def _go_live(self) -> None:
        held, self._held = self._held or [], None
        for frame in held:
            self.on_frame(frame)

    async def _record(self, proofs: list[Proof]) -> None:
        for proof in proofs:
            await self.received(proof.job_id, proof.version)

    async def received(self, job_id: str, version: int) -> None:
        """Books the receipt of a terminal view by the transport."""
        change = store.update(job_id, lambda job: job.received(version, "pong"))
        try:
            await self._db.do(change, PATIENCE)
        except (StoreUnavailable, JobNotFound) as error:
            log.warning("receipt.lost", job=job_id, reason=str(error))


def new_pid(user: str) -> str:
    """The private session id that the stock client sends back to recover; good for this user
    only, on any node."""
    nonce = secrets.token_hex(6)
    return f"{nonce}.{_mark(nonce, user)}"


def owns_pid(user: str, pid: str | None) -> bool:
    """Whether ``pid`` was given to this user. (Not a secret: the token says who may see what. A
    page that signs in as somebody else must not go on from the other's cursor.)"""
    nonce, _, mark = (pid or "").partition(".")
    return bool(nonce) and mark == _mark(nonce, user)


def _mark(nonce: str, user: str) -> str:
    return hashlib.sha256(f"{nonce} {user}".encode()).hexdigest()[:12]
