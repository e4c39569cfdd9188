"""A job's life on its card: it waits, is tried again, is stopped, is retried, and tells how."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from ringback import breaker, census, store
from ringback.breaker import Pass, Service
from tests.e2e.look import make_due
from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import card, ends
from tests.rig import Process, Rig, until

STOPPABLE = "Cancel this job"
THREADS = 4  #: of the worker
FOUR_MINUTES = 240_000  #: ms


def headline(job: Locator) -> Locator:
    """The sentence under a card's title."""
    return job.get_by_test_id("job-headline")


def press(job: Locator, name: str) -> None:
    """Presses one of a card's buttons."""
    job.get_by_role("button", name=name, exact=True).click()


def running(job: Locator) -> None:
    """Waits until a worker has the job."""
    expect(job).to_have_attribute("data-state", "running")


# -- stopping


def test_a_job_that_leaves_nothing_behind_is_cancelled_with_one_click(
    invite: Invite, gate: Path
) -> None:
    ada = invite("Ada.Stops")
    page = ada.here()
    job = card(page, ada.submit(page, "test.gate", path=str(gate)))
    running(job)
    press(job, STOPPABLE)
    ends(job, "cancelled")
    expect(headline(job)).to_have_text("Stopped during “Waiting”.")
    expect(job.get_by_test_id("job-title")).to_be_focused()  # the button it was on has gone
    expect(job.get_by_role("button", name="Start again")).to_be_visible()


