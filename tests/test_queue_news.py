"""What people are told about a job that waits, and how little is written for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from ringback import census, store
from ringback.census import WorkerBeat
from ringback.connection import Store
from ringback.estimate import MINUTE, SECOND, Estimate
from ringback.job import Job, State
from ringback.keys import job_key, key
from tasks.queue import FREE, NO_WORKER, Line, QueueNews
from tests.rig import come, new_spec

IMPORT, CHECK = "csv.import", "links.check"
BUSY = "All 4 workers are busy"


@pytest.fixture
def news(db: Store) -> QueueNews:
    """A supervisor's, with ann looking."""
    db.do(come("ann", "tab"))
    return QueueNews(db)


def submitted(db: Store, user: str = "ann", job_type: str = IMPORT) -> Job:
    return db.do(store.submit(replace(new_spec(user), type=job_type))).job


def worker(
    db: Store, threads: int, busy: int = 0, name: str = "one", does: tuple[str, ...] = (IMPORT,)
) -> None:
    db.do(census.beat(WorkerBeat(name, does, threads, busy)))


def runs(db: Store, ms: int, count: int = 20) -> None:
    for _ in range(count):
        db.do(census.record_duration(IMPORT, ms))


def look(news: QueueNews, db: Store) -> int:
    """The next look; its time has come."""
    db.client.delete("rb:leader:queue")
    return news.look()


def told(db: Store, job: Job) -> dict[str, Any]:
    """What the owner sees."""
    view = orjson.loads(db.do(store.load_view(job.id, job.spec.owner.id)))
    queue: dict[str, Any] = view["queue"]
    return queue


def version(db: Store, job: Job) -> int:
    return db.do(store.load(job.id)).version


# -- the line


def line(threads: int, free: int = 0, estimate: Estimate | None = None) -> Line:
    return Line(threads, free, float(threads), estimate)


def minutes(count: int) -> Estimate:
    return Estimate(runs=20, low=count * MINUTE, high=count * MINUTE, late=count * MINUTE)


def test_the_reason_is_told_in_words_that_fit_the_number_of_workers() -> None:
    assert line(0).place(0).reason == NO_WORKER
    assert line(1).place(0).reason == "The only worker is busy"
    assert line(4).place(0).reason == BUSY
    assert line(1_200).place(0).reason == "All 1,200 workers are busy"


def test_free_workers_take_those_at_the_front_and_the_others_wait() -> None:
    reasons = [line(4, free=2).place(rank).reason for rank in range(4)]
    assert reasons == [FREE, FREE, BUSY, BUSY]


def test_the_start_is_estimated_from_the_place_the_workers_and_the_usual_time() -> None:
    ranks = 0, 2, 5, 29
    starts = [line(3, estimate=minutes(2)).place(rank).start_estimate for rank in ranks]
    assert starts == [
        "in less than a minute", "in about 2 minutes", "in about 4 minutes", "in about 20 minutes",
    ]  # fmt: skip


def test_no_start_is_estimated_without_enough_runs_or_without_workers() -> None:
    assert line(4).place(10).start_estimate is None
    assert line(0, estimate=minutes(2)).place(10).start_estimate is None


def test_no_start_is_estimated_where_it_is_a_matter_of_seconds() -> None:
    quick = Estimate(runs=20, low=SECOND, high=SECOND, late=SECOND)
    assert line(1, estimate=quick).place(3).start_estimate is None
    assert line(1, estimate=quick).place(4).start_estimate == "in a few seconds"
    assert line(4, free=4, estimate=minutes(2)).place(3).start_estimate is None


# -- what is told


def test_a_queued_job_is_told_how_many_are_ahead_why_and_for_how_long(
    db: Store, news: QueueNews
) -> None:
    worker(db, threads=4, busy=4)
    runs(db, 4 * MINUTE)
    jobs = [submitted(db, f"user-{n}") for n in range(10)]
    mine = submitted(db)
    db.client.zadd(key(mine.id[:2], "queued"), {mine.id: jobs[-1].created_at.ms + 1})
    assert look(news, db) == 1
    assert told(db, mine) == {
        "ahead": "about 10", "reason": BUSY, "start_estimate": "in about 10 minutes",
    }  # fmt: skip


def test_the_first_in_line_has_nobody_ahead(db: Store, news: QueueNews) -> None:
    worker(db, threads=1, busy=1)
    job = submitted(db)
    assert look(news, db) == 1
    assert told(db, job) == {
        "ahead": None, "reason": "The only worker is busy", "start_estimate": None,
    }  # fmt: skip


