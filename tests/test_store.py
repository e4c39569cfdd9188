"""The store's operations, each against a real server."""

from __future__ import annotations

import secrets
from calendar import isleap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ringback import outbox, store
from ringback.codec import view_json
from ringback.connection import Store
from ringback.errors import IdempotencyMismatch, JobNotFound, LeaseLost
from ringback.failure import Failure
from ringback.instant import rfc3339
from ringback.job import (
    Counts,
    Job,
    Link,
    Owner,
    Policy,
    Problem,
    Progress,
    Result,
    Spec,
    State,
    Step,
)
from ringback.keys import Call, channel_of, due_key, job_key, key, new_job_id, partition_of
from ringback.outbox import Ledger
from ringback.store import Feed
from tests.rig import new_spec

P = partition_of("ann")
DONE = Result("Done", (Link("Download", "/api/v1/files/1"),))
BROKE = Failure(code="bank_away", category="external", message="No answer.", action="Wait.")

#: For properties that use the `db` fixture: nothing in them depends on an empty store.
with_db = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def submitted(db: Store, user: str = "ann", **policy: Any) -> Job:
    return db.do(store.submit(new_spec(user, **policy))).job


def claimed(db: Store, user: str = "ann", **policy: Any) -> Job:
    return db.do(store.update(submitted(db, user, **policy), Job.claimed))


def ended(db: Store, user: str = "ann", **policy: Any) -> Job:
    return db.do(store.update(claimed(db, user, **policy), lambda job: job.ended(DONE)))


def stored_view(db: Store, job: Job) -> bytes:
    return db.do(store.load_view(job.id, job.spec.owner.id))


def now(db: Store) -> int:
    """The store's clock, ms."""
    seconds, micros = db.client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def due(db: Store, kind: str, partition: str = P) -> dict[str, int]:
    found = db.client.zrange(due_key(partition, kind), 0, -1, withscores=True)
    return {member.decode(): int(score) for member, score in found}


def make_due(db: Store, kind: str, *members: str) -> None:
    """Lets the time pass that these would have waited."""
    db.client.zadd(due_key(P, kind), dict.fromkeys(members, 1), xx=True)


def everything(db: Store) -> dict[bytes, Any]:
    """All that is stored."""
    return {name: db.client.dump(name) for name in db.client.scan_iter()}


@contextmanager
def listening(db: Store, user: str) -> Iterator[Any]:
    """Yields a function that gives the packets published since it was last asked."""
    with db.client.pubsub() as channel:
        channel.subscribe(channel_of(user))
        channel.get_message(timeout=5)

        def packets() -> list[bytes]:
            db.client.publish(channel_of(user), "end")
            heard = iter(lambda: channel.get_message(timeout=5)["data"], b"end")
            return list(heard)

        yield packets


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
    assert len(db.do(store.feed("ann")).views) == 1


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
    (name,) = db.client.keys("*idempotency*")
    assert 0 < db.client.pttl(name) <= store.IDEMPOTENCY_TTL


def test_a_job_is_unknown_to_everybody_but_its_owner(db: Store) -> None:
    job = submitted(db)
    assert db.do(store.load(job.id, "ann")) == job
    for job_id, owner in ((job.id, "bob"), (new_job_id("ann"), "ann"), ("", "ann"), ("}{", "ann")):
        with pytest.raises(JobNotFound):
            db.do(store.load(job_id, owner))
        with pytest.raises(JobNotFound):
            db.do(store.load_view(job_id, owner))


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
    db.client.flushall()
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


def send(db: Store, call: Call) -> Any:
    def op() -> Any:
        return (yield call)

    return db.do(op())


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
    assert db.client.hget(job_key(job.id), "ops").count(b";") == 16


# -- events


