"""Emails that left, by Message-ID: found by who has something to say about them."""

from __future__ import annotations

import pytest

from ringback import sent
from ringback.connection import Store
from ringback.keys import key, partition_of
from ringback.sent import Sent
from tests.eye import ask

MINE = "<1@example.com>"


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def test_an_email_is_found_by_its_message_id(db: Store) -> None:
    db.do(sent.note(MINE, "ann", "ann@example.com", ["a", "b"]))
    assert db.do(sent.find(MINE)) == Sent(
        message_id=MINE, user="ann", address="ann@example.com", jobs=("a", "b"), news=frozenset()
    )


@pytest.mark.parametrize("other", ["<2@example.com>", "", "x" * 1_000, "\ud800"])
def test_another_message_id_finds_nothing(db: Store, other: str) -> None:
    db.do(sent.note(MINE, "ann", "ann@example.com", ["a"]))
    assert db.do(sent.find(other)) is None


def test_news_of_an_email_is_known_from_then_on_even_where_it_leaves_again(db: Store) -> None:
    for again in (False, True):
        db.do(sent.note(MINE, "ann", "ann@example.com", ["a"], again=again))
        db.do(sent.heard(MINE, "soft"))
    db.do(sent.heard(MINE, "complaint"))
    found = db.do(sent.find(MINE))
    assert found
    assert found.news == {"soft", "complaint"}


def test_an_email_that_is_sent_anew_has_no_news(db: Store) -> None:
    db.do(sent.note(MINE, "ann", "ann@example.com", ["a"]))
    db.do(sent.heard(MINE, "refused"))
    db.do(sent.note(MINE, "ann", "ann@example.com", ["a"]))
    found = db.do(sent.find(MINE))
    assert found
    assert found.news == frozenset()


def test_records_end_and_news_of_what_is_gone_leaves_nothing(db: Store) -> None:
    db.do(sent.note(MINE, "ann", "ann@example.com", ["a"]))
    where = key(partition_of(MINE), "sent", MINE)
    assert 0 < ask(db, "PTTL", where) <= sent.KEPT
    ask(db, "DEL", where)
    db.do(sent.heard(MINE, "soft"))
    assert ask(db, "EXISTS", where) == 0