def test_a_job_that_no_connected_worker_can_do_says_so(db: Store, news: QueueNews) -> None:
    worker(db, threads=4, does=(CHECK,))
    job = submitted(db)
    look(news, db)
    assert told(db, job)["reason"] == NO_WORKER
    worker(db, threads=4, name="two")
    look(news, db)
    assert told(db, job)["reason"] == FREE


def test_jobs_of_another_type_are_not_ahead(db: Store, news: QueueNews) -> None:
    worker(db, threads=1, busy=1)
    worker(db, threads=1, busy=1, name="two", does=(CHECK,))
    others = [submitted(db, job_type=CHECK) for _ in range(3)]
    job = submitted(db)
    assert look(news, db) == 4
    assert told(db, job)["ahead"] is None
    assert {told(db, other)["ahead"] for other in others} == {None, "1", "2"}


def test_workers_that_do_other_waiting_jobs_too_start_a_job_later(
    db: Store, news: QueueNews
) -> None:
    worker(db, threads=2, busy=2, does=(IMPORT, CHECK))
    runs(db, 4 * MINUTE)
    job = submitted(db)
    look(news, db)
    assert told(db, job)["start_estimate"] == "in about 2 minutes"
    submitted(db, job_type=CHECK)
    look(news, db)
    assert told(db, job)["start_estimate"] == "in about 4 minutes"


def test_why_a_job_is_back_in_the_queue_stays_visible(db: Store, news: QueueNews) -> None:
    spec = new_spec(idempotent=True)
    job = db.do(store.update(db.do(store.submit(spec)).job, Job.claimed))
    job = db.do(store.update(job, Job.lease_expired))
    assert (job.state, bool(job.reason)) == (State.QUEUED, True)
    look(news, db)
    assert told(db, job)["reason"] == job.reason


# -- how little is written


def test_a_job_that_nobody_looks_at_is_left_alone_until_somebody_does(
    db: Store, news: QueueNews
) -> None:
    job = submitted(db, "bob")
    assert look(news, db) == 0
    assert version(db, job) == 1
    db.do(come("bob", "tab"))
    assert look(news, db) == 1
    assert told(db, job)["reason"] == NO_WORKER


def test_the_same_news_is_told_once_whichever_supervisor_looks(db: Store, news: QueueNews) -> None:
    job = submitted(db)
    assert look(news, db) == 1
    assert look(news, db) == 0
    assert look(QueueNews(db), db) == 0
    assert version(db, job) == 2


def test_two_supervisors_that_take_turns_tell_the_newest(db: Store, news: QueueNews) -> None:
    other = QueueNews(db)
    job = submitted(db)
    worker(db, threads=4, busy=4)
    look(news, db)
    worker(db, threads=4)
    look(other, db)
    worker(db, threads=4, busy=4)
    look(news, db)  # it told the same when it looked last, but the other one has told more since
    assert told(db, job)["reason"] == BUSY


def test_a_job_that_comes_back_to_the_queue_is_told_anew(db: Store, news: QueueNews) -> None:
    job = submitted(db)
    look(news, db)
    job = db.do(store.update(job.id, Job.claimed))
    assert look(news, db) == 0
    job = db.do(store.update(job, Job.handed_back))
    look(news, db)
    assert told(db, job)["reason"] == NO_WORKER


def test_supervisors_look_once_in_two_seconds_among_them(db: Store, news: QueueNews) -> None:
    submitted(db)
    assert news.look() == 1
    submitted(db)
    assert (news.look(), QueueNews(db).look()) == (0, 0)
    assert look(QueueNews(db), db) == 1


def test_those_who_were_not_told_in_time_are_told_in_the_next_look(
    db: Store, news: QueueNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.queue.BUDGET", 0.0)
    jobs = [submitted(db) for _ in range(3)]
    assert [look(news, db) for _ in range(4)] == [1, 1, 1, 0]
    assert [told(db, job)["reason"] for job in jobs] == [NO_WORKER] * 3


def test_the_store_has_a_rest_where_counting_takes_long(
    db: Store, news: QueueNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.queue.RESTS", 1_000_000)
    look(news, db)
    assert db.client.pttl("rb:leader:queue") > 2_000


def test_a_job_that_is_gone_from_the_store_disturbs_no_other(db: Store, news: QueueNews) -> None:
    gone, job = submitted(db), submitted(db)
    db.client.hdel(job_key(gone.id), "record")
    assert look(news, db) == 1
    assert told(db, job)["reason"] == NO_WORKER
