"""What is due in a store, and when: leases, presence, the outbox, the end; server and memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ringback import feeds, outbox, presence, store
from ringback.connection import Op, Store
from ringback.job import (
    Job,
    State,
)
from ringback.keys import key, partition_of
from ringback.outbox import Ledger
from ringback.store import Flaws, Overdue
from tests.eye import (
    BROKE,
    DONE,
    P,
    ask,
    claimed,
    due,
    ended,
    everything,
    flawed,
    make_due,
    now,
    submitted,
    unique,
)
from tests.rig import come

NOTHING = Overdue((), (), (), (), (), (), ())


@pytest.fixture
def db(either: Store) -> Store:
    """Every test here holds for the real store and for the one in memory."""
    return either


# -- the end of the end


def told(db: Store, job: Job) -> Job:
    return db.do(store.update(job, lambda j: j.email_sent("250 OK")))


def test_a_job_that_was_kept_long_enough_is_deleted_with_all_that_is_told_of_it(db: Store) -> None:
    job = db.do(store.submit(unique("import: a"))).job
    db.do(store.update(job.id, Job.claimed))
    db.do(store.update(job.id, flawed, flaws=Flaws(failed=(b'["1"]',))))
    job = told(db, db.do(store.update(job.id, lambda j: j.failed(BROKE))))
    assert db.do(store.expired(P, State.FAILED, 60_000)) == []
    ask(db, "ZADD", key(P, "ended", "failed"), "XX", 1, job.id)
    assert db.do(store.expired(P, State.FAILED, 60_000)) == [job.id]
    assert db.do(store.forget(job))
    assert not [name for name, value in everything(db).items() if job.id in f"{name!r}{value}"]
    assert not db.do(store.forget(job)), "another supervisor was faster"


def test_a_job_is_kept_while_it_is_not_over_or_its_owner_not_told(db: Store) -> None:
    for job in (submitted(db), claimed(db), ended(db)):
        assert not db.do(store.forget(job))
        assert db.do(store.load(job.id)) == job


def test_who_failed_by_no_fault_of_its_user_is_a_dead_letter(db: Store) -> None:
    broken = db.do(store.update(claimed(db), lambda j: j.failed(BROKE)))
    wrong = replace(BROKE, category="input")
    db.do(store.update(claimed(db), lambda j: j.failed(wrong)))
    assert ask(db, "ZRANGE", key(P, "dead"), 0, -1) == [broken.id.encode()]


# -- leases and what is overdue


def test_a_lease_is_renewed_for_its_holder_only(db: Store) -> None:
    mine, replaced, over = (claimed(db, idempotent=True) for _ in range(3))
    db.do(store.update(replaced.id, Job.lease_expired))
    db.do(store.update(replaced.id, Job.claimed))
    db.do(store.update(over, lambda j: j.ended(DONE)))
    before = due(db, "lease")
    make_due(db, "lease", mine.id)
    leases = [(job.id, job.fence) for job in (mine, replaced, over)]
    assert db.do(store.renew(P, leases)) == ([replaced.id, over.id], [])
    after = due(db, "lease")
    assert after[mine.id] >= before[mine.id]
    assert after[replaced.id] == before[replaced.id]
    assert over.id not in after


def test_a_late_renewal_does_not_bring_an_ended_lease_back(db: Store) -> None:
    job = claimed(db, max_attempts=1)
    db.do(store.update(job.id, Job.lease_expired))
    assert db.do(store.renew(P, [(job.id, job.fence)])) == ([job.id], [])
    assert due(db, "lease") == {}


def test_a_renewal_tells_who_is_asked_to_stop(db: Store) -> None:
    going, stopping = claimed(db), claimed(db)
    db.do(store.update(stopping.id, Job.cancel_requested))
    leases = [(job.id, job.fence) for job in (going, stopping)]
    assert db.do(store.renew(P, leases)) == ([], [stopping.id])


def test_overdue_work_is_handed_out_once_and_again_if_nobody_does_it(db: Store) -> None:
    lost, waiting = claimed(db), submitted(db)
    retrying = db.do(store.update(claimed(db), lambda j: j.retry_later(BROKE, 60_000)))
    done = ended(db, grace_absent=60_000)
    assert db.do(store.overdue(P)) == replace(NOTHING, ended=(done.id,)), "webhooks hear of it"
    for kind, member in (
        ("lease", lost.id), ("retry", retrying.id), ("doorbell", waiting.id), ("notice", "ann"),
    ):  # fmt: skip
        make_due(db, kind, member)
    taken = replace(
        NOTHING, leases=(lost.id,), retries=(retrying.id,), doorbells=(waiting.id,), mail=("ann",)
    )
    assert db.do(store.overdue(P, hide=0)) == taken
    assert db.do(store.overdue(P, hide=60_000)) == taken, "the first supervisor died"
    assert db.do(store.overdue(P)) == NOTHING
    assert done.id not in due(db, "lease")


def test_deadlines_and_silence_are_due_by_the_policy(db: Store) -> None:
    waiting = submitted(db, start_within=50_000)
    assert due(db, "deadline") == {waiting.id: waiting.created_at.ms + 50_000}
    make_due(db, "deadline", waiting.id)
    assert db.do(store.overdue(P)) == replace(NOTHING, deadlines=(waiting.id,))
    db.do(store.update(waiting, Job.deadline_passed))
    job = claimed(db, timeout=60_000, stall_after=40_000)
    assert job.started_at is not None
    assert due(db, "deadline") == {job.id: job.started_at.ms + 60_000}
    assert due(db, "silence") == {job.id: job.updated_at.ms + 40_000}
    make_due(db, "silence", job.id)
    assert db.do(store.overdue(P)).silent == (job.id,)
    db.do(store.update(job, lambda j: j.ended(DONE)))
    assert (due(db, "deadline"), due(db, "silence")) == ({}, {})


def test_a_queued_job_is_found_by_its_age_until_it_is_claimed(db: Store) -> None:
    job = submitted(db)
    queued = key(P, "queued")
    assert ask(db, "ZSCORE", queued, job.id) == job.created_at.ms
    db.do(store.update(job, Job.claimed))
    assert ask(db, "ZSCORE", queued, job.id) is None


def test_a_supervisor_takes_no_more_than_it_asked_for(db: Store) -> None:
    jobs = [submitted(db) for _ in range(5)]
    make_due(db, "doorbell", *(job.id for job in jobs))
    first, second = (set(db.do(store.overdue(P, limit=3)).doorbells) for _ in range(2))
    assert (len(first), len(second)) == (3, 2)
    assert first | second == {job.id for job in jobs}


# -- presence and grace


@pytest.mark.parametrize(
    ("then", "grace"),
    [
        (lambda: come("ann", "c1"), 30_000),
        (lambda: come("ann", "c1", state="away"), 5_000),
        (lambda: presence.leave({"ann": ["c1"]}), 5_000),
    ],
    ids=["stays", "away", "left"],
)
def test_an_email_waits_longer_for_somebody_who_is_there(
    db: Store, then: Callable[[], Op[Any]], grace: int
) -> None:
    db.do(come("ann", "c1"))
    db.do(then())
    job = ended(db, grace_absent=5_000, grace_present=30_000)
    assert job.notice is not None
    assert job.notice.at is not None
    assert job.finished_at is not None
    assert job.notice.at.ms - job.finished_at.ms == grace
    assert due(db, "notice") == {"ann": job.notice.at.ms}


def test_presence_that_ran_out_unnoticed_does_not_count(db: Store) -> None:
    """hard disconnect: the node died with its connections and nobody took them back."""
    ask(db, "ZADD", key(P, "presence", "ann"), now(db), "c1")
    job = ended(db, grace_absent=0, grace_present=60_000)
    assert due(db, "notice")["ann"] <= job.updated_at.ms


# -- the outbox


def in_outbox(db: Store) -> set[str]:
    return {member.decode() for member in ask(db, "ZRANGE", key(P, "outbox", "ann"), 0, -1)}


def forget_mailer(db: Store) -> None:
    """Lets the minute pass that a silent mailer keeps its claim."""
    ask(db, "HSET", key(P, "user", "ann"), "mailer_until", 1)
    make_due(db, "notice", "ann")


def ledger(*jobs: Job, **fields: Any) -> Ledger:
    return Ledger(message_id="<1@x>", jobs=tuple(job.id for job in jobs), **fields)


def test_a_claim_gets_the_notices_that_are_due_and_no_others(db: Store) -> None:
    first, second = ended(db), ended(db)
    ended(db, grace_absent=60_000)
    ended(db, "bob")
    claim = db.do(outbox.claim("ann", "m1"))
    assert claim is not None
    assert (claim.ledger, claim.due) == (None, (first.id, second.id))


def test_one_mailer_at_a_time_writes_to_a_user(db: Store) -> None:
    job = ended(db)
    assert db.do(outbox.claim("ann", "m1"))
    assert db.do(outbox.claim("ann", "m2")) is None
    assert db.do(outbox.claim("ann", "m1")), "a repeated claim, its reply was lost"
    assert not db.do(outbox.write("ann", "m2", ledger(job)))
    db.do(outbox.release("ann", "m2", 0))
    assert db.do(outbox.write("ann", "m1", ledger(job))), "m2 had nothing to release"


def test_while_a_mailer_is_at_it_the_user_is_not_due(db: Store) -> None:
    ended(db)
    db.do(outbox.claim("ann", "m1"))
    until = due(db, "notice")["ann"]
    assert until > now(db)
    ended(db)
    assert due(db, "notice") == {"ann": until}


def test_the_successor_of_a_dead_mailer_gets_its_ledger(db: Store) -> None:
    job = ended(db)
    db.do(outbox.claim("ann", "m1"))
    left = ledger(job, state="data-sent", ambiguous=1)
    db.do(outbox.write("ann", "m1", left))
    forget_mailer(db)
    assert db.do(store.overdue(P)).mail == ("ann",)
    claim = db.do(outbox.claim("ann", "m2"))
    assert claim is not None
    assert claim.ledger == left
    assert not db.do(outbox.write("ann", "m1", ledger(job))), "m1 was only asleep"


def test_after_an_email_the_next_mailer_hears_when_the_next_digest_may_come(db: Store) -> None:
    job = ended(db)
    db.do(outbox.claim("ann", "m1"))
    db.do(store.update(job, lambda j: j.email_sent("250 OK")))
    db.do(outbox.release("ann", "m1", 60_000))
    assert due(db, "notice") == {}
    ended(db)
    claim = db.do(outbox.claim("ann", "m2"))
    assert claim is not None
    assert claim.now < claim.next_digest <= now(db) + 60_000


def test_a_window_stays_open_until_the_later_of_two_moments(db: Store) -> None:
    later = now(db) + 60_000
    db.do(outbox.claim("ann", "m1"))
    assert db.do(outbox.open_window("ann", "m1", later)) == later
    assert db.do(outbox.open_window("ann", "m1", later - 1)) == later, "as it was"
    assert db.do(outbox.open_window("ann", "m2", later)) is None, "not its claim"
    db.do(outbox.release("ann", "m1", 10_000))
    claim = db.do(outbox.claim("ann", "m2"))
    assert claim is not None
    assert claim.next_digest == later


def test_emails_are_counted_once_each_and_for_an_hour(db: Store) -> None:
    job = ended(db)
    db.do(outbox.claim("ann", "m1", 2))
    for name in ("<1@x>", "<1@x>", "<2@x>"):
        for state in ("reserved", "data-sent", "accepted"):
            entry = replace(ledger(job, state=state), message_id=name)
            assert db.do(outbox.write("ann", "m1", entry))
        claim = db.do(outbox.claim("ann", "m1", 2))
        assert claim is not None
        within = claim.now < claim.capped <= now(db) + 3_600_000
        assert within == (name == "<2@x>")
    mailed = key(P, "mailed", "ann")
    ask(db, "ZADD", mailed, now(db) - 3_600_000, "<1@x>")
    claim = db.do(outbox.claim("ann", "m1", 2))
    assert claim is not None
    assert claim.capped == 0
    assert ask(db, "PTTL", mailed) > 3_590_000


def test_a_receipt_takes_the_notice_out_of_the_outbox(db: Store) -> None:
    job = ended(db)
    assert in_outbox(db) == {job.id}
    db.do(store.update(job.id, lambda j: j.received(job.version, "pong")))
    assert in_outbox(db) == set()
    assert due(db, "notice") == {}


def test_a_delayed_email_is_due_again_when_it_says(db: Store) -> None:
    job = ended(db)
    db.do(outbox.claim("ann", "m1"))
    job = db.do(store.update(job, lambda j: j.email_delayed("451 busy", 60_000)))
    db.do(outbox.release("ann", "m1", 0))
    assert job.notice is not None
    assert job.notice.at is not None
    assert due(db, "notice") == {"ann": job.notice.at.ms}
    assert job.notice.at.ms == job.updated_at.ms + 60_000


def test_jobs_of_one_user_do_not_touch_those_of_a_neighbour_in_the_partition(db: Store) -> None:
    neighbour = next(u for _ in range(100_000) if partition_of(u := secrets.token_hex(4)) == P)
    job = ended(db, neighbour)
    ended(db)
    db.do(outbox.claim("ann", "m1"))
    db.do(outbox.release("ann", "m1", 60_000))
    claim = db.do(outbox.claim(neighbour, "m1"))
    assert claim is not None
    assert claim.due == (job.id,)
    assert db.do(feeds.read(neighbour)).seq == 3
