"""The list of addresses that nobody is written to: what brings one there, and back."""

from __future__ import annotations

import pytest

from ringback import audit, store, suppression
from ringback.connection import Op, Store
from ringback.keys import Call
from ringback.suppression import SOFT_LIMIT, Source, Suppression, normal
from ringback.testing import FakeStore
from ringback.view import view_of
from tests.eye import ask
from tests.rig import new_spec

ADA = "ada@example.com"
GONE = "The mail server said that there is no such mailbox."
FULL = "The mailbox is full."
DAY = 86_400.0


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def addresses(found: list[Suppression]) -> list[str]:
    return [entry.address for entry in found]


def test_an_address_is_stopped_with_who_said_what_and_when(db: Store) -> None:
    assert db.do(suppression.look(ADA)) is None
    made = db.do(suppression.suppress(ADA, GONE, "smtp"))
    assert (made.address, made.reason, made.source, made.who) == (ADA, GONE, "smtp", None)
    assert db.do(suppression.look(ADA)) == made
    assert db.do(suppression.look("eve@example.com")) is None
    assert db.do(audit.entries(9)) == []  # nobody did it


def test_the_first_reason_stands_but_a_complaint_outranks_it(db: Store) -> None:
    first = db.do(suppression.suppress(ADA, GONE, "smtp"))
    assert db.do(suppression.suppress(ADA, "Another.", "bounce")) == first
    spam = db.do(suppression.suppress(ADA, "Its reader reported spam.", "complaint"))
    assert spam.source == "complaint"
    assert db.do(suppression.suppress(ADA, "And again.", "complaint")) == spam
    assert db.do(suppression.suppress(ADA, GONE, "smtp")) == spam
    assert db.do(suppression.count()) == 1


def test_a_repeated_call_of_the_script_changes_nothing(db: Store) -> None:
    def twice(call: Call) -> Op[tuple[bytes, bytes]]:  # as redis-py sends it again
        return (yield call), (yield call)

    sources: tuple[Source, ...] = ("smtp", "complaint")
    for source in sources:
        first, second = db.do(twice(next(suppression.suppress(ADA, GONE, source))))
        assert first == second
    assert addresses(db.do(suppression.listed(9))) == [ADA]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@Example.COM", "ada@example.com", True),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", True),
        ("ada@STRASSE.example", "ada@straße.example", False),
        ("Ada@example.com", "ada@example.com", False),
        ("zoe\u0308@example.com", "zo\u00eb@example.com", True),
        ("no address", "no address", True),
        ("\ud800@example.com", "?@example.com", True),
    ],
)
def test_addresses_are_compared_by_their_normal_form(one: str, other: str, same: bool) -> None:
    assert (normal(one) == normal(other)) is same


def test_a_suppressed_address_is_found_however_its_domain_is_written(db: Store) -> None:
    db.do(suppression.suppress("ada@BÜCHER.example", GONE, "smtp"))
    assert db.do(suppression.look("ada@xn--bcher-kva.example"))


def test_an_operators_deeds_are_in_the_audit_trail(db: Store) -> None:
    made = db.do(suppression.suppress(ADA, "Asked us to.", "operator", "sue"))
    assert made.who == "sue"
    assert db.do(suppression.lift(ADA, "sue", "mailbox is back")) == made
    assert [(e.who, e.what, e.why) for e in db.do(audit.entries(9))] == [
        ("sue", f"lift suppression of {ADA}", "mailbox is back"),
        ("sue", f"suppress {ADA}", "Asked us to."),
    ]


def test_a_lifted_address_is_written_to_again(db: Store) -> None:
    db.do(suppression.suppress(ADA, GONE, "smtp"))
    db.do(suppression.lift(ADA, "sue", "mailbox is back"))
    assert db.do(suppression.look(ADA)) is None
    assert db.do(suppression.listed(9)) == []
    assert db.do(suppression.lift(ADA, "sue", "mailbox is back")) is None


def test_the_list_is_read_newest_first_and_page_by_page(db: Store) -> None:
    for name in "abcde":
        source: Source = "complaint" if name in "ac" else "smtp"
        db.do(suppression.suppress(f"{name}@example.com", GONE, source))
    first = db.do(suppression.listed(2))
    assert addresses(first) == ["e@example.com", "d@example.com"]
    db.do(suppression.suppress("f@example.com", GONE, "smtp"))  # pages stay where they were
    second = db.do(suppression.listed(2, before=first[-1].seq))
    assert addresses(second) == ["c@example.com", "b@example.com"]
    third = db.do(suppression.listed(2, before=second[-1].seq))
    assert addresses(third) == ["a@example.com"]
    of_one = db.do(suppression.listed(1, source="complaint"))
    assert addresses(of_one) == ["c@example.com"]
    rest = db.do(suppression.listed(5, before=of_one[-1].seq, source="complaint"))
    assert addresses(rest) == ["a@example.com"]


