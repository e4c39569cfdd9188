"""The thread that writes out running attempts' progress, renews their leases and tells that the
worker is there."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Lock, Thread

import structlog
from redis.exceptions import RedisError

from ringback import census, store
from ringback.census import WorkerBeat
from ringback.connection import Store
from ringback.errors import JobCancelled, LeaseLost, StoreUnavailable, WorkerStopping
from ringback.keys import uuid7
from ringback.run import Run

log = structlog.get_logger(__name__)

FLUSH_EVERY = 0.1  #: seconds
BEAT_EVERY = 5.0  #: seconds; users are told how many workers there are
RENEW_EVERY = 2.0  #: seconds; a function that tells no news hears of a cancel by then


class Keeper:
    """Keeps the attempts of one worker process that does jobs of ``types``, ``threads`` at once."""

    def __init__(self, db: Store, types: Sequence[str] = (), threads: int = 1) -> None:
        self._db = db
        self._beat = WorkerBeat(uuid7(), tuple(types), threads, 0)
        self._runs: dict[str, Run] = {}
        self._lock = Lock()
        self._stopping = False
        self._over = Event()
        self._thread = Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; attempts still running lose their leases in time."""
        self._over.set()
        self._thread.join()

    def drain(self) -> None:
        """Asks all attempts, and those that start from now on, to stop at a checkpoint."""
        with self._lock:
            self._stopping = True
            for run in self._runs.values():
                run.interrupt(WorkerStopping())
        with suppress(StoreUnavailable):  # then it is forgotten in time
            self._db.do(census.leave(self._beat.id))

    @contextmanager
    def keeping(self, run: Run) -> Iterator[None]:
        """Keeps an attempt while the body runs."""
        with self._lock:
            self._runs[run.job_id] = run
            if self._stopping:
                run.interrupt(WorkerStopping())
        try:
            yield
        finally:
            with self._lock:
                self._runs.pop(run.job_id, None)
            run.close()

    def _keep(self) -> None:
        renew, beat = _Every(RENEW_EVERY), _Every(BEAT_EVERY)
        self._tell(0)
        while not self._over.wait(FLUSH_EVERY):
            with self._lock:
                runs = list(self._runs.values())
            if renew.due():
                self._renew(runs)
            if beat.due():
                self._tell(len(runs))
            for run in runs:
                self._flush(run)

    def _tell(self, busy: int) -> None:
        if self._stopping:
            return
        with suppress(StoreUnavailable, RedisError):  # users then see fewer workers for a while
            self._db.do(census.beat(replace(self._beat, busy=busy)))

    def _flush(self, run: Run) -> None:
        try:
            run.flush()
        except Exception:
            # one job's odd data mustn't end the keeping of the others
            log.exception("keeper.flush", job=run.job_id)

    def _renew(self, runs: list[Run]) -> None:
        by_partition: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            by_partition[run.job_id[:2]].append(run)
        for partition, members in by_partition.items():
            self._renew_partition(partition, {run.job_id: run for run in members})

    def _renew_partition(self, partition: str, runs: dict[str, Run]) -> None:
        try:
            leases = [run.lease() for run in runs.values()]
            lost, cancelled = self._db.do(store.renew(partition, leases))
        except (StoreUnavailable, RedisError) as error:
            log.warning("keeper.renew", reason=str(error))
            return
        for run in runs.values():
            run.renewed()
        for job_id in lost:
            runs[job_id].interrupt(LeaseLost(job_id))
        for job_id in cancelled:
            runs[job_id].interrupt(JobCancelled(job_id))


class _Every:
    """Tells when so many seconds have passed again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
