"""A job's life: its states, its one table of transitions, and the pure changes ``Job -> Job``.

No I/O and no clock: a change writes ``NOW`` and the store's commit script fills in the time.
``version`` grows by one with every committed change; a terminal state never changes again
(only the duty to tell the user about it, ``notice``, still moves).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from ringback.errors import IllegalTransition
from ringback.failure import WORKER_LOST, Failure
from ringback.instant import NOTICE_DUE, NOW, Instant


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  #: accepted and durable; waits for a worker
    RUNNING = "running"  #: an attempt holds the lease
    RETRYING = "retrying"  #: the last attempt failed; the next one has a time
    CANCELLING = "cancelling"  #: the user asked to stop; the attempt hasn't reached a checkpoint
    SUCCEEDED = "succeeded"  #: everything was done
    PARTIAL = "partial"  #: some items were done, some failed
    FAILED = "failed"  #: nothing was done, or the job broke
    CANCELLED = "cancelled"  #: stopped as asked

    @property
    def terminal(self) -> bool:
        """Whether the job has ended for good."""
        return self in TERMINAL


ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.RETRYING, State.CANCELLING})
TERMINAL = frozenset(State) - ACTIVE

#: The state machine, whole: every edge and what takes it. README draws the same picture.
TRANSITIONS: Mapping[tuple[State, State], str] = {
    (State.QUEUED, State.RUNNING): "a worker claims it",
    (State.QUEUED, State.CANCELLED): "cancelled while waiting",
    (State.QUEUED, State.FAILED): "deadline passed",
    (State.RUNNING, State.QUEUED): "lease expired or worker stopping",
    (State.RUNNING, State.RETRYING): "retryable error, attempts left",
    (State.RUNNING, State.CANCELLING): "cancel requested",
    (State.RUNNING, State.SUCCEEDED): "all items fine",
    (State.RUNNING, State.PARTIAL): "some items failed",
    (State.RUNNING, State.FAILED): "no item fine, or a final error",
    (State.RETRYING, State.QUEUED): "its time has come",
    (State.RETRYING, State.CANCELLED): "cancelled while waiting",
    (State.RETRYING, State.FAILED): "deadline passed",
    (State.CANCELLING, State.CANCELLED): "checkpoint reached or lease expired",
    (State.CANCELLING, State.SUCCEEDED): "it ended before a checkpoint",
    (State.CANCELLING, State.PARTIAL): "it ended before a checkpoint",
    (State.CANCELLING, State.FAILED): "it broke before a checkpoint",
}

Outcome = Literal["failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose job it is, and where and how to write to them."""

    id: str
    email: str | None = None
    name: str | None = None
    locale: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a job type promises and wants; copied onto each job when it is submitted.

    Times are milliseconds. ``grace_*`` None: the installation's setting.
    """

    unit: str = "items"
    steps: int | None = None
    idempotent: bool = False
    max_attempts: int = 5
    backoff_base: int = 1_000
    backoff_cap: int = 300_000
    receipt: Literal["pong", "seen"] = "pong"
    grace_absent: int | None = None
    grace_present: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What was asked for; never changes."""

    id: str
    type: str
    title: str
    owner: Owner
    params: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    retry_of: str | None = None
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The part of the job under way: its place (from 1), how many there are if known, its name."""

    index: int
    count: int | None
    name: str
    cancellable: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` (None: unknown) units."""

    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Item outcomes; they always add up to the items seen."""

    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def seen(self) -> int:
        """All items that have an outcome."""
        return self.succeeded + self.failed + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Equal item problems as one: how many, in words (plural with ``{count}``), what to do."""

    code: str
    outcome: Outcome
    count: int
    many: str
    one: str | None = None
    action: str = ""
    examples: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The sentence that fits the count."""
        if self.count == 1 and self.one:
            return self.one
        return self.many.replace("{count}", f"{self.count:,}")


@dataclass(frozen=True, slots=True)
class Link:
    """Something to fetch: its label (verb + object) and URL (absolute, or a path of this site)."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished job leaves: one sentence and links."""

    summary: str
    links: tuple[Link, ...] = ()


