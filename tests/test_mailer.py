"""Emails of one user that go to several addresses, in the store in memory, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from letters.letter import Letters, Sender
from letters.shelf import Shelf
from ringback import outbox, sent, store, suppression, unsent
from ringback.connection import Store
from ringback.errors import NotSendable
from ringback.job import Job, Result
from ringback.keys import key, partition_of
from ringback.notice import MAYBE_ONCE
from ringback.testing import FakeStore
from ringback.unsubscribe import Links
from tasks.deliver import Mailer
from tasks.delivery import House
from tests.eye import ask
from tests.mishaps import PostOffice
from tests.rig import new_spec

HOME = "http://127.0.0.1:8000"
LETTERS = Letters(Shelf(), Sender("Ringback <no-reply@example.com>", HOME))
HOUSE = House("example.com", 10_000, Links("s" * 32, HOME))
OUTBOX = key(partition_of("mix"), "outbox", "mix")


@pytest.fixture
def db() -> FakeStore:
    return FakeStore()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """The server that mail goes to."""
    opened = PostOffice()
    yield opened
    opened.close()


def due(db: Store, email: str) -> str:
    """A job of one user that has ended, and whose notice is due."""
    spec = new_spec("mix")
    job = db.do(store.submit(replace(spec, owner=replace(spec.owner, email=email)))).job
    for change in Job.claimed, lambda j: j.ended(Result("Done")):
        job = db.do(store.update(job, change))
    ask(db, "ZADD", OUTBOX, "XX", 1, job.id)
    return job.id


def deliver(db: FakeStore, office: PostOffice, after: float = 10) -> None:
    """``after`` so many seconds; ten are a window."""
    db.clock.advance(after)
    Mailer(db, LETTERS, office.transport, HOUSE).deliver("mix")


def states(db: Store, *jobs: str) -> list[str]:
    found = [db.do(store.load(job)).notice for job in jobs]
    return [notice.state for notice in found if notice is not None]


def test_each_address_gets_its_email_and_a_bad_one_fails_alone(
    db: FakeStore, office: PostOffice
) -> None:
    bad, good = due(db, "no at"), [due(db, "good@example.com") for _ in range(2)]
    other = due(db, "other@example.com")
    deliver(db, office)
    assert states(db, bad, *good, other) == ["failed", "sent", "sent", "sent"]
    assert sorted(map(sorted, (jobs for _, jobs in office.taken))) == sorted(
        [sorted(good), [other]]
    )
    assert db.do(outbox.waiting("mix")) == []


def test_the_window_between_two_emails_begins_after_all_addresses(
    db: FakeStore, office: PostOffice
) -> None:
    due(db, "good@example.com"), due(db, "no at")
    deliver(db, office)
    later = due(db, "good@example.com")
    deliver(db, office, after=9)
    assert states(db, later) == ["waiting"]
    deliver(db, office, after=1)
    assert states(db, later) == ["sent"]


def test_an_email_whose_answer_was_lost_is_settled_before_the_next_address_is_written_to(
    db: FakeStore, office: PostOffice
) -> None:
    office.weather = "answer lost"
    first, second = due(db, "good@example.com"), due(db, "other@example.com")
    deliver(db, office)
    assert [jobs for _, jobs in office.taken] == [[first]]
    office.weather = "fine"
    for _ in range(2):  # the claim's time passes; then the window's
        about = key(partition_of("mix"), "user", "mix")
        ask(db, "HSET", about, "mailer_until", 1, "next_email", 1)
        for job_id in db.do(outbox.waiting("mix")):
            ask(db, "ZADD", OUTBOX, "XX", 1, job_id)
        deliver(db, office)
    assert states(db, first, second) == ["sent", "sent"]
    assert [jobs for _, jobs in office.taken] == [[first], [first], [second]]
    assert office.taken[0][0] == office.taken[1][0], "the same Message-ID"


def test_an_email_whose_answer_was_lost_and_that_is_refused_then_is_not_sent_again_by_anybody(
    db: FakeStore, office: PostOffice
) -> None:
    office.weather = "answer lost"
    job = due(db, "good@example.com")
    deliver(db, office)
    office.weather = "refused after DATA"
    ask(db, "HSET", key(partition_of("mix"), "user", "mix"), "mailer_until", 1, "next_email", 1)
    ask(db, "ZADD", OUTBOX, "XX", 1, job)
    deliver(db, office)
    assert (states(db, job), reasons(db, job)) == (["sent"], [MAYBE_ONCE])
    with pytest.raises(NotSendable):
        db.do(unsent.send_again(job))


def test_of_two_operators_who_send_an_email_again_one_is_told_that_it_is_under_way(
    db: FakeStore, office: PostOffice
) -> None:
    office.weather = "refused after DATA"
    job = due(db, "good@example.com")
    deliver(db, office)
    db.do(unsent.send_again(job))
    with pytest.raises(NotSendable, match="waiting"):
        db.do(unsent.send_again(job))


def reasons(db: Store, *jobs: str) -> list[str]:
    found = [db.do(store.load(job)).notice for job in jobs]
    return [notice.reason for notice in found if notice is not None]


def test_an_address_that_is_stopped_gets_no_email_and_its_user_is_told_why(
    db: FakeStore, office: PostOffice
) -> None:
    db.do(suppression.suppress("gone@example.com", "There is no such mailbox.", "bounce"))
    gone, good = due(db, "gone@EXAMPLE.com"), due(db, "good@example.com")
    deliver(db, office)
    assert states(db, gone, good) == ["skipped", "sent"]
    assert [jobs for _, jobs in office.taken] == [[good]]
    told = reasons(db, gone)[0]
    assert told.startswith("Emails to g…@example.com have been stopped since ")
    assert "There is no such mailbox." in told
    assert db.do(outbox.waiting("mix")) == []


def test_a_lifted_address_is_written_to_again(db: FakeStore, office: PostOffice) -> None:
    db.do(suppression.suppress("back@example.com", "There was no such mailbox.", "smtp"))
    db.do(suppression.lift("back@example.com", "sue", "it is back"))
    back = due(db, "back@example.com")
    deliver(db, office)
    assert states(db, back) == ["sent"]


def test_what_left_is_found_by_its_message_id(db: FakeStore, office: PostOffice) -> None:
    jobs = [due(db, "good@example.com") for _ in range(2)]
    deliver(db, office)
    ((message_id, _),) = office.taken
    found = db.do(sent.find(message_id))
    assert found
    assert (found.user, found.address, sorted(found.jobs)) == (
        "mix", "good@example.com", sorted(jobs),
    )  # fmt: skip


def test_an_email_that_came_back_before_its_second_try_is_not_sent_again(
    db: FakeStore, office: PostOffice
) -> None:
    office.weather = "answer lost"
    job = due(db, "good@example.com")
    deliver(db, office)
    ((message_id, _),) = office.taken
    db.do(store.update(job, lambda job: job.email_bounced(message_id, "It came back.")))
    office.weather = "fine"
    ask(db, "HSET", key(partition_of("mix"), "user", "mix"), "mailer_until", 1)
    deliver(db, office)
    assert states(db, job) == ["failed"]
    assert len(office.taken) == 1
