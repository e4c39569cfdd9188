"""Which notices make which email, and when: windows, the cap, quiet hours, grave failures."""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import pairwise

import pytest

from ringback import outbox, store
from ringback.instant import Instant
from ringback.job import Job, Result
from ringback.notice import SEEN, TURNED_OFF
from ringback.quiet import QuietHours
from tasks.smtp_answer import Outcome
from tasks.sorting import moment
from tests.eye import BROKE
from tests.mailday import GRACE, WINDOW, Day, Ending, badly, partly
from tests.rig import new_spec


@pytest.fixture
def day() -> Day:
    return Day()


# -- the window


def test_a_lone_jobs_email_waits_for_the_grace_or_the_window_whichever_is_longer(day: Day) -> None:
    first = day.ends()
    day.passes(60)
    assert day.post.taken == [(WINDOW, [first])]
    second = day.ends(grace=30)
    day.passes(60)
    assert day.post.taken[1:] == [(60 + 30, [second])]


def test_jobs_that_end_together_make_one_email_failures_first(day: Day) -> None:
    fine = day.ends()
    day.passes(2)
    failed = day.ends(badly)
    day.passes(60)
    assert day.post.taken == [(WINDOW, sorted([failed, fine]))]
    assert day.post.said.index(failed) < day.post.said.index(fine)


def test_a_stream_of_jobs_starves_no_notice_and_makes_one_email_a_window(day: Day) -> None:
    made = {}
    for _ in range(60):
        made[day.ends()] = day.seconds()
        day.passes(1)
    day.passes(60)
    assert sorted(job for _, jobs in day.post.taken for job in jobs) == sorted(made)
    for at, jobs in day.post.taken:
        assert all(GRACE <= at - made[job] <= GRACE + WINDOW for job in jobs)
    moments = [at for at, _ in day.post.taken]
    assert all(later - at >= WINDOW for at, later in pairwise(moments)), moments


def test_what_isnt_due_when_an_email_goes_out_is_in_the_next_one(day: Day) -> None:
    first = day.ends()
    day.passes(8)
    second = day.ends()
    day.passes(60)
    assert day.post.taken == [(10, [first]), (20, [second])]


def test_a_digest_that_collects_for_long_says_when_it_comes(day: Day) -> None:
    day.wants(digest_window=3_600)
    first = day.ends()
    day.passes(GRACE)
    told = f"Your next email goes out at {day.at(3_600)}, with all jobs that ended until then."
    until = Instant(day.began + 3_600_000)
    assert (day.notice(first).reason, day.notice(first).at) == (told, until)
    day.sleeps(1_800)
    second = day.ends()
    day.passes(GRACE)
    assert (day.notice(second).reason, day.notice(second).at) == (told, until)
    day.sleeps(1_800 - 2 * GRACE)
    assert day.post.taken == [(3_600, sorted([first, second]))]


def test_a_window_that_ends_on_another_day_says_on_which(day: Day) -> None:
    day.wants(digest_window=86_400, timezone="Asia/Tokyo")
    job = day.ends()
    day.passes(GRACE)
    assert f"{day.at(9 * 3_600)} on " in day.notice(job).reason


def test_a_receipt_ends_what_waits_for_a_window(day: Day) -> None:
    day.wants(digest_window=3_600)
    job = day.ends()
    day.passes(GRACE)
    day.db.do(store.update(job, lambda j: j.received(j.version, "pong")))
    assert day.notice(job).reason == SEEN
    day.sleeps(3_600)
    assert day.post.taken == []


def test_a_shorter_window_counts_at_once(day: Day) -> None:
    day.wants(digest_window=3_600)
    job = day.ends()
    day.passes(60)
    day.wants()
    day.passes(GRACE)
    assert day.post.taken == [(60 + GRACE, [job])], "the grace anew; the window has passed"


def test_what_nobody_wants_to_hear_of_opens_no_window(day: Day) -> None:
    day.wants(email="never")
    job = day.ends()
    day.passes(GRACE)
    assert day.notice(job).reason == TURNED_OFF
    claim = day.db.do(outbox.claim("ann", "m"))
    assert claim is not None
    assert claim.next_digest == 0


def test_a_mailer_that_dies_after_opening_a_window_changes_nothing(day: Day) -> None:
    job = day.ends()
    day.db.clock.advance(GRACE)
    day.db.do(outbox.claim("ann", "dies"))
    day.db.do(outbox.open_window("ann", "dies", day.began + WINDOW * 1000))
    day.passes(60)
    assert day.post.taken == [(GRACE + 60, [job])], "once its claim has run out"


# -- the cap


