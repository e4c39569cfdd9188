"""A job's life: one table of transitions, and nothing that goes around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.errors import (
    ExternalError,
    IllegalTransition,
    InputError,
    JobEnded,
    NotCancellable,
)
from ringback.failure import Failure, failure_of
from ringback.instant import NOTICE_DUE, NOW, Instant, rfc3339
from ringback.job import (
    ACTIVE,
    TERMINAL,
    TRANSITIONS,
    Counts,
    Job,
    Notice,
    Place,
    Problem,
    Progress,
    Result,
    State,
)
from ringback.notice import CANCELLED_BY_USER, NO_ADDRESS, SEEN
from ringback.view import masked, view_of
from tests.rig import new_spec

BROKE = Failure(code="bank_away", category="external", message="No answer.", action="Wait.")
DONE = Result("Done")

REFUSALS = IllegalTransition, JobEnded, NotCancellable

Change = Callable[[Job], Job]

#: Every public transition, with the states it leads to.
CHANGES: Mapping[str, Change] = {
    "claimed": Job.claimed,
    "advanced": lambda job: job.advanced(message="on it", counts=Counts(2, 1, 1)),
    "ended, all fine": lambda job: replace(job, counts=Counts(3)).ended(DONE),
    "ended, mixed": lambda job: replace(job, counts=Counts(3, 1)).ended(DONE),
    "ended, none fine": lambda job: replace(job, counts=Counts(0, 2, 1)).ended(DONE),
    "failed": lambda job: job.failed(BROKE),
    "retry_later": lambda job: job.retry_later(BROKE, 1_000),
    "handed_back": Job.handed_back,
    "stopped": Job.stopped,
    "cancel_requested": Job.cancel_requested,
    "forced": lambda job: job.forced("sue", "it hangs"),
    "paused": lambda job: job.paused("Stripe", 1_000),
    "positioned": lambda job: job.positioned(Place("about 10", "All workers are busy")),
    "due_again": Job.due_again,
    "deadline_passed": Job.deadline_passed,
    "fell_silent": Job.fell_silent,
    "took_long": Job.took_long,
    "lease_expired": Job.lease_expired,
    "received": lambda job: job.received(job.version, "seen"),
    "email_started": lambda job: job.email_started("<1@x>"),
    "email_sent": lambda job: job.email_sent("250 OK"),
    "email_failed": lambda job: job.email_failed("550 no such user"),
    "email_bounced": lambda job: job.email_bounced("<1@x>", "It came back."),
    "email_delayed": lambda job: job.email_delayed("451 busy", 5_000),
}


def committed(job: Job) -> Job:
    """As the store hands it back: the next version."""
    return replace(job, version=job.version + 1)


def queued(**policy: object) -> Job:
    return committed(Job(spec=new_spec(**policy)))  # type: ignore[arg-type]  # fields of Policy


def running(**policy: object) -> Job:
    return committed(queued(**policy).claimed())


def finished(**policy: object) -> Job:
    return committed(replace(running(**policy), counts=Counts(3, 1)).ended(DONE))


def outcome(job: Job) -> tuple[object, ...]:
    return job.state, job.counts, job.problems, job.result, job.error, job.finished_at


# -- the table


def test_a_state_is_either_active_or_terminal() -> None:
    assert set(State) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL
    assert {s for s in State if s.terminal} == TERMINAL


def test_no_edge_leaves_a_terminal_state_and_every_state_can_be_reached() -> None:
    assert not {before for before, _ in TRANSITIONS} & TERMINAL
    reached = {State.QUEUED}
    for _ in State:
        reached |= {after for before, after in TRANSITIONS if before in reached}
    assert reached == set(State)


def test_every_active_state_has_a_way_to_an_end_without_its_worker() -> None:
    """Nothing hangs: a cancel request, a lease or a deadline ends each."""
    ways = {
        State.QUEUED: Job.cancel_requested,
        State.RETRYING: Job.cancel_requested,
        State.RUNNING: Job.lease_expired,
        State.CANCELLING: Job.lease_expired,
    }
    assert set(ways) == ACTIVE
    for state, way in ways.items():
        assert way(replace(running(max_attempts=1), state=state)).state.terminal


def test_the_transitions_take_exactly_the_edges_of_the_table() -> None:
    taken = set()
    for state, change, idempotent in product(State, CHANGES.values(), (True, False)):
        job = replace(running(idempotent=idempotent), state=state)
        try:
            after = change(job)
        except REFUSALS:
            continue
        if after.state is not state:
            taken.add((state, after.state))
    assert taken == set(TRANSITIONS)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_changes_how_a_job_ended(state: State, name: str) -> None:
    job = replace(finished(), state=state)
    try:
        after = CHANGES[name](job)
    except REFUSALS:
        return
    assert outcome(after) == outcome(job)


@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=25), st.booleans(), st.integers(1, 3))
def test_whatever_is_asked_in_whatever_order_the_table_holds(
    names: list[str], idempotent: bool, attempts: int
) -> None:
    job = queued(idempotent=idempotent, max_attempts=attempts)
    for name in names:
        try:
            after = CHANGES[name](job)
        except REFUSALS:
            continue
        if after is job:
            continue
        assert after.version == job.version, "only a commit counts versions"
        assert after.state is job.state or (job.state, after.state) in TRANSITIONS
        assert after.fence >= job.fence
        assert after.attempt >= 0
        assert after.updated_at == NOW
        assert after.state.terminal == (after.finished_at is not None)
        assert after.state.terminal == (after.notice is not None)
        assert (after.next_at is not None) == (after.state is State.RETRYING)
        if job.state.terminal:
            assert outcome(after) == outcome(job)
            assert job.notice is not None
            assert job.notice.open, "an ended notice stays ended"
        job = committed(after)


# -- attempts


def test_a_claim_starts_afresh_where_what_was_done_is_lost_with_its_attempt() -> None:
    job = running(idempotent=True, resume=False)
    dirty = job.advanced(counts=Counts(5, 1), problems=(problem(),), message="half way")
    again = committed(committed(dirty.retry_later(BROKE, 10)).due_again()).claimed()
    assert (again.attempt, again.fence) == (2, 2)
    assert (again.counts, again.problems, again.message, again.error) == (Counts(), (), "", None)


def test_a_claim_goes_on_with_what_earlier_attempts_have_done() -> None:
    half = running(idempotent=True).advanced(
        counts=Counts(5, 1), problems=(problem(),), marks=(6,), progress=Progress(6, 10)
    )
    waiting = committed(half.retry_later(BROKE, 10))
    assert waiting.reason == "No answer. The next attempt goes on after the 6 items that are done."
    again = committed(waiting.due_again()).claimed()
    assert (again.attempt, again.error) == (2, None)
    assert (again.counts, again.problems, again.marks) == (Counts(5, 1), (problem(),), (6,))


def test_a_job_that_needed_more_than_one_attempt_says_which_made_it() -> None:
    first = running(idempotent=True, max_attempts=3)
    assert first.ended(DONE).reason is None
    second = committed(committed(first.retry_later(BROKE, 10)).due_again()).claimed()
    assert second.ended(DONE).reason == "Attempt 2 of 3 made it."


def test_waiting_for_a_service_that_is_down_costs_no_attempt() -> None:
    waiting = running(idempotent=True).paused("Stripe", 30_000)
    assert (waiting.state, waiting.attempt) == (State.RETRYING, 0)
    assert waiting.next_at == NOW.after(30_000)
    assert "Stripe isn't answering" in (waiting.reason or "")


def test_the_start_is_that_of_the_first_attempt() -> None:
    first = replace(running(idempotent=True), started_at=Instant(1_000))
    assert committed(first.lease_expired()).claimed().started_at == Instant(1_000)


def test_a_second_claim_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="running -> running"):
        running().claimed()


@pytest.mark.parametrize("change", ["handed_back", "lease_expired"])
def test_the_old_attempt_is_fenced_out_at_once_when_its_job_goes_back(change: str) -> None:
    job = running(idempotent=True)
    assert CHANGES[change](job).fence == job.fence + 1


def test_an_attempt_that_is_handed_back_does_not_count() -> None:
    job = committed(running(max_attempts=1).handed_back()).claimed()
    assert (job.attempt, job.attempts_left) == (1, 0)


def test_a_retry_says_when_and_why() -> None:
    job = running().retry_later(BROKE, 2_500)
    assert (job.next_at, job.error) == (NOW.after(2_500), BROKE)
    assert job.reason == "No answer. The next attempt starts from the beginning."
    assert committed(job).due_again().next_at is None


@pytest.mark.parametrize(
    ("idempotent", "attempts", "state"),
    [(True, 2, State.QUEUED), (True, 1, State.FAILED), (False, 2, State.FAILED)],
)
def test_a_lost_worker_costs_the_job_only_if_it_cannot_run_again(
    idempotent: bool, attempts: int, state: State
) -> None:
    job = running(idempotent=idempotent, max_attempts=attempts).lease_expired()
    assert job.state is state
    assert (job.error is not None) == (state is State.FAILED)
    if job.error:
        assert (job.error.code, job.error.ref) == ("worker_lost", job.id)


# -- how it ends


def problem(count: int = 1, **words: str) -> Problem:
    return Problem(
        code="no_id", outcome="failed", count=count, many="{count} rows have no ID",
        one=words.get("one"), action="Give each row an ID.",
    )  # fmt: skip


def test_the_outcome_follows_from_the_counts() -> None:
    ends = {
        Counts(): State.SUCCEEDED,
        Counts(skipped=4): State.SUCCEEDED,
        Counts(succeeded=1, skipped=1): State.SUCCEEDED,
        Counts(succeeded=1, failed=1): State.PARTIAL,
        Counts(failed=1): State.FAILED,
        Counts(failed=1, skipped=9): State.FAILED,
    }
    assert {c: replace(running(), counts=c).ended(DONE).state for c in ends} == ends


def test_a_job_none_of_whose_items_went_well_says_what_to_do() -> None:
    job = replace(running(unit="rows"), counts=Counts(failed=2), problems=(problem(2),)).ended(DONE)
    assert job.error is not None
    assert job.error.message == "None of the rows could be processed."
    assert job.error.action == "Give each row an ID."


def test_waiting_jobs_are_cancelled_at_once_and_running_ones_at_a_checkpoint() -> None:
    assert queued().cancel_requested().state is State.CANCELLED
    cancelling = committed(replace(running(unit="rows"), counts=Counts(1_200, 30)))
    cancelling = committed(cancelling.cancel_requested())
    assert cancelling.state is State.CANCELLING
    assert cancelling.cancel_requested() is cancelling, "asked twice, asked once"
    stopped = cancelling.stopped()
    told = "Stopped after 1,230 rows (30 failed); what was done is kept."
    assert stopped.result == Result(told)
    assert running().cancel_requested().stopped().result == Result("Stopped before its end.")


def test_a_job_that_ends_before_it_hears_of_the_cancel_has_ended_as_it_did() -> None:
    assert running().cancel_requested().ended(DONE).state is State.SUCCEEDED
    assert running().cancel_requested().failed(BROKE).state is State.FAILED


@pytest.mark.parametrize(
    ("error", "category", "retryable"),
    [
        (InputError("Not a number.", action="Use digits."), "input", False),
        (ExternalError("The bank is away."), "external", True),
        (ZeroDivisionError("secret detail"), "system", True),
    ],
)
def test_users_get_our_words_and_never_an_exception_of_the_program(
    error: Exception, category: str, retryable: bool
) -> None:
    failure = failure_of(error, "ref-1")
    assert (failure.category, failure.retryable, failure.ref) == (category, retryable, "ref-1")
    assert "secret" not in failure.message + failure.action


def test_a_problem_speaks_in_the_number_it_has() -> None:
    assert problem(1, one="1 row has no ID").message == "1 row has no ID"
    assert problem(1).message == "1 rows have no ID"
    assert problem(12_345, one="1 row has no ID").message == "12,345 rows have no ID"


# -- the notice


def test_the_end_of_a_job_is_the_beginning_of_a_notice() -> None:
    job = running().ended(DONE)
    assert job.notice is not None
    assert (job.notice.state, job.notice.at, job.notice.open) == ("waiting", NOTICE_DUE, True)
    assert job.ended_version == job.version + 1


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (queued().cancel_requested(), CANCELLED_BY_USER),
        (replace(running(), spec=new_spec(email=None)).ended(DONE), NO_ADDRESS),
    ],
    ids=["cancelled", "no address"],
)
def test_a_notice_that_nobody_needs_ends_with_its_reason(job: Job, reason: str) -> None:
    assert job.notice == Notice("skipped", reason, NOW)


def test_a_receipt_ends_the_notice_once() -> None:
    job = finished()
    seen = job.received(job.version, "pong")
    assert seen.notice == Notice("skipped", SEEN, NOW)
    assert committed(seen).received(job.version, "pong") == committed(seen)


@pytest.mark.parametrize("off", [-1, +1])
def test_a_receipt_for_another_version_proves_nothing(off: int) -> None:
    job = finished()
    assert job.received(job.version + off, "seen") is job


def test_a_receipt_for_the_end_still_counts_after_the_notice_moved_on() -> None:
    job = finished()
    later = committed(committed(job.email_started("<1@x>")).email_delayed("451 busy", 10))
    for version in range(job.version, later.version + 1):
        assert later.received(version, "pong").notice == Notice("skipped", SEEN, NOW)


def test_a_running_job_has_no_receipts() -> None:
    job = running()
    assert job.received(job.version, "seen") is job


def test_job_types_that_want_seen_are_not_content_with_a_pong() -> None:
    job = finished(receipt="seen")
    assert job.received(job.version, "pong") is job
    assert job.received(job.version, "seen").notice == Notice("skipped", SEEN, NOW)


def test_an_email_that_was_sent_and_came_back_has_failed() -> None:
    job = committed(committed(finished().email_started("<1@x>")).email_sent("250 OK"))
    back = job.email_bounced("<1@x>", "It came back: no such mailbox.")
    assert back.notice is not None
    assert (back.notice.state, back.notice.reason) == ("failed", "It came back: no such mailbox.")
    assert outcome(back) == outcome(job)
    assert committed(back).email_bounced("<1@x>", "Again.").notice == back.notice


def test_another_email_that_came_back_changes_nothing() -> None:
    job = committed(committed(finished().email_started("<1@x>")).email_sent("250 OK"))
    assert job.email_bounced("<2@x>", "It came back.") is job
    assert finished().email_bounced("<1@x>", "It came back.").notice == finished().notice


def test_an_email_may_come_back_before_its_books_are_closed() -> None:
    job = committed(finished().email_started("<1@x>"))
    back = committed(job.email_bounced("<1@x>", "It came back."))
    assert back.email_sent("250 OK") is back


def test_no_receipt_ends_a_notice_whose_email_may_be_on_the_wire() -> None:
    job = committed(finished().email_started("<1@x>"))
    assert job.received(job.version, "seen") is job


def test_no_email_starts_for_a_notice_that_a_receipt_has_ended() -> None:
    job = finished()
    seen = committed(job.received(job.version, "seen"))
    assert seen.email_started("<1@x>") is seen


def test_a_delay_counts_its_tries_and_keeps_the_message_id() -> None:
    job = finished()
    for tries in (1, 2):
        job = committed(committed(job.email_started("<1@x>")).email_delayed("451 busy", 700))
        assert job.notice == Notice("delayed", "451 busy", NOW.after(700), "<1@x>", tries, NOW)


# -- the view and its times


def test_clients_are_not_bothered_with_the_moment_of_sending() -> None:
    assert view_of(finished().email_started("<1@x>"))["email"]["state"] == "waiting"


def test_the_promise_shows_no_whole_address() -> None:
    assert masked("ada@example.com") == "a…@example.com"
    assert "ann@example.com" not in str(view_of(queued()))
    assert "email" not in view_of(replace(queued(), spec=new_spec(email=None)))["promise"]


def test_a_moment_is_counted_from_the_commit_or_from_the_notice() -> None:
    times = {"commit": 1_000, "notice": 5_000}
    assert NOW.after(7).resolved(**times) == Instant(1_007)
    assert NOTICE_DUE.resolved(**times) == Instant(5_000)
    assert Instant(3).resolved(**times) == Instant(3)
    assert rfc3339(951_782_400_001) == "2000-02-29T00:00:00.001Z"
