"""Who works and who waits, as the store tells it."""

from __future__ import annotations

from dataclasses import replace

import orjson

from ringback import census, presence, store
from ringback.beats import FORGOTTEN
from ringback.census import ALIVE, SEEN, Waiting, WorkerBeat
from ringback.connection import Store
from ringback.job import Job
from ringback.keys import job_key, key, partition_of
from tests.rig import come, new_spec

P = partition_of("ann")
QUEUED = key(P, "queued")

ONE = WorkerBeat("one", ("csv.import", "links.check"), threads=4, busy=1)
TWO = WorkerBeat("two", ("csv.import",), threads=2, busy=2)


def submitted(db: Store, user: str = "ann", job_type: str = "csv.import") -> Job:
    return db.do(store.submit(replace(new_spec(user), type=job_type))).job


def pass_time(db: Store, worker: WorkerBeat, ms: int) -> None:
    """The worker's last beat was so long ago."""
    said = orjson.loads(db.client.hget(census.WORKERS, worker.id))
    said["at"] -= ms
    db.client.hset(census.WORKERS, worker.id, orjson.dumps(said))


def waiting(db: Store) -> list[str]:
    return [job.id for job in db.do(census.queued(P))]


# -- durations


def test_durations_are_kept_by_job_type(db: Store) -> None:
    for ms in (3, 1, 2):
        db.do(census.record_duration("csv.import", ms))
    assert db.do(census.durations("csv.import")) == [3, 1, 2]
    assert db.do(census.durations("links.check")) == []


def test_the_last_two_hundred_durations_are_kept(db: Store) -> None:
    for ms in range(203):
        db.do(census.record_duration("csv.import", ms))
    assert db.do(census.durations("csv.import")) == list(range(3, 203))


# -- workers


def test_a_worker_counts_from_its_first_beat_until_it_leaves(db: Store) -> None:
    assert db.do(census.workers()) == []
    db.do(census.beat(TWO))
    db.do(census.beat(ONE))
    assert db.do(census.workers()) == [ONE, TWO]
    db.do(census.leave("one"))
    assert db.do(census.workers()) == [TWO]


def test_what_a_worker_said_last_counts(db: Store) -> None:
    db.do(census.beat(ONE))
    db.do(census.beat(replace(ONE, busy=4)))
    assert db.do(census.workers()) == [replace(ONE, busy=4)]


def test_a_silent_worker_does_not_count_until_it_beats_again(db: Store) -> None:
    db.do(census.beat(ONE))
    db.do(census.beat(TWO))
    pass_time(db, ONE, ALIVE + 1)
    assert db.do(census.workers()) == [TWO]
    db.do(census.beat(ONE))
    assert db.do(census.workers()) == [ONE, TWO]


def test_a_worker_that_never_said_goodbye_is_forgotten_after_a_minute(db: Store) -> None:
    db.do(census.beat(ONE))
    pass_time(db, ONE, ALIVE + 1)
    db.do(census.workers())
    assert db.client.hkeys(census.WORKERS) == [b"one"]
    pass_time(db, ONE, FORGOTTEN)
    assert db.do(census.workers()) == []
    assert db.client.hkeys(census.WORKERS) == []


# -- the queue


def test_queued_jobs_come_oldest_first(db: Store) -> None:
    first, second = submitted(db), submitted(db, job_type="links.check")
    db.client.zadd(QUEUED, {second.id: first.created_at.ms + 1})
    assert db.do(census.queued(P)) == [
        Waiting(first.id, first.created_at.ms, "csv.import", version=1, present=False),
        Waiting(second.id, first.created_at.ms + 1, "links.check", version=1, present=False),
    ]


def test_only_the_oldest_are_looked_at_where_very_many_wait(db: Store) -> None:
    jobs = [submitted(db) for _ in range(3)]
    db.client.zadd(QUEUED, {job.id: n for n, job in enumerate(jobs)})
    assert [job.id for job in db.do(census.queued(P, limit=2))] == [jobs[0].id, jobs[1].id]


def test_all_that_are_looked_at_at_once_can_be_forgotten_at_once(db: Store) -> None:
    db.client.zadd(QUEUED, {f"{P}-{n}": n for n in range(SEEN)})
    assert waiting(db) == []
    assert db.client.zcard(QUEUED) == 0


def test_a_job_waits_until_it_is_claimed_and_again_once_it_is_put_back(db: Store) -> None:
    job = submitted(db)
    assert waiting(db) == [job.id]
    job = db.do(store.update(job, Job.claimed))
    assert waiting(db) == []
    db.do(store.update(job, Job.handed_back))
    assert waiting(db) == [job.id]
    db.do(store.update(job.id, Job.cancel_requested))
    assert waiting(db) == []


def test_a_job_that_is_gone_or_started_is_taken_out_of_the_queue(db: Store) -> None:
    gone, started, queued = submitted(db), submitted(db), submitted(db)
    db.client.delete(job_key(gone.id))
    db.do(store.update(started, Job.claimed))
    db.client.zadd(QUEUED, {started.id: 1})
    assert waiting(db) == [queued.id]
    assert db.client.zrange(QUEUED, 0, -1) == [queued.id.encode()]


def test_a_job_is_looked_at_while_its_owner_has_a_live_connection(db: Store) -> None:
    submitted(db)
    submitted(db)
    assert [job.present for job in db.do(census.queued(P))] == [False, False]
    db.do(come("ann", "a", "b"))
    assert [job.present for job in db.do(census.queued(P))] == [True, True]
    db.do(presence.leave({"ann": ["a"]}))
    assert [job.present for job in db.do(census.queued(P))] == [True, True]
    db.client.zadd(key(P, "presence", "ann"), {"b": 1}, xx=True)  # its lease has run out
    assert [job.present for job in db.do(census.queued(P))] == [False, False]


def test_a_task_comes_up_once_in_its_pause_whoever_asks(db: Store) -> None:
    assert db.do(census.turn("queue", 60_000))
    assert not db.do(census.turn("queue", 60_000))
    assert db.do(census.turn("other", 60_000))
    assert 0 < db.client.pttl("rb:leader:queue") <= 60_000


def test_a_task_that_is_put_off_comes_up_later(db: Store) -> None:
    assert db.do(census.turn("queue", 1_000))
    db.do(census.put_off("queue", 60_000))
    assert db.client.pttl("rb:leader:queue") > 1_000
    assert not db.do(census.turn("queue", 1_000))