def test_the_packet_is_the_stored_view_with_its_cursor(db: Store) -> None:
    with listening(db, "ann") as packets:
        job = claimed(db)
        first, second = packets()
        epoch = db.do(store.feed("ann")).epoch
        view = stored_view(db, job)
        assert second == b'42["job",' + view + f',"{epoch}:2"]'.encode()
        assert view == view_json(job)
        assert orjson.loads(first[2:])[1]["version"] == 1


def test_one_user_hears_nothing_of_another(db: Store) -> None:
    with listening(db, "ann") as packets:
        submitted(db, "bob")
        assert packets() == []


def test_the_store_writes_every_time_of_a_job_the_same_in_record_and_view(db: Store) -> None:
    job = claimed(db, idempotent=True)
    job = db.do(store.update(job, lambda j: j.retry_later(BROKE, 61_000)))
    view = orjson.loads(stored_view(db, job))
    assert job.next_at is not None
    assert job.next_at.ms == job.updated_at.ms + 61_000
    assert view["attempt"]["next_at"] == rfc3339(job.next_at.ms)
    for name in ("created_at", "started_at", "updated_at"):
        assert view[name] == rfc3339(getattr(job, name).ms)
    assert db.do(store.load(job.id)) == job


tricky = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        [
            "\x01v\x02", "\x01tc+0\x02", "\x01mn-5\x02", "\\u0001v\\u0002", "%1 %% \\1", "\x00",
            '"],"x:1"]', "\u2028\u2029", "\x7f\x80\xa0", "𝄞", "}{", "é" * 300, "\r\n",
        ]
    ),
)  # fmt: skip


@with_db
@given(words=st.lists(tricky, min_size=9, max_size=9), user=tricky.filter(bool))
def test_no_word_of_a_user_or_worker_is_taken_for_anything_else(
    db: Store, words: list[str], user: str
) -> None:
    params, name, email, message, step, many, action, example_, summary = words
    owner = Owner(id=user, email=f"{email}@example.com", name=name)
    spec = Spec(
        id=new_job_id(user), type="t", title=message, owner=owner, policy=Policy(unit=step),
        params={params: [params, {"deep": params}]},
    )  # fmt: skip
    problem = Problem(
        code=step, outcome="failed", count=1, many=many, one=example_, action=action,
        examples=(example_,),
    )  # fmt: skip
    db.client.flushall()
    with listening(db, user) as packets:
        job = db.do(store.submit(spec, name or None, params)).job
        job = db.do(store.update(job, Job.claimed))
        job = db.do(store.update(job, lambda j: j.advanced(
            message=message, step=Step(1, None, step), counts=Counts(1, 1), problems=(problem,),
            progress=Progress(2, 2))))  # fmt: skip
        job = db.do(store.update(job, lambda j: j.ended(Result(summary, (Link(many, action),)))))
        heard = packets()
    assert db.do(store.load(job.id)) == job
    assert stored_view(db, job) == view_json(job)
    assert [orjson.loads(packet[2:])[1]["version"] for packet in heard] == [1, 2, 3, 4]
    assert orjson.loads(heard[-1][2:])[1] == orjson.loads(view_json(job))
    assert db.do(store.feed(user)).views[0] == view_json(job)


# -- times


def spliced(db: Store, text: bytes, *, commit: int = 0, notice: int = 0) -> bytes:
    """``text`` with the tokens that the commit script fills in, filled in."""
    lua = (files("ringback") / "lua" / "splice.lua").read_text()
    script = lua + "\nreturn splice(ARGV[1], 7, tonumber(ARGV[2]), tonumber(ARGV[3]))"
    return bytes(db.client.eval(script, 0, text, commit, notice))


def epoch_ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


CORNERS = [
    datetime(y, m, d, h, 59 if h else 0, 59 if h else 0, ms * 1000, UTC)
    for y in (1970, 1972, 1999, 2000, 2023, 2024, 2096, 2100, 2400, 9999)
    for m, d in ((1, 1), (2, 28), (2, 29), (3, 1), (12, 31))
    for h, ms in ((0, 0), (23, 999))
    if (m, d) != (2, 29) or isleap(y)
]  # fmt: skip


