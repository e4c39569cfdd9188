"""Who closes the page gets an email, and its link leads back to the job."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import card, choose, customers
from tests.rig import Process

ROWS = (
    "id,name,email\n1,Ada,ada@example.com\n2,Grace,grace(at)example.com\n3,Alan,alan@example.com\n"
)
SUBJECT = "Import of customers.csv: 2 added, 1 rejected"


def test_who_closes_the_tab_finds_the_outcome_in_the_inbox_and_the_job_behind_its_link(
    invite: Invite, worker: Process, tmp_path: Path
) -> None:
    grace = invite("Grace.Closes")
    page = grace.here()
    job = leave_early(page, tmp_path / "customers.csv", worker)

    inbox = grace.open("/inbox")
    listed = inbox.get_by_test_id("inbox-message").filter(has_text=grace.email)
    expect(listed).to_have_count(1)
    expect(listed).to_contain_text(SUBJECT)
    expect(listed.locator(".preheader")).to_contain_text("email isn't an email address")
    listed.click()
    expect(inbox.get_by_test_id("inbox-subject")).to_have_text(SUBJECT)
    letter = inbox.get_by_test_id("inbox-html").content_frame
    expect(letter.get_by_role("heading", name=SUBJECT)).to_be_visible()

    inbox.get_by_test_id("inbox-view-text").click()
    text = inbox.get_by_test_id("inbox-text")
    expect(text).to_contain_text("grace(at)example.com")
    expect(text).to_contain_text(f"/?job={job}")
    inbox.get_by_test_id("inbox-view-headers").click()
    expect(inbox.get_by_role("row", name="X-Ringback-Job")).to_contain_text(job)
    inbox.get_by_test_id("inbox-view-html").click()
    inbox.get_by_test_id("inbox-width-mobile").click()
    assert inbox.get_by_test_id("inbox-html").evaluate("frame => frame.clientWidth") == 375

    with grace.context.expect_page() as opened:
        letter.get_by_role("link").first.click()
    back = opened.value
    expect(card(back, job)).to_have_class("card job pointed-out")
    expect(card(back, job)).to_be_in_viewport()
    expect(card(back, job).get_by_test_id("job-title")).to_be_focused()
    expect(card(back, job).get_by_test_id("job-email")).to_contain_text(f"to {grace.email}.")
    with back.expect_download():
        card(back, job).get_by_role("button", name="Download the 1 rejected row").click()


def leave_early(page: Page, file: Path, worker: Process) -> str:
    """Asks for an import and closes the tab before it starts; the job's id."""
    file.write_text(ROWS)
    choose(page, file)
    customers(page)
    worker.freeze()
    page.get_by_test_id("submit").click()
    expect(card(page)).to_contain_text("You can leave this page: we'll email g…@example.com")
    job = card(page).get_attribute("data-job-id") or ""
    page.close()
    worker.thaw()
    return job
