"""The wire shapes of support and operators."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.models import (
    Answer,
    ErrorView,
    JobView,
    KnownJobId,
    Moment,
    Query,
    Reason,
    Request,
    Scope,
    TypeName,
    UserId,
)

# -- support


class DeedRequest(Request):
    """Why support does it."""

    reason: Reason = Field(default_factory=str)


class ForceRequest(Request):
    """Why the job can't wait for a checkpoint; its user is told."""

    reason: Reason


class SupportRetryRequest(Request):
    """``failed``: only the items that failed."""

    scope: Scope = "all"
    reason: Reason = Field(default_factory=str)


class SearchQuery(Query):
    """``q``: a job's id or a user's id, whole."""

    q: UserId


class UserView(Answer):
    """A user who has jobs; name and address as with the latest."""

    id: str
    email: str | None
    name: str | None


class Found(Answer):
    """What bears the id; with a job, its user."""

    users: list[UserView]
    jobs: list[JobView]


class PresenceView(Answer):
    """How many live connections the user has on all nodes together: with a page that somebody looks
    at, and away."""

    user: str
    active: int
    away: int


class AttemptErrorView(Answer):
    """How an attempt failed. ``error`` is what the user was told, null where the attempt just went
    silent; ``trace``: of the latest ten attempts whose worker saw the error."""

    at: Moment
    attempt: int
    state: str
    reason: str | None
    code: str | None
    category: str | None
    message: str | None
    action: str | None
    ref: str | None
    trace: str | None


class AttemptErrors(Answer):
    """Latest last. ``mail``: what the mail server said of the email about the job, last of all."""

    errors: list[AttemptErrorView]
    mail: str | None


# -- operators


class ImpactView(Answer):
    """A delay in plain words."""

    what: Literal["jobs", "emails"]
    count: int
    users: int
    since: Moment
    because: str
    text: str


class TypeLoad(Answer):
    """The jobs of a type: how many are where, since when the oldest waits, and the threads of its
    workers (which may do other types, too)."""

    type: str
    queued: int
    running: int
    retrying: int
    oldest: Moment | None
    workers: int
    threads: int
    busy: int


class BreakerView(Answer):
    """A circuit breaker, as docs/architecture.md explains it."""

    name: str
    label: str
    state: Literal["closed", "open", "half-open"]
    failures: int
    since: Moment | None
    until: Moment | None
    error: str


class AlertView(Answer):
    """What is wrong and what to do about it, in plain words; since when, when last, how often."""

    key: str
    text: str
    since: Moment
    last: Moment
    count: int


class OverviewView(Answer):
    """``whole`` is false where so much is there that counts by type are of a part; ``notices``:
    users who are still to be told of something, ``notices_due`` those whose email is due now."""

    impacts: list[ImpactView]
    queues: list[TypeLoad]
    workers: int
    threads: int
    busy: int
    breakers: list[BreakerView]
    alerts: list[AlertView]
    notices: int
    notices_due: int
    dead_letters: int
    unsent: int = Field(description="emails that failed by no fault of their users")
    connections: int
    connected_users: int = Field(description="a user of two nodes counts twice")
    whole: bool
    at: Moment


class DeadLettersQuery(Query):
    """Which dead letters, latest first."""

    type: TypeName | None = None
    code: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    user: UserId | None = None
    replayed: bool = Field(default=False, description="the replayed ones, too")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DeadLetterView(Answer):
    """A job that failed by no fault of its user."""

    id: str
    type: str
    title: str
    user: str
    at: Moment | None
    attempts: int
    error: ErrorView
    replayable: bool
    replayed_as: str | None


class DeadLetters(Answer):
    """Latest first."""

    dead_letters: list[DeadLetterView]


class UnsentQuery(Query):
    """Which emails that weren't sent, latest first."""

    user: UserId | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class UnsentView(Answer):
    """An email that failed by no fault of its user. ``reason`` is what the user reads, ``answer``
    what the mail server said."""

    id: KnownJobId
    type: str
    title: str
    user: str
    at: Moment | None
    reason: str
    answer: str


class UnsentEmails(Answer):
    """Latest first."""

    emails: list[UnsentView]


class SentAgain(Answer):
    """The jobs whose email is on its way again, and why the others' aren't."""

    sent: list[str]
    refused: dict[str, str]


class ReplayRequest(Request):
    """Which dead letters to do again."""

    ids: Annotated[list[KnownJobId], Field(min_length=1, max_length=100)]
    reason: Reason


class Replayed(Answer):
    """The new job by the dead letter's id, and why the others weren't replayed."""

    replayed: dict[str, str]
    refused: dict[str, str]


class AuditQuery(Query):
    """A page of the audit trail, newest first."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="`next` of the page before"
    )


class AuditEntry(Answer):
    """Who did what to which jobs (100 are named at most, ``count`` counts all), or watched which
    user, when and why."""

    seq: int
    at: Moment
    who: str
    what: str
    why: str
    count: int
    jobs: list[str]
    user: str | None


class AuditPage(Answer):
    """``next`` is the ``before`` of the next page; null: there is none."""

    entries: list[AuditEntry]
    next: int | None


def plain(thing: Any, **more: Any) -> dict[str, Any]:
    """A slotted dataclass as the fields of a model."""
    return {**{name: getattr(thing, name) for name in thing.__slots__}, **more}
