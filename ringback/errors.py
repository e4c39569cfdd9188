"""The exception tree.

::

    RingbackError
     ├─ SettingsError          a RINGBACK_* setting is wrong
     ├─ StoreUnavailable       the store didn't answer, or couldn't make the write durable
     ├─ JobNotFound            no such job, or not yours: the two are never told apart
     ├─ UnknownJobType         no worker has declared this job type
     ├─ InvalidParams          the params don't fit the job type
     ├─ IdempotencyMismatch    the same Idempotency-Key came with other params
     ├─ DuplicateWork          unfinished work of the same owner has the same unique key
     ├─ JobEnded               it has ended, and ended jobs never change
     ├─ NotCancellable         jobs of this type can't be stopped
     ├─ NotRetryable           running it again isn't safe, or makes no sense
     ├─ PartOfPipeline         a step is neither cancelled nor retried alone
     ├─ TooManyConnections     the user has as many as one user may have
     ├─ WebhookNotFound        no such webhook or delivery, or not yours
     ├─ TooManyWebhooks        the owner has as many as one may have
     ├─ WebhookDisabled        it is switched off, so nothing can be sent to it
     ├─ SuppressionNotFound    emails to this address aren't stopped
     ├─ StaleCopy              somebody published other copy meanwhile
     ├─ RevisionNotFound       no such revision of published copy
     ├─ TooMuchCopy            more or larger copy than is kept
     ├─ BadAddress             what a webhook's address must not be
     ├─ IllegalTransition      the state machine doesn't allow this change
     └─ JobError               raised by job functions, shown to the user
         ├─ InputError         the user can fix it; never retried
         ├─ PermissionError_   the user lacks a right; never retried
         ├─ ExternalError      another service failed; retried
         ├─ PlanError          the function of a pipeline gave no plan that works
         └─ ItemError          one item failed; the job goes on
    Interrupted (BaseException)
     ├─ JobCancelled           the user asked to stop
     ├─ WorkerStopping         this worker got SIGTERM
     ├─ CircuitOpen            a service is known to be down; the job waits, no attempt is spent
     └─ LeaseLost              another attempt owns the job now; nothing more may be written

``Interrupted`` is a BaseException for the reason ``asyncio.CancelledError`` is one: a job
function's ``except Exception`` must not swallow the request to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class RingbackError(Exception):
    """Everything that Ringback raises on purpose, but for ``Interrupted``."""


class SettingsError(RingbackError):
    """A setting is wrong; the text names it, shows its value and says how to mend it."""


class StoreUnavailable(RingbackError):
    """The store didn't answer in time. The write may or may not have happened: repeat it with
    the same operation id or Idempotency-Key."""


class JobNotFound(RingbackError):
    """No job has this id, or it belongs to somebody else than ``owner`` (None: to whomever)."""

    def __init__(self, job_id: str, owner: str | None = None) -> None:
        whose = "" if owner is None else ", or it isn't yours"
        super().__init__(f"There is no job {job_id!r}{whose}.")
        self.job_id = job_id


class UnknownJobType(RingbackError):
    """No worker has declared this job type; ``field``: where a request names it."""

    def __init__(self, name: str, known: Sequence[str], field: str = "type") -> None:
        listed = ", ".join(sorted(known)) or "none: start a worker first"
        super().__init__(f"There is no job type {name!r}. Known job types: {listed}.")
        self.name = name
        self.field = field


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where (``params.table``), the value as it came, the fault and the fix."""

    field: str
    value: Any
    message: str


class InvalidParams(RingbackError):
    """The params don't fit the job type; ``errors`` has one entry per field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in errors))
        self.errors = tuple(errors)


class IdempotencyMismatch(RingbackError):
    """The Idempotency-Key was used before with other params."""

    def __init__(self, key: str, job_id: str) -> None:
        super().__init__(
            f"The Idempotency-Key {key!r} was already used for job {job_id} with other params. "
            "Send a new key for new work, or the same params to get that job."
        )
        self.job_id = job_id


class DuplicateWork(RingbackError):
    """Another job of the owner, not ended yet, bears the same unique key of its type."""

    def __init__(self, name: str, job_id: str) -> None:
        super().__init__(
            f"The same work is under way already, as job {job_id} ({name}). Wait for it to end, or "
            "cancel it first."
        )
        self.job_id = job_id


class JobEnded(RingbackError):
    """The job has ended, and what ended never changes."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"Job {job_id} has ended already ({state}), so nothing was changed.")
        self.job_id = job_id


class NotCancellable(RingbackError):
    """Jobs of this type can't be stopped; ``why`` is the author's reason."""

    def __init__(self, job_id: str, why: str | None = None) -> None:
        told = why or "It runs to its end."
        super().__init__(f"Job {job_id} can't be cancelled: jobs of its kind can't stop. {told}")
        self.job_id = job_id


class NotRetryable(RingbackError):
    """A retry is refused; the text says why and what to do instead."""

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"Job {job_id} can't be retried: {why}")
        self.job_id = job_id


