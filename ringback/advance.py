"""Moving a pipeline on: its steps' jobs are looked at, what comes next is submitted or stopped,
and its own job is written.

Guarantee: whoever dies at whatever point, and however many do it at once, each step has one job at
most, none begins that its pipeline hasn't decided on, and the pipeline comes to its end. What
begins next is written to the pipeline's job first, by version, so that all who look agree; only
then it is submitted, under an id that follows from the pipeline's and the step's number, by whoever
comes by.
News of a step and the duty to look after its pipeline are written by the same commit; the duty ends
only with a look that began after the news.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from ringback import census, saga, store, submission
from ringback.errors import JobNotFound
from ringback.job import Job, Spec, State
from ringback.keys import Call, due_key
from ringback.plan import Child, Part, child_id
from ringback.saga import child_of, moved, next_of
from ringback.store import RERING

News = dict[Part, Child]


def advance(job_id: str) -> Generator[Call, Any, list[Job]]:
    """Moves a pipeline as far as it goes now; the new jobs, for which somebody has to ring.

    A job that is gone, or isn't a pipeline with a plan, is left alone.
    """
    index = (due_key(job_id[:2], "parent"),)
    mark = yield Call("look", index, ("begin", job_id, RERING))
    try:
        created = yield from _advance((yield from store.load(job_id)))
    except JobNotFound:
        created = []
    yield Call("look", index, ("end", job_id, mark))
    return created


def _advance(job: Job) -> Generator[Call, Any, list[Job]]:
    created: list[Job] = []
    if job.course is None:
        return created
    if job.state.terminal:
        yield from _stop(job, job.course.active, created)
        return created
    news = yield from _look(job, created)
    while True:
        after = yield from store.update(job, partial(moved, news=news))
        yield from _learn(job, after)
        # died here: what was decided on isn't submitted yet; the successor's look does that
        yield from _submit_decided(after, created)
        to_stop = next_of(after).stop
        if after.state.terminal or not to_stop:
            return created
        job, news = after, (yield from _stop(after, to_stop, created))


def _look(job: Job, created: list[Job]) -> Generator[Call, Any, News]:
    """How the jobs stand that hadn't ended."""
    news: News = {}
    for part, known in _active(job):
        try:
            child = yield from _found(job, part, known, created)
            news[part] = child_of(child)
        except JobNotFound:
            news[part] = saga.lost(known)
    return news


def _submit_decided(job: Job, created: list[Job]) -> Generator[Call, Any, None]:
    for part, known in _active(job):
        if not known.version and not job.state.terminal:
            yield from _found(job, part, known, created)


def _stop(job: Job, parts: Iterable[Part], created: list[Job]) -> Generator[Call, Any, News]:
    """Stops jobs. One that was only decided on is submitted first: it can't come later, then."""
    news: News = {}
    for part, known in _active(job):
        if part not in parts:
            continue
        try:
            child = yield from _found(job, part, known, created)
            child = yield from store.update(child, partial(saga.halted, pipeline=job))
            news[part] = child_of(child)
        except JobNotFound:
            news[part] = saga.lost(known)
    return news


def _active(job: Job) -> list[tuple[Part, Child]]:
    assert job.course is not None
    course = job.course
    return [(part, child) for part in course.active if (child := course.at(part)) is not None]


def _found(job: Job, part: Part, known: Child, created: list[Job]) -> Generator[Call, Any, Job]:
    """The job of a part, submitted if nobody has seen it yet. Raises JobNotFound."""
    try:
        return (yield from store.load(known.id))
    except JobNotFound:
        if known.version:
            raise
    root = None if part.undo else (yield from _root(job, part, known.type))
    spec = _spec(job, part, known, root)
    spec = replace(spec, estimate=(yield from submission.estimate(spec.type)))
    submitted = yield from store.submit(spec)
    if submitted.created:
        created.append(submitted.job)
    return submitted.job


def _spec(job: Job, part: Part, known: Child, root: str | None) -> Spec:
    assert job.course is not None
    task = job.course.tasks[part.number]
    of = job.course.children[part.number]
    policy = task.undo if part.undo else task.policy
    assert policy is not None
    return Spec(
        id=known.id, type=known.type, title=known.title, owner=job.spec.owner, params=task.params,
        policy=policy, parent=job.id, undoes=of.id if part.undo and of is not None else None,
        root=root,
    )  # fmt: skip


def _root(job: Job, part: Part, kind: str) -> Generator[Call, Any, str | None]:
    """Whose idempotency keys a step of a retry goes on with: those of the last time that it was
    done; None where that was undone, for what is undone has to be done anew."""
    earlier = job.spec.retry_of
    while earlier is not None:
        try:
            pipeline = yield from store.load(earlier)
        except JobNotFound:
            return child_id(job.spec.root, part.number, kind) if job.spec.root else None
        course = pipeline.course
        done = course.children[part.number] if course and part.number < len(course.tasks) else None
        if course is not None and done is not None:
            undo = course.undone[part.number]
            if undo is not None and undo.state is State.SUCCEEDED:
                return None
            step = yield from store.load(done.id)
            return step.spec.root or step.id
        earlier = pipeline.spec.retry_of
    return None


def _learn(before: Job, after: Job) -> Generator[Call, Any, None]:
    well = after.state in (State.SUCCEEDED, State.PARTIAL) and not before.state.terminal
    if well and after.started_at and after.finished_at:
        yield from census.record_duration(
            after.spec.type, after.finished_at.ms - after.started_at.ms
        )
