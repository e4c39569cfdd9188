"""The wire shapes, typed: what clients send and what they get, over HTTP and sockets alike.

``/openapi.json`` and ``/asyncapi.json`` are made from these models, so they can't say anything
else. Requests are checked by them; answers are bytes that the store holds already, and tests
hold these bytes to the models. Clients must ignore fields that they don't know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from ringback import reason as reasons
from ringback.declare import NAME
from ringback.keys import is_job_id

JOB_ID = "1f-01971c2e-8f3a-7c51-9b0e-2f6d1f0a4b7c"
FILE_ID = "1f-01971c2e-7a10-7d02-8c4d-0c6f7e9d1a2b"
DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
WHEN = "2026-01-31T09:30:00.123Z"


@dataclass(frozen=True, slots=True)
class Fix:
    """Marks a field: what it must be, told to whoever sends anything else, or nothing."""

    text: str


class Request(BaseModel):
    """Something a client sends: exact types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """The query of a URL: text that is read as what the fields say; no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Something a client gets."""

    model_config = ConfigDict(frozen=True)


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("must be the name of a job type (GET /api/v1/types)")
    return text


def _dated(value: Any) -> Any:
    if not isinstance(value, str) or not DATED.match(value):
        raise ValueError("must be a moment with its zone, such as 2026-01-31T09:30:00Z")
    return value


