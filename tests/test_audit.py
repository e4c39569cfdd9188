"""The audit trail: who, what, when, why; in order, in pages, and bounded."""

from __future__ import annotations

import pytest

from ringback import audit, deeds, store
from ringback.connection import Op, Store
from ringback.errors import JobEnded
from ringback.job import State
from tests.eye import ask, claimed, ended


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def note(db: Store, *whats: str) -> None:
    for what in whats:
        db.do(audit.record("sue", what, "asked to"))


def whats(entries: list[audit.Entry]) -> list[str]:
    return [entry.what for entry in entries]


def test_the_trail_is_read_newest_first_and_page_by_page(db: Store) -> None:
    note(db, *"abcde")
    first = db.do(audit.entries(2))
    assert whats(first) == ["e", "d"]
    note(db, "f")  # a page begins where the one before ended, whatever came meanwhile
    second = db.do(audit.entries(2, before=first[-1].seq))
    third = db.do(audit.entries(2, before=second[-1].seq))
    assert (whats(second), whats(third)) == (["c", "b"], ["a"])
    assert db.do(audit.entries(2, before=third[-1].seq)) == []
    assert db.do(audit.entries(2, before=1)) == []


def test_an_empty_trail_has_no_pages(db: Store) -> None:
    assert db.do(audit.entries(50)) == []


def test_only_the_latest_entries_are_kept(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEPT", 3)
    note(db, *"abcde")
    assert [(entry.seq, entry.what) for entry in db.do(audit.entries(9))] == [
        (5, "e"), (4, "d"), (3, "c"),
    ]  # fmt: skip
    assert whats(db.do(audit.entries(9, before=4))) == ["c"]


def test_a_call_whose_reply_was_lost_notes_nothing_twice(db: Store) -> None:
    call = next(audit.record("sue", "cancel", "", ["a"]))

    def twice() -> Op[None]:
        yield call
        yield call

    db.do(twice())
    assert len(db.do(audit.entries(9))) == 1


def test_a_deed_is_in_the_trail_with_who_and_why(db: Store) -> None:
    job = claimed(db)
    done = db.do(deeds.force(job.id, "sue", "it hangs"))
    assert done.state is State.CANCELLED
    (entry,) = db.do(audit.entries(9))
    assert (entry.who, entry.what, entry.why, entry.jobs) == ("sue", "force", "it hangs", (job.id,))
    assert entry.at.endswith("Z")


def test_a_refused_deed_is_in_the_trail_too(db: Store) -> None:
    job = ended(db)
    with pytest.raises(JobEnded):
        db.do(deeds.cancel(job.id, "sue", "why not"))
    assert whats(db.do(audit.entries(9))) == ["cancel: refused", "cancel"]


def test_what_support_does_again_is_a_new_job_of_the_same_user(db: Store) -> None:
    job = claimed(db, idempotent=True)
    db.do(deeds.cancel(job.id, "sue", "by mistake"))
    db.do(store.update(job.id, lambda job: job.stopped()))
    again = db.do(deeds.retry(job.id, "sue", "sorry", "all")).job
    assert (again.spec.retry_of, again.spec.owner) == (job.id, job.spec.owner)
    assert whats(db.do(audit.entries(1))) == ["retry all"]
    assert ask(db, "LLEN", audit.KEY) == 2