def test_dates_of_the_script_are_those_of_python_at_the_corners_of_the_calendar(db: Store) -> None:
    moments = [epoch_ms(moment) for moment in CORNERS]
    tokens = b",".join(b"\x01tc%+d\x02" % ms for ms in moments)
    assert spliced(db, tokens) == ",".join(f'"{rfc3339(ms)}"' for ms in moments).encode()


@with_db
@given(st.lists(st.integers(0, epoch_ms(CORNERS[-1])), min_size=20, max_size=20))
def test_dates_of_the_script_are_those_of_python(db: Store, moments: list[int]) -> None:
    tokens = b",".join(b"\x01tc%+d\x02" % ms for ms in moments)
    assert spliced(db, tokens) == ",".join(f'"{rfc3339(ms)}"' for ms in moments).encode()


@with_db
@given(st.integers(0, 2**41), st.integers(0, 2**41), st.integers(-(2**40), 2**41))
def test_tokens_count_from_the_commit_and_from_the_notice(
    db: Store, commit: int, notice: int, offset: int
) -> None:
    text = b"\x01v\x02 \x01mc%+d\x02 \x01mn%+d\x02" % (offset, offset)
    expected = f"7 {commit + offset} {notice + offset}".encode()
    assert spliced(db, text, commit=commit, notice=notice) == expected


# -- the feed


def ids(feed: Feed) -> list[str]:
    return [orjson.loads(view)["id"] for view in feed.views]


def test_a_first_visit_gets_the_active_and_the_recent_jobs(db: Store) -> None:
    oldest = submitted(db)
    done = [ended(db) for _ in range(store.SNAPSHOT + 1)]
    feed = db.do(store.feed("ann"))
    assert feed.reset
    assert set(ids(feed)) == {oldest.id, *(job.id for job in done[1:])}


def test_a_return_gets_each_changed_job_once_in_the_order_of_the_last_change(db: Store) -> None:
    first, second, third = (submitted(db) for _ in range(3))
    cursor = db.do(store.feed("ann")).cursor
    db.do(store.update(third, Job.claimed))
    first = db.do(store.update(first, Job.claimed))
    db.do(store.update(first, lambda j: j.advanced(message="on it")))
    feed = db.do(store.feed("ann", cursor))
    assert (ids(feed), feed.reset) == ([third.id, first.id], False)
    assert second.id not in ids(feed)
    assert db.do(store.feed("ann", feed.cursor)).views == ()