def _countable(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("needs its zone, as in 2026-01-31T09:30:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or the last day of the calendar, in a zone far away
        raise ValueError("must be a moment of the years 1 to 9999 in UTC") from None


def _job_id(text: str) -> str:
    if not is_job_id(text):
        raise ValueError("must be a job's id")
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be text of printable characters")
    return text


def encodable(text: str) -> str:
    """Raises ValueError for what UTF-8 has no bytes for."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        raise ValueError("must be text without half characters") from None
    return text


TypeName = Annotated[
    str, AfterValidator(_name), Fix("must be the name of a job type (GET /api/v1/types)"),
    Field(examples=["csv.import"], json_schema_extra={"pattern": f"^{NAME.pattern}$"}),
]  # fmt: skip
#: A moment as text, with its zone: pydantic alone takes numbers, too.
Since = Annotated[
    datetime, BeforeValidator(_dated), AfterValidator(_countable),
    Field(strict=False, examples=["2026-01-31T09:30:00Z"]),
]  # fmt: skip
UserId = Annotated[
    str, Field(min_length=1, max_length=255, examples=["ada"]), AfterValidator(encodable),
    Fix("must be a user's id"),
]  # fmt: skip
#: Where it may be left out, a blank one is refused all the same.
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=reasons.MOST),
    AfterValidator(encodable), Fix(reasons.FIX),
    Field(description="goes to the audit trail", json_schema_extra={"pattern": r"\S"}),
]  # fmt: skip
JobId = Annotated[str, Fix("must be a job's id"), Field(examples=[JOB_ID])]
KnownJobId = Annotated[str, AfterValidator(_job_id), Fix("must be a job's id")]
Moment = Annotated[str, Field(description="RFC 3339, UTC", examples=[WHEN])]
StateName = Literal[
    "queued", "running", "retrying", "cancelling", "succeeded", "partial", "failed", "cancelled"
]
Scope = Literal["all", "failed"]
SCOPES = 'must be "all" or "failed"'

# -- the view


class StepView(Answer):
    """The part of the job under way; ``count`` is null where the number of steps isn't known."""

    index: int
    count: int | None
    name: str


class ProgressView(Answer):
    """``done`` of ``total`` units; ``eta``: when it will probably have ended."""

    done: int
    total: int | None
    unit: str
    eta: Moment | None


class CountsView(Answer):
    """Item outcomes; they add up to the items seen."""

    succeeded: int
    failed: int
    skipped: int


class ItemProblemView(Answer):
    """Equal problems of items as one: how many, in words, and what to do."""

    code: str
    outcome: Literal["failed", "skipped"]
    count: int
    message: str
    action: str
    examples: list[str]


class ErrorView(Answer):
    """Why a job or an attempt failed, in the user's words; ``ref`` is for support."""

    code: str
    category: Literal["input", "permission", "external", "system"]
    message: str
    action: str
    retryable: bool
    ref: str


class LinkView(Answer):
    """Something to fetch: absolute, or a path of this site."""

    label: str
    url: str


class ResultView(Answer):
    """What an ended job left."""

    summary: str
    links: list[LinkView]


class QueueView(Answer):
    """Why a queued job waits, in words; null where it isn't known."""

    ahead: str | None
    reason: str
    start_estimate: str | None


class AttemptView(Answer):
    """``number`` of ``max``; when the next one comes, and why."""

    number: int
    max: int
    next_at: Moment | None
    reason: str | None


class CanView(Answer):
    """What may be asked of the job now."""

    cancel: bool
    retry: list[Scope]


class EmailView(Answer):
    """What became of the duty to tell the user by email."""

    state: Literal["waiting", "sent", "delayed", "skipped", "failed"]
    reason: str
    at: Moment | None


class ChildView(Answer):
    """A step of a pipeline; ``id`` and ``state`` are null before it has begun."""

    id: str | None
    type: str
    title: str
    state: StateName | None
    message: str
    counts: CountsView
    attempt: AttemptView
    error: ErrorView | None


class JobView(Answer):
    """A job as its user sees it, whole. Of two, the one with the greater ``version`` is right."""

    id: JobId
    version: int
    type: str
    title: str
    severity: Literal["normal", "high"] = Field(
        description="high: a failure, in whole or in part, has consequences that can't wait; show "
        "it until it was acknowledged"
    )
    state: StateName
    message: str
    promise: str | None
    queue: QueueView | None
    step: StepView | None
    progress: ProgressView
    counts: CountsView
    problems: list[ItemProblemView]
    error: ErrorView | None
    result: ResultView | None
    attempt: AttemptView
    can: CanView
    cancel_warning: str | None
    stalled: bool
    email: EmailView | None
    retry_of: str | None
    parent: str | None
    children: list[ChildView] | None
    created_at: Moment
    started_at: Moment | None
    updated_at: Moment
    finished_at: Moment | None


# -- problems


class FieldProblem(Answer):
    """One wrong field: where, the value as it came, what it must be."""

    field: str
    value: Any
    message: str


class FindingView(Answer):
    """What is wrong with the copy of an email: in which file, on which line, and the fix. An
    ``error`` would reach a reader; a ``warning`` may be meant."""

    file: str
    line: int
    level: Literal["error", "warning"]
    rule: str
    text: str


class EditionView(Answer):
    """A revision of published copy. ``who``: the author's id, ``called``: their name, for people.
    ``withdrawn``: from then on the copy below counts again; ``restored``: it has the files of that
    older revision."""

    revision: int
    at: Moment
    who: str
    called: str
    note: str
    withdrawn: bool
    restored: int | None


class ProblemView(Answer):
    """RFC 9457. ``type`` is stable; docs/errors tells what each means and what to do."""

    type: str = Field(examples=["urn:ringback:problem:not-found"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default=[], description="each wrong field")
    job: str | None = Field(default=None, description="the job that stands in the way")
    retry_after: int | None = Field(default=None, description="seconds to wait, where that helps")
    findings: list[FindingView] = Field(default=[], description="each fault in an email's copy")
    newest: EditionView | None = Field(default=None, description="what was published meanwhile")


# -- jobs over HTTP


class OwnerRequest(Request):
    """For whom a backend submits (role ``service``)."""

    id: UserId
    email: Annotated[str, Field(max_length=320), AfterValidator(encodable)] | None = None
    name: Annotated[str, Field(max_length=200), AfterValidator(encodable)] | None = None
    locale: Annotated[str, Field(max_length=35), AfterValidator(encodable)] = "en"
    timezone: Annotated[str, Field(max_length=64), AfterValidator(encodable)] = "UTC"


class SubmitRequest(Request):
    """A new job. The same ``idempotency_key`` of the same owner is the same job."""

    type: TypeName
    params: dict[str, Any] | None = Field(
        default=None, description="as GET /api/v1/types says for the type"
    )
    idempotency_key: Annotated[str, AfterValidator(_printable)] | None = Field(
        default=None, description="instead of the header Idempotency-Key"
    )
    owner: OwnerRequest | None = Field(
        default=None, description="for whom; needs the role `service`. Absent: for yourself"
    )


class RetryRequest(Request):
    """``failed``: only the items that failed."""

    scope: Annotated[Scope, Fix(SCOPES)] = "all"


class JobsQuery(Query):
    """A page of the user's jobs, last changed first; filters are combined by *and*."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Annotated[int, Field(ge=0, le=1 << 53)] | None = Field(
        default=None, description="`next` of the page before"
    )
    state: Annotated[tuple[StateName, ...], BeforeValidator(lambda v: _listed(v))] = Field(
        default=(), description="one or more, with commas: failed,partial"
    )
    type: TypeName | None = None
    since: Since | None = Field(default=None, description="changed at this moment or later")
    text: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="is in the title, in whatever case"
    )


def _listed(value: Any) -> Any:
    return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value


class ItemsQuery(Query):
    """A page of a job's items that failed or were skipped."""

    outcome: Annotated[Literal["failed", "skipped"], Fix('must be "failed" or "skipped"')] = (
        "failed"
    )
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[int, Field(ge=0, le=10_000)] = 0


class JobsPage(Answer):
    """``next`` is the ``before`` of the next page; null: there is none."""

    jobs: list[JobView]
    next: int | None


class StatusView(Answer):
    """The few fields that a polling client needs."""

    id: JobId
    version: int
    state: StateName
    progress: ProgressView
    counts: CountsView
    updated_at: Moment
    finished_at: Moment | None


class HistoryEntry(Answer):
    """One significant change of a job."""

    at: Moment
    version: int
    state: StateName
    attempt: int
    what: str
    error: ErrorView | None = None
    reason: str | None = None
    due: Moment | None = Field(
        default=None,
        description="of the end: when its email is due, unless a page shows it by then",
    )


class History(Answer):
    """A job's significant changes, oldest first."""

    history: list[HistoryEntry]


class ExplainedLine(Answer):
    """What happened to the duty to tell the user, in words."""

    at: Moment
    text: str


class Explanation(Answer):
    """Why an email about the job's end was or wasn't sent. ``end``: a page's receipt, an email that
    the mail server accepted, a reason not to send one or a failure; ``unknown``: the server's
    answer got lost, so the email may have come twice or not at all; ``open``: not decided yet;
    ``none``: the job hasn't ended."""

    id: JobId
    state: StateName
    end: Literal["none", "open", "receipt", "accepted", "unknown", "skipped", "failed"]
    summary: str
    lines: list[ExplainedLine]


class ItemView(Answer):
    """An item that failed or was skipped; ``code`` is that of its problem."""

    key: str
    code: str
    example: str


class ItemsPage(Answer):
    """``next`` is the ``after`` of the next page; null: there is none."""

    items: list[ItemView]
    next: int | None


class TypeView(Answer):
    """A job type; ``params`` is a JSON Schema (2020-12)."""

    name: str
    title: str
    description: str
    params: dict[str, Any]


class Types(Answer):
    """The job types that workers have declared."""

    types: list[TypeView]


class FileView(Answer):
    """A stored file."""

    id: str = Field(examples=[FILE_ID])
    name: str
    size: int
    content_type: str
    url: str


class UploadQuery(Query):
    """``name``: of a file that is the body itself."""

    name: str | None = None


class Health(Answer):
    """The process answers."""

    status: Literal["ok", "ready"]


# -- events


class StreamQuery(Query):
    """``since``: for clients that can't send the header Last-Event-ID, which wins."""

    since: str | None = Field(default=None, description="the id of the last event that came")


class SeenRequest(Request):
    """The user has seen the end of a job."""

    version: Annotated[int, Fix("must be the version of the view that was seen")]


class JobsEvent(Answer):
    """``reset``: replace all that you have."""

    jobs: list[JobView]
    reset: bool
    user: str | None = Field(default=None, description="whose, during a watch; absent: your own")


class CancelEvent(Request):
    """Asks a job to stop."""

    id: JobId


class RetryEvent(Request):
    """Does an ended job again."""

    id: JobId
    scope: Annotated[Scope, Fix(SCOPES)] = "all"


class SeenEvent(Request):
    """The user has seen the end of a job."""

    id: KnownJobId
    version: Annotated[int, Fix("must be the version of the view that was seen")]


class PresenceEvent(Request):
    """An away page doesn't lengthen the wait for an email."""

    state: Annotated[Literal["active", "away"], Fix('must be "active" or "away"')]


class ExpiringEvent(Answer):
    """The token ends soon; ``expires_in``: in so many seconds. Send ``auth:refresh``; a
    stream of server-sent events ends with its token."""

    expires_at: Moment
    expires_in: int


class RefreshEvent(Request):
    """Goes on with a new token of the same user."""

    token: Annotated[str, Fix("must be a token")]


class WatchEvent(Request):
    """Looks at the page of ``user``; null: at the own one again."""

    user: Annotated[UserId | None, Fix("must be a user's id, or null for your own page")]
    reason: Reason = Field(default_factory=str)


class Ok(Answer):
    """The acknowledgement of what was done."""

    ok: Literal[True] = True


class JobAck(Ok):
    """The job, as it is after that."""

    job: JobView


class RefreshAck(Ok):
    """When the new token ends."""

    expires_at: Moment


class WatchAck(Ok):
    """Whose page comes next; null: the own one."""

    user: str | None


class Refused(Answer):
    """The acknowledgement of what was refused."""

    ok: Literal[False] = False
    problem: ProblemView
