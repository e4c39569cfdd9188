"""One attempt of a job: claim, run the function, write how it ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from ringback import advance, census, files, store, traces
from ringback.connection import Store
from ringback.declare import DeclaredJob
from ringback.errors import (
    CircuitOpen,
    ExternalError,
    Interrupted,
    JobCancelled,
    JobError,
    JobNotFound,
    LeaseLost,
    PlanError,
    StoreUnavailable,
    WorkerStopping,
)
from ringback.external import Services, no_answer
from ringback.failure import Failure, failure_of
from ringback.job import Job, Policy, Result, State
from ringback.keeper import Keeper
from ringback.pipeline import DeclaredPipeline
from ringback.run import Run

#: What a function may raise that would end a process or a task: it ends the attempt only.
NOT_OURS = (
    SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, BaseExceptionGroup,
)  # fmt: skip
COMPLETE = (State.SUCCEEDED, State.PARTIAL)
SPREAD = 3_000  #: ms over which jobs that waited for a service come back
LONGEST_WAIT = 86_400  #: seconds for which a service may put off the next attempt
CLAIM_PATIENCE = 15.0  #: seconds, a lease; a claim whose reply was lost must not cost an attempt

log = structlog.get_logger(__name__)


class Attempts:
    """Runs attempts for one worker process; threads share it."""

    def __init__(
        self,
        db: Store,
        keeper: Keeper,
        data_dir: Path,
        jobs: Mapping[str, DeclaredJob],
        ring: Callable[[Job], object] = lambda _: None,
    ) -> None:
        self._db = db
        self._ring = ring  #: for the steps of pipelines; unheard, the supervisor rings in time
        self._keeper = keeper
        self._data_dir = data_dir
        self._jobs = jobs
        self._services = Services(db)
        self.handed_back: list[Job] = []  #: by a stopping worker, which is to ring for them

    def run(self, job_id: str) -> None:
        """Answers a doorbell. A job that isn't queued, or isn't known here, is left alone: rings
        may come late, twice, or to the wrong worker."""
        try:
            job = self._db.do(store.load(job_id))
            if job.spec.type not in self._jobs:
                return
            claimed = self._db.do(store.update(job, _claim), patience=CLAIM_PATIENCE)
        except (NotQueued, JobNotFound, StoreUnavailable) as error:
            log.debug("doorbell.ignored", job=job_id, reason=str(error))
            return
        self._attempt(claimed)

    def _attempt(self, job: Job) -> None:
        run = self._open(job)
        declared = self._jobs[job.spec.type]
        with self._keeper.keeping(run):
            ending = self._ending(run, declared, job)
            if ending is None:
                return
            try:
                ended = run.finish(ending)
                log.info("attempt.ended", job=job.id, attempt=job.attempt, state=ended.state.value)
                self._then(ended)
            except LeaseLost:
                log.warning("attempt.lost", job=job.id, attempt=job.attempt)
            except Exception as error:
                # what the function left can't be written: no reason to leave the user waiting
                self._abandon(run, job, error)

    def _abandon(self, run: Run, job: Job, error: Exception) -> None:
        try:
            run.abandon(self._failed(error, job))
        except LeaseLost:
            log.warning("attempt.lost", job=job.id, attempt=job.attempt)

    def _open(self, job: Job) -> Run:
        return Run(self._db, job, self._data_dir, self._services)

    def _then(self, ended: Job) -> None:
        if ended.state is State.QUEUED:
            self.handed_back.append(ended)
        whole = ended.spec.scope == "all"  # the failed items alone say nothing about the others
        if whole and ended.state in COMPLETE and ended.started_at and ended.finished_at:
            took = ended.finished_at.ms - ended.started_at.ms
            with suppress(StoreUnavailable):  # one run less to learn from
                self._db.do(census.record_duration(ended.spec.type, took))
        pipeline = ended.id if ended.course is not None else ended.spec.parent
        if pipeline is not None:
            self._move_on(pipeline)

    def _move_on(self, pipeline: str) -> None:
        # only sooner than the supervisor would: it finds what we can't do, or die over
        with suppress(StoreUnavailable):
            for job in self._db.do(advance.advance(pipeline)):
                self._ring(job)

    def _ending(self, run: Run, declared: DeclaredJob, job: Job) -> Callable[[Job], Job] | None:
        try:
            if isinstance(declared, DeclaredPipeline):
                course = declared.course(self._arguments(declared, job))
                return lambda j: j.planned(course)
            result = self._call(run, declared, job)
        except LeaseLost:
            log.warning("attempt.lost", job=job.id, attempt=job.attempt)
            return None
        except JobCancelled:
            return Job.stopped
        except WorkerStopping:
            return _hand_back
        except CircuitOpen as circuit:
            return self._paused(circuit, job)
        except (Exception, *NOT_OURS) as error:
            return self._failed(error, job)
        return lambda j: j.ended(result)

    def _failed(self, error: BaseException, job: Job) -> Callable[[Job], Job]:
        with suppress(StoreUnavailable):  # the log has it, too
            self._db.do(traces.keep(job, error))
        return _failing(error, job)

    def _paused(self, circuit: CircuitOpen, job: Job) -> Callable[[Job], Job]:
        if not job.spec.policy.idempotent:  # it has begun, and can't begin again once it is up
            return self._failed(no_answer(circuit.label, circuit), job)
        return _pausing(circuit)

    def _call(self, run: Run, declared: DeclaredJob, job: Job) -> Result | None:
        kwargs = self._arguments(declared, job)
        try:
            called = declared.function(run, **kwargs)
            result = asyncio.run(_awaited(called, run)) if declared.is_async else called
        except BaseExceptionGroup as group:
            raise _foremost(group) from group
        if result is not None and not isinstance(result, Result):
            kind = type(result).__name__
            raise TypeError(f"{declared.kind.name} returned {kind}, not run.result(…)")
        return result and run.result(result.summary, result.links)

    def _arguments(self, declared: DeclaredJob, job: Job) -> dict[str, Any]:
        params = declared.typed(dict(job.spec.params))
        for name in declared.file_params:
            if params.get(name) is not None:
                find = files.find(params[name], job.spec.owner.id, self._data_dir)
                params[name] = self._db.do(find, patience=10)
        return params


async def _awaited(function: Awaitable[Any], run: Run) -> Any:
    """The function's result. An interrupt cancels what it waits for, and is raised in its place."""
    task = asyncio.ensure_future(function)
    alarm = _Alarm(task, asyncio.get_running_loop())
    run.on_interrupt(alarm.ring, alarm.met)
    try:
        return await task
    except asyncio.CancelledError:
        if run.interrupted is None:
            raise RuntimeError("the function cancelled itself") from None
        raise run.interrupted from None
    finally:
        run.on_interrupt(_nothing, _nothing)  # the loop is about to close


