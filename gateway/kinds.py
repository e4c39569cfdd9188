"""Every kind of problem that clients can meet: the ends of the stable ``type`` URIs.

``docs/errors`` has a page for each, made from this table (``make errors``).
"""

from __future__ import annotations

from dataclasses import dataclass

URN = "urn:ringback:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: the end of its ``type``, its status, its title, when it comes, what to
    do about it."""

    name: str
    status: int
    title: str
    when: str
    fix: str

    @property
    def type(self) -> str:
        """The stable URI (RFC 9457, 3.1.1)."""
        return URN + self.name


def _kind(name: str, status: int, title: str, when: str, fix: str) -> Kind:
    KINDS[name] = Kind(name, status, title, when, fix)
    return KINDS[name]


KINDS: dict[str, Kind] = {}

BAD_REQUEST = _kind(
    "bad-request", 400, "Wrong request",
    "The request isn't what the endpoint or event takes: no JSON, a field that is missing, unknown "
    "or of the wrong kind.",
    "`errors` names each field, the value as it came and what it must be. Mend these and send it "
    "again; the same request fails again.",
)  # fmt: skip
UNAUTHORIZED = _kind(
    "unauthorized", 401, "Sign in",
    "There is no token, or it has expired, was revoked, or isn't one that this server takes.",
    "Get a new token from your backend. `detail` says what was wrong with this one.",
)  # fmt: skip
FORBIDDEN = _kind(
    "forbidden", 403, "Not allowed",
    "The token is good, but lacks the role that this needs, or a connection was to go on with "
    "another user's.",
    "Do what `detail` says: mostly, use a token with the role that it names.",
)  # fmt: skip
NOT_FOUND = _kind(
    "not-found", 404, "Not found",
    "There is nothing with this id or path, or it belongs to somebody else: the two are never told "
    "apart.",
    "Check the id, and whose token you send.",
)  # fmt: skip
METHOD_NOT_ALLOWED = _kind(
    "method-not-allowed", 405, "Method not allowed",
    "The path exists, but not with this method.",
    "Use one of the methods in the header `Allow`.",
)  # fmt: skip
NOT_ACCEPTABLE = _kind(
    "not-acceptable", 406, "Not acceptable",
    "The header `Accept` excludes everything that this endpoint can answer with.",
    "Accept what `detail` names, or send no `Accept`.",
)  # fmt: skip
DUPLICATE_WORK = _kind(
    "duplicate-work", 409, "The same work is under way",
    "Jobs of this type run once at a time for the same thing, and one is under way: `job`.",
    "Follow that job, or wait for its end, or cancel it first.",
)  # fmt: skip
JOB_ENDED = _kind(
    "job-ended", 409, "The job has ended",
    "Ended jobs never change, so there was nothing to cancel.",
    "Nothing needs doing. To do the work again, retry the job.",
)  # fmt: skip
NOT_CANCELLABLE = _kind(
    "not-cancellable", 409, "Can't be cancelled",
    "Jobs of this type can't be stopped; `detail` has the reason.",
    "Wait for its end. Views say it beforehand: `can.cancel` is false.",
)  # fmt: skip
NOT_RETRYABLE = _kind(
    "not-retryable", 409, "Can't be retried",
    "Doing this job again makes no sense or isn't safe; `detail` has the reason.",
    "Do what `detail` says. Views say it beforehand: `can.retry` lists what may be retried.",
)  # fmt: skip
PART_OF_PIPELINE = _kind(
    "part-of-pipeline", 409, "A step of another job",
    "The job is a step of the job `job`, and is neither cancelled nor retried alone.",
    "Cancel or retry that job; its steps go with it.",
)  # fmt: skip
TOO_MANY_WEBHOOKS = _kind(
    "too-many-webhooks", 409, "Too many webhooks",
    "You have as many webhooks as one may have.",
    "Remove one that you don't need, or let one receiver hear of more job types.",
)  # fmt: skip
WEBHOOK_DISABLED = _kind(
    "webhook-disabled", 409, "The webhook is switched off",
    "Nothing is sent to a webhook that is switched off; `detail` has the reason.",
    "See to its receiver, then switch the webhook on: PATCH with `enabled`: true.",
)  # fmt: skip
STALE_COPY = _kind(
    "stale-copy", 409, "The copy has changed",
    "Somebody published other copy of the message since the author began; `detail` says who, and "
    "`newest` which revision it is.",
    "Look at the newest revision, take over what is good in it, and publish with it as `base`.",
)  # fmt: skip
TOO_MUCH_COPY = _kind(
    "too-much-copy", 409, "Too many revisions",
    "The message has as many revisions as are kept, all of the last seven days, or there are as "
    "many published messages as there may be.",
    "Publish again in a few days, or as part of a message that is published already.",
)  # fmt: skip
TOO_LARGE = _kind(
    "too-large", 413, "Too large",
    "The body or the file is larger than the limit, which `detail` names.",
    "Send less: split the file, or upload it and send its id instead of the data.",
)  # fmt: skip
UNSUPPORTED_MEDIA_TYPE = _kind(
    "unsupported-media-type", 415, "Unsupported media type",
    "The header `Content-Type` says that the body is something else than JSON.",
    "Send JSON, with `Content-Type: application/json`.",
)  # fmt: skip
UNKNOWN_JOB_TYPE = _kind(
    "unknown-job-type", 422, "Unknown job type",
    "No worker has declared this job type.",
    "`detail` lists the known ones. If yours is missing, start its worker once.",
)  # fmt: skip
INVALID_PARAMS = _kind(
    "invalid-params", 422, "Wrong params",
    "The params don't fit the job type.",
    "`errors` names each field, its value and what it must be. GET /api/v1/types has the schema.",
)  # fmt: skip
IDEMPOTENCY_MISMATCH = _kind(
    "idempotency-mismatch", 422, "Idempotency-Key reused",
    "The Idempotency-Key was used before for other work.",
    "Send a new key for new work, or the same request to get the job that it made.",
)  # fmt: skip
WRONG_COPY = _kind(
    "wrong-copy", 422, "The copy can't be used",
    "Files of a message are ones that no message has, or the check found errors in them.",
    "`errors` names each file, and `findings` the line and the fix. Mend these and send it again.",
)  # fmt: skip
TOO_MANY_CONNECTIONS = _kind(
    "too-many-connections", 429, "Too many connections",
    "The user has as many sockets and event streams open, on all nodes, as one user may have.",
    "Close tabs or programs that aren't needed, then connect again. One connection per program is "
    "enough: share it. What has broken off counts for up to 12 seconds more.",
)  # fmt: skip
TOO_MANY_REQUESTS = _kind(
    "too-many-requests", 429, "Too many requests",
    "The user has submitted more jobs, sent more events over sockets, or had more drafts of emails "
    "written, than one user may in a minute. Half of them may come at once.",
    "Ask again after `retry_after` seconds (over HTTP also in `Retry-After`). Repeating a submit "
    "with its Idempotency-Key isn't counted twice.",
)  # fmt: skip
INTERNAL = _kind(
    "internal", 500, "Our fault",
    "Something happened that we hadn't foreseen. It is logged under the reference in `detail`.",
    "Tell your support the reference. With an Idempotency-Key, repeating the request is safe.",
)  # fmt: skip
UNAVAILABLE = _kind(
    "unavailable", 503, "Temporarily unavailable",
    "The database doesn't answer, this node is about to stop, or too many drafts of emails are "
    "being written. Nothing was lost.",
    "Repeat the request after the seconds in `Retry-After`; with the same Idempotency-Key it can't "
    "start a job twice.",
)  # fmt: skip
