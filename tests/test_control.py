"""What people may ask of a job that is there, and what they are told where they may not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import orjson
import pytest

from ringback import census, control, store
from ringback.connection import Store
from ringback.errors import (
    DuplicateWork,
    JobCancelled,
    JobEnded,
    JobNotFound,
    LeaseLost,
    NotCancellable,
    NotRetryable,
)
from ringback.external import Services
from ringback.job import RECORDED, Counts, Job, Spec, State
from ringback.notice import CANCELLED_BY_USER
from ringback.run import Run
from ringback.store import RETRY, Submitted
from tests.eye import BROKE, DONE, ask, claimed, due, ended, stored_view, submitted
from tests.rig import new_spec

AT_ONCE = 30


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def view(db: Store, job: Job) -> Any:
    return orjson.loads(stored_view(db, job))


def done(db: Store, counts: Counts, **policy: Any) -> Job:
    """A job that ended with these counts."""
    job = claimed(db, **{"idempotent": True, **policy})
    return db.do(store.update(job, lambda job: job.advanced(counts=counts).ended(DONE)))


def close(db: Store, job: Job) -> Job:
    """A queued job, ended."""
    job = db.do(store.update(job, Job.claimed))
    return db.do(store.update(job, lambda job: job.ended(DONE)))


def pass_the_double_click(db: Store, job: Job) -> None:
    """The last retry of a job was ten seconds ago."""
    ask(db, "HSET", store._unique_key(job.spec.owner.id, f"{RETRY}{job.id}"), "at", 1)


def at_once(do: Callable[[int], Any]) -> list[Any]:
    """What it gives, or raises, done by many at the same time."""
    ready = Barrier(AT_ONCE)

    def one(number: int) -> Any:
        ready.wait()
        try:
            return do(number)
        except DuplicateWork as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


# -- cancel


def test_a_job_that_waits_for_its_next_attempt_is_cancelled_at_once(db: Store) -> None:
    job = claimed(db, idempotent=True)
    job = db.do(store.update(job, lambda job: job.advanced(counts=Counts(3)).retry_later(BROKE, 9)))
    gone = db.do(control.cancel(job.id, "ann"))
    assert gone.state is State.CANCELLED
    assert gone.result is not None
    assert gone.result.summary == "Stopped after 3 items, which are kept."
    assert due(db, "retry") == {}


def test_a_running_job_is_asked_to_stop_and_asking_again_changes_nothing(db: Store) -> None:
    job = claimed(db)
    asked = db.do(control.cancel(job.id, "ann"))
    again = db.do(control.cancel(job.id, "ann"))
    assert asked.state is State.CANCELLING
    assert again == asked
    ended = db.do(store.update(job.id, Job.stopped))
    assert db.do(control.cancel(job.id, "ann")) == ended


def test_what_has_ended_can_not_be_cancelled(db: Store) -> None:
    job = ended(db)
    with pytest.raises(JobEnded, match=r"has ended already \(succeeded\)"):
        db.do(control.cancel(job.id, "ann"))


def test_a_job_that_can_not_stop_says_why(db: Store) -> None:
    why = "The bank has the order already."
    job = claimed(db, cancellable=False, cancel_warning=why)
    with pytest.raises(NotCancellable, match=why):
        db.do(control.cancel(job.id, "ann"))
    assert view(db, job)["can"]["cancel"] is False
    assert db.do(store.load(job.id)).version == job.version


def test_other_peoples_jobs_are_not_there(db: Store) -> None:
    job = claimed(db)
    for asked in (control.cancel(job.id, "bob"), control.retry(job.id, "bob")):
        with pytest.raises(JobNotFound):
            db.do(asked)
    assert db.do(store.load(job.id)).version == job.version


def test_nobody_writes_to_a_user_about_what_the_user_did_but_about_what_support_did(
    db: Store,
) -> None:
    own = db.do(control.cancel(submitted(db).id, "ann"))
    ours = db.do(control.cancel(submitted(db).id, by="support", why="It is spam."))
    assert (own.notice and own.notice.reason) == CANCELLED_BY_USER
    assert (ours.notice and ours.notice.state) == "waiting"


# -- force


def test_support_ends_a_job_that_does_not_stop_and_all_is_labelled(db: Store) -> None:
    job = claimed(db)
    db.do(control.cancel(job.id, "ann"))
    forced = db.do(control.force(job.id, "sue", "It hangs since noon."))
    assert forced.state is State.CANCELLED
    shown = view(db, job)
    assert "Our support stopped the job" in shown["result"]["summary"]
    assert shown["email"]["state"] == "waiting"
    last = db.do(store.history(job.id))[-1]
    assert last["what"] == "stopped by support, without a checkpoint"
    assert last["reason"] == "Forced by our support: It hangs since noon."


def test_the_attempt_that_was_not_waited_for_writes_nothing_any_more(db: Store) -> None:
    job = claimed(db)
    forced = db.do(control.force(job.id, "sue", "It hangs."))
    with pytest.raises(LeaseLost):
        db.do(store.update(job, lambda job: job.ended(DONE), held=job.fence))
    assert db.do(store.renew(job.id[:2], [(job.id, job.fence)])) == ([job.id], [])
    assert db.do(store.load(job.id)) == forced


def test_a_job_that_waits_needs_no_force(db: Store) -> None:
    gone = db.do(control.force(submitted(db).id, "sue", "It is spam."))
    assert (gone.state, gone.cancel and gone.cancel.forced) == (State.CANCELLED, False)


# -- retry


def test_a_retry_is_a_new_job_that_is_linked_to_the_old_one(db: Store) -> None:
    job = done(db, Counts(3, 2))
    first = db.do(control.retry(job.id, "ann")).job
    assert (first.state, first.spec.scope) == (State.QUEUED, "all")
    assert (first.spec.retry_of, first.spec.root) == (job.id, job.id)
    assert (first.spec.params, first.spec.title) == (job.spec.params, job.spec.title)
    assert first.counts == Counts()
    assert view(db, first)["retry_of"] == job.id

    assert db.do(store.load(job.id)) == job, "what has ended never changes"


def test_the_root_of_a_retry_of_a_retry_is_the_first_job(db: Store) -> None:
    job = done(db, Counts(0, 2))
    first = db.do(control.retry(job.id)).job
    first = db.do(store.update(first, Job.claimed))
    first = db.do(store.update(first, lambda j: j.advanced(counts=Counts(1, 1)).ended(DONE)))
    second = db.do(control.retry(first.id, scope="failed")).job
    assert (second.spec.retry_of, second.spec.root) == (first.id, job.id)


def test_many_clicks_at_once_make_one_retry(db: Store) -> None:
    job = done(db, Counts(3, 2))
    found: list[Submitted] = at_once(lambda _: db.do(control.retry(job.id, "ann")))
    assert len({each.job.id for each in found}) == 1
    assert [each.created for each in found].count(True) == 1


def test_a_click_while_the_retry_is_under_way_gives_that_one(db: Store) -> None:
    job = done(db, Counts(3, 2))
    first = db.do(control.retry(job.id)).job
    pass_the_double_click(db, job)
    for change in (Job.claimed, lambda j: j.retry_later(BROKE, 9), Job.due_again, Job.claimed):
        first = db.do(store.update(first, change))
        found = db.do(control.retry(job.id))
        assert (found.created, found.job) == (False, first)


def test_once_the_retry_has_ended_a_click_makes_another_but_no_second_one_just_now(
    db: Store,
) -> None:
    job = done(db, Counts(3, 2))
    first = close(db, db.do(control.retry(job.id)).job)
    assert db.do(control.retry(job.id)) == Submitted(first, created=False)
    pass_the_double_click(db, job)
    second = db.do(control.retry(job.id))
    assert second.created
    assert db.do(control.retry(job.id)).job == second.job


@pytest.mark.parametrize(
    ("counts", "policy", "scope", "why"),
    [
        (Counts(3), {}, "all", "there is nothing to do again"),
        (Counts(3, 1), {"idempotent": False}, "all", "running jobs of this kind twice isn't safe"),
        (Counts(3, 1), {"resume": False}, "failed", "weren't kept one by one. Retry all of it."),
        (Counts(3, RECORDED + 1), {}, "failed", "more than 10,000 of its items failed"),
    ],
)
def test_a_retry_that_makes_no_sense_is_refused_with_words(
    db: Store, counts: Counts, policy: dict[str, Any], scope: Any, why: str
) -> None:
    job = done(db, counts, **policy)
    with pytest.raises(NotRetryable, match=why):
        db.do(control.retry(job.id, scope=scope))
    assert scope not in view(db, job)["can"]["retry"]


def test_the_failed_items_can_not_be_retried_where_none_failed(db: Store) -> None:
    job = db.do(control.cancel(submitted(db, idempotent=True).id))
    assert view(db, job)["can"]["retry"] == ["all"]
    with pytest.raises(NotRetryable, match=r"none of its items failed\. Retry all of it"):
        db.do(control.retry(job.id, scope="failed"))


def test_what_has_not_ended_can_not_be_retried(db: Store) -> None:
    with pytest.raises(NotRetryable, match="Wait for its end, or cancel it"):
        db.do(control.retry(claimed(db, idempotent=True).id))


# -- work that may not be under way twice


def imports(table: str, user: str = "ann") -> Spec:
    return replace(new_spec(user, idempotent=True), unique=(f"csv.import: {table}",))


def test_of_many_submits_of_the_same_work_at_once_one_is_accepted(db: Store) -> None:
    found = at_once(lambda _: db.do(store.submit(imports("customers"))))
    (accepted,) = (each for each in found if isinstance(each, Submitted))
    refused = [each for each in found if isinstance(each, DuplicateWork)]
    assert len(refused) == AT_ONCE - 1
    assert {each.job_id for each in refused} == {accepted.job.id}
    assert "csv.import: customers" in str(refused[0])


def test_other_work_and_other_peoples_work_is_free(db: Store) -> None:
    for spec in (imports("customers"), imports("orders"), imports("customers", "bob")):
        assert db.do(store.submit(spec)).created


def test_the_same_work_is_free_again_once_it_has_ended_or_is_cancelled(db: Store) -> None:
    for end in (close, lambda db, job: db.do(control.cancel(job.id))):
        job = db.do(store.submit(imports("customers"))).job
        with pytest.raises(DuplicateWork):
            db.do(store.submit(imports("customers")))
        end(db, job)
    assert db.do(store.submit(imports("customers"))).created


def test_a_retry_waits_its_turn_behind_other_work_of_the_same_name(db: Store) -> None:
    job = db.do(store.submit(imports("customers"))).job
    job = db.do(store.update(job, Job.claimed))
    job = db.do(store.update(job, lambda job: job.failed(BROKE)))
    other = db.do(store.submit(imports("customers"))).job
    with pytest.raises(DuplicateWork) as caught:
        db.do(control.retry(job.id))
    assert caught.value.job_id == other.id
    close(db, other)
    again = db.do(control.retry(job.id)).job
    with pytest.raises(DuplicateWork) as caught:
        db.do(store.submit(imports("customers")))
    assert caught.value.job_id == again.id


def test_the_estimate_of_a_retry_is_todays(db: Store) -> None:
    job = done(db, Counts(3, 2))
    for _ in range(20):
        db.do(census.record_duration(job.spec.type, 60_000))
    again = db.do(control.retry(job.id)).job
    assert again.spec.estimate is not None
    assert view(db, again)["promise"].startswith("This usually takes")


# -- the attempt hears of it


def test_a_step_that_can_not_be_interrupted_does_not_begin_after_a_cancel(
    db: Store, tmp_path: Path
) -> None:
    run = Run(db, claimed(db), tmp_path, Services(db))
    db.do(control.cancel(run.job_id))  # of which the attempt hears by its next write
    with pytest.raises(JobCancelled):
        run.step("Publishing", cancellable=False).__enter__()


def test_users_see_that_a_step_can_not_be_interrupted_from_its_first_moment(
    db: Store, tmp_path: Path
) -> None:
    job = claimed(db)
    run = Run(db, job, tmp_path, Services(db))
    with run.step("Publishing", cancellable=False):
        assert "“Publishing” can't be interrupted" in view(db, job)["cancel_warning"]
        db.do(control.cancel(job.id))
        run.message("Half of it is published")
        run.flush()
        run.checkpoint()  # it has heard, and this is no place to stop
    with pytest.raises(JobCancelled):
        run.checkpoint()
