"""What clients are told when something is wrong: RFC 9457, over HTTP and sockets alike."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from aiohttp import web

from ringback.errors import (
    DuplicateWork,
    FieldError,
    IdempotencyMismatch,
    InvalidParams,
    JobEnded,
    JobNotFound,
    NotCancellable,
    NotRetryable,
    PartOfPipeline,
    RingbackError,
    StoreUnavailable,
    UnknownJobType,
)
from ringback.files import FileNotFound
from ringback.keys import uuid7

log = structlog.get_logger(__name__)

RETRY_AFTER = 2  #: seconds
SHOWN = 200  #: characters of a wrong value


class Problem(RingbackError):
    """A problem with its HTTP status; ``kind`` ends its stable ``type`` URI."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "type": f"urn:ringback:problem:{kind}", "title": title, "status": status,
            "detail": detail,
        }  # fmt: skip
        if errors:
            self.body["errors"] = [
                {"field": _short(e.field), "value": _short(e.value), "message": e.message}
                for e in errors
            ]

    def response(self) -> web.Response:
        """As an HTTP response."""
        return web.Response(
            body=orjson.dumps(self.body, default=str), status=self.status, headers=self.headers,
            content_type="application/problem+json",
        )  # fmt: skip


def _short(value: Any) -> Any:
    """The value as it came if it is small; a large one would be sent back to where it came from."""
    try:
        if len(orjson.dumps(value)) <= SHOWN:
            return value
    except TypeError:  # too deep for orjson, or half a surrogate pair
        return None
    return f"{str(value)[:SHOWN]}…"


def problem_of(error: Exception) -> Problem | None:
    """The problem that an exception of ours means to a client; None for anything unforeseen."""
    match error:
        case Problem():
            return error
        case JobNotFound() | FileNotFound():
            return Problem(404, "not-found", "Not found", str(error))
        case UnknownJobType():
            fault = FieldError("type", error.name, str(error))
            return Problem(422, "unknown-job-type", "Unknown job type", str(error), (fault,))
        case InvalidParams():
            told = "Some fields are wrong; each is listed with what it needs."
            return Problem(422, "invalid-params", "Wrong params", told, error.errors)
        case IdempotencyMismatch():
            return Problem(422, "idempotency-mismatch", "Idempotency-Key reused", str(error))
        case StoreUnavailable():
            return unavailable()
    return _conflict(error)


def _conflict(error: Exception) -> Problem | None:
    """What the job's state forbids."""
    match error:
        case DuplicateWork():
            return _409("duplicate-work", "The same work is under way", error, error.job_id)
        case JobEnded():
            return _409("job-ended", "The job has ended", error, error.job_id)
        case NotCancellable():
            return _409("not-cancellable", "Can't be cancelled", error, error.job_id)
        case NotRetryable():
            return _409("not-retryable", "Can't be retried", error, error.job_id)
        case PartOfPipeline():
            return _409("part-of-pipeline", "A step of another job", error, error.job_id)
    return None


def _409(kind: str, title: str, error: Exception, job_id: str) -> Problem:
    problem = Problem(409, kind, title, str(error))
    problem.body["job"] = job_id
    return problem


def unavailable() -> Problem:
    """The store is away: nothing was lost, come back in a moment."""
    return Problem(
        503,
        "unavailable",
        "Temporarily unavailable",
        f"Our database isn't answering. Repeat the request in {RETRY_AFTER} seconds; with the same "
        "Idempotency-Key it can't start a job twice.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def unforeseen() -> Problem:
    """For what nobody expected: the trace goes to the log, a reference to the client."""
    reference = uuid7()
    log.exception("request.unforeseen", ref=reference)
    return Problem(
        500,
        "internal",
        "Our fault",
        f"The request failed because of a fault of ours. The reference is {reference}.",
    )


def bad_request(field: str, value: object, message: str) -> Problem:
    """One wrong field of a request."""
    fault = FieldError(field, value, message)
    return Problem(400, "bad-request", "Wrong request", f"{field} {message}", (fault,))


@web.middleware
async def problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turns exceptions into problem responses."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except web.HTTPException as error:
        if error.status < 400 or not request.path.startswith("/api/"):
            raise
        return Problem(error.status, f"http-{error.status}", error.reason, error.reason).response()
    except RingbackError as error:
        found = problem_of(error)
        return (found or unforeseen()).response()
    except Exception:
        return unforeseen().response()
