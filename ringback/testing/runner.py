"""Runs a job as a worker would, in the thread of a test, and tells what became of it."""

from __future__ import annotations

import atexit
import mimetypes
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import orjson

from ringback import catalog, control, files, submission
from ringback import store as operations
from ringback.declare import DeclaredJob
from ringback.files import File
from ringback.job import Job, Owner, Scope, State
from ringback.pipeline import DeclaredPipeline
from ringback.submission import Defaults, Request
from ringback.testing.fake import FakeStore
from ringback.testing.outcome import Outcome
from ringback.testing.rehearsal import Event, Rehearsal

ADA = Owner(id="ada", email="ada@example.com", name="Ada")


def run_job(
    declared: DeclaredJob,
    *,
    params: Mapping[str, Any] | None = None,
    owner: Owner = ADA,
    events: Mapping[int, Event] | None = None,
    attempts: int | None = None,
    raising: bool = True,
    store: FakeStore | None = None,
) -> Outcome:
    """Submits a job and runs it to its end, attempt after attempt; no time is waited for.

    ``params`` are the job function's; a Path given for a ``File`` is uploaded first. ``events``
    tells what happens at the first checkpoint after so many items: ``{3: "cancel"}`` (by its
    user), ``"stop"`` (the worker is told to, as by SIGTERM), ``"crash"`` (the worker dies; what
    the attempt has counted since it began is forgotten). ``attempts`` ends the run early.
    ``store``: one in which other jobs ran before.

    An exception of the function's own that isn't a JobError is raised here; with
    ``raising=False`` it is handled as in production. Raises what ``submission.submit`` raises, and
    ValueError for an event that never came. Needs a thread without an event loop of its own where
    the job function is ``async``.

    Pipelines aren't run here (TypeError): test their steps one by one, and the plan by calling
    it, ``assert onboard(table="x") == sequence(…)``.
    """
    if isinstance(declared, DeclaredPipeline):
        name = declared.kind.name
        raise TypeError(f"{name} is a pipeline: run its steps, and call it for its plan")
    _check(events or {})
    db = store or FakeStore()
    db.do(catalog.declare([declared.kind]))
    given = _uploaded(db, declared, owner, params or {})
    request = Request(type=declared.kind.name, owner=owner, params=given)
    defaults = Defaults(grace_absent=5_000, grace_present=30_000, data_dir=_data_dir())
    job = db.do(submission.submit(request, defaults)).job
    worker = Rehearsal(db, _data_dir(), declared, events or {}, raising=raising)
    return _outcome(db, declared, _worked(db, worker, job, attempts), worker.started)


def _check(events: Mapping[int, Event]) -> None:
    for place, event in events.items():
        if not str(place).isdecimal() or event not in get_args(Event):
            known = ", ".join(map(repr, get_args(Event)))
            raise ValueError(f"events={{{place!r}: {event!r}}}: a number of items, and {known}")


def retry_job(
    outcome: Outcome,
    scope: Scope = "failed",
    *,
    events: Mapping[int, Event] | None = None,
    attempts: int | None = None,
    raising: bool = True,
) -> Outcome:
    """Does an ended job again as its user would, ``"all"`` of it or the ``"failed"`` items only.

    The rest is as in ``run_job``. Raises NotRetryable where the user couldn't either.
    """
    db, declared = outcome.store, outcome.declared
    db.clock.advance(operations.JUST_NOW / 1000)  # a second retry is no second click
    job = db.do(control.retry(outcome.job.id, scope=scope)).job
    worker = Rehearsal(db, _data_dir(), declared, events or {}, raising=raising)
    return _outcome(db, declared, _worked(db, worker, job, attempts), worker.started)


def _worked(db: FakeStore, worker: Rehearsal, job: Job, attempts: int | None) -> Job:
    """The job once it has ended, or has been started ``attempts`` times."""
    while not job.state.terminal and worker.started != attempts:
        job = _waited(db, job)
        if job.state is State.QUEUED:
            worker.run(job.id)
            job = db.do(operations.load(job.id))
        if worker.fault is not None:
            raise worker.fault
    if job.state.terminal and worker.to_come:
        came = f"the job ended after {job.counts.seen} {job.spec.policy.unit}"
        raise ValueError(f"{worker.to_come} never came: {came} and met no checkpoint after them")
    return job


def _waited(db: FakeStore, job: Job) -> Job:
    """The job when its time has come, by what the supervisor does then."""
    if job.state is State.QUEUED:
        return job
    at, change = db.clock.ms + operations.LEASE, Job.lease_expired
    if job.state is State.RETRYING and job.next_at is not None:
        at, change = job.next_at.ms, Job.due_again
    if job.deadline is not None and job.deadline.ms <= at:
        at, change = job.deadline.ms, Job.deadline_passed
    db.clock.reach(at)
    return db.do(operations.update(job, change))


def _uploaded(
    db: FakeStore, declared: DeclaredJob, owner: Owner, params: Mapping[str, Any]
) -> dict[str, Any]:
    given = dict(params)
    for name in declared.file_params:
        if isinstance(given.get(name), Path):
            given[name] = _upload(db, owner, given[name])
    return given


def _upload(db: FakeStore, owner: Owner, path: Path) -> str:
    file_id = files.new_file_id(owner.id)
    target = files.place(_data_dir(), file_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    file = File(
        id=file_id, name=path.name, size=path.stat().st_size, content_type=kind, path=target
    )
    db.do(files.record(owner.id, file))
    return file_id


def _outcome(db: FakeStore, declared: DeclaredJob, job: Job, attempts: int) -> Outcome:
    return Outcome(
        declared=declared,
        job=job,
        view=orjson.loads(db.do(operations.load_view(job.id, job.spec.owner.id))),
        history=db.do(operations.history(job.id)),
        files=_files(job),
        attempts=attempts,
        store=db,
    )


def _files(job: Job) -> tuple[Path, ...]:
    links = job.result.links if job.result is not None else ()
    ids = [link.url.rpartition("/")[2] for link in links if link.url.startswith("/api/v1/files/")]
    return tuple(files.place(_data_dir(), file_id) for file_id in ids)


@cache
def _data_dir() -> Path:
    """Where files lie, until the tests have ended."""
    path = Path(tempfile.mkdtemp(prefix="ringback-testing-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
