"""What a store tells: events, times, the feed and the history; real server and memory."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback import feeds, store
from ringback.codec import view_json
from ringback.connection import Store
from ringback.feeds import Feed, Filter, Page
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
    Step,
)
from ringback.keys import new_job_id
from ringback.testing import FakeStore
from tests.eye import (
    BROKE,
    DONE,
    ask,
    claimed,
    ended,
    listening,
    stored_view,
    submitted,
    with_db,
)
from tests.rig import new_spec


@pytest.fixture
def db(either: Store) -> Store:
    """Every test here holds for the real store and for the one in memory."""
    return either


# -- events


def test_the_packet_is_the_stored_view_with_its_cursor(db: Store) -> None:
    with listening(db, "ann") as packets:
        job = claimed(db)
        first, second = packets()
        epoch = db.do(feeds.read("ann")).epoch
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
    ask(db, "FLUSHALL")
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
    assert db.do(feeds.read(user)).views[0] == view_json(job)


# -- times


def spliced(db: Store, text: bytes, *, commit: int = 0, notice: int = 0) -> bytes:
    """``text`` with the tokens that the commit script fills in, filled in."""
    lua = (files("ringback") / "lua" / "splice.lua").read_text()
    script = lua + "\nreturn splice(ARGV[1], 7, tonumber(ARGV[2]), tonumber(ARGV[3]))"
    sha = ask(db, "SCRIPT LOAD", "#!lua\n" + script)
    return bytes(ask(db, "EVALSHA", sha, 0, text, commit, notice))


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
    done = [ended(db) for _ in range(feeds.SNAPSHOT + 1)]
    feed = db.do(feeds.read("ann"))
    assert feed.reset
    assert set(ids(feed)) == {oldest.id, *(job.id for job in done[1:])}


def test_a_return_gets_each_changed_job_once_in_the_order_of_the_last_change(db: Store) -> None:
    first, second, third = (submitted(db) for _ in range(3))
    cursor = db.do(feeds.read("ann")).cursor
    db.do(store.update(third, Job.claimed))
    first = db.do(store.update(first, Job.claimed))
    db.do(store.update(first, lambda j: j.advanced(message="on it")))
    feed = db.do(feeds.read("ann", cursor))
    assert (ids(feed), feed.reset) == ([third.id, first.id], False)
    assert second.id not in ids(feed)
    assert db.do(feeds.read("ann", feed.cursor)).views == ()


def test_a_return_is_told_in_pages_and_goes_on_from_the_end_of_each(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = db.do(feeds.read("ann")).cursor
    jobs = [submitted(db) for _ in range(7)]
    monkeypatch.setattr(feeds, "ROOM", 3 * len(view_json(jobs[0])) + 10)
    pages = [db.do(feeds.read("ann", cursor))]
    while pages[-1].more:
        pages.append(db.do(feeds.read("ann", pages[-1].cursor)))
    assert [len(page.views) for page in pages] == [3, 3, 1]
    assert [name for page in pages for name in ids(page)] == [job.id for job in jobs]
    assert db.do(feeds.read("ann", pages[-1].cursor)).views == ()
    monkeypatch.setattr(feeds, "ROOM", 1)
    assert len(db.do(feeds.read("ann", cursor)).views) == 1, "a page is never empty"


def test_a_return_after_too_many_changes_gets_a_reset_of_bounded_size(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "REPLAY", 3)
    monkeypatch.setattr(feeds, "SNAPSHOT", 2)
    cursor = db.do(feeds.read("ann")).cursor
    for _ in range(3):
        ended(db)
    assert not db.do(feeds.read("ann", cursor)).reset
    ended(db)
    feed = db.do(feeds.read("ann", cursor))
    assert (feed.reset, len(feed.views)) == (True, 2)


def test_a_cursor_of_a_lost_store_or_from_its_future_gets_a_reset(db: Store) -> None:
    submitted(db)
    feed = db.do(feeds.read("ann"))
    for cursor in (f"other:{feed.seq}", f"{feed.epoch}:{feed.seq + 1}", f"{feed.epoch}:{10**30}"):
        assert db.do(feeds.read("ann", cursor)).reset
    ask(db, "FLUSHALL")
    again = db.do(feeds.read("ann", feed.cursor))
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
    assert db.do(feeds.read("ann", text)).reset


def test_pages_go_back_through_all_jobs_once(db: Store) -> None:
    jobs = [submitted(db) for _ in range(7)]
    db.do(store.update(jobs[2], Job.claimed))
    found: list[str] = []
    before: int | None = None
    while True:
        page = db.do(feeds.page("ann", before, 3))
        found += listed(page)
        if page.next is None:
            break
        before = page.next
    newest_first = [jobs[2], *reversed(jobs[3:]), jobs[1], jobs[0]]
    assert found == [job.id for job in newest_first]


def titled(db: Store, title: str) -> Job:
    return db.do(store.submit(new_spec(title=title))).job


def listed(page: Page) -> list[str]:
    return [orjson.loads(view)["id"] for _, view in page.jobs]


def test_a_page_has_only_what_the_filter_wants(db: Store) -> None:
    first, second, third = (titled(db, title) for title in ("Zähne", 'ZÄHNE "x"', "Bills"))
    db.do(store.update(second, Job.claimed))
    by = {
        Filter(states=("running",)): [second],
        Filter(states=("queued", "running")): [second, third, first],
        Filter(type="csv.import", text="zähne"): [second, first],
        Filter(type="links.check"): [],
        Filter(since=third.updated_at.ms): [second, third, first][: 3 if same(first, third) else 2],
    }
    for wanted, jobs in by.items():
        assert listed(db.do(feeds.page("ann", wanted=wanted))) == [job.id for job in jobs], wanted


def same(first: Job, second: Job) -> bool:
    return first.updated_at == second.updated_at


def test_pages_with_a_filter_go_back_through_all_that_it_wants(db: Store) -> None:
    jobs = [titled(db, "even" if n % 2 == 0 else "odd") for n in range(9)]
    found: list[str] = []
    before = None
    while True:
        page = db.do(feeds.page("ann", before, 2, Filter(text="EVEN")))
        found += listed(page)
        if page.next is None:
            break
        before = page.next
    assert found == [job.id for job in reversed(jobs[::2])]


def test_an_empty_feed_is_an_empty_page(db: Store) -> None:
    page = db.do(feeds.page("nobody"))
    assert (page.jobs, page.next, page.cursor.endswith(":0")) == ((), None, True)


# -- what a cursor proves


def test_a_cursor_proves_the_ends_before_it_that_nobody_was_told_of_yet(db: Store) -> None:
    start = db.do(feeds.read("ann")).cursor
    first, second, running = ended(db), ended(db), claimed(db)
    told = ended(db)
    db.do(store.update(told, lambda j: j.received(j.version, "pong")))
    cursor = db.do(feeds.read("ann")).cursor
    later = ended(db)
    assert db.do(feeds.proven("ann", start)) == []
    assert set(db.do(feeds.proven("ann", cursor))) == {first.id, second.id}
    db.do(store.update(running, lambda j: j.ended(DONE)))
    assert later.id not in db.do(feeds.proven("ann", cursor))
    assert running.id not in db.do(feeds.proven("ann", cursor))


def test_a_cursor_of_a_lost_store_or_from_its_future_or_of_another_user_proves_nothing(
    db: Store,
) -> None:
    ended(db)
    feed = db.do(feeds.read("ann"))
    assert db.do(feeds.proven("ann", feed.cursor))
    for cursor in (f"other:{feed.seq}", f"{feed.epoch}:{feed.seq + 1}", "", "e", "e:-1"):
        assert db.do(feeds.proven("ann", cursor)) == []
    assert db.do(feeds.proven("bob", feed.cursor)) == []


@with_db
@given(
    moves=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=25),
    begin=st.integers(0, 25),
    back=st.integers(0, 25),
)
def test_a_cursor_never_proves_more_than_its_client_was_sent(
    moves: list[tuple[int, bool]], begin: int, back: int
) -> None:
    db = FakeStore()  # a new one for each story
    running: list[Job] = []
    sent: dict[str, bool] = {}  # by a client that begins some time with few jobs, and has them all
    cursor = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "SNAPSHOT", 2)
        for place, (which, ends) in enumerate(moves):
            if place in (begin, begin + back):
                feed = db.do(feeds.read("ann", cursor or None))
                views = map(orjson.loads, feed.views)
                sent |= {view["id"]: view["finished_at"] is not None for view in views}
                cursor = feed.cursor
            job = running.pop(which) if which < len(running) else claimed(db)
            job = db.do(store.update(job, lambda j, e=ends: j.ended(DONE) if e else j.advanced()))  # type: ignore[misc]  # the lambda's default
            running += [] if ends else [job]
        proven = db.do(feeds.proven("ann", cursor))
    assert all(sent.get(job_id) for job_id in proven)


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
