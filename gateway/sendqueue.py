"""What waits to be written to one client: bounded, conflated, and with proof of arrival.

The transport keeps its order, so a client that answers an Engine.IO ping has received all that
was queued before it. Every ping that passes through here is such a barrier, the heartbeat's too.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from sys import getsizeof
from typing import Any

from engineio import packet

from gateway.frame import Proof, is_progress, job_of, proof_of
from gateway.meter import Meter

ENOUGH = 1 << 16  #: bytes waiting from which on the feed is left to wait where it is: in the store
LIMIT = 1 << 17  #: bytes that may wait before a slow client's transport is closed


class SendQueue(asyncio.Queue[Any]):
    """An asyncio.Queue of Engine.IO packets (the hooks below are its documented ones)."""

    size = 0  #: bytes
    taken = 0  #: items, ever
    limit = LIMIT
    proving = True  #: whether pongs of this client count as receipts
    overflow: Callable[[], None] | None = None  #: called once the client is too slow to be kept
    _due = False  # whether there is anything to do when nothing waits any more,
    _then: Callable[[], None] | None = None  # such as this, once

    def _init(self, maxsize: int) -> None:  # noqa: ARG002 (the base's; the bound is in bytes)
        self._queue: OrderedDict[object, Any] = OrderedDict()
        self.meter = Meter()  # the node's own comes with the transport
        self._unproven: list[Proof] = []
        self._barriers: deque[list[Proof]] = deque()

    def _put(self, item: Any) -> None:
        if item is not None and item.packet_type == packet.PING:
            self._barriers.append(self._unproven)
            self._unproven = []
        self._queue[getattr(item, "key", None) or object()] = item
        self.size += _weight(item)
        if self.size > self.limit and self.overflow is not None:
            self.overflow()

    def _get(self) -> Any:
        _, item = self._queue.popitem(last=False)
        self.size -= _weight(item)
        self.taken += 1
        if self._due and not self._queue:
            self._emptied()
        return item

    def _emptied(self) -> None:
        self._due = False
        self.limit = LIMIT
        then, self._then = self._then, None
        if then is not None:
            then()

    def offer(self, frame: str) -> None:
        """Queues a job's frame, and notes what its receipt will prove."""
        self.show(frame)
        self.expect(frame)

    def show(self, frame: str) -> None:
        """Queues a job's frame that proves nothing. Progress of the same job that still waits is
        dropped: the new view says more, and it goes last, so the client's cursor never runs ahead
        of its views."""
        key = job_of(frame)
        dropped = self._queue.pop(key, None)
        if dropped is not None:
            self.size -= _weight(dropped)
            self.task_done()
            self.meter.conflated += 1
        self.meter.pushed += 1
        self.put_nowait(_Frame(frame, key if is_progress(frame) else None))

    def allow(self, size: int) -> None:
        """Makes room for ``size`` bytes that the client is owed at once, until it has taken them:
        having been away, or having many jobs, is no slowness."""
        self.limit = max(self.limit, self.size + size + LIMIT)
        self._due = True

    @property
    def enough(self) -> bool:
        """Whether so much waits that what is in the feed should rather wait there."""
        return self.size > ENOUGH

    def when_empty(self, then: Callable[[], None]) -> None:
        """Calls it once, when the client has taken all that waits."""
        self._then, self._due = then, True
        if not self._queue:
            self._emptied()

    def expect(self, view: str) -> None:
        """Notes that ``view`` was queued; where its receipt matters, a barrier is due."""
        proof = proof_of(view) if self.proving else None
        if proof is not None:
            self._unproven.append(proof)

    def send(self, frame: str) -> None:
        """Queues any other frame."""
        self.meter.pushed += 1
        self.put_nowait(_Frame(frame))

    def barrier(self) -> None:
        """Queues a ping if there is something to prove."""
        if self._unproven:
            self.put_nowait(packet.Packet(packet.PING))

    @property
    def owed(self) -> bool:
        """Whether a pong will prove something."""
        return bool(self._unproven) or any(self._barriers)

    def proven(self) -> list[Proof]:
        """A pong came: what it proves. (One that nobody asked for proves nothing.)"""
        return self._barriers.popleft() if self._barriers else []


class _Frame(packet.Packet):  # type: ignore[misc]  # engineio ships no types
    """A message, encoded already; ``key``: the job whose later views may take its place."""

    def __init__(self, frame: str, key: str | None = None) -> None:
        super().__init__(packet.MESSAGE)
        self.encode_cache = frame
        self.weight = getsizeof(frame)
        self.key = key


def _weight(item: Any) -> int:
    if isinstance(item, _Frame):
        return item.weight
    text = getattr(item, "encode_cache", None) or getattr(item, "data", None)
    return getsizeof(text) if isinstance(text, str) else 0
