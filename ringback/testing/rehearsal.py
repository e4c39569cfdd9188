"""A worker in the test's own thread: the code that runs attempts, and what happens to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from ringback import control
from ringback.attempt import Attempts
from ringback.connection import Store
from ringback.declare import DeclaredJob
from ringback.errors import JobCancelled, JobError, NotCancellable, WorkerStopping
from ringback.job import Job, Result
from ringback.keeper import Keeper
from ringback.run import Run

#: What may happen to a job while it runs: its user cancels it; its worker is told to stop, and
#: stops at a checkpoint; its worker dies without a word.
Event = Literal["cancel", "stop", "crash"]


class Crash(BaseException):
    """The worker is dead: no code of it may run any more."""


class Rehearsal(Attempts):
    """Runs attempts of one job as a worker process does, but for the keeper's thread: progress is
    written when an attempt ends, and nothing is written by one that crashes.

    ``raising``: an exception that no author foresaw is a crash too, and ``fault`` is that.
    """

    def __init__(
        self,
        db: Store,
        data_dir: Path,
        declared: DeclaredJob,
        events: Mapping[int, Event],
        *,
        raising: bool,
    ) -> None:
        name = declared.kind.name
        super().__init__(db, Keeper(db, [name], 1), data_dir, {name: declared})
        self.started = 0  #: how often the function was
        self.to_come = dict(events)
        self.fault: Exception | None = None
        self._raising = raising

    def run(self, job_id: str) -> None:
        try:
            super().run(job_id)
        except* Crash:  # a group: the function had a TaskGroup
            pass

    def _open(self, job: Job) -> Run:
        return WatchedRun(self._db, job, self._data_dir, self._services, look=self._look)

    def _call(self, run: Run, declared: DeclaredJob, job: Job) -> Result | None:
        self.started += 1
        try:
            return super()._call(run, declared, job)
        except Exception as error:
            if self._raising and not isinstance(error, JobError):
                self.fault = error
                raise Crash from error
            raise

    def _look(self, run: Run) -> None:
        """Lets happen what is due by the number of finished items."""
        for items in sorted(self.to_come):
            if items <= run.counts.seen:
                self._happen(self.to_come.pop(items), run)

    def _happen(self, event: Event, run: Run) -> None:
        match event:
            case "cancel":
                with suppress(NotCancellable):  # the user is told, and the job goes on
                    self._db.do(control.cancel(run.job_id))
                    run.flush()  # by which a worker learns of it
                    run.interrupt(JobCancelled(run.job_id))
            case "stop":
                run.interrupt(WorkerStopping())
            case "crash":
                raise Crash


class WatchedRun(Run):
    """A Run that lets ``look`` see it at each checkpoint."""

    def __init__(self, *whole: Any, look: Callable[[Run], None]) -> None:
        super().__init__(*whole)
        self._look = look

    def checkpoint(self) -> None:
        self._look(self)
        super().checkpoint()
