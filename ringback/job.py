"""A job's life: the pure changes ``Job -> Job``.

No I/O and no clock: a change writes ``NOW`` and the store's commit script fills in the time.
``version`` grows by one with every committed change; a terminal state never changes again
(only the duty to tell the user about it, ``notice``, still moves).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from ringback.errors import IllegalTransition, JobEnded, NotCancellable
from ringback.failure import WORKER_LOST, Failure, not_started, timed_out
from ringback.instant import NOTICE_DUE, NOW, Instant
from ringback.notice import (
    CANCELLED_BY_USER,
    FOLLOWS,
    NO_ADDRESS,
    WITH_PIPELINE,
    EmailChoice,
    Notice,
)
from ringback.plan import Course
from ringback.progress import (
    Counts,
    Link,
    Outcome,
    Place,
    Problem,
    Progress,
    Result,
    Step,
)
from ringback.spec import Owner, Policy, Scope, Spec
from ringback.state import ACTIVE, TERMINAL, TRANSITIONS, State

#: The domain, whole: who works with jobs needs no other module of it.
__all__ = [
    "ACTIVE",
    "FORCED",
    "RECORDED",
    "TERMINAL",
    "TRANSITIONS",
    "Cancel",
    "Counts",
    "Job",
    "Link",
    "Notice",
    "Outcome",
    "Owner",
    "Place",
    "Policy",
    "Problem",
    "Progress",
    "Result",
    "Scope",
    "Spec",
    "State",
    "Step",
]

NO_PROGRESS, NO_COUNTS = Progress(), Counts()
ALL_FAILED = "None of the {unit} could be processed."
FORCED = (
    "Our support stopped the job before it reached a safe point; the last step may be half done."
)
WORKER_SILENT = "The worker stopped answering."
RECORDED = 10_000  #: failed items kept one by one; above it, "failed only" can't be retried
RETRIABLE = (State.PARTIAL, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Somebody asked to stop: who, when, why; ``late``: it takes longer than it should. ``who``
    isn't for the user's eyes."""

    by: Literal["user", "support"] = "user"
    at: Instant = NOW
    why: str = ""
    who: str = ""
    late: bool = False
    forced: bool = False


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
    progress: Progress = NO_PROGRESS
    counts: Counts = NO_COUNTS
    problems: tuple[Problem, ...] = ()
    marks: tuple[int, ...] = ()  #: how many items each `run.items` of the function has finished
    kept: str = ""  #: what a stop from here on would leave, in the job's own words
    error: Failure | None = None
    result: Result | None = None
    next_at: Instant | None = None
    reason: str | None = None
    awaits: str = ""  #: the service that is down, by its name for users
    place: Place | None = None
    silent: int = 0  #: ms without news that the user has been told of
    slow: bool = False  #: it runs longer than nine of ten others did
    cancel: Cancel | None = None
    course: Course | None = None  #: of a pipeline, once its plan is made
    choice: EmailChoice = "fallback"  #: what its owner wants of emails, as last heard
    unreachable: bool = False  #: nobody was written to at its owner's address as it was submitted
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

    @property
    def dead(self) -> bool:
        """Whether it failed by no fault of its user: operators look at those, and replay them."""
        return (
            self.state is State.FAILED
            and self.spec.parent is None
            and self.error is not None
            and self.error.category in ("external", "system")
        )

    @property
    def grave(self) -> bool:
        """Whether it failed, in whole or in part, and its type says that this has consequences
        which can't wait (``severity="high"``)."""
        return self.spec.policy.severity == "high" and self.state in (State.FAILED, State.PARTIAL)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What a retry by the user may redo; empty: it can't be retried."""
        if self.state not in RETRIABLE or not self.spec.policy.idempotent or self.spec.parent:
            return ()
        if self.spec.policy.on_failure is not None:
            return ("all",)
        some = self.spec.policy.resume and 0 < self.counts.failed <= RECORDED
        return ("all", "failed") if some else ("all",)

    @property
    def deadline(self) -> Instant | None:
        """When it fails if it hasn't ended (or, before its first start, hasn't started)."""
        if self.state.terminal:
            return None
        if self.started_at is None:
            return self.created_at.after(self.spec.policy.start_within)
        if self.course is not None and (self.course.expired or any(self.course.undone)):
            return None  # it is being brought to its end, which may take what it takes
        timeout = self.spec.policy.timeout
        return None if timeout is None else self.started_at.after(timeout)

    def _to(self, state: State, **changes: Any) -> Job:
        if (self.state, state) not in TRANSITIONS:
            raise IllegalTransition(f"{self.id}: {self.state} -> {state} isn't in the table")
        changes = {"place": None, "silent": 0, "awaits": "", **changes}
        if state.terminal:
            changes = {
                "step": None, "next_at": None, "finished_at": NOW, "slow": False,
                "ended_version": self.version + 1, "notice": self._duty(state), **changes,
            }  # fmt: skip
        return replace(self, state=state, updated_at=NOW, **changes)

    def _duty(self, state: State) -> Notice:
        if self.spec.parent is not None:
            return Notice("skipped", WITH_PIPELINE, NOW)
        if state is State.CANCELLED and (self.cancel is None or self.cancel.by == "user"):
            return Notice("skipped", CANCELLED_BY_USER, NOW)
        if not self.spec.owner.email:
            return Notice("skipped", NO_ADDRESS, NOW)
        return Notice("waiting", FOLLOWS, NOTICE_DUE)

    # -- the worker's transitions

    def claimed(self) -> Job:
        """A worker starts the next attempt; the new fence shuts older attempts out."""
        if not (self.spec.policy.idempotent and self.spec.policy.resume):
            return self._emptied()._claimed()
        return self._claimed()

    def _emptied(self) -> Job:
        return replace(self, progress=NO_PROGRESS, counts=NO_COUNTS, problems=(), marks=(), kept="")

    def _claimed(self) -> Job:
        return self._to(
            State.RUNNING, attempt=self.attempt + 1, fence=self.fence + 1, message="", step=None,
            error=None, next_at=None, reason=None, started_at=self.started_at or NOW,
        )  # fmt: skip

    def advanced(self, **changes: Any) -> Job:
        """Running on: any of message, step, progress, counts, problems, marks, kept."""
        if self.state not in (State.RUNNING, State.CANCELLING):
            raise IllegalTransition(f"{self.id}: no progress while {self.state}")
        return replace(self, updated_at=NOW, silent=0, **changes)

    def planned(self, course: Course) -> Job:
        """The function of a pipeline gave its plan. From here on the job is running without an
        attempt; ``saga`` moves it."""
        if self.state is State.CANCELLING:
            return self.stopped()
        if self.state is not State.RUNNING:
            raise IllegalTransition(f"{self.id}: no plan while {self.state}")
        # the fence moves, so that what the attempt still has to say isn't heard
        return replace(self, course=course, fence=self.fence + 1, updated_at=NOW)

    def concluded(self, state: State, result: Result, error: Failure | None) -> Job:
        """The end of a pipeline, as its steps' ends make it."""
        return self._to(state, result=result, error=error, message="")

    def ended(self, result: Result | None) -> Job:
        """The function returned: succeeded, partial or failed, by the counts."""
        failed, succeeded = self.counts.failed, self.counts.succeeded
        if failed and not succeeded:
            return self._to(State.FAILED, result=result, error=self._all_failed())
        state = State.PARTIAL if failed else State.SUCCEEDED
        return self._to(state, result=result, error=None, reason=self._which_attempt())

    def _which_attempt(self) -> str | None:
        if self.attempt == 1:
            return None
        return f"Attempt {self.attempt} of {self.spec.policy.max_attempts} made it."

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
        reason = f"{error.message} {self._what_is_redone()}"
        return self._to(
            State.RETRYING, step=None, error=error, reason=reason, next_at=NOW.after(delay)
        )

    def _what_is_redone(self) -> str:
        done, policy = sum(self.marks), self.spec.policy
        if policy.resume and done:
            return f"The next attempt goes on after the {done:,} {policy.unit} that are done."
        return "The next attempt starts from the beginning."

    def paused(self, label: str, delay: int) -> Job:
        """An external service is known to be down: waits for it, and the attempt doesn't count."""
        reason = f"{label} isn't answering at the moment. The job goes on by itself once it does."
        return self._to(
            State.RETRYING, step=None, attempt=self.attempt - 1, reason=reason, awaits=label,
            next_at=NOW.after(delay),
        )  # fmt: skip

    def handed_back(self) -> Job:
        """The worker is stopping: back to the queue, and this attempt doesn't count."""
        return self._put_back(attempt=self.attempt - 1, reason=None)

    def _put_back(self, **changes: Any) -> Job:
        # the fence moves now, not at the next claim: the old attempt can write nothing in between
        return self._to(State.QUEUED, step=None, next_at=None, fence=self.fence + 1, **changes)

    def stopped(self) -> Job:
        """The checkpoint after a cancel request."""
        return self._to(State.CANCELLED, result=Result(self._what_was_done()))

    def _what_was_done(self) -> str:
        if self.kept or not self.counts.seen:
            return self.kept or self._where_it_was()
        told = ((self.counts.failed, "failed"), (self.counts.skipped, "skipped"))
        apart = ", ".join(f"{count:,} {outcome}" for count, outcome in told if count)
        seen = f"Stopped after {self.counts.seen:,} {self.spec.policy.unit}"
        return f"{seen} ({apart}); what was done is kept." if apart else f"{seen}, which are kept."

    def _where_it_was(self) -> str:
        if self.progress.done:
            return f"Stopped after {self.progress.done:,} {self.spec.policy.unit}."
        if self.step is not None:
            return f"Stopped during “{self.step.name}”."
        return "Stopped before its end."

    # -- anybody's transitions

    def cancel_requested(self, by: Literal["user", "support"] = "user", why: str = "") -> Job:
        """Waiting jobs end at once, running ones at their next checkpoint; no change where that
        was asked before. Raises NotCancellable, and JobEnded where it ended in another way."""
        if self.state in (State.CANCELLING, State.CANCELLED):
            return self
        if self.state.terminal:
            raise JobEnded(self.id, self.state.value)
        if not self.spec.policy.cancellable:
            raise NotCancellable(self.id, self.spec.policy.cancel_warning)
        asked = replace(self, cancel=Cancel(by=by, why=why))
        if self.state is State.RUNNING:
            return asked._to(State.CANCELLING)
        told = "Cancelled before it started." if self.started_at is None else self._what_was_done()
        return asked._to(State.CANCELLED, result=Result(told))

    def forced(self, who: str, why: str) -> Job:
        """Support ends a cancel that reaches no checkpoint; the user is told so."""
        if self.state.terminal:
            raise JobEnded(self.id, self.state.value)
        cancel = replace(self.cancel or Cancel(), by="support", who=who, why=why, forced=True)
        return replace(self, cancel=cancel, fence=self.fence + 1)._to(
            State.CANCELLED,
            result=Result(f"{FORCED} {self._what_was_done()}"),
            reason=f"Forced by our support: {why}",
        )

    def positioned(self, place: Place) -> Job:
        """Where it stands in the queue; no change where that is known, or it waits no more."""
        if self.state is not State.QUEUED or place == self.place:
            return self
        return replace(self, place=place, updated_at=NOW)

    # -- the supervisor's transitions

    def due_again(self) -> Job:
        """The time of the next attempt has come."""
        return self._to(State.QUEUED, next_at=None)

    def lease_expired(self) -> Job:
        """The worker fell silent: again if that is safe and attempts are left, else failed."""
        if self.course is not None:
            return self  # looked at while its plan came in: it has no lease any more
        if self.state is State.CANCELLING:
            return self.stopped()
        safe = self.spec.policy.idempotent or self.spec.policy.on_failure is not None
        if safe and self.attempts_left:
            return self._put_back(reason=f"{WORKER_SILENT} {self._what_is_redone()}")
        return self.failed(replace(WORKER_LOST, ref=self.id))

    def deadline_passed(self) -> Job:
        """It took longer than jobs of its type may. A pipeline has its steps to stop first."""
        if self.course is not None and not self.state.terminal:
            return self._expired(self.course)
        if self.state is State.CANCELLING:
            return self.stopped()
        policy = self.spec.policy
        if self.started_at is None:
            return self.failed(not_started(policy.start_within, self.id))
        kept = policy.resume and self.counts.seen
        seen = f"{self.counts.seen:,} {policy.unit}" if kept else ""
        before = self.reason if self.state is State.RETRYING else None
        return self.failed(timed_out(policy.timeout or 0, seen, before, self.id))

    def _expired(self, course: Course) -> Job:
        if course.expired is not None:
            return self
        # what was done may yet be undone: the summary at the end tells
        error = timed_out(self.spec.policy.timeout or 0, "", None, self.id)
        return replace(self, course=replace(course, expired=error), updated_at=NOW)

    def fell_silent(self) -> Job:
        """Running without news for longer than its type usually does, and then twice as long…;
        or a cancel that doesn't reach a checkpoint."""
        if self.state is State.CANCELLING and self.cancel is not None:
            return replace(self, cancel=replace(self.cancel, late=True), updated_at=NOW)
        if self.state is not State.RUNNING:
            return self
        return replace(self, silent=self.next_silence, updated_at=NOW)

    @property
    def next_silence(self) -> int:
        """After how many ms without news the user is told (again)."""
        return self.silent * 2 or self.spec.policy.stall_after

    def took_long(self) -> Job:
        """It runs longer than nine of ten jobs of its type did."""
        if self.slow or self.state.terminal:
            return self
        return replace(self, slow=True, updated_at=NOW)

    # -- the notice

    def received(self, version: int, proof: Literal["pong", "seen"]) -> Job:
        """A client proved that it has the terminal view; otherwise, or too late, no change."""
        if proof == "pong" and self.spec.policy.receipt != "pong":
            return self
        if self.ended_version is None or not self.ended_version <= version <= self.version:
            return self
        return self._noted(lambda notice: notice.proven(self.choice))

    def chosen(self, choice: EmailChoice) -> Job:
        """The owner's preferences changed. A notice that waits gets its grace anew, since it may
        have waited for what doesn't count any more; the mailer decides by the preferences then."""
        heard = self if choice == self.choice else replace(self, choice=choice, updated_at=NOW)
        return heard._noted(Notice.afresh)

    def email_started(self, message_id: str) -> Job:
        """From here on the email wins over receipts: it may be on the wire any moment."""
        return self._noted(lambda notice: notice.started(message_id))

    def email_sent(self, reason: str, answer: str = "") -> Job:
        """The mail server accepted the email (or may have: the reason says so)."""
        return self._noted(lambda notice: notice.sent(reason, answer))

    def email_failed(self, reason: str, answer: str = "", *, dead: bool = False) -> Job:
        """The mail server refused for good; ``dead``: by no fault of the user."""
        return self._noted(lambda notice: notice.failed(reason, answer, dead=dead))

    def email_again(self) -> Job:
        """Operators send an email that failed by no fault of the user; no change for others."""
        return self._noted(Notice.again)

    def email_bounced(
        self, message_id: str, reason: str, answer: str = "", *, dead: bool = False
    ) -> Job:
        """The email that bore this Message-ID was taken and came back; no change for another's.
        While its books aren't closed it may come back already. ``dead``: as in email_failed."""
        return self._noted(lambda notice: notice.came_back(message_id, reason, answer, dead=dead))

    def email_delayed(self, reason: str, delay: int, answer: str = "") -> Job:
        """Not accepted yet; the next try comes in ``delay`` ms, and a receipt may still end it."""
        return self._noted(lambda notice: notice.delayed(reason, delay, answer))

    def email_paused(self, reason: str, answer: str = "") -> Job:
        """No email can leave now, which counts as no try; a receipt may still end it."""
        return self._noted(lambda notice: notice.paused(reason, answer))

    def email_queued(self, reason: str, turn: int, message_id: str | None = None) -> Job:
        """Its turn among the emails to its domain comes at ``turn`` (ms since 1970); no change once
        one, of this Message-ID, is being sent."""
        return self._noted(lambda notice: notice.queued(reason, turn, message_id))

    def email_skipped(self, reason: str, message_id: str | None = None) -> Job:
        """Its owner wants no email; no change once one, of this Message-ID, is being sent."""
        return self._noted(lambda notice: notice.skipped(reason, message_id))

    def email_held(self, reason: str, until: int, message_id: str | None = None) -> Job:
        """No email goes out before ``until`` (ms since 1970); no change once one, of this
        Message-ID, is being sent."""
        return self._noted(lambda notice: notice.held(reason, until, message_id))

    def _noted(self, change: Callable[[Notice], Notice]) -> Job:
        notice = self.notice and change(self.notice)
        return self if notice == self.notice else replace(self, notice=notice, updated_at=NOW)