def test_a_return_after_too_many_changes_gets_a_reset_of_bounded_size(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REPLAY", 3)
    monkeypatch.setattr(store, "SNAPSHOT", 2)
    cursor = db.do(store.feed("ann")).cursor
    for _ in range(3):
        ended(db)
    assert not db.do(store.feed("ann", cursor)).reset
    ended(db)
    feed = db.do(store.feed("ann", cursor))
    assert (feed.reset, len(feed.views)) == (True, 2)


def test_a_cursor_of_a_lost_store_or_from_its_future_gets_a_reset(db: Store) -> None:
    submitted(db)
    feed = db.do(store.feed("ann"))
    for cursor in (f"other:{feed.seq}", f"{feed.epoch}:{feed.seq + 1}", f"{feed.epoch}:{10**30}"):
        assert db.do(store.feed("ann", cursor)).reset
    db.client.flushall()
    again = db.do(store.feed("ann", feed.cursor))
    assert again.reset
    assert again.epoch != feed.epoch


@with_db
@given(st.text(max_size=20))
@example("")
@example(":")
@example("e:٣")
@example("e:²")
@example("e:-1")
@example("e:1e3")
@example("e:" + "9" * 5_000)
def test_whatever_a_client_calls_its_cursor_it_gets_a_feed(db: Store, text: str) -> None:
    assert db.do(store.feed("ann", text)).reset


def test_pages_go_back_through_all_jobs_once(db: Store) -> None:
    jobs = [submitted(db) for _ in range(7)]
    db.do(store.update(jobs[2], Job.claimed))
    found: list[str] = []
    before: int | None = None
    while page := db.do(store.page("ann", before, 3)):
        found += [orjson.loads(view)["id"] for _, view in page]
        before = page[-1][0]
    newest_first = [jobs[2], *reversed(jobs[3:]), jobs[1], jobs[0]]
    assert found == [job.id for job in newest_first]


# -- history


def test_the_history_tells_what_mattered_and_not_every_step(db: Store) -> None:
    job = claimed(db, idempotent=True)
    for n in range(5):
        job = db.do(store.update(job, lambda j, n=n: j.advanced(message=str(n))))  # type: ignore[misc]  # the lambda's default
    job = db.do(store.update(job, lambda j: j.retry_later(BROKE, 10)))
    job = db.do(store.update(job, Job.due_again))
    job = db.do(store.update(job, Job.claimed))
    job = db.do(store.update(job, lambda j: j.ended(DONE)))
    db.do(store.update(job, lambda j: j.received(job.version, "pong")))
    entries = db.do(store.history(job.id))
    assert [(e["what"], e["version"], e["attempt"]) for e in entries] == [
        ("submitted", 1, 0),
        ("a worker claims it", 2, 1),
        ("retryable error, attempts left", 8, 1),
        ("its time has come", 9, 1),
        ("a worker claims it", 10, 2),
        ("all items fine", 11, 2),
        ("email skipped: Seen live, so no email was needed.", 12, 2),
    ]
    assert entries[2]["error"]["code"] == "bank_away"
    assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)


# -- leases and what is overdue


def test_a_lease_is_renewed_for_its_holder_only(db: Store) -> None:
    mine, replaced, over = (claimed(db, idempotent=True) for _ in range(3))
    db.do(store.update(replaced.id, Job.lease_expired))
    db.do(store.update(replaced.id, Job.claimed))
    db.do(store.update(over, lambda j: j.ended(DONE)))
    before = due(db, "lease")
    make_due(db, "lease", mine.id)
    leases = [(job.id, job.fence) for job in (mine, replaced, over)]
    assert db.do(store.renew(P, leases)) == [replaced.id, over.id]
    after = due(db, "lease")
    assert after[mine.id] >= before[mine.id]
    assert after[replaced.id] == before[replaced.id]
    assert over.id not in after


def test_a_late_renewal_does_not_bring_an_ended_lease_back(db: Store) -> None:
    job = claimed(db, max_attempts=1)
    db.do(store.update(job.id, Job.lease_expired))
    assert db.do(store.renew(P, [(job.id, job.fence)])) == [job.id]
    assert due(db, "lease") == {}


def test_overdue_work_is_handed_out_once_and_again_if_nobody_does_it(db: Store) -> None:
    lost, waiting = claimed(db), submitted(db)
    retrying = db.do(store.update(claimed(db), lambda j: j.retry_later(BROKE, 60_000)))
    done = ended(db, grace_absent=60_000)
    assert db.do(store.overdue(P)) == store.Overdue((), (), (), ())
    for kind, member in (
        ("lease", lost.id), ("retry", retrying.id), ("doorbell", waiting.id), ("notice", "ann"),
    ):  # fmt: skip
        make_due(db, kind, member)
    taken = store.Overdue((lost.id,), (retrying.id,), (waiting.id,), ("ann",))
    assert db.do(store.overdue(P, hide=0)) == taken
    assert db.do(store.overdue(P, hide=60_000)) == taken, "the first supervisor died"
    assert db.do(store.overdue(P)) == store.Overdue((), (), (), ())
    assert done.id not in due(db, "lease")


def test_a_supervisor_takes_no_more_than_it_asked_for(db: Store) -> None:
    jobs = [submitted(db) for _ in range(5)]
    make_due(db, "doorbell", *(job.id for job in jobs))
    first, second = (set(db.do(store.overdue(P, limit=3)).doorbells) for _ in range(2))
    assert (len(first), len(second)) == (3, 2)
    assert first | second == {job.id for job in jobs}


