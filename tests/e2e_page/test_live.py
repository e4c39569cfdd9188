"""The page stays true: when the gateway dies, in two tabs, in a hidden one, for each user alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from ringback import store
from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import Notes, Person, card, choose, ends, plain_browser
from tests.rig import Process, Rig, until

ITEMS = re.compile(r"([\d,]+) items")


def test_nothing_is_missed_while_the_gateway_is_killed_and_started_again(
    invite: Invite, rig: Rig, node: Process, gate: Path
) -> None:
    ada = invite("Ada.Reconnects")
    ada.expect(r"net::ERR_|WebSocket connection")
    page = ada.here()
    opened = gate.with_name("opened")
    waiting = card(page, ada.submit(page, "test.gate", path=str(gate)))
    counting = card(page, ada.submit(page, "test.patient", path=str(opened)))
    expect(waiting).to_have_attribute("data-state", "running")
    expect(counting).to_contain_text(ITEMS)
    notes = Notes(page)

    node.kill()
    banner = page.get_by_test_id("reconnect-banner")
    expect(banner).to_have_text("Connection lost. Reconnecting… Your jobs go on.")
    gate.touch()  # now a job ends, and nobody can tell
    ended = waiting.get_attribute("data-job-id") or ""
    until(lambda: rig.do(store.load(ended)).state.terminal, what="the job ends")
    before = done(counting.inner_text())
    node.start()

    expect(page.locator("body")).to_have_attribute("data-recovered", "true")
    expect(banner).to_have_text("Back online. Nothing was missed.")
    expect(waiting).to_have_attribute("data-state", "succeeded")
    assert notes.states(waiting) == ["running", "succeeded"]
    back = done(counting.inner_text())
    assert back > before
    until(lambda: done(counting.inner_text()) > back, what="progress goes on")
    opened.touch()
    ends(counting, "succeeded")
    expect(banner).to_be_hidden()


def done(text: str) -> int:
    """How far a card without a known total says its job is."""
    found = ITEMS.search(text)
    assert found, text
    return int(found[1].replace(",", ""))


def test_two_tabs_are_both_live(invite: Invite, gate: Path) -> None:
    grace = invite("Grace.Two")
    first, second = grace.here(), grace.open()
    second.get_by_test_id("sign-out").wait_for()  # the browser knows her
    job = grace.submit(first, "test.gate", path=str(gate))
    for page in (first, second):
        expect(card(page, job)).to_have_attribute("data-state", "running")
    gate.touch()
    for page in (first, second):
        ends(card(page, job), "succeeded")


@pytest.mark.usefixtures("worker", "node")
def test_the_title_of_a_hidden_tab_tells_the_end_until_somebody_looks(
    playwright: Playwright, rig: Rig, gate: Path, tmp_path: Path
) -> None:
    with plain_browser(playwright, tmp_path / "profile") as context:
        alan = Person(context, rig, "Alan.Hides")
        page = alan.here()
        expect(page).to_have_title("Your jobs · Ringback")
        job = alan.submit(page, "test.gate", path=str(gate))
        expect(card(page, job)).to_have_attribute("data-state", "running")
        context.new_page().bring_to_front()
        page.wait_for_function("document.hidden")
        gate.touch()
        expect(page).to_have_title(f"✓ Waiting for {gate}: done")
        page.bring_to_front()
        expect(page).to_have_title("Your jobs · Ringback")
        assert alan.unexpected == []


def test_nobody_sees_the_jobs_of_another(invite: Invite) -> None:
    barbara, mallory = invite("Barbara.Owns"), invite("Mallory")
    hers, his = barbara.here(), mallory.here()
    job = barbara.submit(hers, "test.count", to=3)
    ends(card(hers, job), "succeeded")
    own = mallory.submit(his, "test.count", to=4)
    ends(card(his, own), "succeeded")  # so news does arrive
    expect(his.get_by_test_id("job-card")).to_have_count(1)

    mallory.expect("status of 404")
    his.goto(f"{mallory.rig.url}/?job={job}")
    expect(his.locator(".notice:visible")).to_have_text(
        "The job in this link isn't among yours. You are signed in as mallory@example.com. "
        "It may belong to another account, or have been removed since."
    )
    expect(his.get_by_test_id("job-card")).to_have_count(1)


def test_after_a_sign_out_the_browser_knows_nobody(invite: Invite, tmp_path: Path) -> None:
    ken = invite("Ken.Leaves")
    page = ken.here()
    file = tmp_path / "customers.csv"
    file.write_text("id\n1\n")
    choose(page, file)
    page.get_by_test_id("submit").click()
    ends(card(page), "succeeded")
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("sign-in-email")).to_have_value("")
    expect(page.get_by_test_id("job-card")).to_have_count(0)
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    page.reload()
    page.get_by_test_id("sign-in-email").wait_for()


def test_a_token_in_the_address_signs_in_and_leaves_the_address_bar(
    invite: Invite, rig: Rig
) -> None:
    page = invite("Dennis").open("/#token=" + rig.token("dennis"))
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    assert page.url == rig.url + "/"
    expect(page.get_by_role("link", name="Dev inbox")).to_have_count(0)


def test_a_token_that_is_no_longer_good_asks_for_a_sign_in(invite: Invite) -> None:
    page = invite("Radia.Expires").open("/#token=worn.out.token")
    expect(page.get_by_text("Your sign-in has ended.")).to_be_visible()
    page.get_by_test_id("sign-in-email").wait_for()
