"""The log of revocations in the store: what its readers learn, whatever happens to it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ringback import revocation
from ringback.connection import Store
from ringback.keys import Call, plain
from ringback.revocation import KEPT, LOG, MARGIN, NOTHING, UNTIL, Revocation, after


@pytest.fixture
def db(either: Store) -> Store:
    """The real store, and the one in memory."""
    return either


def _named(entries: list[Revocation]) -> list[str]:
    return [entry.name for entry in entries]


def test_a_reader_gets_each_revocation_once_in_order(db: Store) -> None:
    assert db.do(after(NOTHING)) == ([], NOTHING)
    db.do(revocation.revoke_token("t1"))
    db.do(revocation.revoke_user("ann"))
    found, position = db.do(after(NOTHING))
    assert [(entry.kind, entry.name) for entry in found] == [("jti", "t1"), ("user", "ann")]
    assert db.do(after(position)) == ([], position)

    db.do(revocation.revoke_token("t2"))
    news, _ = db.do(after(position))
    assert _named(news) == ["t2"]


def test_a_revocation_tells_since_when_and_until_when_it_matters(db: Store) -> None:
    ends = _now(db) + 3_600
    at = db.do(revocation.revoke_token("t1", ends))
    db.do(revocation.revoke_user("ann"))
    (token, user), _ = db.do(after(NOTHING))
    assert (token.at, token.until) == (at.ms, (ends + MARGIN) * 1000)
    assert user.until - user.at == KEPT


def test_what_is_revoked_may_have_any_name(db: Store) -> None:
    names = ["a b", 'quo"te', "новый", "{tag}", "user:x", "line\nbreak"]
    for name in names:
        db.do(revocation.revoke_user(name))
    assert _named(db.do(after(NOTHING))[0]) == names


def test_the_log_forgets_tokens_that_have_ended(db: Store) -> None:
    db.do(revocation.revoke_token("ended", _now(db) - 2 * MARGIN))
    db.do(revocation.revoke_token("good"))
    assert _named(db.do(after(NOTHING))[0]) == ["good"]


def test_a_reader_whose_last_entry_was_forgotten_reads_everything(db: Store) -> None:
    db.do(revocation.revoke_token("kept"))
    db.do(revocation.revoke_token("ended", _now(db) - 2 * MARGIN))
    _, position = db.do(after(NOTHING))
    db.do(revocation.revoke_token("new"))
    assert _named(db.do(after(position))[0]) == ["kept", "new"]


def test_a_reader_misses_nothing_when_the_store_was_lost_and_has_counted_as_far_again(
    db: Store,
) -> None:
    for name in ("a", "b"):
        db.do(revocation.revoke_user(name))
    _, position = db.do(after(NOTHING))
    db.do(_loss())
    assert db.do(after(position)) == ([], position)
    for name in ("c", "d", "e"):
        db.do(revocation.revoke_user(name))
    assert _named(db.do(after(position))[0]) == ["c", "d", "e"]


def _now(db: Store) -> int:
    """Seconds, by the store's clock."""
    return db.do(_time())


def _time() -> Generator[Call, Any, int]:
    seconds, _ = yield plain("TIME")
    return int(seconds)


def _loss() -> Generator[Call, Any, None]:
    yield plain("DEL", LOG, UNTIL)
