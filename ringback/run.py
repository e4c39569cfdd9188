"""What a job function holds: its steps, items, progress and result.

The function only moves counters; a keeper thread writes them out (at most ten commits a second,
the last state always), renews the lease, and learns from its writes of cancels and lost leases,
which the function meets as an ``Interrupted`` at its next checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from ringback import files, store
from ringback.connection import Store
from ringback.errors import (
    Interrupted,
    JobCancelled,
    LeaseLost,
    StoreUnavailable,
    whole,
)
from ringback.files import File
from ringback.item import Item, Key, Tally
from ringback.job import Counts, Job, Link, Owner, Progress, Result, State, Step

T = TypeVar("T")

LAST_WRITE = 600.0  #: seconds that the outcome of a job waits for the store to come back


class Run:
    """One attempt of a job, as its function sees it.

    Every call but plain reading is a checkpoint: it raises ``Interrupted`` (JobCancelled,
    WorkerStopping, LeaseLost) once the attempt has to stop.
    """

    def __init__(self, db: Store, job: Job, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.tally = Tally()
        self._db = db
        self._job = job
        self._fence = job.fence
        self._writing = Lock()
        self._written: dict[str, Any] = {}
        self._message = ""
        self._step: Step | None = None
        self._cancellable = True
        self._done: Callable[[], int] | None = None
        self._progress = Progress()
        self._interrupt: Interrupted | None = None
        self._workspace: Path | None = None

    # -- what it is

    @property
    def job_id(self) -> str:
        """``<partition>-<uuid7>``."""
        return self._job.id

    @property
    def owner(self) -> Owner:
        """Whose job it is."""
        return self._job.spec.owner

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._job.attempt

    @property
    def counts(self) -> Counts:
        """Item outcomes so far."""
        return self.tally.counts()

    @property
    def workspace(self) -> Path:
        """A directory of this attempt's own, empty at first, removed afterwards."""
        if self._workspace is None:
            root = self.data_dir / "work"
            for left in root.glob(f"{self.job_id}.*"):  # by attempts that were killed
                shutil.rmtree(left, ignore_errors=True)
            self._workspace = root / f"{self.job_id}.{self._fence}"
            self._workspace.mkdir(parents=True)
        return self._workspace

    # -- telling how it goes

    def message(self, text: str) -> None:
        """What is going on, in a few words for the user."""
        self.checkpoint()
        self._message = whole(text)

    @contextmanager
    def step(self, name: str, *, cancellable: bool = True) -> Iterator[None]:
        """A named part of the job."""
        self.checkpoint()
        index = 1 if self._step is None else self._step.index + 1
        name = whole(name)
        self._step = Step(index, self._job.spec.policy.steps, name, cancellable)
        self._message, self._cancellable = name, cancellable
        try:
            yield
        finally:
            self._cancellable = True

    def progress(self, done: int, total: int | None = None) -> None:
        """``done`` of ``total`` (None: unknown) units, for work that has no items."""
        self.checkpoint()
        self._done, self._progress = None, Progress(done, total)

    def items(
        self,
        values: Iterable[T],
        *,
        key: Key[T] = None,
        total: int | None = None,
        progress: Callable[[], int] | None = None,
    ) -> Iterator[Item[T]]:
        """Yields each value as an Item and counts how it went.

        ``key`` names an item in the examples of problems. ``progress`` tells how much of
        ``total`` is done where that isn't the number of items (bytes read, say).
        """
        self._start_items(total, progress)
        for value in values:
            self.checkpoint()
            item = Item(self.tally, value, key)
            yield item
            if not item.marked:
                self.tally.succeeded += 1

    async def aitems(
        self,
        values: AsyncIterable[T],
        *,
        key: Key[T] = None,
        total: int | None = None,
    ) -> AsyncIterator[Item[T]]:
        """``items`` for ``async for``."""
        self._start_items(total, None)
        async for value in values:
            self.checkpoint()
            item = Item(self.tally, value, key)
            yield item
            if not item.marked:
                self.tally.succeeded += 1

    def _start_items(self, total: int | None, progress: Callable[[], int] | None) -> None:
        before = self.counts.seen
        self._done = progress or (lambda: self.tally.counts().seen - before)
        self._progress = Progress(0, total)

    def recount(self, *, succeeded: int, failed: int, skipped: int) -> None:
        """Replaces the counts, where an earlier attempt is found to have done the work."""
        self.checkpoint()
        self.tally.succeeded, self.tally.failed, self.tally.skipped = succeeded, failed, skipped

    def publish_file(self, path: Path, *, name: str, label: str, content_type: str) -> Link:
        """Moves a file to where the owner can download it; the link belongs into the result."""
        self.checkpoint()
        file_id = files.new_file_id(self.owner.id)
        target = files.place(self.data_dir, file_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size
        shutil.move(path, target)
        file = File(id=file_id, name=whole(name), size=size, content_type=content_type, path=target)
        self._db.do(files.record(self.owner.id, file), patience=LAST_WRITE)
        return Link(label, file.url)

    def result(self, summary: str, links: Sequence[Link] = ()) -> Result:
        """What the function returns: one sentence, and links."""
        return Result(whole(summary), tuple(Link(whole(x.label), x.url) for x in links))

    # -- the worker's side

    def checkpoint(self) -> None:
        """Raises ``Interrupted`` if the attempt has to stop; costs next to nothing."""
        if self._interrupt is not None and self._may_stop():
            raise self._interrupt

    def interrupt(self, reason: Interrupted) -> None:
        """Asks the function to stop at its next checkpoint. A lost lease outranks the others."""
        if self._interrupt is None or isinstance(reason, LeaseLost):
            self._interrupt = reason

    def flush(self) -> None:
        """Writes what has changed. The keeper calls it ten times a second; a store that is away
        is no reason to stop: the next flush carries it all."""
        with self._writing:
            changes = self._snapshot()
            if changes == self._written or isinstance(self._interrupt, LeaseLost):
                return
            try:
                change = store.update(self._job, lambda j: j.advanced(**changes), held=self._fence)
                self._adopt(self._db.do(change))
                self._written = changes
            except StoreUnavailable:
                return
            except LeaseLost as lost:
                self.interrupt(lost)

    def finish(self, ending: Callable[[Job], Job]) -> Job:
        """Writes how the attempt ended, however long the store is away (up to ten minutes).

        Raises LeaseLost where the attempt was replaced.
        """
        with self._writing:
            changes = self._snapshot()
            change = store.update(
                self._job, lambda j: ending(j.advanced(**changes)), held=self._fence
            )
            self._job = self._db.do(change, patience=LAST_WRITE)
            return self._job

    def lease(self) -> tuple[str, int]:
        """What the keeper renews."""
        return self.job_id, self._fence

    def close(self) -> None:
        """Removes the workspace."""
        if self._workspace is not None:
            shutil.rmtree(self._workspace, ignore_errors=True)

    def _may_stop(self) -> bool:
        return self._cancellable or isinstance(self._interrupt, LeaseLost)

    def _adopt(self, job: Job) -> None:
        self._job = job
        if job.state is State.CANCELLING:
            self.interrupt(JobCancelled(job.id))

    def _snapshot(self) -> dict[str, Any]:
        counts = self.tally.counts()
        done = self._done() if self._done is not None else self._progress.done
        return {
            "message": self._message, "step": self._step, "counts": counts,
            "progress": Progress(done, self._progress.total), "problems": self.tally.problems(),
        }  # fmt: skip
