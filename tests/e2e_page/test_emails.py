"""What people say of their emails: in the panel of the page, and behind the link in an email."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Locator, Page, expect

from gateway.auth import Tokens
from ringback import suppression
from ringback.job import Owner
from ringback.keys import demo_user
from ringback.unsubscribe import Links, Subscription
from tests.e2e_page.conftest import Invite
from tests.e2e_page.eyes import barriers, sideways
from tests.e2e_page.people import Person, card
from tests.rig import Rig

REFUSED = "status of 400"  #: what Chromium logs about a request with a wrong field


def preferences(person: Person, page: Page, **patch: Any) -> dict[str, Any]:
    """What the gateway keeps of the person, after ``patch``."""
    body = json.dumps(patch).encode()
    headers = {
        "Authorization": f"Bearer {person.token(page)}", "Content-Type": "application/json",
    }  # fmt: skip
    url = f"{person.rig.url}/api/v1/me/preferences"
    with urlopen(Request(url, body, headers, method="PATCH")) as response:
        kept: dict[str, Any] = json.load(response)
        return kept


def panel(page: Page) -> Locator:
    """The panel, opened and loaded."""
    page.get_by_test_id("emails-open").click()
    expect(page.get_by_test_id("emails-save")).to_be_visible()
    return page.get_by_test_id("emails")


def save(page: Page) -> None:
    """Saves, and waits until the panel says so."""
    page.get_by_test_id("emails-save").click()
    expect(page.get_by_test_id("emails-status")).to_contain_text("Saved")


def picture(page: Page, path: Path, name: str) -> None:
    """Nobody is kept out, and it fits a phone; pictures to look at."""
    size = page.viewport_size
    assert size is not None
    assert sideways(page) == 0
    assert barriers(page) == []
    page.screenshot(path=path / f"{name}-phone.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(size)
    page.screenshot(path=path / f"{name}.png")


def test_who_gets_no_emails_reads_why_where_they_are_chosen(
    invite: Invite, rig: Rig, tmp_path: Path
) -> None:
    person = invite("Zoe.Bounces")
    rig.do(suppression.suppress(person.email, "There is no such mailbox.", "bounce"))
    page = person.here()
    panel(page)
    expect(page.get_by_test_id("emails-stopped")).to_contain_text("There is no such mailbox.")
    picture(page, tmp_path, "stopped")


def test_what_is_said_in_the_panel_holds_after_a_reload(invite: Invite, tmp_path: Path) -> None:
    person = invite("Ada.Prefers")
    person.expect(REFUSED)
    page = person.here()
    expect(page.get_by_role("link", name="Support")).to_have_count(0)
    emails = panel(page)
    expect(page.get_by_test_id("email-fallback")).to_be_checked()
    emails.get_by_label("Each time").check()
    emails.get_by_label("Send me no emails at certain hours").check()
    page.get_by_test_id("quiet-from").fill("21:30")
    page.get_by_test_id("quiet-to").fill("21:30")
    page.get_by_test_id("timezone").fill("tokyo")
    page.get_by_test_id("digest-window").select_option("3600")
    page.get_by_test_id("emails-save").click()
    expect(emails.locator("#timezone-error")).to_contain_text("Did you mean Asia/Tokyo?")
    expect(page.get_by_test_id("timezone")).to_be_focused()
    picture(page, tmp_path, "fault")

    page.get_by_test_id("timezone").fill("Asia/Tokyo")
    expect(emails).to_contain_text("By the clock in Asia/Tokyo")
    page.get_by_test_id("emails-save").click()
    expect(emails.locator("#quiet-times-error")).to_contain_text("different times")
    page.get_by_test_id("quiet-to").fill("07:00")
    save(page)
    kept = preferences(person, page)
    assert kept["email"] == "always"
    assert kept["quiet_hours"] == {"from": "21:30", "to": "07:00"}
    assert (kept["timezone"], kept["digest_window"]) == ("Asia/Tokyo", 3_600)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("emails-open")).to_be_focused()

    page.reload()
    panel(page)
    expect(page.get_by_test_id("email-always")).to_be_checked()
    expect(page.get_by_test_id("quiet-from")).to_have_value("21:30")
    expect(page.get_by_test_id("timezone")).to_have_value("Asia/Tokyo")
    page.get_by_test_id("timezone-here").click()
    page.get_by_test_id("emails-defaults").click()
    save(page)
    kept = preferences(person, page)
    assert (kept["email"], kept["quiet_hours"], kept["timezone"]) == ("fallback", None, None)


def test_a_type_that_differs_is_listed_and_set_back(invite: Invite, tmp_path: Path) -> None:
    person = invite("Ada.Differs")
    page = person.here()
    hours = {"from": "22:00", "to": "08:00"}
    types = {"csv.import": {"email": "never"}, "test.count": {"quiet_hours": hours}}
    preferences(person, page, types=types)
    panel(page)
    rows = page.get_by_test_id("exceptions").get_by_role("listitem")
    imports = rows.filter(has_text="Import of …")
    expect(imports).to_contain_text("No emails.")
    imports.scroll_into_view_if_needed()
    picture(page, tmp_path, "types")
    imports.get_by_test_id("exception-back").click()
    expect(rows).to_have_count(1)
    save(page)
    assert list(preferences(person, page)["types"]) == ["test.count"]


def test_the_card_says_until_when_an_email_waits_by_the_readers_clock(
    invite: Invite, tmp_path: Path
) -> None:
    person = invite("Ada.Sleeps")
    page = person.here()
    now = datetime.now(UTC) + timedelta(hours=9)  # in Tokyo; this browser is in another zone
    hours = {
        "from": f"{now - timedelta(hours=2):%H:%M}", "to": f"{now + timedelta(hours=2):%H:%M}",
    }  # fmt: skip
    preferences(person, page, email="always", timezone="Asia/Tokyo", quiet_hours=hours)
    job = card(page, person.submit(page, "test.count", to=3))
    note = job.get_by_test_id("job-email")
    expect(note).to_contain_text("because of your quiet hours")
    ends = now - timedelta(hours=9) + timedelta(hours=2)
    assert f":{ends:%M}" in note.inner_text()
    assert f"until {hours['to']} " not in note.inner_text()
    page.screenshot(path=tmp_path / "waits.png")


def test_support_and_operators_find_their_pages_in_the_header(
    invite: Invite, rig: Rig, tmp_path: Path
) -> None:
    person = invite("Otto.Links")
    owner = Owner(id=demo_user(person.email), email=person.email, name=person.name)
    token = Tokens(rig.settings).issue(owner, roles=["user", "support", "operator"])
    page = person.open(f"/#token={token}")
    expect(page.get_by_test_id("emails-open")).to_be_visible()
    assert sideways(page) == 0
    page.screenshot(path=tmp_path / "roles.png")
    expect(page.get_by_role("link", name="Operations")).to_have_attribute("href", "/ops")
    page.get_by_role("link", name="Support").click()
    expect(page.get_by_role("heading", name="Support")).to_be_visible()
    expect(page.get_by_role("link", name="Support")).to_have_count(0)


def test_the_page_behind_an_emails_link_keeps_nobody_out(
    invite: Invite, rig: Rig, tmp_path: Path
) -> None:
    person = invite("Ada.Leaves")
    person.expect("status of 404")
    links = Links(rig.own["JWT_SECRET"], rig.url)
    url = links.url(Subscription(demo_user(person.email), "csv.import"))
    page = person.context.new_page()
    page.goto(url)
    picture(page, tmp_path, "on")
    page.get_by_role("button", name="Stop these emails").click()
    expect(page.get_by_role("heading")).to_have_text("These emails are off")
    picture(page, tmp_path, "off")
    page.get_by_role("button", name="Turn these emails on again").click()
    expect(page.get_by_role("heading")).to_have_text("These emails are on again")
    page.screenshot(path=tmp_path / "again.png")
    page.goto(url[:-3])
    picture(page, tmp_path, "lost")
