"""The view: the JSON document of a job that clients get (JobView)."""

from __future__ import annotations

from typing import Any

from ringback.failure import Failure
from ringback.job import Job, Notice, Problem, State

JobView = dict[str, Any]


def view_of(job: Job) -> JobView:
    """The JobView of a job. Moments stay ``Instant``: the codec and the store write them out."""
    spec = job.spec
    return {
        "id": spec.id,
        "version": job.version,
        "type": spec.type,
        "title": spec.title,
        "state": job.state.value,
        "message": job.message,
        "promise": None if job.state.terminal else promise(job),
        "queue": _queue(job),
        "step": None if job.step is None else {
            "index": job.step.index, "count": job.step.count, "name": job.step.name},
        "progress": {
            "done": job.progress.done, "total": job.progress.total,
            "unit": spec.policy.unit, "eta": None},
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
        "can": {"cancel": False, "retry": []},
        "cancel_warning": None,
        "stalled": False,
        "email": None if job.notice is None else _email(job.notice),
        "retry_of": spec.retry_of,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "updated_at": job.updated_at,
        "finished_at": job.finished_at,
    }  # fmt: skip


def promise(job: Job) -> str:
    """What will happen, without an estimate that no runs back."""
    address = job.spec.owner.email
    if not address:
        return "You can leave this page and come back: the result will be here."
    return f"You can leave this page: we'll email {masked(address)} when it ends."


def masked(address: str) -> str:
    """``ada@example.com`` as ``a…@example.com``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _queue(job: Job) -> JobView | None:
    if job.state is not State.QUEUED:
        return None
    return {
        "ahead": None,
        "reason": job.reason or "Waiting for a free worker",
        "start_estimate": None,
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
