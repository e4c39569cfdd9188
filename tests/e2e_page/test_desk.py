"""The pages of support and operators: a page as its user sees it, and how the whole does."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from ringback.keys import demo_user
from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import card, ends
from tests.e2e_page.test_looks import barriers, sideways


def test_support_looks_on_live_and_stops_a_job_with_a_reason(
    invite: Invite, gate: Path, tmp_path: Path
) -> None:
    ann, sue = invite("Ann.Watched"), invite("Sue.Watches")
    hers = ann.here()
    failed = ann.submit(hers, "test.fails", how="input")
    ends(card(hers, failed), "failed")
    waiting = ann.submit(hers, "test.gate", path=str(gate))

    desk = sue.sign_in(sue.open("/support"))
    desk.get_by_test_id("support-query").fill(demo_user(ann.email))
    desk.get_by_test_id("support-find").click()
    expect(desk.get_by_test_id("support-whose")).to_contain_text("as they see it")
    expect(card(desk, waiting)).to_have_attribute("data-state", "running")

    card(desk, failed).get_by_text("For support").click()
    expect(card(desk, failed).get_by_test_id("job-errors")).to_contain_text("Traceback")
    card(desk, waiting).get_by_role("button", name="Cancel this job").click()
    expect(card(desk, waiting).get_by_test_id("job-note")).to_contain_text("Say why first")
    desk.screenshot(path=tmp_path / "support.png", full_page=True)
    assert barriers(desk) == []
    assert sideways(desk) == 0

    desk.get_by_test_id("reason").fill("she called")
    card(desk, waiting).get_by_role("button", name="Cancel this job").click()
    ends(card(desk, waiting), "cancelled")
    ends(card(hers, waiting), "cancelled")


def test_operators_see_the_whole_and_who_did_what(invite: Invite, tmp_path: Path) -> None:
    otto = invite("Otto.Operates")
    board = otto.sign_in(otto.open("/ops"))
    expect(board.get_by_test_id("ops-calm")).to_have_text("Nothing is delayed.")
    expect(board.get_by_test_id("ops-idle")).to_contain_text("test.count")
    board.screenshot(path=tmp_path / "ops.png", full_page=True)
    assert barriers(board) == []
    assert sideways(board) == 0
