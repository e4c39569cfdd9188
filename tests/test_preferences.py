"""What users want of emails: kept, heard by their jobs, and obeyed when a notice is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback import choose, outbox, preferences, store
from ringback.connection import Store
from ringback.instant import NOTICE_DUE, NOW, Instant
from ringback.job import Job, Notice
from ringback.keys import key
from ringback.notice import FOLLOWS, SEEN, SEEN_AND_ASKED, TURNED_OFF, EmailChoice
from ringback.preferences import Hold, Preferences, Skip, TypePreferences, obstacle
from ringback.quiet import QuietHours
from ringback.view import view_of
from tests.eye import BROKE, P, ask, claimed, due, ended, now, submitted
from tests.rig import new_spec

NIGHT = QuietHours(time(22), time(8))
MIDNIGHT = round(datetime(2026, 1, 10, tzinfo=UTC).timestamp() * 1000)
EIGHT = MIDNIGHT + 8 * 3_600_000

choices = st.sampled_from(["fallback", "always", "never"])
minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
quiet = st.none() | st.builds(QuietHours, minutes, minutes)
texts = st.none() | st.text(min_size=1, max_size=9)
everything = st.builds(
    Preferences, email=choices, digest_window=st.none() | st.integers(0, 86_400),
    quiet_hours=quiet, locale=texts, timezone=texts,
    types=st.dictionaries(
        st.text(max_size=9),
        st.builds(TypePreferences, email=st.none() | choices, quiet_hours=quiet), max_size=3,
    ),
)  # fmt: skip


@pytest.fixture
def db(either: Store) -> Store:
    """Every test here holds for the real store and for the one in memory."""
    return either


def wants(db: Store, user: str = "ann", **changes: Any) -> Preferences:
    """The user changes their preferences."""
    return db.do(choose.change(user, lambda wanted: replace(wanted, **changes)))


# -- what follows for a notice


@given(everything)
def test_preferences_are_read_as_they_were_written(wanted: Preferences) -> None:
    assert preferences.decode(preferences.encode(wanted)) == wanted


def test_who_turned_emails_off_gets_none_and_the_reason_says_so() -> None:
    off = Preferences(email="never")
    assert obstacle(off, new_spec(), MIDNIGHT) == Skip(TURNED_OFF)
    assert obstacle(off, new_spec(), MIDNIGHT, seen=True) == Skip(TURNED_OFF)


def test_the_choice_for_a_type_wins_over_that_for_all() -> None:
    mixed = Preferences(email="never", types={"csv.import": TypePreferences(email="always")})
    assert obstacle(mixed, new_spec(), MIDNIGHT, seen=True) is None
    assert mixed.choice("links.check") == "never"


def test_quiet_hours_hold_a_notice_until_their_end_in_the_readers_zone() -> None:
    calm = Preferences(quiet_hours=NIGHT)
    told = "Waiting until 08:00 because of your quiet hours."
    assert obstacle(calm, new_spec(), MIDNIGHT) == Hold(told, EIGHT)
    kyoto = replace(calm, timezone="Asia/Tokyo")
    assert obstacle(kyoto, new_spec(), MIDNIGHT) is None  # it is nine there
    assert obstacle(kyoto, new_spec(), EIGHT + 7 * 3_600_000) == Hold(told, EIGHT + 15 * 3_600_000)


def test_quiet_hours_of_a_type_replace_those_of_all() -> None:
    noon = TypePreferences(quiet_hours=QuietHours(time(12), time(13)))
    calm = Preferences(quiet_hours=NIGHT, types={"csv.import": noon})
    assert obstacle(calm, new_spec(), MIDNIGHT) is None
    assert isinstance(obstacle(calm, new_spec(), MIDNIGHT + 12 * 3_600_000), Hold)


def test_the_zone_of_the_token_counts_where_none_was_chosen() -> None:
    spec = new_spec()
    spec = replace(spec, owner=replace(spec.owner, timezone="Asia/Tokyo"))
    assert obstacle(Preferences(quiet_hours=NIGHT), spec, MIDNIGHT) is None


def test_what_was_seen_needs_an_email_only_while_one_is_wanted_each_time() -> None:
    assert obstacle(Preferences(), new_spec(), MIDNIGHT, seen=True) == Skip(SEEN)
    assert obstacle(Preferences(email="always"), new_spec(), MIDNIGHT, seen=True) is None


# -- the job's side


def finished(choice: EmailChoice) -> Job:
    job = replace(Job(spec=new_spec(), choice=choice).claimed(), version=2)
    return replace(job.ended(None), version=3)


def test_a_receipt_ends_the_wait_but_not_the_duty_of_who_wants_each_email() -> None:
    seen = finished("always").received(3, "pong")
    assert seen.notice == Notice("waiting", SEEN_AND_ASKED, NOW, seen=True)
    assert seen.received(3, "seen") is seen, "a second receipt changes nothing"
    assert finished("never").received(3, "pong").notice == Notice("skipped", SEEN, NOW)


def test_a_receipt_does_not_hurry_an_email_that_the_mail_server_put_off() -> None:
    late = finished("always").email_started("<1@x>").email_delayed("451 busy", 700)
    seen = late.received(3, "pong")
    assert late.notice is not None
    assert seen.notice == replace(late.notice, seen=True)


def test_no_choice_stops_an_email_that_may_be_on_the_wire() -> None:
    sending = finished("fallback").email_started("<1@x>")
    assert sending.email_skipped(TURNED_OFF) is sending
    assert sending.email_held("night", 1) is sending
    assert sending.chosen("fallback") is sending


def test_another_choice_gives_a_waiting_notice_its_grace_anew() -> None:
    held = finished("fallback").email_held("night", 1)
    assert held.notice == Notice("waiting", "night", Instant(1))
    assert held.chosen("fallback").notice == Notice("waiting", FOLLOWS, NOTICE_DUE)


def test_the_promise_is_one_that_is_kept() -> None:
    job = Job(spec=new_spec())
    assert "we'll email a…@example.com" in view_of(job)["promise"]
    assert "You turned off emails" in view_of(job.chosen("never"))["promise"]
    assert "we'll email" not in view_of(job.chosen("never"))["promise"]


# -- kept and heard


def test_who_never_chose_has_the_defaults_and_needs_no_key(db: Store) -> None:
    assert db.do(preferences.load("ann")) == Preferences()
    wants(db, email="never")
    assert db.do(preferences.load("ann")) == Preferences(email="never")
    assert db.do(preferences.load("bob")) == Preferences()
    wants(db, email="fallback")
    assert ask(db, "EXISTS", key(P, "preferences", "ann")) == 0


def test_of_two_changes_at_once_none_is_lost(db: Store) -> None:
    def edit(wanted: Preferences) -> Preferences:
        if wanted.locale is None:  # somebody else comes in between reading and writing
            wants(db, locale="de")
        return replace(wanted, timezone="Europe/Berlin")

    db.do(choose.change("ann", edit))
    assert db.do(preferences.load("ann")) == Preferences(locale="de", timezone="Europe/Berlin")


def test_a_repeated_write_is_the_same_write(db: Store) -> None:
    off = Preferences(email="never")
    for _ in range(2):
        assert db.do(preferences.replace("ann", b"", off))
    assert not db.do(preferences.replace("ann", b"", Preferences(email="always")))


def test_new_jobs_know_the_choice_for_their_type(db: Store) -> None:
    wants(db, types={"csv.import": TypePreferences(email="always")})
    assert submitted(db).choice == "always"
    assert submitted(db, "bob").choice == "fallback"


def test_unfinished_jobs_hear_of_another_choice(db: Store) -> None:
    jobs = submitted(db), claimed(db), submitted(db, "bob")
    wants(db, email="never")
    assert [db.do(store.load(job.id)).choice for job in jobs] == ["never", "never", "fallback"]


def test_a_change_that_is_no_news_to_a_job_leaves_it_alone(db: Store) -> None:
    job = submitted(db)
    wants(db, locale="de")
    assert db.do(store.load(job.id)) == job


def test_a_notice_that_waits_for_the_morning_is_due_soon_once_the_night_is_over(db: Store) -> None:
    job = ended(db, grace_absent=5_000)
    later = now(db) + 9_000_000
    db.do(store.update(job, lambda j: j.email_held("night", later)))
    assert due(db, "notice") == {"ann": later}
    wants(db, quiet_hours=None)
    assert due(db, "notice")["ann"] <= now(db) + 5_000


def test_an_email_that_the_mail_server_put_off_is_not_hurried_by_preferences(db: Store) -> None:
    job = db.do(store.update(ended(db), lambda j: j.email_delayed("451 busy", 60_000)))
    wants(db, email="always")
    after = db.do(store.load(job.id))
    assert (after.notice, after.choice) == (job.notice, "always")


def test_a_shorter_window_frees_the_next_email(db: Store) -> None:
    db.do(outbox.claim("ann", "m1"))
    later = now(db) + 3_600_000
    assert db.do(outbox.open_window("ann", "m1", later)) == later
    db.do(outbox.release("ann", "m1", 0))
    job = db.do(store.update(ended(db), lambda job: job.email_held("window", later)))
    assert due(db, "notice") == {"ann": later}
    wants(db, digest_window=0)
    claim = db.do(outbox.claim("ann", "m2"))
    assert claim is not None
    assert (claim.due, claim.next_digest) == ((job.id,), 0)


def test_steps_of_pipelines_have_no_choice_of_their_own(db: Store) -> None:
    wants(db, email="never")
    step = replace(new_spec(), parent=submitted(db).id)
    assert db.do(store.submit(step)).job.choice == "fallback"


# -- unsubscribing


def test_unsubscribing_from_a_type_leaves_the_others(db: Store) -> None:
    db.do(choose.change("ann", choose.unsubscribed("csv.import")))
    wanted = db.do(preferences.load("ann"))
    assert (wanted.choice("csv.import"), wanted.choice("links.check")) == ("never", "fallback")
    db.do(choose.change("ann", choose.resubscribed("csv.import")))
    assert db.do(preferences.load("ann")).choice("csv.import") == "fallback"


def test_unsubscribing_from_all_leaves_no_type_that_still_writes(db: Store) -> None:
    calm = TypePreferences(email="always", quiet_hours=NIGHT)
    wants(db, types={"csv.import": calm, "links.check": TypePreferences(email="always")})
    db.do(choose.change("ann", choose.unsubscribed(None)))
    wanted = db.do(preferences.load("ann"))
    assert (wanted.choice("csv.import"), wanted.choice("links.check")) == ("never", "never")
    assert wanted.types == {"csv.import": TypePreferences(quiet_hours=NIGHT)}
    db.do(choose.change("ann", choose.resubscribed(None)))
    assert db.do(preferences.load("ann")).choice("links.check") == "fallback"


def test_a_failure_is_told_as_preferred_too(db: Store) -> None:
    wants(db, email="always")
    job = db.do(store.update(claimed(db), lambda j: j.failed(BROKE)))
    seen = db.do(store.update(job, lambda j: j.received(j.version, "pong")))
    assert seen.notice is not None
    assert seen.notice.open
