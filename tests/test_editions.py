"""Published copy: revisions, who is first, going back, and what was in force at a moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ringback import alert, audit, editions
from ringback.connection import Op, Store
from ringback.errors import RevisionNotFound, StaleCopy, TooMuchCopy
from ringback.keys import Call
from ringback.library import Library
from tests.eye import ask, now
from tests.rig import Valkey

COPY = {"subject.txt": "It failed", "body.md": "Sorry."}
DAY = 86_400_000


@pytest.fixture
def db(either: Store) -> Store:
    """All of this holds for both stores."""
    return either


def publish(
    db: Store, text: str = "Sorry.", base: int = 0, name: str = "failed", op: str = ""
) -> editions.Edition:
    files = {**COPY, "body.md": text}
    deed = editions.publish(name, files, "amy", "clearer", base, op or f"{name} {base} {text}")
    return db.do(deed)


def bodies(shown: Any) -> dict[str, str]:
    return {name: edition.files["body.md"] for name, edition in shown.items()}


def age(db: Store, name: str, ms: int) -> None:
    """Lets so much time have passed since all of a name's revisions."""
    when = editions.WHEN + name
    for number, at in ask(db, "ZRANGE", when, 0, -1, "WITHSCORES"):
        ask(db, "ZADD", when, int(at) - ms, number)


def test_a_publication_has_a_number_who_when_and_what_for(db: Store) -> None:
    before = now(db)
    made = publish(db)
    assert (made.name, made.revision, made.who, made.note, made.files) == (
        "failed", 1, "amy", "clearer", COPY,
    )  # fmt: skip
    assert before <= made.at.ms <= now(db)
    assert publish(db, "Mended.", base=1).revision == 2
    assert [it.revision for it in db.do(editions.history("failed"))] == [2, 1]
    assert db.do(editions.revision("failed", 1)) == made
    assert db.do(editions.history("partial")) == []


def test_who_started_from_an_older_revision_is_told_who_was_first(db: Store) -> None:
    with pytest.raises(StaleCopy, match="it has none"):
        publish(db, base=3)
    first = publish(db)
    with pytest.raises(StaleCopy, match=f"amy published revision 1 of it at {first.at}"):
        publish(db, "Mine.", base=0)
    assert db.do(editions.history("failed")) == [replace(first, files={})]


def test_a_repeated_publication_is_the_same_one(db: Store) -> None:
    first = publish(db, op="k")
    assert publish(db, op="k") == first
    publish(db, "Mended.", base=1)
    assert publish(db, op="k") == first, "even when there is a newer one"
    assert db.do(editions.newest("failed")) == 2
    with pytest.raises(StaleCopy):
        publish(db, "Other.", op="k")


def test_a_call_that_is_sent_twice_changes_nothing(db: Store) -> None:
    def twice(call: Call) -> Op[tuple[Any, Any]]:  # as redis-py sends it again
        return (yield call), (yield call)

    deed = editions.publish("failed", COPY, "amy", "", 0, "op")
    for call in iter(lambda: deed.send(None), None):
        if call.script == "edition":
            first, second = db.do(twice(call))
            break
        db.do(twice(call))
    assert first == second
    assert db.do(editions.newest("failed")) == 1


def test_going_back_is_a_new_revision_with_the_old_files(db: Store) -> None:
    publish(db, "First.")
    publish(db, "Second.", base=1)
    back = db.do(editions.roll_back("failed", 1, "ben", "too long", 2, "op"))
    assert (back.revision, back.restored, back.who, back.withdrawn) == (3, 1, "ben", False)
    assert bodies(db.do(Library().at())) == {"failed": "First."}


def test_withdrawn_copy_is_in_force_no_more(db: Store) -> None:
    publish(db)
    gone = db.do(editions.roll_back("failed", 0, "ben", "wrong", 1, "op"))
    assert (gone.revision, gone.withdrawn, gone.files) == (2, True, {})
    assert db.do(Library().at()) == {}
    again = db.do(editions.roll_back("failed", 1, "ben", "right after all", 2, "op 2"))
    assert (again.revision, again.withdrawn) == (3, False)
    assert bodies(db.do(Library().at())) == {"failed": "Sorry."}


@pytest.mark.parametrize("number", [2, 99])
def test_nobody_goes_back_to_what_never_was(db: Store, number: int) -> None:
    publish(db)
    with pytest.raises(RevisionNotFound, match=f"There is no revision {number} of “failed”."):
        db.do(editions.roll_back("failed", number, "ben", "", 1, "op"))
    with pytest.raises(RevisionNotFound):
        db.do(editions.revision("failed", number))


