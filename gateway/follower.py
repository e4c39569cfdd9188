"""Follows a user's feed for one client, on whatever transport: nothing missing, nothing twice.

For a client that doesn't keep up nothing is kept here either: it falls behind, and once it has
taken what waits it is told the rest from the feed, page by page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from sys import getsizeof
from typing import Protocol

from gateway.background import spawn
from gateway.frame import cursor_of, job_frame, jobs_frame, split
from gateway.hub import Hub
from ringback import feeds
from ringback.connection import IN_A_CROWD, AsyncStore
from ringback.errors import StoreUnavailable
from ringback.feeds import Feed

PATIENCE = 30.0  #: seconds that catching up waits for the store
HELD = 32  #: frames that are kept while the feed is read


class Outlet(Protocol):
    """Where a client's frames go: its send queue, or what stands before that."""

    def offer(self, frame: str) -> None:
        """A job's frame."""

    def send(self, frame: str) -> None:
        """Any other frame."""

    def expect(self, view: str) -> None:
        """A view was sent whose receipt may matter."""

    def allow(self, size: int) -> None:
        """The client is owed ``size`` bytes at once."""

    @property
    def enough(self) -> bool:
        """Whether the client has enough to take for now."""

    def when_empty(self, then: Callable[[], None]) -> None:
        """Calls it once, when the client has taken all."""

    def barrier(self) -> None:
        """What was sent is to be proven."""


class Follower:
    """Puts into ``queue`` what its client lacks, then each event as it comes. ``cut`` is called
    where that can't go on: the client comes back by itself, and says how far it had come."""

    def __init__(
        self, user: str, queue: Outlet, hub: Hub, db: AsyncStore, cut: Callable[[], None]
    ) -> None:
        self._user = user
        self._queue = queue
        self._hub = hub
        self._db = db
        self._cut = cut
        self._held: list[str] | None = []  # frames that came before the feed was told
        self._missed = False  # whether events were lost while the feed was read
        self._behind = False  # whether what comes is dropped: the feed tells it later
        self._cursor, self._epoch, self._seq = "", "", 0
        self._feed: Feed | None = None
        self._closed = False

    async def open(self, since: str | None) -> bool:
        """Joins the channel, then reads the feed: no event can fall between the two. Whether the
        feed goes on from the client's cursor ``since``, so that its changes are all it lacks.

        Raises StoreUnavailable.
        """
        await self._hub.join(self._user, self)
        self._feed = await self._whole(since, IN_A_CROWD)
        if since is None or self._feed.reset:
            return False
        self._cursor = since
        return True

    def start_with_changes(self) -> None:
        """Tells what changed since the client's cursor as ``job`` events, and lives from now on."""
        self._replay(self._read())
        self._go_live()

    def start_with_all(self) -> None:
        """Tells what was read in one ``jobs`` event, and lives from now on."""
        self._snapshot(self._read())
        self._go_live()

    def close(self) -> None:
        """The client is gone, or follows another feed: nothing of this one comes any more."""
        self._closed = True
        self._hub.leave(self._user, self)

    def on_frame(self, frame: str) -> None:
        """A frame from the user's channel."""
        if self._behind:
            return
        if self._held is not None:
            self._hold(self._held, frame)
            return
        epoch, seq = split(cursor_of(frame))
        if epoch == self._epoch and seq <= self._seq:
            return  # the feed has told it already
        if self._queue.enough:
            self._fall_behind()
            return
        if epoch != self._epoch or seq > self._seq + 1:
            self._held = [frame]
            spawn(self._catch_up())
            return
        self._seq, self._cursor = seq, f"{epoch}:{seq}"
        self._queue.offer(frame)
        self._queue.barrier()

    def resync(self) -> None:
        """Events may have been missed: holds what comes until the feed has told them."""
        self._missed = True
        if self._behind or self._held is not None:
            return  # the feed is being read, or will be
        if self._queue.enough:
            self._fall_behind()
        else:
            self._go_on()

    def _hold(self, held: list[str], frame: str) -> None:
        held.append(frame)
        if len(held) > HELD:
            held.clear()
            self._behind = True

    def _fall_behind(self) -> None:
        self._behind = True
        self._queue.when_empty(self._go_on)

    def _go_on(self) -> None:
        if not self._closed:
            self._behind, self._held = False, []
            spawn(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            feed = await self._whole(self._cursor, PATIENCE)
        except StoreUnavailable:
            if not self._closed:
                self._cut()  # perhaps the client comes back to a node with a store
            return
        if self._closed:
            return
        if feed.reset:
            self._snapshot(feed)
        else:
            self._replay(feed)
        self._go_live()

    async def _whole(self, since: str | None, patience: float = 0.0) -> Feed:
        """The feed; read in turn, and once for all clients that had come as far."""
        read = partial(feeds.read, self._user, since)
        while True:
            self._missed = False
            feed = await self._db.share(("feed", self._user, since), read, patience)
            # lost connection: what came after this was read, and before the channel was back
            if not self._missed:
                return feed

    def _read(self) -> Feed:
        assert self._feed is not None, "open() comes first"
        feed, self._feed = self._feed, None  # the views needn't stay in memory
        return feed

    def _replay(self, feed: Feed) -> None:
        # only a page's last event carries its cursor: a client that is cut in between asks for all
        # of the page again
        last = len(feed.views)
        frames = [
            job_frame(view.decode(), feed.cursor if place == last else self._cursor)
            for place, view in enumerate(feed.views, 1)
        ]
        self._queue.allow(sum(map(getsizeof, frames)))
        for frame in frames:
            self._queue.offer(frame)
        self._reached(feed)

    def _snapshot(self, feed: Feed) -> None:
        views = [view.decode() for view in feed.views]
        frame = jobs_frame(views, feed.cursor, reset=feed.reset)
        self._queue.allow(getsizeof(frame))
        self._queue.send(frame)
        for view in views:
            self._queue.expect(view)
        self._reached(feed)

    def _reached(self, feed: Feed) -> None:
        self._cursor, self._epoch, self._seq = feed.cursor, feed.epoch, feed.seq
        self._queue.barrier()
        self._behind = self._behind or feed.more

    def _go_live(self) -> None:
        if self._missed:
            spawn(self._catch_up())
            return
        if self._behind:
            self._held = None
            self._fall_behind()
            return
        held, self._held = self._held or [], None
        for frame in held:
            self.on_frame(frame)
