"""What a job function holds: its steps, items, progress and result.

The function only moves counters; a keeper thread writes them out (at most ten commits a second,
the last state always), renews the lease, and learns from its writes of cancels and lost leases,
which the function meets as an ``Interrupted`` at its next checkpoint.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import structlog

from ringback import files, store
from ringback.connection import Store
from ringback.errors import (
    SHORT,
    Interrupted,
    JobCancelled,
    JobError,
    LeaseLost,
    StoreUnavailable,
    WorkerStopping,
    whole,
)
from ringback.estimate import remaining, rounded
from ringback.external import External, Services
from ringback.files import File
from ringback.instant import NOW, Instant
from ringback.item import Item, Key
from ringback.job import Counts, Job, Link, Owner, Progress, Result, State, Step
from ringback.store import LEASE, Flaws
from ringback.tally import ItemRecord, Tally, record_of

T = TypeVar("T")
Source = Iterable[T] | Callable[[int], Iterable[T]]
AsyncSource = AsyncIterable[T] | Callable[[int], AsyncIterable[T]]

CONFIRM_AGAIN = 1.0  #: seconds between two questions to a store that doesn't answer
MOST = 2**53 - 1  #: of a count: the largest whole number that JavaScript holds
SENTENCE = 500  #: characters of a message
LAST_WRITE = 600.0  #: seconds that the outcome of a job waits for the store to come back
FORGOTTEN = "Which items failed is no longer known: the job that this one retries was deleted."
ALL_AGAIN = "Nothing was done. Submit a new job for all of them."

log = structlog.get_logger(__name__)


class Run:
    """One attempt of a job, as its function sees it.

    Every call but plain reading is a checkpoint: it raises ``Interrupted`` (JobCancelled,
    WorkerStopping, LeaseLost) once the attempt has to stop.
    """

    def __init__(self, db: Store, job: Job, data_dir: Path, services: Services) -> None:
        self.data_dir = data_dir
        self.tally = Tally(job)
        self._db = db
        self._job = job
        self._services = services
        self._began, self._begun_at = time.monotonic(), 0
        self._wanted = self._to_redo(job)
        self._fence = job.fence
        self._writing = Lock()
        self._written: dict[str, Any] = {}
        self._message = ""
        self._step: Step | None = None
        self._cancellable = True
        self._done: Callable[[], int] | None = None
        self._progress = job.progress
        self._kept = job.kept
        self._looping = False
        self._within = 0  #: how many steps lie around what is done now
        self._renewed_at = time.monotonic()
        self._interrupt: Interrupted | None = None
        self._on_interrupt: Callable[[], object] | None = None
        self._on_raise: Callable[[], object] | None = None
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
    def undoes(self) -> str | None:
        """In a function that compensates: the id of the job that it undoes."""
        return self._job.spec.undoes

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
            files.make_room(self._workspace)
            self._workspace.mkdir(mode=0o700)
        return self._workspace

    # -- telling how it goes

    def message(self, text: str) -> None:
        """What is going on, in a few words for the user."""
        self.checkpoint()
        self._message = whole(text, SENTENCE)

    def kept(self, text: str) -> None:
        """What is done and stays if the job is stopped from here on, as one sentence; without it
        the user is told how many items were done."""
        self.checkpoint()
        self._kept = whole(text)

    @contextmanager
    def step(self, name: str, *, cancellable: bool = True) -> Iterator[None]:
        """A named part of the job; a cancel waits for the end of one that isn't cancellable."""
        self.checkpoint()
        index = 1 if self._step is None else self._step.index + 1
        name, protected = whole(name, SHORT), not self._cancellable
        around = (self._step, self._message) if self._within else None
        # what lies within a step that can't be interrupted can't be, either
        self._step = Step(index, self._job.spec.policy.steps, name, cancellable and not protected)
        self._message = name
        if not cancellable:  # the last moment to hear of a cancel, and to say that it is
            with suppress(StoreUnavailable):
                self._write(0)
            self.checkpoint()
        self._cancellable = cancellable and not protected
        self._within += 1
        try:
            yield
        finally:
            self._within -= 1
            self._cancellable = not protected
            if around is not None:
                self._step, self._message = around
            self._nudge()

    def progress(self, done: int, total: int | None = None) -> None:
        """``done`` of ``total`` (None: unknown) units, for work that has no items."""
        self.checkpoint()
        done, total = _count("done", done), _count("total", total)
        self._done, self._progress = None, Progress(done or 0, total)

    def items(
        self,
        values: Source[T],
        *,
        key: Key[T] = None,
        total: int | None = None,
        progress: Callable[[], int] | None = None,
    ) -> Iterator[Item[T]]:
        """Yields each value as an Item and counts how it went.

        A later attempt goes on after the items that are finished, with their counts (but for job
        types with ``resume=False``): the function has to give the same values in the same order,
        or be a function of the place to start from, for sources that can seek.

        ``key`` names an item. ``progress`` tells how much of ``total`` is done where that isn't
        the number of items (bytes read, say). Loops may follow one another, but not lie within
        each other: RuntimeError.
        """
        place = self._start_items(total, progress)
        rest = values(place) if callable(values) else islice(values, place, None)
        self._looping = True
        try:
            for value in rest:
                self.checkpoint()
                item = Item(self.tally, value, key, place, self._root)
                place += 1
                if not self._skips(item):
                    yield item
                    self._settle(item)
        finally:
            self._end_items()

    def aitems(
        self, values: AsyncSource[T], *, key: Key[T] = None, total: int | None = None
    ) -> AsyncIterator[Item[T]]:
        """``items`` for ``async for``."""
        return _AsyncItems(self, values, key, total)

    def _start_items(self, total: int | None, progress: Callable[[], int] | None) -> int:
        if self._looping:  # a later attempt couldn't tell which of the inner loops it goes on with
            raise RuntimeError("run.items within run.items; make it one loop, or one after another")
        if self._wanted is not None and not self._wanted:
            raise JobError(FORGOTTEN, code="items_forgotten", action=ALL_AGAIN)
        total = _count("total", total)
        place = self.tally.next_loop()
        self._done = progress or self.tally.behind
        if self._wanted is not None:  # what isn't wanted is passed over, and isn't progress
            total = sum(loop == self.tally.loop for loop, _ in self._wanted)
            self._done = lambda: min(self.tally.counts().seen, total or 0)
        self._began, self._begun_at = time.monotonic(), self._done()
        self._progress = Progress(self._begun_at, total)
        return place

    def _end_items(self) -> None:
        self._looping = False
        if self._done is not None:  # what it looks at, a file say, may be closed from here on
            self._progress, self._done = replace(self._progress, done=self._how_far()), None

    def _skips(self, item: Item[Any]) -> bool:
        if self._wanted is None or (self.tally.loop, item.key) in self._wanted:
            return False
        self.tally.pass_over()
        return True

    def _settle(self, item: Item[Any]) -> None:
        if not item.marked:
            item.marked = True  # who keeps the item can't have it counted a second time
            self.tally.succeed()

    def wanted(self, key: str) -> bool:
        """Whether the item ``key`` is this job's work: False where the job is a retry of failed
        items only, and this wasn't one. ``items`` asks by itself."""
        return self._wanted is None or any(key == wanted for _, wanted in self._wanted)

    def failed_items(self) -> Iterator[ItemRecord]:
        """This job's failed items so far, those of earlier attempts included (10,000 at most)."""
        self._write(LAST_WRITE)  # the store may have been away for the latest
        for text in self._db.do(store.items(self.job_id, "failed"), patience=LAST_WRITE):
            yield record_of(text)

    def recount(self, *, succeeded: int, failed: int, skipped: int) -> None:
        """Replaces the counts, where an earlier attempt is found to have done the work: for job
        types with ``resume=False``, whose attempts don't go on from each other's counts."""
        if self._job.spec.policy.resume:
            raise RuntimeError("run.recount is for job types with resume=False")
        self.checkpoint()
        self.tally.recount(Counts(succeeded, failed, skipped))

    def external(
        self,
        service: str,
        *,
        label: str | None = None,
        failures: tuple[type[Exception], ...] = (),
    ) -> External:
        """``with run.external("stripe"):`` around calls to a service that may fail.

        While it is known to be down, for any worker, the job waits for it, which costs no
        attempt. ``label``: its name for users. ``failures``: errors of a client library that mean
        a failing service and aren't OSErrors, ``aiohttp.ClientError`` say. Works with ``async
        with``, too.
        """
        self.checkpoint()
        return self._services.external(service, label=label, failures=failures)

    def publish_file(self, path: Path, *, name: str, label: str, content_type: str) -> Link:
        """Moves a file to where the owner can download it; the link belongs into the result."""
        self.checkpoint()
        file_id = files.new_file_id(self.owner.id)
        target = files.place(self.data_dir, file_id)
        files.make_room(target)
        size = path.stat().st_size
        shutil.move(path, target)
        file = File(id=file_id, name=whole(name), size=size, content_type=content_type, path=target)
        self._db.do(files.record(self.owner.id, file, self.job_id), patience=LAST_WRITE)
        return Link(label, file.url)

    def result(self, summary: str, links: Sequence[Link] = ()) -> Result:
        """What the function returns: one sentence, and links."""
        return Result(whole(summary), tuple(_checked(link) for link in links))

    # -- the worker's side

    def checkpoint(self) -> None:
        """Raises ``Interrupted`` if the attempt has to stop; costs next to nothing."""
        if time.monotonic() - self._renewed_at > LEASE / 1000:
            self._confirm()
        if self._interrupt is not None and self._may_stop():
            if self._on_raise is not None:
                self._on_raise()
            raise self._interrupt

    def renewed(self) -> None:
        """The store has just extended the lease."""
        self._renewed_at = time.monotonic()

    def _confirm(self) -> None:
        # asleep past the lease: another attempt may be at it, and the keeper may not know yet
        self._renewed_at += CONFIRM_AGAIN
        with suppress(StoreUnavailable):
            lost, _ = self._db.do(store.renew(self.job_id[:2], [self.lease()]))
            self.renewed()
            if lost:
                self.interrupt(LeaseLost(self.job_id))

    def interrupt(self, reason: Interrupted) -> None:
        """Asks the function to stop at its next checkpoint. A lost lease outranks the others; a
        stopping worker is no reason where the job couldn't be started again."""
        if isinstance(reason, WorkerStopping) and not self._job.spec.policy.idempotent:
            return
        if self._interrupt is None or isinstance(reason, LeaseLost):
            self._interrupt = reason
            self._nudge()

    @property
    def interrupted(self) -> Interrupted | None:
        """Why the attempt has to stop, if it has to."""
        return self._interrupt

    def on_interrupt(self, nudge: Callable[[], object], met: Callable[[], object]) -> None:
        """``nudge`` wakes a function that may be waiting elsewhere than at a checkpoint; ``met`` is
        called where it has met the interrupt at one."""
        self._on_interrupt, self._on_raise = nudge, met
        self._nudge()

    def _nudge(self) -> None:
        if self._on_interrupt is not None and self._interrupt is not None and self._may_stop():
            self._on_interrupt()

    def flush(self) -> None:
        """Writes what has changed. The keeper calls it ten times a second; a store that is away
        is no reason to stop: the next flush carries it all."""
        if not self._writing.acquire(blocking=False):
            return  # the function writes its end and waits for the store: others are to be kept
        try:
            with suppress(StoreUnavailable):
                self._put(0)
        finally:
            self._writing.release()

    def _write(self, patience: float) -> None:
        with self._writing:
            self._put(patience)

    def _put(self, patience: float) -> None:
        changes, flaws = self._snapshot()
        news = _news(changes)
        if news == self._written or isinstance(self._interrupt, LeaseLost):
            return
        change = store.update(
            self._job, lambda j: j.advanced(**changes), held=self._fence, flaws=flaws
        )
        try:
            self._adopt(self._db.do(change, patience))
        except LeaseLost as lost:
            self.interrupt(lost)
            return
        self._written = news
        self.tally.written(flaws)

    def finish(self, ending: Callable[[Job], Job]) -> Job:
        """Writes how the attempt ended, however long the store is away (up to ten minutes).

        Raises LeaseLost where the attempt was replaced.
        """
        with self._writing:
            changes, flaws = self._snapshot()
            # the version we know may be older than the cancel that a renewal told us of
            known = self.job_id if isinstance(self._interrupt, JobCancelled) else self._job
            change = store.update(
                known, lambda j: ending(j.advanced(**changes)), held=self._fence, flaws=flaws
            )
            self._job = self._db.do(change, patience=LAST_WRITE)
            return self._job

    def abandon(self, ending: Callable[[Job], Job]) -> Job:
        """Writes an end without the attempt's last news, where those can't be written."""
        with self._writing:
            change = store.update(self.job_id, ending, held=self._fence)
            return self._db.do(change, patience=LAST_WRITE)

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

    def _snapshot(self) -> tuple[dict[str, Any], Flaws]:
        tallied, flaws = self.tally.snapshot()
        done = self._how_far()
        changes = {
            "message": self._message, "step": self._step, "counts": tallied.counts,
            "problems": tallied.problems, "marks": tallied.marks, "kept": self._kept,
            "progress": Progress(done, _least(self._progress.total, done), self._eta(done)),
        }  # fmt: skip
        return changes, flaws

    def _how_far(self) -> int:
        if self._done is None:
            return self._progress.done
        try:
            return self._done()
        except Exception:
            # the author's function, asked at a moment that doesn't suit it, mustn't keep the job
            # from ending
            log.warning("run.progress", job=self.job_id, exc_info=True)
            return self._progress.done

    def _eta(self, done: int) -> Instant | None:
        elapsed, before = round((time.monotonic() - self._began) * 1000), self._begun_at
        total = self._progress.total and self._progress.total - before
        left = remaining(done - before, total, elapsed, self._job.spec.estimate)
        return None if left is None else NOW.after(rounded(left))

    @property
    def _root(self) -> str:
        return self._job.spec.root or self._job.id

    def _to_redo(self, job: Job) -> frozenset[tuple[int, str]] | None:
        if job.spec.items_of is None:
            return None
        found = self._db.do(store.items(job.spec.items_of, "failed"), patience=LAST_WRITE)
        return frozenset((record.loop, record.key) for record in map(record_of, found))


