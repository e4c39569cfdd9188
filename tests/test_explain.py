"""Why an email was or wasn't sent, told in order: each way that a notice can take."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest

from ringback import presence, store
from ringback.explain import CHANGED, GRAVE, NOT_ENDED, ONLY_SEEN, Explanation, explain
from ringback.job import Job
from ringback.notice import CANCELLED_BY_USER, MAYBE, NO_ADDRESS, SEEN, SEEN_AND_ASKED, TURNED_OFF
from ringback.presence import Connection
from ringback.quiet import QuietHours
from tasks.smtp_answer import AMBIGUOUS, LATER, Outcome
from tests.mailday import GRACE, WINDOW, Day, badly, partly
from tests.rig import new_spec

ABSENT = "No page was open, so the email had to wait 5 seconds for a page to show the end."
SENDING = "The email is being sent."


@pytest.fixture
def day() -> Day:
    return Day()


def explained(day: Day, job_id: str) -> Explanation:
    job = day.db.do(store.load(job_id))
    return explain(job, day.db.do(store.history(job_id)))


def told(day: Day, job_id: str) -> list[str]:
    return [line.text for line in explained(day, job_id).lines]


def test_an_email_that_the_server_took(day: Day) -> None:
    job = day.ends()
    day.passes(WINDOW)
    window = f"Your next email goes out at {day.at(WINDOW)}, with all jobs that ended until then."
    assert told(day, job) == [
        "The job was done.", ABSENT, window, SENDING, "250 OK"
    ]  # fmt: skip
    assert (explained(day, job).end, explained(day, job).summary) == ("accepted", "250 OK")
    moments = [line.at for line in explained(day, job).lines]
    assert moments == sorted(moments)


def test_a_page_that_showed_it(day: Day) -> None:
    day.db.do(presence.join("ann", Connection("c1", "socket", "n1"), 9))
    job = day.ends(partly)
    day.db.do(store.update(job, lambda j: j.received(j.version, "pong")))
    assert told(day, job) == [
        "The job was partly done.",
        "A page was open, so the email had to wait 30 seconds for a page to show the end.",
        SEEN,
    ]
    assert explained(day, job).end == "receipt"


def test_tries_that_failed_and_one_that_didnt(day: Day) -> None:
    day.post.answers = [LATER, AMBIGUOUS]
    job = day.ends(grace=WINDOW)
    day.passes(180)
    assert told(day, job)[2:] == [
        SENDING, f"{LATER.reason} We try again for up to 24 hours.",
        "Try 2: the email is being sent.",
        f"{AMBIGUOUS.reason} We'll try once more.", "Try 3: the email is being sent.", "250 OK",
    ]  # fmt: skip


def test_an_answer_that_got_lost_twice_admits_that_nobody_knows(day: Day) -> None:
    day.post.answers = [Outcome("ambiguous", "The answer got lost")] * 2
    job = day.ends(grace=WINDOW)
    day.passes(180)
    assert (explained(day, job).end, explained(day, job).summary) == ("unknown", MAYBE)


def test_a_server_that_refused(day: Day) -> None:
    day.post.answers = [Outcome("refused", "550 no such user")]
    job = day.ends(badly, grace=WINDOW)
    day.passes(WINDOW)
    assert told(day, job)[0] == "The job failed."
    assert (explained(day, job).end, told(day, job)[-1]) == ("failed", "550 no such user")


def test_what_preferences_and_quiet_hours_did(day: Day) -> None:
    day.wants(quiet_hours=QuietHours(time(0), time(23, 59)))
    job = day.ends()
    day.passes(GRACE)
    day.wants(email="never")
    day.passes(GRACE)
    assert told(day, job)[2:] == [
        "Waiting until 23:59 because of your quiet hours.", CHANGED, TURNED_OFF
    ]  # fmt: skip
    assert explained(day, job).end == "skipped"


def test_who_wants_each_email_has_it_though_a_page_showed_the_end(day: Day) -> None:
    day.wants(email="always", digest_window=0)
    job = day.ends()
    day.db.do(store.update(job, lambda j: j.received(j.version, "pong")))
    day.passes(GRACE)
    assert told(day, job)[2:] == [SEEN_AND_ASKED, SENDING, "250 OK"]


def test_a_grave_failure_says_that_nothing_holds_it(day: Day) -> None:
    job = day.fails_gravely(receipt="seen")
    assert told(day, job) == ["The job failed.", ABSENT, ONLY_SEEN, GRAVE]
    assert explained(day, job).end == "open"


def test_what_was_decided_with_the_jobs_end(day: Day) -> None:
    cancelled = day.db.do(store.submit(new_spec("ann"))).job
    day.db.do(store.update(cancelled, Job.cancel_requested))
    assert told(day, cancelled.id) == ["The job was cancelled.", CANCELLED_BY_USER]
    spec = new_spec("ann")
    nobody = replace(spec, owner=replace(spec.owner, email=None))
    job = day.db.do(store.submit(nobody)).job
    for change in (Job.claimed, badly):
        job = day.db.do(store.update(job, change))
    assert told(day, job.id) == ["The job failed.", NO_ADDRESS]


def test_a_job_that_runs_has_nothing_to_tell_yet(day: Day) -> None:
    job = day.db.do(store.submit(new_spec("ann"))).job
    assert explained(day, job.id) == Explanation("none", NOT_ENDED, ())


def test_a_grace_that_is_the_same_for_all_claims_nothing_about_pages(day: Day) -> None:
    job = day.ends(grace=30)
    assert "Whether a page was open or not, the email had to wait 30 seconds" in told(day, job)[1]
    job = day.ends(grace=0)
    assert told(day, job)[1] == "No page was open, so the email was due at once."
