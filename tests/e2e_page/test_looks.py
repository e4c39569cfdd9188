"""For every eye and every screen: axe-core's rules, light and dark, and no sideways scroll."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect

from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import AXE, Person, card, choose, customers, ends
from tests.rig import Process

LONG = "customers-of-the-northern-region-exported-on-the-last-day-of-the-year.csv"
ROWS = "id,name,email\n1,Ada,ada@example.com\n2,Grace,grace(at)example.com\n2,Alan,a@example.com\n"


def barriers(page: Page) -> list[str]:
    """What keeps people out, in light and in dark: serious and critical findings of axe-core."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    return [*findings(page, "light"), *findings(page, "dark")]


def findings(page: Page, scheme: Literal["light", "dark"]) -> list[str]:
    """The same in one colour scheme."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = page.evaluate("axe.run({iframes: false, resultTypes: ['violations']})")
    return [
        f"{scheme}: {v['id']} ({v['impact']}): {v['help']}: {[n['html'] for n in v['nodes']]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def sideways(page: Page) -> int:
    """Pixels by which the page can be scrolled sideways on a phone."""
    page.set_viewport_size({"width": 375, "height": 720})
    pixels: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return pixels


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