def test_what_a_stop_leaves_behind_is_read_first_and_the_keyboard_is_enough(
    invite: Invite, gate: Path
) -> None:
    grace = invite("Grace.Reads")
    page = grace.here()
    job = card(page, grace.submit(page, "test.sends", path=str(gate)))
    running(job)
    cancel = job.get_by_role("button", name=STOPPABLE)
    question = job.get_by_role("group", name="Letters that were sent stay sent.")
    cancel.press("Enter")
    expect(question).to_be_visible()
    expect(question.get_by_role("button", name="Keep it running")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # "Keep it running" has the focus: haste stops nothing
    expect(cancel).to_be_focused()
    expect(job).to_have_attribute("data-state", "running")

    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    ends(job, "cancelled")
    expect(headline(job)).to_have_text("12 letters were sent; nothing else was.")
    expect(job.get_by_test_id("job-title")).to_be_focused()


def test_a_stop_says_what_it_waits_for(invite: Invite, gate: Path) -> None:
    alan = invite("Alan.Waits")
    page = alan.here()
    job = card(page, alan.submit(page, "test.sealed", path=str(gate)))
    expect(headline(job)).to_have_text("Publishing")
    press(job, STOPPABLE)
    warning = "“Publishing” can't be interrupted; the job stops after it, or ends."
    expect(job.get_by_role("group", name=warning)).to_be_visible()
    press(job, "Stop the job")
    expect(job).to_have_attribute("data-state", "cancelling")
    told = "Stopping at the next safe point. It is still at “Publishing”."
    expect(headline(job)).to_have_text(told)
    expect(job.get_by_text(warning)).to_be_visible()
    expect(job.get_by_role("button", name=STOPPABLE)).to_be_hidden()
    gate.touch()
    ends(job, "succeeded")  # there was nothing after the step at which it could stop


def test_silence_is_told_while_it_works_and_while_it_stops(
    invite: Invite, rig: Rig, gate: Path
) -> None:
    radia = invite("Radia.Listens")
    page = radia.here()
    job_id = radia.submit(page, "test.stubborn", path=str(gate))
    job = card(page, job_id)
    expect(headline(job)).to_have_text("Writing the tape")
    expect(job).not_to_have_attribute("data-stalled", "")
    make_due(rig, "silence", job_id)
    expect(headline(job)).to_have_text("Still working, no news for 2 minutes. Writing the tape.")
    expect(job).to_have_attribute("data-stalled", "")

    press(job, STOPPABLE)
    expect(job).to_have_attribute("data-state", "cancelling")
    make_due(rig, "silence", job_id)
    told = "Still finishing: the job hasn't reached a point where it can stop."
    expect(headline(job)).to_have_text(told)
    gate.touch()
    ends(job, "succeeded")
    expect(job).not_to_have_attribute("data-stalled", "")


def test_a_stop_that_comes_too_late_is_answered_at_the_card(
    invite: Invite, rig: Rig, node: Process, gate: Path
) -> None:
    ken = invite("Ken.Late")
    page = ken.here()
    job_id = ken.submit(page, "test.gate", path=str(gate))
    job = card(page, job_id)
    running(job)
    node.freeze()
    press(job, STOPPABLE)
    expect(job.get_by_role("button", name="Stopping…")).to_be_visible()
    gate.touch()
    until(lambda: rig.do(store.load(job_id)).state.terminal, what="the job ends")
    node.thaw()
    told = "This job has ended already (succeeded), so nothing was changed."
    expect(job.get_by_test_id("job-note")).to_have_text(told)
    ends(job, "succeeded")


# -- retrying


def test_a_double_click_retries_what_failed_once_and_the_two_jobs_are_linked(
    invite: Invite, tmp_path: Path
) -> None:
    barbara = invite("Barbara.Retries")
    page = barbara.here()
    book, mended = tmp_path / "book", tmp_path / "mended"
    old_id = barbara.submit(
        page, "test.ledger", book=str(book), items=5, bad=[1, 3, 4], mended=str(mended)
    )
    old = card(page, old_id)
    ends(old, "partial")
    expect(old.get_by_role("button", name="Run all of it again")).to_be_visible()
    mended.touch()
    old.get_by_role("button", name="Retry the 3 failed entries").dblclick()
    cards = page.get_by_test_id("job-card")
    expect(cards).to_have_count(2)
    new = cards.first
    expect(new.get_by_test_id("job-title")).to_be_focused()
    ends(new, "succeeded")
    expect(new.get_by_test_id("job-counts")).to_have_text("3 done")
    expect(cards).to_have_count(2)
    expect(old.get_by_role("button", name=re.compile("again|Retry"))).to_have_count(0)

    back = new.get_by_test_id("job-retry-of")
    expect(back).to_have_text(re.compile(r"^Retry of the job asked for at \d+:\d+"))
    back.click()
    expect(old).to_have_class("card job pointed-out")
    expect(new).to_have_class("card job")
    forth = old.get_by_test_id("job-retried")
    expect(forth).to_have_text(re.compile(r"^Retried at \d+:\d+"))
    forth.click()
    expect(new).to_have_class("card job pointed-out")
    assert forth.get_attribute("href") == f"/?job={new.get_attribute('data-job-id')}"


def test_a_retry_that_would_double_work_under_way_is_refused_in_words(
    invite: Invite, gate: Path
) -> None:
    dennis = invite("Dennis.Doubles")
    page = dennis.here()
    first = card(page, dennis.submit(page, "test.unique", table="books", path=str(gate)))
    running(first)
    press(first, STOPPABLE)
    ends(first, "cancelled")
    second = card(page, dennis.submit(page, "test.unique", table="books", path=str(gate)))
    running(second)
    press(first, "Start again")
    expect(first.get_by_test_id("job-note")).to_have_text(
        "The same work is under way already. Wait for it to end, or cancel it first."
    )
    first.get_by_role("link", name="Show that job").click()
    expect(second).to_have_class("card job pointed-out")
    expect(second.get_by_test_id("job-title")).to_be_focused()
    gate.touch()
    ends(second, "succeeded")


# -- tried again by itself


def test_a_failed_attempt_says_why_and_when_the_next_comes_and_its_story_goes_on(
    invite: Invite, rig: Rig
) -> None:
    ada = invite("Ada.Persists")
    page = ada.here()
    job_id = ada.submit(page, "test.shaky", falls=["later"])
    job = card(page, job_id)
    expect(job).to_have_attribute("data-state", "retrying")
    expect(headline(job)).to_have_text(
        "The bank is closed. The next attempt goes on after the 2 items that are done. "
        "Attempt 2 of 3 starts by itself in about 1 hour."
    )
    job.get_by_text("What happened").click()
    story = job.get_by_test_id("job-story").get_by_role("listitem")
    expect(story).to_have_count(3)
    make_due(rig, "retry", job_id)
    ends(job, "succeeded")
    expect(job.get_by_test_id("job-attempt")).to_have_text("Attempt 2 of 3 made it.")
    told = [
        "Asked for.",
        "Started.",
        "Attempt 1 failed. The bank is closed. The next attempt goes on after the 2 items that are "
        "done.",
        "Waiting for a worker, for attempt 2.",
        "Attempt 2 started.",
        "Done.",
    ]
    expect(story).to_have_text([re.compile(rf"^\d+:\d+:\d+.*{re.escape(t)}$") for t in told])
    why = job.get_by_test_id("job-email-story").get_by_role("listitem")
    told = [
        "The job was done.",
        "Whether a page was open or not, the email had to wait 1 second for a page to show "
        "the end.",
        "Seen live, so no email was needed.",
    ]
    expect(why).to_have_text([re.compile(rf"^\d+:\d+:\d+.*{re.escape(t)}$") for t in told])


def test_a_job_waits_for_a_service_that_is_down_and_says_so(invite: Invite, rig: Rig) -> None:
    grace = invite("Grace.Calls")
    page = grace.here()
    stripe = Service(name="page.stripe", label="Stripe")
    assert rig.do(breaker.failed(stripe, Pass(), "down", retry_after=110)) > 0
    job = card(page, grace.submit(page, "test.calls", service=stripe.name))
    expect(headline(job)).to_have_text(
        "Stripe isn't answering at the moment. The job goes on by itself once it does. "
        "Attempt 1 of 5 starts in about 2 minutes."
    )
    press(job, STOPPABLE)
    ends(job, "cancelled")


# -- waiting


def test_a_queued_job_says_how_many_are_ahead_why_and_when_it_starts(
    invite: Invite, rig: Rig, gate: Path
) -> None:
    alan = invite("Alan.Queues")
    page = alan.here()
    for _ in range(20):
        rig.do(census.record_duration("test.sealed", FOUR_MINUTES))
    jobs = [alan.submit(page, "test.sealed", path=str(gate)) for _ in range(THREADS + 8)]
    last = card(page, jobs[-1])
    expect(headline(last)).to_have_text(
        "About 10 ahead of this one. All 4 workers are busy. It starts in about 8 minutes."
    )
    expect(last).to_contain_text("This usually takes about 4 minutes.")
    first = card(page, jobs[0])
    expect(first.get_by_test_id("job-eta")).to_have_text("about 4 minutes left")
    press(last, STOPPABLE)  # a queued job has done nothing yet, so nothing is asked
    ends(last, "cancelled")
    expect(headline(last)).to_have_text("Cancelled before it started.")
    gate.touch()
    ends(card(page, jobs[-2]), "succeeded")


# -- what happened


def test_failed_items_are_listed_a_page_at_a_time(invite: Invite) -> None:
    radia = invite("Radia.Lists")
    page = radia.here()
    job = card(page, radia.submit(page, "test.count", to=130, bad=120))
    ends(job, "partial")
    job.get_by_text("What happened").click()
    items = job.get_by_test_id("job-failed-items").get_by_role("listitem")
    expect(job.get_by_role("heading", name="The 120 failed numbers")).to_be_visible()
    expect(items).to_have_count(50)
    expect(job).to_contain_text("50 of 120 shown.")
    more = job.get_by_role("button", name="Show more")
    more.click()
    expect(items).to_have_count(100)
    expect(items.nth(50)).to_be_focused()
    expect(items.nth(50)).to_have_text("number 51")
    more.click()
    expect(items).to_have_count(120)
    expect(more).to_be_hidden()


# -- pipelines


def test_the_steps_of_a_pipeline_are_told_each_with_its_state(
    invite: Invite, tmp_path: Path
) -> None:
    ken = invite("Ken.Plans")
    page = ken.here()
    ledger = tmp_path / "ledger"
    plan = ["sequence", "a", "b waits", "c fails", "d"]
    job = card(page, ken.submit(page, "pipe.stops", ledger=str(ledger), plan=plan))
    steps = job.get_by_role("list", name="Steps").get_by_test_id("job-child")
    told = ["Step aDone2 done", "Step bRunningb waits", "Step cNot begun", "Step dNot begun"]
    expect(steps).to_have_text(told)
    ledger.with_name("ledger.b").touch()
    ends(job, "partial")
    told = [
        "Step aDone2 done",
        "Step bDone2 done",
        "Step cFailedC is wrong.",
        "Step dNot attempted",
    ]
    expect(steps).to_have_text(told)
