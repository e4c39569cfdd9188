"""What is worth remembering of a change: state changes, attempts and the way of the notice."""

from __future__ import annotations

from typing import Any

from ringback.instant import NOTICE_DUE, NOW
from ringback.job import TRANSITIONS, Job, State
from ringback.plan import Course


def entry_of(before: Job | None, after: Job) -> dict[str, Any] | None:
    """The history entry of a change, or None where it was mere progress."""
    if before is None:
        return _entry(after, "submitted")
    if before.state is not after.state:
        entry = _entry(after, _what(before, after))
        waits = after.notice is not None and after.notice.at == NOTICE_DUE
        return {**entry, "due": NOTICE_DUE} if waits else entry
    if after.cancel is not None and before.cancel != after.cancel:
        return _entry(after, "the cancel takes long")
    if (before.silent, before.slow) != (after.silent, after.slow) and (after.silent or after.slow):
        return _entry(after, "no news for long" if after.silent else "longer than usual")
    if before.course is not after.course and after.course is not None:
        return _course_entry(before.course, after.course, after)
    if before.notice != after.notice and after.notice is not None:
        return _entry(after, f"email {after.notice.state}: {after.notice.reason}")
    return None


def _course_entry(before: Course | None, after: Course, job: Job) -> dict[str, Any] | None:
    """How steps of a pipeline ended."""
    if before is None:
        return _entry(job, f"planned: {len(after.tasks)} steps")
    known = before.children + before.undone
    ends = zip(known, after.children + after.undone, strict=True)
    told = [
        f"“{now.title}” {now.state.value}"
        for then, now in ends
        if now is not None and now.over and not (then is not None and then.over)
    ]
    return _entry(job, ", ".join(told)) if told else None


def _what(before: Job, after: Job) -> str:
    if after.cancel is not None and after.cancel.forced:
        return "stopped by support, without a checkpoint"
    if (before.state, after.state) == (State.RUNNING, State.FAILED) and _timed_out(after):
        return "deadline passed"
    return TRANSITIONS[before.state, after.state]


def _timed_out(job: Job) -> bool:
    return job.error is not None and job.error.code == "timeout"


def _entry(job: Job, what: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "at": NOW, "state": job.state.value, "attempt": job.attempt, "what": what,
    }  # fmt: skip
    if job.error is not None:
        entry["error"] = job.error
    if job.reason is not None:
        entry["reason"] = job.reason
    return entry
