"""Looking at another user's page: what its user sees, live, without leaving a mark on it.

A watch is no presence and no receipt of the watched user: its frames wait for no proof. They bear
no cursor either, so that the stock client goes on to recover its own feed by its own.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.frame import of_user, without_cursor
from gateway.sendqueue import SendQueue


class Window:
    """Stands between the follower of a watched feed and the queue of the client that looks on."""

    def __init__(self, queue: SendQueue, user: str) -> None:
        self._queue = queue
        self._user = user

    def offer(self, frame: str) -> None:
        """A job's frame."""
        self._queue.show(without_cursor(frame))

    def send(self, frame: str) -> None:
        """The ``jobs`` event; it says whose jobs they are."""
        self._queue.send(of_user(without_cursor(frame), self._user))

    def allow(self, size: int) -> None:
        """Looking at many jobs is no slowness."""
        self._queue.allow(size)

    @property
    def enough(self) -> bool:
        """Whether the feed should rather wait in the store."""
        return self._queue.enough

    def when_empty(self, then: Callable[[], None]) -> None:
        """Calls it once, when all that waits was taken."""
        self._queue.when_empty(then)

    def expect(self, view: str) -> None:
        """Proves nothing: it isn't the user who has it."""

    def barrier(self) -> None:
        """Nothing is to be proven."""
