"""What is worth remembering of a change: state changes, attempts and the way of the notice."""

from __future__ import annotations

from typing import Any

from ringback.instant import NOW
from ringback.job import TRANSITIONS, Job


def entry_of(before: Job | None, after: Job) -> dict[str, Any] | None:
    """The history entry of a change, or None where it was mere progress."""
    if before is None:
        return _entry(after, "submitted")
    if before.state is not after.state:
        return _entry(after, TRANSITIONS[before.state, after.state])
    if before.notice != after.notice and after.notice is not None:
        return _entry(after, f"email {after.notice.state}: {after.notice.reason}")
    return None


def _entry(job: Job, what: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "at": NOW, "state": job.state.value, "attempt": job.attempt, "what": what,
    }  # fmt: skip
    if job.error is not None:
        entry["error"] = job.error
    return entry