class NotSendable(RingbackError):
    """The email about a job isn't one that operators may send again."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(
            f"The email about job {job_id} can't be sent again: it {state}. Only one that failed "
            "by no fault of its user can."
        )
        self.job_id = job_id


class PartOfPipeline(RingbackError):
    """The job is a step of a pipeline, and only that can be cancelled or retried."""

    def __init__(self, job_id: str, pipeline: str) -> None:
        super().__init__(
            f"Job {job_id} is a step of job {pipeline}, so it is neither cancelled nor retried "
            "alone. Cancel or retry that job; its steps go with it."
        )
        self.job_id = pipeline


class TooManyConnections(RingbackError):
    """The user has ``count`` connections on all nodes, and ``most`` are allowed."""

    def __init__(self, count: int, most: int) -> None:
        here = "1 connection" if count == 1 else f"{count} connections"
        super().__init__(
            f"You have {here} open, and {most} at once is the most. Close tabs or programs of "
            "yours that you don't need, then connect again."
        )
        self.count = count
        self.most = most


class WebhookNotFound(RingbackError):
    """No webhook, or no delivery, has this id, or it belongs to somebody else."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no webhook or delivery {name[:SHORT]!r}, or it isn't yours.")


class TooManyWebhooks(RingbackError):
    """The owner has as many webhooks as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} webhooks already, the most there may be. Remove one.")


class WebhookDisabled(RingbackError):
    """The webhook is switched off; ``why``: a sentence, where we did it."""

    def __init__(self, webhook: str, why: str) -> None:
        told = f"{why} " if why else ""
        super().__init__(
            f"Webhook {webhook} is switched off, so nothing is sent to it. {told}Once its receiver "
            "works, switch it on again: enabled = true."
        )


class SuppressionNotFound(RingbackError):
    """Emails to this address aren't stopped."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Emails to {address[:SHORT]!r} aren't stopped.")


class StaleCopy(RingbackError):
    """The newest ``revision`` of a message's copy (0: none is kept) isn't the one that the author
    started from."""

    def __init__(self, name: str, revision: int, who: str, at: str) -> None:
        there = f"{who} published revision {revision} of it at {at}" if revision else "it has none"
        super().__init__(
            f"“{name}” has changed since you began: {there}. Look at what it is now, then publish "
            "yours over it."
        )
        self.revision = revision


class RevisionNotFound(RingbackError):
    """No such revision was published, or it is too old to be kept."""

    def __init__(self, name: str, revision: int) -> None:
        super().__init__(f"There is no revision {revision} of “{name[:SHORT]}”.")


class TooMuchCopy(RingbackError):
    """A message's files are too large, or it has too many revisions; the text says what to do."""


class BadAddress(RingbackError):
    """What no address can be, a webhook's or a mailbox's; the text completes "url …"."""


class IllegalTransition(RingbackError):
    """The state machine has no such edge; a bug in the caller, never shown to users."""


LONGEST = 2_000  #: characters of a sentence for users
SHORT = 200  #: characters of a name, an example, a code


def whole(text: str, longest: int = LONGEST) -> str:
    """``text`` without halves of surrogate pairs, which no JSON or UTF-8 can carry, and cut to
    what a page or an email can show."""
    text = str(text).encode(errors="replace").decode()
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class JobError(RingbackError):
    """What a job function raises to end its job with words that the user can act on.

    ``message`` says what failed and why, ``action`` what to do next.
    """

    category = "system"
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        action: str = "",
        field: str | None = None,
        value: object = None,
    ) -> None:
        super().__init__(message)
        self.message = whole(message)
        self.code = whole(code or type(self).default_code, SHORT)
        self.action = whole(action)
        self.field = field
        self.value = value

    default_code = "job_error"


class InputError(JobError):
    """The user's input is wrong and only the user can mend it; never retried."""

    category = "input"
    default_code = "invalid_input"


class PermissionError_(JobError):
    """The user lacks a right; never retried. (The underscore keeps the builtin's name free.)"""

    category = "permission"
    default_code = "not_permitted"


def _seconds(told: object) -> float | None:
    """Headers are text, and may hold anything."""
    try:
        return None if told is None else float(str(told))
    except ValueError:
        return None


class ExternalError(JobError):
    """Another service failed; retried while attempts are left.

    ``retry_after``: seconds after which the service wants to be asked again.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **words: Any) -> None:
        super().__init__(message, **words)
        self.retry_after = _seconds(retry_after)

    category = "external"
    retryable = True
    default_code = "external_failure"


class PlanError(JobError):
    """The function of a pipeline gave no plan that works; nothing was started."""

    default_code = "bad_plan"


class ItemError(JobError):
    """One item failed and the job goes on.

    Equal codes are shown as one problem: ``message`` is its plural text with ``{count}``
    ("{count} rows have no ID"), ``one`` its singular ("1 row has no ID"), ``example`` this
    item ("line 17: …").
    """

    category = "input"
    default_code = "item_failed"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        one: str | None = None,
        action: str = "",
        example: str = "",
    ) -> None:
        super().__init__(message, code=code, action=action)
        self.one = one if one is None else whole(one)
        self.example = whole(example, SHORT)


class Interrupted(BaseException):
    """The attempt has to stop now; see the module's docstring for why this isn't an Exception."""


class JobCancelled(Interrupted):
    """The user asked to stop this job."""


class WorkerStopping(Interrupted):
    """This worker is shutting down; the job goes back to the queue and loses no attempt."""


class CircuitOpen(Interrupted):
    """Calls to an external service are stopped for ``retry_in`` ms, since it fails; the job waits
    meanwhile, which costs no attempt. ``label``: the service's name for users."""

    def __init__(self, service: str, label: str, retry_in: int) -> None:
        super().__init__(f"{label} isn't answering; asked again in {retry_in} ms")
        self.service = service
        self.label = label
        self.retry_in = retry_in


class LeaseLost(Interrupted):
    """Another attempt owns the job now; this one can write nothing any more."""
