"""What operators see at a glance, and in which words a delay is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ringback import breaker, census, overview, store
from ringback.breaker import Service
from ringback.census import WorkerBeat
from ringback.connection import Store
from ringback.job import Job
from ringback.keys import key
from tests.eye import BROKE, DONE, P, ask, claimed, submitted
from tests.rig import new_spec


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def told(db: Store) -> list[str]:
    return [impact.text for impact in overview.impacts(db.do(overview.look()))]


def long_ago(db: Store, job: Job) -> None:
    """The job has waited since 1970."""
    ask(db, "ZADD", key(job.id[:2], "queued"), "XX", 1, job.id)


def test_jobs_are_counted_by_type_and_where_they_stand(db: Store) -> None:
    submitted(db, "ann"), submitted(db, "ann"), submitted(db, "bob"), claimed(db, "cyd")
    other = replace(new_spec("dan"), type="links.check")
    db.do(store.submit(other))
    retrying = claimed(db, "ann", idempotent=True, max_attempts=3)
    db.do(store.update(retrying, lambda job: job.retry_later(BROKE, 60_000)))
    found = db.do(overview.look())
    queued = found.queued["csv.import"]
    assert (queued.jobs, queued.users) == (3, 2)
    assert found.queued["links.check"].jobs == 1
    assert (found.running["csv.import"].jobs, found.retrying["csv.import"].jobs) == (1, 1)
    assert found.whole
    assert 0 <= found.now - (queued.oldest or 0) < 60_000


def test_beyond_what_is_looked_at_the_overview_says_so(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "LOOKED_AT", 2)
    for _ in range(3):
        submitted(db)
    found = db.do(overview.look())
    assert (found.queued["csv.import"].jobs, found.whole) == (2, False)


def test_jobs_that_wait_for_a_service_are_told_with_its_name(db: Store) -> None:
    service = Service(name="stripe", label="Stripe", threshold=1)
    db.do(breaker.failed(service, breaker.Pass(), "no answer"))
    for user in ("ann", "ann", "bob"):
        job = claimed(db, user, idempotent=True)
        db.do(store.update(job, lambda job: job.paused("Stripe", 60_000)))
    since = str(db.do(breaker.everything())[0].since)[11:16]
    assert told(db) == [
        f"3 jobs of 2 users are delayed since {since} UTC because Stripe isn't answering."
    ]


def test_a_job_that_goes_on_waits_for_no_service_any_more(db: Store) -> None:
    job = claimed(db, idempotent=True)
    job = db.do(store.update(job, lambda job: job.paused("Stripe", 0)))
    db.do(store.update(job, Job.due_again))
    assert db.do(overview.look()).waits == {}


def test_jobs_without_a_worker_are_told_at_once(db: Store) -> None:
    long_ago(db, submitted(db))
    assert told(db) == [
        "1 job of 1 user is delayed since 00:00 UTC because no worker for csv.import is connected."
    ]


def test_a_backlog_is_told_once_it_is_a_minute_old(db: Store) -> None:
    db.do(census.beat(WorkerBeat("w1", ("csv.import",), 4, 4)))
    job = submitted(db)
    assert told(db) == []
    long_ago(db, job)
    assert told(db) == [
        "1 job of 1 user is delayed since 00:00 UTC because all 4 workers for csv.import are busy."
    ]


def test_delayed_emails_are_told(db: Store) -> None:
    for user in ("ann", "bob"):
        job = claimed(db, user)
        job = db.do(store.update(job, lambda job: job.ended(DONE)))
        db.do(store.update(job, lambda job: job.email_delayed("no answer", 10_000)))
    ended = ask(db, "ZRANGE", key(P, "ended", "succeeded"), 0, 0, "WITHSCORES")
    assert ended
    (text,) = told(db)
    assert text.startswith("2 emails of 2 users are delayed since ")
    assert text.endswith("because the mail server doesn't take them.")
    found = db.do(overview.look())
    assert (found.notices, found.due, found.dead) == (2, 0, 0)


def test_an_empty_store_delays_nobody(db: Store) -> None:
    assert told(db) == []