def test_what_was_in_force_at_a_moment_stays_known(db: Store) -> None:
    library = Library()
    assert db.do(library.at()) == {}
    first = publish(db, "First.")
    other = publish(db, "Other.", name="partial.csv.import")
    second = publish(db, "Second.", base=1)
    gone = db.do(editions.roll_back("partial.csv.import", 0, "amy", "", 1, "op"))
    assert first.at < other.at < second.at < gone.at, "no two at the same moment"
    for moment, shown in (
        (first.at.ms - 1, {}),
        (first.at.ms, {"failed": "First."}),
        (second.at.ms - 1, {"failed": "First.", "partial.csv.import": "Other."}),
        (second.at.ms, {"failed": "Second.", "partial.csv.import": "Other."}),
        (gone.at.ms, {"failed": "Second."}),
        (None, {"failed": "Second."}),
    ):
        for known in (library, Library()):
            assert bodies(db.do(known.at(moment))) == shown, moment


def test_nothing_new_costs_one_small_command(db: Store) -> None:
    library = Library()
    publish(db)
    shown = db.do(library.at())

    calls = []

    def counted() -> Any:
        op = library.at(now(db))
        reply = None
        try:
            while True:
                calls.append(op.send(reply))
                reply = yield calls[-1]
        except StopIteration as end:
            return end.value

    assert db.do(counted()) is shown
    assert [call.args for call in calls] == [("GET", editions.SERIAL)]


def test_a_hundred_revisions_are_kept_but_none_is_forgotten_that_was_just_in_force(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editions, "KEPT", 3)
    for base in range(5):
        publish(db, f"{base + 1}.", base=base)
    assert len(db.do(editions.history("failed"))) == 5
    age(db, "failed", 8 * DAY)
    publish(db, "6.", base=5)
    # the fifth was in force until now
    assert [it.revision for it in db.do(editions.history("failed"))] == [6, 5, 4]
    with pytest.raises(RevisionNotFound):
        db.do(editions.files("failed", 3))


def test_there_is_an_end_to_what_is_kept(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editions, "KEPT", 2)
    monkeypatch.setattr(editions, "MOST", 3)
    monkeypatch.setattr(editions, "NAMES", 1)
    for base in range(3):
        publish(db, f"{base}.", base=base)
    for base, name in ((3, "failed"), (0, "partial")):
        with pytest.raises(TooMuchCopy, match="Publish again in a few days"):
            publish(db, "x", base=base, name=name)
    with pytest.raises(TooMuchCopy, match="524,288 may be"):
        publish(db, "x" * editions.WHOLE, base=3)


def test_each_publication_is_in_the_audit_trail_a_refused_one_too(db: Store) -> None:
    publish(db)
    with pytest.raises(StaleCopy):
        publish(db, "Mine.")
    db.do(editions.roll_back("failed", 0, "ben", "wrong", 1, "op"))
    db.do(editions.roll_back("failed", 1, "ben", "right", 2, "op 2"))
    told = [(it.who, it.what, it.why) for it in reversed(db.do(audit.entries(9)))]
    assert told == [
        ("amy", "publish copy “failed”", "clearer"),
        ("amy", "publish copy “failed”", "clearer"),
        ("amy", "publish copy “failed”: refused", "clearer"),
        ("ben", "withdraw copy “failed”", "wrong"),
        ("ben", "roll back copy “failed” to 1", "right"),
    ]


def test_a_new_revision_settles_the_alert_of_the_old_one(db: Store) -> None:
    publish(db)
    db.do(alert.sound(editions.alert_key("failed"), "It failed."))
    db.do(alert.sound(editions.alert_key("partial"), "It failed."))
    publish(db, "Mended.", base=1)
    assert [it.key for it in db.do(alert.open_ones())] == ["copy partial"]


def test_of_two_who_publish_at_the_same_time_one_is_told_of_the_other(real: Store) -> None:
    def at_once(number: int) -> str:
        try:
            publish(real, f"{number}.", op=str(number))
        except StaleCopy:
            return "stale"
        return "published"

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(at_once, range(8)))
    assert sorted(done) == ["published", *["stale"] * 7]
    assert len(real.do(editions.history("failed"))) == 1


def test_what_was_published_outlives_a_store_that_is_killed(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    first = Store(server.url)
    made = publish(first)
    server.kill()
    first.close()
    server.start()
    again = Store(server.url)
    assert again.do(editions.revision("failed", 1)) == made
    assert bodies(again.do(Library().at())) == {"failed": "Sorry."}
    again.close()
    server.kill()
