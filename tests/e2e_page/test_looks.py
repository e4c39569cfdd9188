"""For every eye and every screen: axe-core's rules, light and dark, and no sideways scroll."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.look import make_due
from tests.e2e_page.conftest import Invite
from tests.e2e_page.eyes import barriers, sideways
from tests.e2e_page.people import Person, card, choose, customers, ends
from tests.rig import Process, Rig

LONG = "customers-of-the-northern-region-exported-on-the-last-day-of-the-year.csv"
ROWS = "id,name,email\n1,Ada,ada@example.com\n2,Grace,grace(at)example.com\n2,Alan,a@example.com\n"


def everything(person: Person, directory: Path, gate: Path) -> Page:
    """A page with jobs that run, that ended in every way, and a form with complaints."""
    page = person.here()
    running = card(page, person.submit(page, "test.patient", path=str(gate)))
    for how in ("external", "fault"):  # which are retried, and fail at last
        person.submit(page, "test.fails", how=how)
    file = directory / LONG
    file.write_text(ROWS)
    choose(page, file, table="customers")
    customers(page)
    page.get_by_test_id("submit").click()
    ends(card(page, title=LONG), "partial")
    ends(card(page, person.submit(page, "test.count", to=3)), "succeeded")
    ends(card(page, person.submit(page, "test.fails", how="input")), "failed")
    expect(running).to_have_attribute("data-state", "running")
    choose(page, file, table="2 many")
    customers(page)
    page.get_by_test_id("submit").click()
    expect(page.locator("#table-error")).to_be_visible()
    return page


def test_the_sign_in_keeps_nobody_out_and_fits_a_phone(invite: Invite) -> None:
    page = invite("Ada.Enters").open()
    page.get_by_test_id("sign-in-submit").click()
    expect(page.locator("#signin-error")).to_be_visible()
    assert barriers(page) == []
    assert sideways(page) == 0


def test_the_activity_page_keeps_nobody_out_and_fits_a_phone(
    invite: Invite, gate: Path, tmp_path: Path
) -> None:
    page = everything(invite("Ada.Looks"), tmp_path, gate)
    try:
        assert barriers(page) == []
        assert sideways(page) == 0
        assert barriers(page) == []
    finally:
        gate.touch()


def every_wait(person: Person, rig: Rig, gate: Path) -> Page:
    """A page with jobs that wait, stop, fell silent, or are asked about, their stories open."""
    page = person.here()
    retrying = card(page, person.submit(page, "test.shaky", falls=["later"]))
    silent = person.submit(page, "test.stubborn", path=str(gate))
    stopping = card(page, person.submit(page, "test.sealed", path=str(gate)))
    asked = card(page, person.submit(page, "test.sends", path=str(gate)))
    flawed = card(page, person.submit(page, "test.count", to=130, bad=120))
    expect(retrying).to_have_attribute("data-state", "retrying")
    expect(card(page, silent)).to_contain_text("Writing the tape")  # its last news
    make_due(rig, "silence", silent)
    expect(stopping.get_by_test_id("job-headline")).to_have_text("Publishing")
    stopping.get_by_role("button", name="Cancel this job").click()
    stopping.get_by_role("button", name="Stop the job").click()
    expect(stopping).to_have_attribute("data-state", "cancelling")
    expect(asked).to_have_attribute("data-state", "running")
    asked.get_by_role("button", name="Cancel this job").click()
    ends(flawed, "partial")
    for job in (retrying, flawed):
        job.get_by_text("What happened").click()
        expect(job.get_by_test_id("job-story").get_by_role("listitem").first).to_be_visible()
    expect(flawed.get_by_role("button", name="Show more")).to_be_visible()
    expect(card(page, silent)).to_have_attribute("data-stalled", "")
    return page


def test_jobs_that_wait_or_stop_keep_nobody_out_and_fit_a_phone(
    invite: Invite, rig: Rig, gate: Path
) -> None:
    page = every_wait(invite("Alan.Looks"), rig, gate)
    try:
        assert barriers(page) == []
        assert sideways(page) == 0
        assert barriers(page) == []
    finally:
        gate.touch()


def test_words_that_come_and_go_move_nothing(invite: Invite, gate: Path) -> None:
    person = invite("Barbara.Looks")
    page = person.here()
    below = card(page, person.submit(page, "test.count", to=3))
    ends(below, "succeeded")
    talking = card(page, person.submit(page, "test.talks", path=str(gate)))
    words = talking.get_by_test_id("job-headline")
    for width in (860, 320):
        page.set_viewport_size({"width": width, "height": 720})
        below.scroll_into_view_if_needed()
        expect(words).to_have_text("Reading the first part")
        before = place(below)
        for said in ("Working", "Reading the second part", "Reading the first part"):
            expect(words).to_have_text(said)
            assert place(below) == before
    gate.touch()
    ends(talking, "succeeded")


def place(job: Locator) -> float:
    """How far a card is from the top of the window."""
    box = job.bounding_box()
    assert box is not None
    return box["y"]


def test_the_inbox_and_its_email_keep_nobody_out_and_fit_a_phone(
    invite: Invite, worker: Process
) -> None:
    person = invite("Grace.Looks")
    page = person.here()
    worker.freeze()
    person.submit(page, "test.count", to=5, bad=2)
    expect(card(page)).to_have_attribute("data-state", "queued")
    page.close()
    worker.thaw()

    inbox = person.open("/inbox")
    inbox.get_by_test_id("inbox-message").filter(has_text=person.email).click()
    expect(inbox.get_by_test_id("inbox-subject")).to_have_text("Counting to 5: 3 done, 2 failed")
    for view in ("html", "text", "headers"):
        inbox.get_by_test_id(f"inbox-view-{view}").click()
        assert sideways(inbox) == 0
        assert barriers(inbox) == []

    source = inbox.get_by_test_id("inbox-html").get_attribute("src")
    letter = person.context.new_page()  # apart from the frame, in which no script runs
    letter.set_content(letter.request.get(f"{person.rig.url}{source}").text())
    assert sideways(letter) == 0
    assert barriers(letter) == []
