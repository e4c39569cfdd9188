"""The store's operations on jobs, each on a real server and on the store in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ringback import feeds, store
from ringback.connection import Store
from ringback.errors import DuplicateWork, IdempotencyMismatch, JobNotFound, LeaseLost
from ringback.job import (
    Job,
    State,
)
from ringback.keys import Call, job_key, new_job_id, partition_of
from ringback.store import Flaws
from tests.eye import (
    DONE,
    P,
    ask,
    claimed,
    ended,
    everything,
    flawed,
    now,
    send,
    submitted,
    unique,
)
from tests.rig import new_spec


@pytest.fixture
def db(either: Store) -> Store:
    """Every test here holds for the real store and for the one in memory."""
    return either


# -- submit


def test_a_submitted_job_is_loaded_as_it_was_written(db: Store) -> None:
    job = submitted(db)
    assert (job.version, job.state) == (1, State.QUEUED)
    assert db.do(store.load(job.id)) == job
    assert abs(now(db) - job.created_at.ms) < 60_000


def test_the_same_key_and_work_give_the_same_job(db: Store) -> None:
    first = db.do(store.submit(new_spec(), "key-1", "work"))
    again = db.do(store.submit(new_spec(), "key-1", "work"))
    assert (first.created, again.created) == (True, False)
    assert again.job == first.job
    assert len(db.do(feeds.read("ann")).views) == 1


def test_the_same_key_gives_the_job_as_it_is_by_then(db: Store) -> None:
    first = db.do(store.submit(new_spec(), "key-1", "work")).job
    db.do(store.update(first, Job.claimed))
    assert db.do(store.submit(new_spec(), "key-1", "work")).job.state is State.RUNNING


def test_the_same_key_with_other_work_is_refused(db: Store) -> None:
    first = db.do(store.submit(new_spec(), "key-1", "work"))
    before = everything(db)
    with pytest.raises(IdempotencyMismatch, match="Send a new key for new work") as caught:
        db.do(store.submit(new_spec(), "key-1", "other work"))
    assert caught.value.job_id == first.job.id
    assert everything(db) == before


def test_keys_of_different_users_never_meet(db: Store) -> None:
    """Not even where a user's id and another's key look alike when they are put together."""
    user = "ann"
    other = next(u for n in range(10_000) if partition_of(u := f"ann:{n}") == P)
    suffix = other.removeprefix("ann:")
    theirs = db.do(store.submit(new_spec(other), "k", "work"))
    mine = db.do(store.submit(new_spec(user), f"{suffix}:k", "work"))
    assert mine.created
    assert mine.job.id != theirs.job.id


def test_a_key_is_remembered_for_a_day(db: Store) -> None:
    db.do(store.submit(new_spec(), "key-1", "work"))
    (name,) = ask(db, "KEYS", "*idempotency*")
    assert 0 < ask(db, "PTTL", name) <= store.IDEMPOTENCY_TTL


def test_a_job_is_unknown_to_everybody_but_its_owner(db: Store) -> None:
    job = submitted(db)
    assert db.do(store.load(job.id, "ann")) == job
    for job_id, owner in ((job.id, "bob"), (new_job_id("ann"), "ann"), ("", "ann"), ("}{", "ann")):
        with pytest.raises(JobNotFound):
            db.do(store.load(job_id, owner))
        with pytest.raises(JobNotFound):
            db.do(store.load_view(job_id, owner))


# -- unique names


def test_work_with_the_name_of_unfinished_work_is_refused(db: Store) -> None:
    first = db.do(store.submit(unique("import: a"))).job
    before = everything(db)
    with pytest.raises(DuplicateWork, match="under way already") as caught:
        db.do(store.submit(unique("import: a")))
    assert caught.value.job_id == first.id
    assert everything(db) == before
    db.do(store.submit(unique("import: b")))
    db.do(store.submit(unique("import: a", "bob")))


def test_a_name_is_free_again_when_its_work_has_ended(db: Store) -> None:
    first = db.do(store.submit(unique("import: a"))).job
    db.do(store.update(first, Job.claimed))
    db.do(store.update(first.id, lambda j: j.ended(DONE)))
    assert db.do(store.submit(unique("import: a"))).created


def test_the_name_of_a_retry_outlives_it_by_a_double_click(db: Store) -> None:
    first = db.do(store.submit(unique(store.RETRY + "x"))).job
    db.do(store.update(first, Job.cancel_requested))
    with pytest.raises(DuplicateWork):
        db.do(store.submit(unique(store.RETRY + "x")))


# -- update


def test_a_change_made_on_an_old_version_is_decided_again_on_the_newest(db: Store) -> None:
    job = claimed(db)
    db.do(store.update(job, lambda j: j.advanced(message="first")))
    seen: list[str] = []

    def change(current: Job) -> Job:
        seen.append(current.message)
        return current.advanced(message=current.message + ", second")

    after = db.do(store.update(job, change))
    assert seen == ["", "first"]
    assert (after.message, after.version) == ("first, second", 4)


def test_a_change_that_changes_nothing_writes_nothing(db: Store) -> None:
    job = submitted(db)
    before = everything(db)
    assert db.do(store.update(job.id, lambda j: j)) == job
    assert everything(db) == before


def test_a_job_that_is_gone_cannot_be_changed(db: Store) -> None:
    job = submitted(db)
    ask(db, "FLUSHALL")
    with pytest.raises(JobNotFound):
        db.do(store.update(job, Job.claimed))
    assert everything(db) == {}


def test_a_replaced_attempt_writes_nothing_any_more(db: Store) -> None:
    old = claimed(db, idempotent=True)
    db.do(store.update(old.id, Job.lease_expired))
    new = db.do(store.update(old.id, Job.claimed))
    before = everything(db)
    for known in (old, old.id, new):
        with pytest.raises(LeaseLost):
            db.do(store.update(known, lambda j: j.advanced(message="me"), held=old.fence))
    assert everything(db) == before


def test_the_store_itself_refuses_a_replaced_attempt(db: Store) -> None:
    old = claimed(db, idempotent=True)
    call = next(store.update(old, lambda j: j.advanced(message="me"), held=old.fence))
    db.do(store.update(old.id, Job.lease_expired))
    assert send(db, call) == [b"fenced"]


def test_an_attempt_whose_job_has_ended_writes_nothing_any_more(db: Store) -> None:
    """The supervisor gave the worker up; no new attempt moved the fence."""
    old = claimed(db, max_attempts=1)
    db.do(store.update(old.id, Job.lease_expired))
    with pytest.raises(LeaseLost):
        db.do(store.update(old, lambda j: j.ended(DONE), held=old.fence))
    assert db.do(store.load(old.id)).state is State.FAILED


def commit_of(job: Job, after: Job) -> Call:
    """The request that ``update`` would make."""
    return next(store.update(job, lambda _: after))


def test_a_commit_whose_reply_was_lost_is_answered_as_the_first_time(db: Store) -> None:
    job = submitted(db)
    call = commit_of(job, job.claimed())
    first = send(db, call)
    before = everything(db)
    assert send(db, call) == first
    db.do(store.update(job.id, Job.cancel_requested))
    assert send(db, call) == first, "also after others have written"
    assert before != everything(db), "the cancel"


def test_a_very_late_repetition_is_refused_and_changes_nothing(db: Store) -> None:
    job = submitted(db)
    call = commit_of(job, job.claimed())
    send(db, call)
    for n in range(20):
        db.do(store.update(job.id, lambda j, n=n: j.advanced(message=str(n))))  # type: ignore[misc]  # the lambda's default
    before = everything(db)
    assert send(db, call) == [b"conflict"]
    assert everything(db) == before


def test_a_submission_whose_reply_was_lost_is_answered_as_the_first_time(db: Store) -> None:
    call = next(store.submit(new_spec(), "key-1", "work"))
    first = send(db, call)
    assert send(db, call) == first


def test_the_operations_kept_for_repetitions_are_few(db: Store) -> None:
    job = claimed(db)
    for n in range(40):
        job = db.do(store.update(job, lambda j, n=n: j.advanced(message=str(n))))  # type: ignore[misc]  # the lambda's default
    assert ask(db, "HGET", job_key(job.id), "ops").count(b";") == 16


def test_versions_in_a_stamped_job_are_those_of_the_store(db: Store) -> None:
    job = ended(db)
    assert job.ended_version == job.version == 3
    assert replace(job, version=0) != db.do(store.load(job.id))


# -- items


def test_failed_and_skipped_items_are_kept_one_by_one(db: Store) -> None:
    job = claimed(db)
    first = Flaws(failed=(b'["1"]', b'["2"]'), skipped=(b'["3"]',))
    job = db.do(store.update(job, flawed, flaws=first))
    then = Flaws(failed=(b'["4"]',), failed_from=2, skipped_from=1)
    db.do(store.update(job, flawed, flaws=then))
    assert db.do(store.items(job.id, "failed")) == [b'["1"]', b'["2"]', b'["4"]']
    assert db.do(store.items(job.id, "failed", start=1, limit=1)) == [b'["2"]']
    assert db.do(store.items(job.id, "skipped")) == [b'["3"]']


def test_items_whose_reply_was_lost_are_kept_once(db: Store) -> None:
    job = claimed(db)
    db.do(store.update(job, flawed, flaws=Flaws(failed=(b'["1"]',))))
    again = Flaws(failed=(b'["1"]', b'["2"]'))
    db.do(store.update(job, flawed, flaws=again))
    assert db.do(store.items(job.id, "failed")) == [b'["1"]', b'["2"]']


def test_an_attempt_that_begins_anew_forgets_the_items_of_the_one_before(db: Store) -> None:
    job = claimed(db, idempotent=True, resume=False)
    db.do(store.update(job, flawed, flaws=Flaws(failed=(b'["1"]',))))
    db.do(store.update(job.id, Job.lease_expired))
    db.do(store.update(job.id, Job.claimed))
    assert db.do(store.items(job.id, "failed")) == []