class _Alarm:
    """Cancels what a function waits for, once: a second time would end what it does to clean up."""

    def __init__(self, task: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._task, self._loop = task, loop
        self._heard = False

    def ring(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._cancel)

    def met(self) -> None:
        """The function has run into a checkpoint, unless it was a task that it started."""
        self._heard |= asyncio.current_task(self._loop) is self._task

    def _cancel(self) -> None:
        if not self._heard:
            self._heard = True
            self._task.cancel()


def _foremost(group: BaseExceptionGroup[Any]) -> BaseException:
    """What a group (an asyncio.TaskGroup's, say) comes down to: the reason to stop if there is one,
    else words for the user, else the group as it is."""
    for kind in (LeaseLost, Interrupted, JobError):
        found: BaseException | None = group.subgroup(kind)
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        if found is not None:
            return found
    return group


def _nothing() -> None:
    """Nobody waits any more."""


class NotQueued(Exception):
    """The job needs no attempt now."""


def _claim(job: Job) -> Job:
    # redelivered message: another worker has claimed it, perhaps between our look and our commit
    if job.state is not State.QUEUED:
        raise NotQueued(f"it is {job.state}")
    return job.claimed()


def _hand_back(job: Job) -> Job:
    return job.stopped() if job.state is State.CANCELLING else job.handed_back()


def _failing(error: BaseException, job: Job) -> Callable[[Job], Job]:
    ref = f"{job.id[-12:]}.{job.attempt}"
    failure = failure_of(error, ref)
    foreseen = isinstance(error, JobError) and not isinstance(error, PlanError)
    if foreseen:  # by the job's author; the user is told what to do
        log.info("attempt.failed", job=job.id, ref=ref, code=failure.code)
    else:
        log.error("attempt.failed", job=job.id, ref=ref, reason=f"ref {ref}", exc_info=error)
    least = _asked_for(error)
    return lambda j: _fail_or_retry(j, failure, least)


def _asked_for(error: BaseException) -> int:
    """The wait (ms) that a service asked for, a day at most; headers may hold any number."""
    seconds = error.retry_after if isinstance(error, ExternalError) else None
    return int(min(seconds, LONGEST_WAIT) * 1000) if seconds and seconds > 0 else 0


def _pausing(circuit: CircuitOpen) -> Callable[[Job], Job]:
    delay = circuit.retry_in + random.randint(0, SPREAD)  # not all of them at the same moment

    def pause(job: Job) -> Job:
        return job.stopped() if job.state is State.CANCELLING else job.paused(circuit.label, delay)

    return pause


def _fail_or_retry(job: Job, failure: Failure, least: int = 0) -> Job:
    policy = job.spec.policy
    again = failure.retryable and policy.idempotent and job.attempts_left
    if again and job.state is State.RUNNING:
        return job.retry_later(failure, max(least, backoff(policy, job.attempt)))
    return job.failed(failure)


def backoff(policy: Policy, attempt: int) -> int:
    """Milliseconds before the attempt after ``attempt``: exponential, capped, full jitter."""
    ceiling = min(policy.backoff_cap, policy.backoff_base * 2 ** min(attempt, 30))
    return random.randint(policy.backoff_base, max(policy.backoff_base, ceiling))
