"""What is done about emails that came back: who is heard, and what follows from it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback import alert, bounce, sent, store, suppression
from ringback.bounce import RESULTS, Heard, Kind, News, heed, news_of, verdict
from ringback.connection import Op, Store
from ringback.dsn import read
from ringback.job import Job
from ringback.testing import FakeStore
from tests.eye import ended, stored_view
from tests.test_dsn import sample

MINE = "<1@example.com>"
ANN = "ann@example.com"


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def told(db: Store, user: str = "ann", message_id: str = MINE) -> Job:
    """A job whose end was told by an email."""
    job = ended(db, user)
    db.do(store.update(job.id, lambda job: job.email_started(message_id)))
    db.do(sent.note(message_id, user, f"{user}@example.com", [job.id]))
    return db.do(store.update(job.id, lambda job: job.email_sent("250 OK")))


def hear(db: Store, **news: Any) -> Heard:
    wanted: dict[str, Any] = {"kind": "bounce", "recipients": (ANN,), "message_id": MINE, **news}
    return db.do(heed(News(**wanted), "bounce"))


def email(db: Store, job: Job) -> tuple[str, str]:
    notice = db.do(store.load(job.id)).notice
    assert notice is not None
    return notice.state, notice.reason


def test_a_mailbox_that_is_gone_stops_the_address_and_its_jobs_say_so(db: Store) -> None:
    job = told(db)
    heard = hear(db, status="5.1.1", diagnostic="550 5.1.1 User unknown")
    assert (heard.result, heard.jobs, heard.address) == ("suppressed", (job.id,), "a…@example.com")
    assert email(db, job) == (
        "failed",
        "It came back: there is no such mailbox as a…@example.com. No more emails go there until "
        "it is mended; ask our support then.",
    )
    notice = db.do(store.load(job.id)).notice
    assert notice is not None
    assert (notice.answer, notice.dead) == ("550 5.1.1 User unknown", False)
    assert b'"email":{"state":"failed","reason":"It came back: ' in stored_view(db, job)
    stopped = db.do(suppression.look(ANN))
    assert stopped
    assert (stopped.source, stopped.who) == ("bounce", None)
    assert stopped.reason.startswith("An email came back: there is no such mailbox as a…@")


def test_a_full_mailbox_is_told_and_written_to_again(db: Store) -> None:
    job = told(db)
    assert hear(db, status="5.2.2").result == "noted"
    assert email(db, job) == ("failed", "It came back: the mailbox a…@example.com is full.")
    assert db.do(suppression.look(ANN)) is None


def test_emails_that_come_back_on_three_days_stop_the_address() -> None:
    fake = FakeStore()
    results = []
    for day in range(suppression.SOFT_LIMIT):
        told(fake, message_id=f"<{day}@x>")
        results.append(hear(fake, status="4.2.2", message_id=f"<{day}@x>").result)
        fake.clock.advance(86_400)
    assert results == ["noted", "noted", "suppressed"]
    assert fake.do(suppression.look(ANN))


def test_one_email_that_is_reported_again_and_again_counts_once() -> None:
    fake = FakeStore()
    told(fake)
    results = []
    for _ in range(5):
        results.append(hear(fake, status="4.2.2").result)
        fake.clock.advance(86_400)
    assert results == ["noted", *["known"] * 4]
    assert fake.do(suppression.look(ANN)) is None


def test_an_email_that_is_refused_for_what_it_is_stops_nobody_and_operators_learn_of_it(
    db: Store,
) -> None:
    job = told(db)
    assert hear(db, status="5.7.26", diagnostic="550 unauthenticated").result == "noted"
    assert email(db, job)[1] == (
        "It came back: the mail server of example.com refuses our emails. That is no fault of "
        "yours. Our operators have been told and can send it again."
    )
    again = db.do(store.update(job.id, lambda job: job.email_again())).notice
    assert again is not None
    assert again.state == "waiting"
    assert db.do(suppression.look(ANN)) is None
    (sounded,) = db.do(alert.open_ones())
    assert "example.com refuses our emails. It said: “550 unauthenticated”." in sounded.text


def test_an_email_that_operators_send_again_may_come_back_again(db: Store) -> None:
    job = told(db)
    hear(db, status="5.7.1")
    db.do(store.update(job.id, lambda job: job.email_again()))
    db.do(store.update(job.id, lambda job: job.email_started(MINE)))
    db.do(sent.note(MINE, "ann", ANN, [job.id]))
    db.do(store.update(job.id, lambda job: job.email_sent("250 OK")))
    assert hear(db, status="5.7.1").result == "noted"
    assert email(db, job)[0] == "failed"


def test_a_complaint_stops_the_address_and_the_email_stays_sent(db: Store) -> None:
    job = told(db)
    assert hear(db, kind="complaint", recipients=("redacted@example.com",)).result == "suppressed"
    stopped = db.do(suppression.look(ANN))
    assert stopped
    assert (stopped.source, stopped.reason) == ("complaint", bounce.SPAM)
    assert email(db, job)[0] == "sent"


def test_a_delivery_clears_soft_bounces_and_a_delay_changes_nothing(db: Store) -> None:
    job = told(db)
    db.do(suppression.soft_bounce(ANN, "Full.", "bounce"))
    assert hear(db, kind="delayed", status="4.4.1").result == "noted"
    assert hear(db, kind="delivered").result == "cleared"
    assert email(db, job) == ("sent", "250 OK")


def test_all_jobs_of_a_digest_are_told(db: Store) -> None:
    jobs = [told(db) for _ in range(3)]
    db.do(sent.note(MINE, "ann", ANN, [job.id for job in jobs]))
    hear(db, status="5.1.1")
    assert {email(db, job)[0] for job in jobs} == {"failed"}


def test_a_job_that_is_gone_keeps_nobody_from_being_told(db: Store) -> None:
    job = told(db)
    db.do(sent.note(MINE, "ann", ANN, ["1f-00000000-0000-7000-8000-000000000000", job.id]))
    assert hear(db, status="5.1.1").result == "suppressed"
    assert email(db, job)[0] == "failed"


# -- who isn't heard


@pytest.mark.parametrize(
    "news",
    [
        {"message_id": "<2@example.com>"},
        {"message_id": ""},
        {"message_id": "", "job": "no id"},
        {"message_id": "", "job": "1f-00000000-0000-7000-8000-000000000000"},
        {"message_id": "<2@example.com>", "kind": "complaint"},
    ],
)
def test_a_report_of_an_email_that_we_never_sent_is_ignored(
    db: Store, news: dict[str, Any]
) -> None:
    job = told(db)
    assert hear(db, status="5.1.1", **news).result == "unknown"
    assert db.do(suppression.look(ANN)) is None
    assert email(db, job)[0] == "sent"


@pytest.mark.parametrize("recipient", ["eve@example.com", "ann@example.org", "ann", ""])
def test_a_report_about_somebody_elses_address_is_ignored(db: Store, recipient: str) -> None:
    told(db)
    assert hear(db, status="5.1.1", recipients=(recipient,)).result == "foreign"
    assert db.do(suppression.listed(9)) == []


def test_whoever_got_an_email_can_stop_their_own_address_and_no_others(db: Store) -> None:
    told(db, "eve", "<eve@x>")
    told(db)
    assert hear(db, status="5.1.1", message_id="<eve@x>").result == "foreign"
    assert hear(db, kind="complaint", message_id="<eve@x>").result == "suppressed"
    assert [s.address for s in db.do(suppression.listed(9))] == ["eve@example.com"]


def test_an_address_is_known_however_the_server_writes_it(db: Store) -> None:
    told(db)
    assert hear(db, status="5.1.1", recipients=("x@y", "Ann@EXAMPLE.com")).result == "suppressed"
    assert db.do(suppression.look(ANN))


@pytest.mark.parametrize("message_id", ["", "<relays-own@relay.example>"])
def test_an_email_is_found_by_its_job_where_its_message_id_was_replaced(
    db: Store, message_id: str
) -> None:
    job = told(db)
    assert hear(db, status="5.1.1", message_id=message_id, job=job.id).result == "suppressed"


def test_a_job_whose_email_never_left_is_nobodys_proof(db: Store) -> None:
    job = ended(db)
    assert hear(db, status="5.1.1", message_id="", job=job.id).result == "unknown"


def test_what_is_heard_is_counted(db: Store) -> None:
    told(db)
    for news in ({}, {}, {"message_id": "<2@x>"}, {"recipients": ("eve@x",)}):
        hear(db, status="5.1.1", **news)
    counts = db.do(bounce.heard_so_far())
    assert counts == {**dict.fromkeys(RESULTS, 0), "suppressed": 1, "known": 1, "unknown": 1,
                      "foreign": 1}  # fmt: skip


def test_it_is_said_in_a_line_what_was_done(db: Store) -> None:
    told(db)
    assert hear(db, status="5.1.1").text == (
        "bounce 5.1.1 a…@example.com: nobody is written to there any more"
    )
    assert hear(db, message_id="<2@x>").text == (
        "bounce ann@example.com: ignored: we sent no such email in the last 30 days"
    )


# -- what a status means


@pytest.mark.parametrize(
    ("statuses", "means"),
    [
        ("5.1.1 5.1.2 5.1.3 5.1.6 5.1.10", "gone"),
        ("4.2.2 5.2.2 4.4.1 5.0.0 5.1.0 5.2.1 5.4.4 4.7.1 2.0.0", "soft"),
        ("5.7.1 5.7.26 5.6.0 5.2.3 5.3.4 5.1.8 5.1.7 5.1.4", "refused"),
    ],
)
def test_a_status_says_whose_fault_it_is(statuses: str, means: str) -> None:
    assert {verdict(status) for status in statuses.split()} == {means}
    assert verdict("") == "soft"


@pytest.mark.parametrize(
    ("status", "words", "means"),
    [
        ("5.0.0", "550 No such user here", "gone"),
        ("5.1.0", "550 recipient <ann@example.com> not found", "gone"),
        ("5.4.1", "550 Recipient address rejected: the address doesn't exist", "gone"),
        ("5.0.0", "550 Message rejected", "soft"),
        ("5.7.1", "550 unknown user", "refused"),
        ("4.0.0", "450 unknown user", "soft"),
    ],
)
def test_the_servers_words_tell_where_the_status_is_vague(
    status: str, words: str, means: str
) -> None:
    assert verdict(status, words) == means


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["5.1.1", "5.2.2", "5.7.1", "delayed", "delivered", "complaint"])),
    st.booleans(),
)
def test_news_in_any_order_and_number_ends_the_same(events: list[str], late: bool) -> None:
    db = FakeStore()
    job = told(db)
    for _, event in itertools.product(range(1 + late), events):
        kind = "bounce" if event[0] == "5" else event
        hear(db, kind=kind, status=event if kind == "bounce" else "")
    stopped = db.do(suppression.look(ANN))
    assert (stopped is not None) == bool({"5.1.1", "complaint"} & set(events))
    if stopped:
        assert stopped.source == ("complaint" if "complaint" in events else "bounce")
    came_back = any(event[0] == "5" for event in events)
    assert email(db, job)[0] == ("failed" if came_back else "sent")


@pytest.mark.parametrize("name", ["postfix", "exchange", "gmail", "exim", "policy", "arf"])
def test_what_is_read_from_a_mail_server_is_news(db: Store, name: str) -> None:
    (report,) = read(sample(name))
    news = news_of(report)
    assert news
    job = told(db, message_id=news.message_id)
    db.do(sent.note(news.message_id, "ann", "ada@example.org", [job.id]))
    results = {"gmail": "noted", "policy": "noted"}
    assert db.do(heed(news, "bounce")).result == results.get(name, "suppressed")


@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1", "complaint"])
def test_news_that_somebody_died_over_is_told_again_and_ends_the_same(status: str) -> None:
    for calls in range(40):
        db = FakeStore()
        job = told(db)
        kind: Kind = "complaint" if status == "complaint" else "bounce"
        news = News(
            kind=kind, recipients=(ANN,), message_id=MINE,
            status=status if kind == "bounce" else "",
        )  # fmt: skip
        died = not db.do(_cut(heed(news, "bounce"), calls))
        assert db.do(heed(news, "bounce")).result != "unknown"
        assert email(db, job)[0] == ("sent" if kind == "complaint" else "failed")
        stopped = db.do(suppression.look(ANN)) is not None
        assert stopped == (status in ("5.1.1", "complaint"))
        if not died:
            return
    raise AssertionError("it takes more calls than this test makes")


def _cut(op: Op[Heard], calls: int) -> Op[bool]:
    """An operation whose process dies after so many calls; whether it came to its end."""
    try:
        call = next(op)
        for _ in range(calls):
            call = op.send((yield call))
    except StopIteration:
        return True
    return False
