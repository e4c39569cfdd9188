"""What support looks at is noted, and not more often than it helps."""

from __future__ import annotations

import pytest

from ringback import audit, looks
from ringback.connection import Store
from ringback.testing.fake import FakeStore


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def noted(db: Store) -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    return [(e.who, e.what, e.user, e.jobs) for e in db.do(audit.entries(9))[::-1]]


def test_a_look_is_noted_once_for_each_who_whom_and_how(db: Store) -> None:
    for _ in range(2):
        db.do(looks.note("sue", "look: list", "ann"))
        db.do(looks.note("sue", "look: job", "ann", "a"))
        db.do(looks.note("sue", "look: job", "ann", "b"))
        db.do(looks.note("sam", "look: list", "ann"))
    assert noted(db) == [
        ("sue", "look: list", "ann", ()), ("sue", "look: job", "ann", ("a",)),
        ("sue", "look: job", "ann", ("b",)), ("sam", "look: list", "ann", ()),
    ]  # fmt: skip


def test_what_is_looked_at_again_ten_minutes_later_is_noted_again() -> None:
    db = FakeStore()
    for _ in range(2):
        db.do(looks.note("sue", "look: list", "ann"))
        db.clock.advance(looks.AGAIN / 1000)
    assert len(noted(db)) == 2


def test_nobody_is_noted_for_their_own_things(db: Store) -> None:
    db.do(looks.note("ann", "look: list", "ann"))
    assert noted(db) == []