# -- presence and grace


def test_presence_is_counted_over_all_connections_until_their_leases_end(db: Store) -> None:
    assert db.do(store.presence("ann", 60_000, "c1", "c2")) == 2
    assert db.do(store.presence("ann", 60_000, "c2", "c3")) == 3
    assert db.do(store.presence("ann", 0, "c1")) == 2
    db.client.zadd(key(P, "presence", "ann"), {"c2": 1})
    assert db.do(store.presence("ann", 60_000, "c3")) == 1
    assert db.do(store.presence("bob", 60_000, "c1")) == 1


@pytest.mark.parametrize(("lease", "grace"), [(60_000, 30_000), (0, 5_000)])
def test_an_email_waits_longer_for_somebody_who_is_there(db: Store, lease: int, grace: int) -> None:
    db.do(store.presence("ann", 60_000, "c1"))
    db.do(store.presence("ann", lease, "c1"))
    job = ended(db, grace_absent=5_000, grace_present=30_000)
    assert job.notice is not None
    assert job.notice.at is not None
    assert job.finished_at is not None
    assert job.notice.at.ms - job.finished_at.ms == grace
    assert due(db, "notice") == {"ann": job.notice.at.ms}


def test_presence_that_ran_out_unnoticed_does_not_count(db: Store) -> None:
    """hard disconnect: the node died with its connections and nobody took them back."""
    db.client.zadd(key(P, "presence", "ann"), {"c1": now(db)})
    job = ended(db, grace_absent=0, grace_present=60_000)
    assert due(db, "notice")["ann"] <= job.updated_at.ms


# -- the outbox


def in_outbox(db: Store) -> set[str]:
    return {member.decode() for member in db.client.zrange(key(P, "outbox", "ann"), 0, -1)}


def forget_mailer(db: Store) -> None:
    """Lets the minute pass that a silent mailer keeps its claim."""
    db.client.hset(key(P, "user", "ann"), "mailer_until", 1)
    make_due(db, "notice", "ann")


def ledger(*jobs: Job, **fields: Any) -> Ledger:
    return Ledger(message_id="<1@x>", jobs=tuple(job.id for job in jobs), **fields)


def test_a_claim_gets_the_notices_that_are_due_and_no_others(db: Store) -> None:
    first, second = ended(db), ended(db)
    ended(db, grace_absent=60_000)
    ended(db, "bob")
    claim = db.do(outbox.claim("ann", "m1"))
    assert claim == outbox.Claim(None, (first.id, second.id))


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


def test_after_an_email_the_next_waits_for_the_window_to_pass(db: Store) -> None:
    job = ended(db)
    db.do(outbox.claim("ann", "m1"))
    db.do(store.update(job, lambda j: j.email_sent("250 OK")))
    db.do(outbox.release("ann", "m1", 60_000))
    assert due(db, "notice") == {}
    ended(db)
    assert due(db, "notice")["ann"] > now(db)
    assert db.do(outbox.claim("ann", "m2")) is None
    db.client.hset(key(P, "user", "ann"), "next_email", 1)
    assert db.do(outbox.claim("ann", "m2"))


def test_a_ledger_that_was_left_is_finished_whatever_the_window_says(db: Store) -> None:
    job = ended(db)
    db.do(outbox.claim("ann", "m1"))
    db.do(outbox.write("ann", "m1", ledger(job)))
    forget_mailer(db)
    db.client.hset(key(P, "user", "ann"), "next_email", now(db) + 60_000)
    assert db.do(outbox.claim("ann", "m2"))


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
    assert db.do(store.feed(neighbour)).seq == 3


def test_versions_in_a_stamped_job_are_those_of_the_store(db: Store) -> None:
    job = ended(db)
    assert job.ended_version == job.version == 3
    assert replace(job, version=0) != db.do(store.load(job.id))
