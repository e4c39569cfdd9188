"""Failures with grave consequences: the page stands still until its reader says they have read."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import Person, card, ends
from tests.e2e_page.test_emails import picture, preferences

READ = "I have read this"


def alarm(page: Page) -> Locator:
    """The dialog."""
    return page.get_by_role("alertdialog")


def fails(person: Person, page: Page, plan: str, **params: int) -> Locator:
    """A bill that goes wrong; its card."""
    return card(page, person.submit(page, "test.billing", plan=plan, **params))


def test_a_grave_failure_stays_until_it_was_read_over_reloads_and_in_all_tabs(
    invite: Invite, tmp_path: Path
) -> None:
    person = invite("Ada.Bills")
    page = person.here()
    job = fails(person, page, "gold")
    expect(alarm(page)).to_be_visible()
    expect(alarm(page)).to_have_accessible_name("Billing of gold: failed")
    expect(alarm(page)).to_have_accessible_description(
        "The price list has no plan “gold”, so nobody was charged. "
        "Add its price, and bill the plan again. Seen live, so no email was needed."
    )
    expect(page.locator("#announcer")).not_to_contain_text("failed")
    picture(page, tmp_path, "alarm")

    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(alarm(page)).to_be_visible()
    page.mouse.click(2, 2)
    expect(alarm(page)).to_be_visible()
    page.reload()
    expect(alarm(page)).to_be_visible()
    other = person.open()
    expect(alarm(other)).to_be_visible()

    page.get_by_role("button", name=READ).click()
    expect(alarm(page)).to_be_hidden()
    expect(job.get_by_test_id("job-title")).to_be_focused()
    expect(alarm(other)).to_be_hidden()
    page.reload()
    ends(job, "failed")
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(alarm(page)).to_be_hidden()
    page.get_by_test_id("sign-out").click()
    person.sign_in(page)
    ends(job, "failed")
    expect(alarm(page)).to_be_hidden()


def test_several_come_one_after_the_other_and_the_keyboard_is_enough(
    invite: Invite, tmp_path: Path
) -> None:
    person = invite("Grace.Bills")
    page = person.here()
    ends(fails(person, page, "gold"), "failed")
    ends(fails(person, page, "silver", customers=3), "partial")
    expect(alarm(page)).to_have_accessible_name("Billing of gold: failed")
    expect(page.get_by_test_id("alarm-more")).to_have_text("1 more after this")
    expect(alarm(page).get_by_role("heading")).to_be_focused()
    page.keyboard.press("Enter")  # haste reads nothing
    expect(alarm(page)).to_have_accessible_name("Billing of gold: failed")
    for key in ("Tab", "Tab", "Shift+Tab"):
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=READ)).to_be_focused()
    page.keyboard.press("Enter")

    expect(alarm(page)).to_have_accessible_name("Billing of silver: partly done")
    expect(alarm(page)).to_contain_text("1 card was declined")
    expect(alarm(page).get_by_role("heading")).to_be_focused()
    picture(page, tmp_path, "alarm-partly")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(alarm(page)).to_be_hidden()


def test_it_comes_over_an_open_panel_and_says_where_no_email_follows(invite: Invite) -> None:
    person = invite("Alan.Bills")
    page = person.here()
    preferences(person, page, email="never")
    page.get_by_test_id("emails-open").click()
    expect(page.get_by_test_id("emails-save")).to_be_visible()
    fails(person, page, "gold")
    expect(alarm(page)).to_be_visible()
    page.get_by_role("button", name=READ).click()
    expect(alarm(page)).to_be_hidden()
    expect(page.get_by_test_id("emails-save")).to_be_visible()


def test_what_goes_well_or_has_no_such_consequences_holds_nobody_up(invite: Invite) -> None:
    person = invite("Barbara.Bills")
    page = person.here()
    ends(card(page, person.submit(page, "test.fails", how="input")), "failed")
    ends(card(page, person.submit(page, "test.count", to=3, bad=1)), "partial")
    expect(alarm(page)).to_be_hidden()