def test_over_the_hourly_cap_notices_collect_into_one_email_at_the_hours_end() -> None:
    day = Day(window=0, an_hour=2)
    sent = []
    for _ in range(2):
        sent.append(day.ends())
        day.passes(60)
    late = [day.ends(), day.ends(badly)]
    day.passes(GRACE)
    told = (
        "You got 2 emails within an hour, and no more are sent in one. Your next email goes out at "
        f"{day.at(3_600 + GRACE)}, with all jobs that ended until then."
    )
    assert {day.notice(job).reason for job in late} == {told}
    day.sleeps(3_600 + GRACE - day.seconds())
    assert day.post.taken == [
        (GRACE, [sent[0]]), (60 + GRACE, [sent[1]]), (3_600 + GRACE, sorted(late)),
    ]  # fmt: skip


def test_what_the_server_refuses_after_it_has_the_message_counts_as_well() -> None:
    day = Day(window=0, an_hour=1)
    day.post.answers = [Outcome("refused", "554 no")]
    day.ends()
    day.passes(GRACE)
    job = day.ends()
    day.passes(GRACE)
    assert "You got 1 email within an hour" in day.notice(job).reason


# -- window, cap and quiet hours together


def test_of_all_that_holds_an_email_the_latest_counts_and_is_told(day: Day) -> None:
    now = datetime.fromtimestamp(day.began / 1000, UTC)
    end = time((now.hour + 2) % 24, now.minute)
    quiet = QuietHours(time((now.hour - 1) % 24, now.minute), end)
    day.wants(digest_window=3_600, quiet_hours=quiet)
    first = day.ends()
    day.passes(60)
    until = Instant(day.began // 60_000 * 60_000 + 2 * 3_600_000)
    assert day.notice(first).reason == f"Waiting until {end:%H:%M} because of your quiet hours."
    assert day.notice(first).at == until
    second = day.ends()
    day.passes(60)
    assert day.notice(second).at == until
    day.sleeps((until.ms - day.db.clock.ms) // 1000)
    assert day.post.taken[0][1] == sorted([first, second])
    assert len(day.post.taken) == 1, "nothing is left that would hold it again"

    day.wants(digest_window=86_400, quiet_hours=quiet)
    third = day.ends()
    day.passes(GRACE)
    assert "Your next email goes out" in day.notice(third).reason


# -- grave failures


@pytest.mark.parametrize("how", [badly, partly])
def test_a_grave_failure_goes_out_alone_right_after_its_grace(day: Day, how: Ending) -> None:
    day.wants(digest_window=3_600, quiet_hours=QuietHours(time(0), time(23, 59)))
    usual = day.ends()
    day.passes(2)
    grave = [day.fails_gravely(how), day.fails_gravely(how)]
    day.passes(60)
    assert sorted(day.post.taken) == sorted((2 + GRACE, [job]) for job in grave)
    assert day.notice(usual).state == "waiting"


def test_a_grave_failure_isnt_in_the_digest_that_goes_out_at_the_same_time(day: Day) -> None:
    others = [day.ends(), day.ends(badly)]
    day.passes(WINDOW - GRACE)
    grave = day.fails_gravely()
    day.passes(60)
    assert day.post.taken[0] == (WINDOW, [grave])
    assert day.post.taken[1:] == [(WINDOW, sorted(others))]


def test_a_grave_failure_waits_for_no_cap_but_counts() -> None:
    day = Day(window=0, an_hour=1)
    grave = [day.fails_gravely() for _ in range(2)]
    day.passes(GRACE)
    assert sorted(jobs for _, jobs in day.post.taken) == sorted([job] for job in grave)
    usual = day.ends()
    day.passes(GRACE)
    assert "You got 1 email within an hour" in day.notice(usual).reason


def test_a_grave_failures_email_opens_no_window_for_others(day: Day) -> None:
    day.fails_gravely()
    day.passes(GRACE)
    day.ends()
    day.passes(60)
    assert [at for at, _ in day.post.taken] == [GRACE, GRACE + WINDOW]


def test_never_is_never_also_for_grave_failures(day: Day) -> None:
    day.wants(email="never")
    job = day.fails_gravely()
    day.passes(60)
    assert (day.notice(job).state, day.notice(job).reason) == ("skipped", TURNED_OFF)


def test_what_went_well_or_was_cancelled_is_not_grave() -> None:
    spec = new_spec("ann", severity="high")
    assert not Job(spec=spec).claimed().ended(Result("Done")).grave
    assert not Job(spec=spec).cancel_requested(by="support").grave
    assert Job(spec=spec).claimed().failed(BROKE).grave
    assert not Job(spec=new_spec("ann")).claimed().failed(BROKE).grave


def test_a_moment_has_its_day_where_that_isnt_today() -> None:
    noon = round(datetime(2026, 3, 3, 12, tzinfo=UTC).timestamp() * 1000)
    assert moment(noon + 7_200_000, noon, UTC) == "at 14:00"
    assert moment(noon + 86_400_000, noon, UTC) == "at 12:00 on 4 March"
