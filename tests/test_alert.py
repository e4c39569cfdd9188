"""Operators' alerts: open until they are settled or long quiet, and never told twice."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ringback import alert
from ringback.alert import INDEX, KEPT, RECORD
from ringback.connection import Store
from ringback.keys import Call
from tests.eye import ask


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def keys(db: Store) -> list[str]:
    return [one.key for one in db.do(alert.open_ones())]


def test_an_alert_says_what_is_wrong_since_when_and_how_often(db: Store) -> None:
    db.do(alert.sound("mail.tls", "The mail server offers no TLS."))
    assert db.do(alert.sound("mail.tls", "It still offers no TLS.")) == 2
    (one,) = db.do(alert.open_ones())
    assert (one.key, one.text, one.count) == ("mail.tls", "It still offers no TLS.", 2)
    assert 0 < one.since.ms <= one.last.ms


def test_a_settled_alert_is_gone_and_settling_it_again_does_nothing(db: Store) -> None:
    db.do(alert.sound("mail.tls", "No TLS.")), db.do(alert.sound("mail.auth", "No entry."))
    assert db.do(alert.settle("mail.tls")) is True
    assert db.do(alert.settle("mail.tls")) is False
    assert keys(db) == ["mail.auth"]


def test_an_alert_that_comes_back_counts_from_one(db: Store) -> None:
    db.do(alert.sound("mail.tls", "No TLS.")), db.do(alert.settle("mail.tls"))
    assert db.do(alert.sound("mail.tls", "No TLS.")) == 1


def test_an_alert_is_forgotten_seven_days_after_it_last_sounded(db: Store) -> None:
    db.do(alert.sound("old", "Long ago.")), db.do(alert.sound("young", "Just now."))
    (_, old) = db.do(alert.open_ones())
    ask(db, "ZADD", INDEX, old.last.ms - KEPT, "old")
    assert keys(db) == ["young"]
    assert ask(db, "EXISTS", RECORD + "old") == 0


def test_beyond_the_most_the_quietest_goes(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert, "MOST", 2)
    db.do(alert.sound("loud", "Trouble.")), db.do(alert.sound("quiet", "Trouble."))
    (first, _) = db.do(alert.open_ones())
    ask(db, "ZADD", INDEX, first.last.ms - 1_000, "quiet")
    db.do(alert.sound("new", "Trouble."))
    assert sorted(keys(db)) == ["loud", "new"]


def test_a_repeated_call_sounds_once(db: Store) -> None:
    call = next(alert.sound("mail.tls", "No TLS."))

    def twice() -> Generator[Call, int, list[int]]:
        return [(yield call), (yield call)]

    assert db.do(twice()) == [1, 1]
