"""Why an attempt or a job failed, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.errors import ItemError, JobError
from ringback.instant import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt or a job failed, in the user's words; ``ref`` finds the trace in the logs."""

    code: str
    category: str
    message: str
    action: str
    retryable: bool = False
    ref: str = ""


WORKER_LOST = Failure(
    code="worker_lost",
    category="system",
    message="The machine that ran this job stopped answering, and it can't be run again safely.",
    action="Our team sees this with its reference. Check what was saved, then start it again.",
)


def not_started(waited: int, ref: str) -> Failure:
    """No worker took the job within ``waited`` ms."""
    return Failure(
        code="not_started",
        category="system",
        message=f"No worker was free for this job within {duration(waited)}, so it never started.",
        action="Nothing was done. Start it again; our team sees this with its reference.",
        ref=ref,
    )


def timed_out(limit: int, done: str, before: str | None, ref: str) -> Failure:
    """The job took longer than ``limit`` ms; ``done``: what was finished by then ("80 rows");
    ``before``: what it waited for."""
    why = f" Before that: {before}" if before else ""
    kept = f"{done} were done by then and are kept. " if done else ""
    return Failure(
        code="timeout",
        category="system",
        message=f"The job was stopped, since it took longer than {duration(limit)}.{why}",
        action=f"{kept}Start it again, or with less at once; our team sees the reference.",
        ref=ref,
    )


def stopped_with_pipeline(ref: str) -> Failure:
    """The step ran when its pipeline's time was over."""
    return Failure(
        code="timeout",
        category="system",
        message="This step was stopped, since the whole took longer than it may.",
        action="What was done up to then is kept; our team sees the reference.",
        ref=ref,
    )


def not_undone(title: str, why: Failure | None, ref: str) -> Failure:
    """A step of a pipeline was to be undone and wasn't."""
    told = f" {why.message}" if why else ""
    return Failure(
        code="not_undone",
        category="system",
        message=f"“{title}” couldn't be undone.{told}",
        action="Our team gets this with its reference and looks after what is left. Don't start it "
        "again before they have.",
        ref=ref,
    )


def failure_of(error: BaseException, ref: str) -> Failure:
    """What the user is told about an exception; one that isn't a JobError stays unexplained, with
    a reference, and may be retried."""
    if isinstance(error, JobError):
        return Failure(
            code=error.code, category=error.category, message=_message(error),
            action=error.action, retryable=error.retryable, ref=ref,
        )  # fmt: skip
    return Failure(
        code="internal",
        category="system",
        message="A fault in our program stopped the job; your input isn't the cause.",
        action=f"Our team gets this failure with the reference {ref}.",
        retryable=True,
        ref=ref,
    )


def _message(error: JobError) -> str:
    if isinstance(error, ItemError):  # one that no item's attempt() has met: it is the whole job's
        return error.one or error.message.replace("{count}", "1")
    return error.message
