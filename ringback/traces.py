"""Why attempts failed, for support: each error of a job, with the trace that its worker kept.

Traces are never in a view: they tell of our program, and may quote what it worked on.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ringback import store
from ringback.job import Job, State
from ringback.keys import Call, job_key, key, plain

KEPT = 10  #: latest attempts of a job whose traces are kept
LONGEST = 16_384  #: bytes of a trace; its end says most


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptError:
    """How an attempt of a job failed; ``at`` is RFC 3339, UTC.

    ``code`` to ``ref`` are what the user was told, None where the attempt just went silent
    (``reason`` says so). ``trace``: None where the error wasn't raised in a worker, or is too old.
    """

    at: str
    attempt: int
    state: str
    reason: str | None
    code: str | None
    category: str | None
    message: str | None
    action: str | None
    ref: str | None
    trace: str | None


def keep(job: Job, error: BaseException) -> Generator[Call, Any, bool]:
    """Keeps the trace of a running attempt's error; False where the attempt was replaced. Repeating
    it changes nothing."""
    where = job_key(job.id), traces_key(job.id)
    kept = yield Call("trace", where, (job.fence, job.attempt, trace_of(error), KEPT))
    return bool(kept)


def errors(job_id: str) -> Generator[Call, Any, list[AttemptError]]:
    """How the attempts of a job failed, latest last."""
    kept = yield plain("HGETALL", traces_key(job_id))
    traces = {int(attempt): text.decode() for attempt, text in kept.items()}
    told = yield from store.history(job_id)
    return [_error(entry, traces) for entry in told if _failed(entry)]


def trace_of(error: BaseException) -> bytes:
    """An exception as Python prints it, with its causes; the last 16 KiB."""
    text = "".join(traceback.format_exception(error)).encode(errors="backslashreplace")
    if len(text) <= LONGEST:
        return text
    return b"[...]\n" + text[-LONGEST:].decode(errors="ignore").encode()


def traces_key(job_id: str) -> str:
    """The hash of a job's traces by attempt."""
    return key(job_id[:2], "traces", job_id)


def _failed(entry: dict[str, Any]) -> bool:
    """Whether the entry tells the end of an attempt that failed, or of a job that never had one.
    (What comes after a job's end, its email say, repeats the error.)"""
    if entry["what"].startswith("email "):
        return False
    if entry["state"] == State.FAILED:
        return True
    lost = entry["state"] == State.QUEUED and "reason" in entry and "error" not in entry
    return lost or (entry["state"] == State.RETRYING and "error" in entry)


def _error(entry: dict[str, Any], traces: dict[int, str]) -> AttemptError:
    told = entry.get("error") or {}
    raised = told.get("ref", "").endswith(f".{entry['attempt']}")
    return AttemptError(
        at=entry["at"], attempt=entry["attempt"], state=entry["state"],
        reason=entry.get("reason"), code=told.get("code"), category=told.get("category"),
        message=told.get("message"), action=told.get("action"), ref=told.get("ref") or None,
        trace=traces.get(entry["attempt"]) if raised else None,
    )  # fmt: skip