def test_the_oldest_are_forgotten_where_there_are_too_many(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "KEPT", 2)
    for name in "abc":
        db.do(suppression.suppress(f"{name}@example.com", GONE, "smtp"))
    assert addresses(db.do(suppression.listed(9))) == ["c@example.com", "b@example.com"]
    assert db.do(suppression.look("a@example.com")) is None


def test_an_endless_reason_is_cut(db: Store) -> None:
    made = db.do(suppression.suppress(ADA, "é" * 10_000, "bounce"))
    assert len(made.reason) <= 600


# -- soft bounces; days must pass, so time is the fake's


@pytest.fixture
def fake() -> FakeStore:
    """A store whose days pass when the test says so."""
    return FakeStore()


def soft(fake: FakeStore, days: int) -> Suppression | None:
    found = None
    for _ in range(days):
        found = fake.do(suppression.soft_bounce(ADA, FULL))
        fake.clock.advance(DAY)
    return found


def test_soft_bounces_on_three_days_stop_an_address(fake: FakeStore) -> None:
    assert soft(fake, SOFT_LIMIT - 1) is None
    stopped = soft(fake, 1)
    assert stopped
    assert stopped.reason == f"{FULL} That happened on 3 days within two weeks."
    assert fake.do(suppression.look(ADA)) == stopped
    assert fake.do(suppression.soft_bounce(ADA, "Another.")) == stopped


def test_soft_bounces_of_one_day_count_once(db: Store) -> None:
    for _ in range(5):
        assert db.do(suppression.soft_bounce(ADA, FULL)) is None


def test_an_email_that_arrives_clears_the_soft_bounces(fake: FakeStore) -> None:
    soft(fake, SOFT_LIMIT - 1)
    fake.do(suppression.accepted(ADA))
    assert soft(fake, SOFT_LIMIT - 1) is None


def test_a_relay_that_takes_everything_clears_no_emails_that_came_back(fake: FakeStore) -> None:
    found = None
    for _ in range(SOFT_LIMIT):
        fake.do(suppression.accepted(ADA))
        found = fake.do(suppression.soft_bounce(ADA, FULL, "bounce"))
        fake.clock.advance(DAY)
    assert found
    assert found.source == "bounce"


def test_an_email_in_the_mailbox_clears_all_soft_bounces(fake: FakeStore) -> None:
    for source in ("smtp", "bounce"):
        fake.do(suppression.lift(ADA, "sue", "anew"))
        for _ in range(2 * SOFT_LIMIT):
            assert fake.do(suppression.soft_bounce(ADA, FULL, source)) is None
            fake.do(suppression.delivered(ADA))
            fake.clock.advance(DAY)


def test_soft_bounces_that_lie_weeks_apart_stop_nobody(fake: FakeStore) -> None:
    for _ in range(2 * SOFT_LIMIT):
        assert fake.do(suppression.soft_bounce(ADA, FULL)) is None
        fake.clock.advance(8 * DAY)


def test_a_lifted_address_begins_without_soft_bounces(fake: FakeStore) -> None:
    soft(fake, SOFT_LIMIT)
    fake.do(suppression.lift(ADA, "sue", "emptied"))
    assert soft(fake, SOFT_LIMIT - 1) is None


def test_its_user_is_told_since_when_and_why(fake: FakeStore) -> None:
    assert suppression.told(fake.do(suppression.suppress(ADA, GONE, "smtp"))) == (
        "Emails to a…@example.com have been stopped since 5 January 2026. The mail server said "
        "that there is no such mailbox. If the address is right and works, ask our support to let "
        "us write to it again."
    )
    fake.do(suppression.lift(ADA, "sue", "anew"))
    told = suppression.told(fake.do(suppression.suppress(ADA, "You asked us to.", "operator")))
    assert "2026. Our support did so: You asked us to. If" in told


def test_no_email_is_promised_to_an_address_that_is_stopped(db: Store) -> None:
    db.do(suppression.suppress("ann@example.com", GONE, "smtp"))
    job, other = (db.do(store.submit(new_spec(user))).job for user in ("ann", "bob"))
    assert job.unreachable
    assert view_of(db.do(store.load(job.id)))["promise"] == (
        "You can leave this page and come back: the result will be here. No email follows: those "
        "to a…@example.com have been stopped."
    )
    assert "we'll email b…@example.com" in view_of(other)["promise"]


def test_soft_bounces_leave_nothing_behind(db: Store) -> None:
    db.do(suppression.soft_bounce(ADA, FULL))
    assert 0 < ask(db, "PTTL", f"rb:{{suppressed}}:soft:{ADA}") <= suppression.SOFT_WITHIN
    db.do(suppression.suppress(ADA, GONE, "smtp"))
    assert ask(db, "EXISTS", f"rb:{{suppressed}}:soft:{ADA}") == 0