NoticeState = Literal["waiting", "sending", "delayed", "sent", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Notice:
    """The duty to tell the user how the job ended.

    ``waiting``, ``sending`` and ``delayed`` are open; the others end it: exactly one of
    receipt (``skipped``), accepted email (``sent``), recorded reason (``skipped``, ``failed``).
    """

    state: NoticeState
    reason: str
    at: Instant | None = None
    message_id: str | None = None
    tries: int = 0  #: deliveries that were put off

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in ("waiting", "sending", "delayed")


SEEN = "Seen live, so no email was needed."
NO_ADDRESS = "There is no email address for this user."
CANCELLED_BY_USER = "Cancelled by the user, so there was nothing to tell."

ALL_FAILED = "None of the {unit} could be processed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job at one version. Methods are the transitions; each returns the changed job."""

    spec: Spec
    state: State = State.QUEUED
    version: int = 0
    fence: int = 0
    attempt: int = 0
    message: str = ""
    step: Step | None = None
    progress: Progress = Progress()
    counts: Counts = Counts()
    problems: tuple[Problem, ...] = ()
    error: Failure | None = None
    result: Result | None = None
    next_at: Instant | None = None
    reason: str | None = None
    notice: Notice | None = None
    ended_version: int | None = None
    created_at: Instant = NOW
    started_at: Instant | None = None
    updated_at: Instant = NOW
    finished_at: Instant | None = None

    @property
    def id(self) -> str:
        """``<partition>-<uuid7>``."""
        return self.spec.id

    @property
    def attempts_left(self) -> int:
        """How many more attempts the policy allows."""
        return max(0, self.spec.policy.max_attempts - self.attempt)

    def _to(self, state: State, **changes: Any) -> Job:
        if (self.state, state) not in TRANSITIONS:
            raise IllegalTransition(f"{self.id}: {self.state} -> {state} isn't in the table")
        if state.terminal:
            changes = {
                "step": None, "next_at": None, "finished_at": NOW,
                "ended_version": self.version + 1, "notice": self._duty(state), **changes,
            }  # fmt: skip
        return replace(self, state=state, updated_at=NOW, **changes)

    def _duty(self, state: State) -> Notice:
        if state is State.CANCELLED:
            return Notice("skipped", CANCELLED_BY_USER, NOW)
        if not self.spec.owner.email:
            return Notice("skipped", NO_ADDRESS, NOW)
        return Notice("waiting", "An email follows unless an open page shows this.", NOTICE_DUE)

    # -- the worker's transitions

    def claimed(self) -> Job:
        """A worker starts the next attempt; the new fence shuts older attempts out."""
        return self._to(
            State.RUNNING, attempt=self.attempt + 1, fence=self.fence + 1, message="", step=None,
            progress=Progress(), counts=Counts(), problems=(), error=None, next_at=None,
            reason=None, started_at=self.started_at or NOW,
        )  # fmt: skip

    def advanced(self, **changes: Any) -> Job:
        """Running on: any of message, step, progress, counts, problems."""
        if self.state not in (State.RUNNING, State.CANCELLING):
            raise IllegalTransition(f"{self.id}: no progress while {self.state}")
        return replace(self, updated_at=NOW, **changes)

    def ended(self, result: Result | None) -> Job:
        """The function returned: succeeded, partial or failed, by the counts."""
        failed, succeeded = self.counts.failed, self.counts.succeeded
        if failed and not succeeded:
            return self._to(State.FAILED, result=result, error=self._all_failed())
        return self._to(State.PARTIAL if failed else State.SUCCEEDED, result=result, error=None)

    def _all_failed(self) -> Failure:
        first = self.problems[0] if self.problems else None
        return Failure(
            code="all_items_failed",
            category="input",
            message=ALL_FAILED.format(unit=self.spec.policy.unit),
            action=first.action if first else "",
        )

    def failed(self, error: Failure) -> Job:
        """A final error, or the last attempt's."""
        return self._to(State.FAILED, error=error)

    def retry_later(self, error: Failure, delay: int) -> Job:
        """A retryable error: the next attempt comes in ``delay`` milliseconds."""
        return self._to(
            State.RETRYING, step=None, error=error, reason=error.message, next_at=NOW.after(delay)
        )

    def handed_back(self) -> Job:
        """The worker is stopping: back to the queue, and this attempt doesn't count."""
        return self._put_back(attempt=self.attempt - 1, reason=None)

    def _put_back(self, **changes: Any) -> Job:
        # the fence moves now, not at the next claim: the old attempt can write nothing in between
        return self._to(State.QUEUED, step=None, fence=self.fence + 1, **changes)

    def stopped(self) -> Job:
        """The checkpoint after a cancel request."""
        return self._to(State.CANCELLED, result=Result(self._kept()))

    def _kept(self) -> str:
        if not self.counts.seen:
            return "Stopped before anything was done."
        return f"Stopped after {self.counts.seen:,} {self.spec.policy.unit}."

    # -- anybody's transitions

    def cancel_requested(self) -> Job:
        """Waiting jobs end at once, running ones at their next checkpoint; otherwise no change."""
        if self.state in (State.QUEUED, State.RETRYING):
            return self._to(State.CANCELLED, result=Result("Cancelled before it started."))
        return self._to(State.CANCELLING) if self.state is State.RUNNING else self

    # -- the supervisor's transitions

    def due_again(self) -> Job:
        """The time of the next attempt has come."""
        return self._to(State.QUEUED, next_at=None)

    def lease_expired(self) -> Job:
        """The worker fell silent: again if that is safe and attempts are left, else failed."""
        if self.state is State.CANCELLING:
            return self.stopped()
        if self.spec.policy.idempotent and self.attempts_left:
            return self._put_back(reason="The worker stopped answering.")
        return self.failed(replace(WORKER_LOST, ref=self.id))

    # -- the notice

    def received(self, version: int, proof: Literal["pong", "seen"]) -> Job:
        """A client proved that it has the terminal view; otherwise, or too late, no change."""
        counts = proof == "seen" or self.spec.policy.receipt == "pong"
        if not (self._notice_in("waiting", "delayed") and counts and self._was_terminal(version)):
            return self
        return self._noted(Notice("skipped", SEEN, NOW))

    def email_started(self, message_id: str) -> Job:
        """From here on the email wins over receipts: it may be on the wire any moment."""
        if not self._notice_in("waiting", "sending", "delayed"):
            return self
        assert self.notice is not None
        if self._notice_in("sending") and self.notice.message_id == message_id:
            return self  # else the mark is that of a mailer which had lost its claim by then
        told = "The email is being sent."
        return self._noted(Notice("sending", told, NOW, message_id, self.notice.tries))

    def email_sent(self, reason: str) -> Job:
        """The mail server accepted the email (or may have: the reason says so)."""
        return self._email_done("sent", reason)

    def email_failed(self, reason: str) -> Job:
        """The mail server refused for good."""
        return self._email_done("failed", reason)

    def email_delayed(self, reason: str, delay: int) -> Job:
        """Not accepted yet; the next try comes in ``delay`` ms, and a receipt may still end it."""
        if not self._notice_in("waiting", "sending", "delayed"):
            return self
        assert self.notice is not None
        tries, message_id = self.notice.tries + 1, self.notice.message_id
        return self._noted(Notice("delayed", reason, NOW.after(delay), message_id, tries))

    def _email_done(self, state: Literal["sent", "failed"], reason: str) -> Job:
        if not self._notice_in("waiting", "sending", "delayed"):
            return self
        assert self.notice is not None
        return self._noted(Notice(state, reason, NOW, self.notice.message_id))

    def _notice_in(self, *states: NoticeState) -> bool:
        return self.notice is not None and self.notice.state in states

    def _was_terminal(self, version: int) -> bool:
        return self.ended_version is not None and self.ended_version <= version <= self.version

    def _noted(self, notice: Notice) -> Job:
        return replace(self, notice=notice, updated_at=NOW)
