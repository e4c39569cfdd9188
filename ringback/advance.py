"""Moving a pipeline on: its steps' jobs are looked at, what comes next is submitted or stopped,
and its own job is written.

Guarantee: whoever dies at whatever point, and however many do it at once, each step has one job
(its id follows from the pipeline's and the step's number), and the pipeline comes to its end. News
of a step and the duty to look after its pipeline are written by the same commit; the duty ends only
with a look that began after the news.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from ringback import census, saga, store, submission
from ringback.declare import undo_of
from ringback.errors import JobNotFound
from ringback.job import Job, Spec, State
from ringback.keys import Call, child_id, due_key
from ringback.plan import Child, Part
from ringback.saga import child_of, moved, next_of
from ringback.store import RERING

News = dict[Part, Child]


def advance(job_id: str) -> Generator[Call, Any, list[Job]]:
    """Moves a pipeline as far as it goes now; the jobs for which somebody has to ring.

    A job that is gone, or isn't a pipeline with a plan, is left alone.
    """
    index = (due_key(job_id[:2], "parent"),)
    mark = yield Call("look", index, ("begin", job_id, RERING))
    try:
        waiting = yield from _advance((yield from store.load(job_id)))
    except JobNotFound:
        waiting = []
    yield Call("look", index, ("end", job_id, mark))
    return waiting


def _advance(job: Job) -> Generator[Call, Any, list[Job]]:
    if job.course is None:
        return []
    if job.state.terminal:
        yield from _stop(job, job.course.active)
        return []
    waiting: list[Job] = []
    while True:
        news = yield from _look(job)
        waiting += yield from _do(job, news)
        after = yield from store.update(job, partial(moved, news=news))
        if after.state.terminal or next_of(after).idle:
            yield from _learn(job, after)
            return waiting
        job = after  # somebody else moved it meanwhile, and there is more to do


def _do(job: Job, news: News) -> Generator[Call, Any, list[Job]]:
    """Does what comes next, and adds what came of it to the news; the jobs that wait."""
    waiting: list[Job] = []
    while not (ahead := moved(job, news)).state.terminal:
        todo = next_of(ahead)
        if todo.idle:
            break
        started = yield from _start(ahead, todo.start)
        waiting += [child for child in started.values() if child.state is State.QUEUED]
        news |= {part: child_of(child) for part, child in started.items()}
        news |= yield from _stop(ahead, todo.stop)
    return waiting


def _look(job: Job) -> Generator[Call, Any, News]:
    news: News = {}
    assert job.course is not None
    for part in job.course.active:
        known = job.course.at(part)
        assert known is not None
        try:
            news[part] = child_of((yield from store.load(known.id)))
        except JobNotFound:
            news[part] = saga.lost(known)
    return news


def _start(job: Job, parts: Iterable[Part]) -> Generator[Call, Any, dict[Part, Job]]:
    started = {}
    for part in parts:
        spec = _spec(job, part)
        spec = replace(spec, estimate=(yield from submission.estimate(spec.type)))
        # died after this and before the pipeline's commit: the successor finds the same job
        submitted = yield from store.submit(spec)
        started[part] = submitted.job
    return started


def _stop(job: Job, parts: Iterable[Part]) -> Generator[Call, Any, News]:
    news: News = {}
    assert job.course is not None
    for part in parts:
        known = job.course.at(part)
        assert known is not None
        try:
            child = yield from store.update(known.id, lambda child: saga.halted(child, job))
            news[part] = child_of(child)
        except JobNotFound:
            news[part] = saga.lost(known)
    return news


def _spec(job: Job, part: Part) -> Spec:
    assert job.course is not None
    task = job.course.tasks[part.number]
    kind, title, policy, undoes = task.type, task.title, task.policy, None
    if part.undo:
        done = job.course.children[part.number]
        assert task.undo is not None
        assert done is not None
        kind, title, policy, undoes = undo_of(kind), f"Undoing “{title}”", task.undo, done.id
    name = f"{part.number}:{kind}"
    return Spec(
        id=child_id(job.id, name), type=kind, title=title, owner=job.spec.owner,
        params=task.params, policy=policy, parent=job.id, undoes=undoes,
        root=child_id(job.spec.root, name) if job.spec.root else None,
    )  # fmt: skip


def _learn(before: Job, after: Job) -> Generator[Call, Any, None]:
    well = after.state in (State.SUCCEEDED, State.PARTIAL) and not before.state.terminal
    if well and after.started_at and after.finished_at:
        yield from census.record_duration(
            after.spec.type, after.finished_at.ms - after.started_at.ms
        )
