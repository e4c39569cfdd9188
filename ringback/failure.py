"""Why an attempt or a job failed, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.errors import JobError


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


def failure_of(error: BaseException, ref: str) -> Failure:
    """What the user is told about an exception; one that isn't a JobError stays unexplained, with
    a reference, and may be retried."""
    if isinstance(error, JobError):
        return Failure(
            code=error.code, category=error.category, message=error.message,
            action=error.action, retryable=error.retryable, ref=ref,
        )  # fmt: skip
    return Failure(
        code="internal",
        category="system",
        message="A fault in our program stopped the job; your input isn't the cause.",
        action=f"Our team gets this failure with the reference {ref}. You needn't do anything.",
        retryable=True,
        ref=ref,
    )
