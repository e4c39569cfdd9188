"""The thread that writes out running attempts' progress and renews their leases."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

import structlog

from ringback import store
from ringback.connection import Store
from ringback.errors import LeaseLost, StoreUnavailable, WorkerStopping
from ringback.run import Run

log = structlog.get_logger(__name__)

FLUSH_EVERY = 0.1  #: seconds
RENEW_EVERY = 5.0  #: seconds; a third of the lease


class Keeper:
    """Keeps the attempts of one worker process."""

    def __init__(self, db: Store) -> None:
        self._db = db
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
        renewed = time.monotonic()
        while not self._over.wait(FLUSH_EVERY):
            with self._lock:
                runs = list(self._runs.values())
            if time.monotonic() - renewed >= RENEW_EVERY:
                renewed = time.monotonic()
                self._renew(runs)
            for run in runs:
                self._flush(run)

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
            lost = self._db.do(store.renew(partition, [run.lease() for run in runs.values()]))
        except StoreUnavailable as error:
            log.warning("keeper.renew", reason=str(error))
            return
        for job_id in lost:
            runs[job_id].interrupt(LeaseLost(job_id))
