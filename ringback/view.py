"""The view: the JSON document of a job that clients get (JobView)."""

from __future__ import annotations

from typing import Any

from ringback.estimate import usually
from ringback.failure import Failure
from ringback.instant import duration
from ringback.job import Job, Notice, Place, Problem, State
from ringback.plan import Child, Course, Task

JobView = dict[str, Any]

COME_BACK = "You can leave this page and come back: the result will be here."
UNKNOWN = Place(None, "Waiting for a free worker")


def view_of(job: Job) -> JobView:
    """The JobView of a job. Moments stay ``Instant``: the codec and the store write them out."""
    spec = job.spec
    return {
        "id": spec.id,
        "version": job.version,
        "type": spec.type,
        "title": spec.title,
        "severity": spec.policy.severity,
        "state": job.state.value,
        "message": _message(job),
        "promise": None if job.state.terminal or spec.parent else promise(job),
        "queue": _queue(job),
        "step": None if job.step is None else {
            "index": job.step.index, "count": job.step.count, "name": job.step.name},
        "progress": {
            "done": job.progress.done, "total": job.progress.total,
            "unit": spec.policy.unit,
            "eta": job.progress.eta if job.state is State.RUNNING else None},
        "counts": {
            "succeeded": job.counts.succeeded, "failed": job.counts.failed,
            "skipped": job.counts.skipped},
        "problems": [_problem(p) for p in job.problems],
        "error": None if job.error is None else _failure(job.error),
        "result": None if job.result is None else {
            "summary": job.result.summary,
            "links": [{"label": link.label, "url": link.url} for link in job.result.links]},
        "attempt": {
            "number": job.attempt, "max": spec.policy.max_attempts,
            "next_at": job.next_at, "reason": job.reason},
        "can": {"cancel": _can_cancel(job), "retry": list(job.scopes)},
        "cancel_warning": _cancel_warning(job),
        "stalled": bool(job.silent) or _cancels_late(job),
        "email": None if job.notice is None else _email(job.notice),
        "retry_of": spec.retry_of,
        "parent": spec.parent,
        "children": _children(job),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "updated_at": job.updated_at,
        "finished_at": job.finished_at,
    }  # fmt: skip


def promise(job: Job) -> str:
    """What will happen, and how long it usually takes where enough runs back that."""
    return f"{_how_long(job)}{_how_told(job)}"


def _how_long(job: Job) -> str:
    estimate = job.spec.estimate
    if estimate is None:
        return ""
    told = usually(estimate)
    return f"This takes longer than usual. {told} " if job.slow else f"{told} "


def _how_told(job: Job) -> str:
    address = job.spec.owner.email
    if not address:
        return COME_BACK
    if job.choice == "never":
        return f"{COME_BACK} You turned off emails about jobs like this one."
    if job.unreachable:
        return f"{COME_BACK} No email follows: those to {masked(address)} have been stopped."
    return f"You can leave this page: we'll email {masked(address)} when it ends."


def masked(address: str) -> str:
    """``ada@example.com`` as ``a…@example.com``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _message(job: Job) -> str:
    if _cancels_late(job):
        return "Still finishing: the job hasn't reached a point where it can stop."
    if job.silent:
        return f"Still working, no news for {duration(job.silent)}. {job.message}".strip()
    return job.message


def _cancels_late(job: Job) -> bool:
    return job.cancel is not None and job.cancel.late and _active(job)


def _can_cancel(job: Job) -> bool:
    waits_or_runs = _active(job) and job.state is not State.CANCELLING
    return waits_or_runs and job.spec.policy.cancellable and job.spec.parent is None


def _cancel_warning(job: Job) -> str | None:
    if not _active(job):
        return None
    told = [job.spec.policy.cancel_warning or ""]  # or why it can't be cancelled
    if job.step is not None and not job.step.cancellable:
        told.append(f"“{job.step.name}” can't be interrupted; the job stops after it, or ends.")
    return " ".join(filter(None, told)) or None


def _children(job: Job) -> list[JobView] | None:
    if job.spec.policy.on_failure is None:
        return None
    return [] if job.course is None else _steps(job.course)


def _steps(course: Course) -> list[JobView]:
    """The steps in the plan's order (id and state null: not begun), then what undid some."""
    steps = [_child(c, t) for c, t in zip(course.children, course.tasks, strict=True)]
    return [*steps, *(_child(undo) for undo in course.undone if undo is not None)]


def _child(child: Child | None, task: Task | None = None) -> JobView:
    if child is None:
        assert task is not None
        child = Child(id="", type=task.type, title=task.title)
    return {
        "id": child.id or None, "type": child.type, "title": child.title,
        "state": child.state.value if child.id else None, "message": child.message,
        "counts": {
            "succeeded": child.counts.succeeded, "failed": child.counts.failed,
            "skipped": child.counts.skipped},
        "attempt": {
            "number": child.attempt, "max": child.attempts, "next_at": child.next_at,
            "reason": child.reason},
        "error": None if child.error is None else _failure(child.error),
    }  # fmt: skip


def _active(job: Job) -> bool:
    return not job.state.terminal


def _queue(job: Job) -> JobView | None:
    if job.state is not State.QUEUED:
        return None
    place = job.place or UNKNOWN
    return {
        "ahead": place.ahead,
        "reason": job.reason or place.reason,
        "start_estimate": place.start_estimate,
    }


def _problem(problem: Problem) -> JobView:
    return {
        "code": problem.code, "outcome": problem.outcome, "count": problem.count,
        "message": problem.message, "action": problem.action, "examples": list(problem.examples),
    }  # fmt: skip


def _failure(error: Failure) -> JobView:
    return {
        "code": error.code, "category": error.category, "message": error.message,
        "action": error.action, "retryable": error.retryable, "ref": error.ref,
    }  # fmt: skip


def _email(notice: Notice) -> JobView:
    state = "waiting" if notice.state == "sending" else notice.state
    return {"state": state, "reason": notice.reason, "at": notice.at}