def _news(changes: dict[str, Any]) -> dict[str, Any]:
    """What is worth a write. An ETA moves by itself: it comes along, or a job that hangs would
    seem to tell something."""
    return {**changes, "progress": replace(changes["progress"], eta=None)}


def _count(name: str, value: object) -> Any:
    """A whole number that clients can read. Raises TypeError, ValueError."""
    if value is None and name == "total":
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be a whole number")
    if not 0 <= value <= MOST:
        raise ValueError(f"{name}={value!r} must be from 0 to {MOST:,}")
    return value


def _least(total: int | None, done: int) -> int | None:
    return None if total is None else max(total, done)


def _checked(link: Link) -> Link:
    """Raises ValueError for what a page must not open."""
    web = link.url.startswith(("https://", "http://"))
    if not web and (not link.url.startswith("/") or link.url.startswith("//")):
        raise ValueError(f"{link.url!r} must be an http(s) URL or a path of this site")
    return Link(whole(link.label, SHORT), whole(link.url))


class _AsyncItems(AsyncIterator[Item[T]]):
    """``Run.aitems``. No generator: one that was left by `break` would end some time later only,
    and the next loop couldn't tell whether it lies within this one."""

    def __init__(self, run: Run, values: AsyncSource[T], key: Key[T], total: int | None) -> None:
        self._run = run
        self._values = values
        self._key = key
        self._total = total
        self._item: Item[T] | None = None
        self._open = False

    def __aiter__(self) -> AsyncIterator[Item[T]]:
        run = self._run
        self._place = self._behind = run._start_items(self._total, None)
        values = self._values
        if callable(values):
            values, self._behind = values(self._place), 0
        self._rest = aiter(values)
        self._open = run._looping = True
        return self

    async def __anext__(self) -> Item[T]:
        if self._item is not None:
            self._run._settle(self._item)
        try:
            self._item = await self._next()
        except BaseException:
            self.close()
            raise
        return self._item

    async def _next(self) -> Item[T]:
        run = self._run
        while True:
            value = await anext(self._rest)
            run.checkpoint()
            if self._behind:  # an earlier attempt has finished it
                self._behind -= 1
                continue
            item = Item(run.tally, value, self._key, self._place, run._root)
            self._place += 1
            if not run._skips(item):
                return item

    def close(self) -> None:
        """The loop is over."""
        self._item = None
        if self._open:
            self._open = False
            self._run._end_items()

    async def aclose(self) -> None:
        """As ``close``, for contextlib.aclosing."""
        self.close()

    def __del__(self) -> None:
        self.close()
