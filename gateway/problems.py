"""What clients are told when something is wrong: RFC 9457, over HTTP and sockets alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from gateway import kinds
from gateway.kinds import Kind
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
    RevisionNotFound,
    RingbackError,
    StaleCopy,
    StoreUnavailable,
    SuppressionNotFound,
    TooManyConnections,
    TooManyWebhooks,
    TooMuchCopy,
    UnknownJobType,
    WebhookDisabled,
    WebhookNotFound,
)
from ringback.files import FileNotFound
from ringback.keys import uuid7

log = structlog.get_logger(__name__)

BODY_LIMIT = 65_536  #: bytes of a JSON body; uploads have their own limit
RETRY_AFTER = 2  #: seconds
SHOWN = 200  #: characters of a wrong value
#: What reading a form raises where the body is none: other bytes, parts, headers or a charset.
NO_FORM = (ValueError, LookupError, AssertionError, RuntimeError, HttpProcessingError)


_NOT_FOUND = (JobNotFound, FileNotFound, WebhookNotFound, SuppressionNotFound, RevisionNotFound)


class Problem(RingbackError):
    """A problem of a kind, in words that fit the case; ``more``: further members of its body."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = kind.status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "type": kind.type, "title": kind.title, "status": kind.status, "detail": detail, **more,
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
        case _ if isinstance(error, _NOT_FOUND):
            return Problem(kinds.NOT_FOUND, str(error))
        case UnknownJobType():
            fault = FieldError(error.field, error.name, str(error))
            return Problem(kinds.UNKNOWN_JOB_TYPE, str(error), (fault,))
        case InvalidParams():
            told = "Some fields are wrong; each is listed with what it needs."
            return Problem(kinds.INVALID_PARAMS, told, error.errors)
        case IdempotencyMismatch():
            return Problem(kinds.IDEMPOTENCY_MISMATCH, str(error))
        case StoreUnavailable():
            return unavailable()
        case TooManyConnections():
            return Problem(kinds.TOO_MANY_CONNECTIONS, str(error))
    return _conflict(error)


def _conflict(error: Exception) -> Problem | None:
    """What the state of things forbids."""
    match error:
        case DuplicateWork():
            return Problem(kinds.DUPLICATE_WORK, str(error), job=error.job_id)
        case JobEnded():
            return Problem(kinds.JOB_ENDED, str(error), job=error.job_id)
        case NotCancellable():
            return Problem(kinds.NOT_CANCELLABLE, str(error), job=error.job_id)
        case NotRetryable():
            return Problem(kinds.NOT_RETRYABLE, str(error), job=error.job_id)
        case PartOfPipeline():
            return Problem(kinds.PART_OF_PIPELINE, str(error), job=error.job_id)
    kind = _STANDS_IN_THE_WAY.get(type(error))
    return None if kind is None else Problem(kind, str(error))


_STANDS_IN_THE_WAY: Mapping[type[Exception], Kind] = {
    TooManyWebhooks: kinds.TOO_MANY_WEBHOOKS, WebhookDisabled: kinds.WEBHOOK_DISABLED,
    StaleCopy: kinds.STALE_COPY, TooMuchCopy: kinds.TOO_MUCH_COPY,
}  # fmt: skip


def unavailable() -> Problem:
    """The store is away: nothing was lost, come back in a moment."""
    return Problem(
        kinds.UNAVAILABLE,
        f"Our database isn't answering. Repeat the request in {RETRY_AFTER} seconds; with the same "
        "Idempotency-Key it can't start a job twice.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def unforeseen() -> Problem:
    """For what nobody expected: the trace goes to the log, a reference to the client."""
    reference = uuid7()
    log.exception("request.unforeseen", ref=reference)
    return Problem(
        kinds.INTERNAL,
        f"The request failed because of a fault of ours. The reference is {reference}.",
    )


def bad_request(field: str, value: object, message: str) -> Problem:
    """One wrong field of a request."""
    return Problem(kinds.BAD_REQUEST, f"{field} {message}", (FieldError(field, value, message),))


def wrong_fields(errors: Sequence[FieldError]) -> Problem:
    """One or more wrong fields of a request."""
    told = "; ".join(f"{e.field} {e.message}" for e in errors)
    return Problem(kinds.BAD_REQUEST, told, errors)


_HTTP = {404: kinds.NOT_FOUND, 405: kinds.METHOD_NOT_ALLOWED, 413: kinds.TOO_LARGE}


def _http(error: web.HTTPException) -> Problem:
    """What aiohttp refuses by itself."""
    allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    match error.status:
        case 404:
            told = "There is nothing at this path. /openapi.json lists what there is."
        case 405:
            told = f"This path takes {allowed.get('Allow', 'other methods')}."
        case 413:
            told = f"A JSON body may have up to {BODY_LIMIT:,} bytes."
        case _:
            told = f"{error.reason}."
    return Problem(_HTTP.get(error.status, kinds.BAD_REQUEST), told, headers=allowed)


@web.middleware
async def problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turns exceptions into problem responses."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except web.HTTPException as error:
        if error.status < 400 or not request.path.startswith("/api/"):
            raise
        return _http(error).response()
    except RingbackError as error:
        found = problem_of(error)
        return (found or unforeseen()).response()
    except Exception as error:
        return (_cut_short() if _is_clients(error, request) else unforeseen()).response()


def _is_clients(error: Exception, request: web.Request) -> bool:
    """Whether the client left, or sent a body that breaks off: nothing that we could mend."""
    left = request.transport is None or request.transport.is_closing()
    return error is request.content.exception() or (left and isinstance(error, ConnectionError))


def _cut_short() -> Problem:
    """(Who has left never reads it.)"""
    return bad_request("body", None, "broke off, or isn't in chunks as it says; send it again")
