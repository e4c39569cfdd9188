"""The pages of support and operators: a page as its user sees it, and how the whole does."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ringback import alert, audit, store, suppression
from ringback.job import Job, Result
from ringback.keys import demo_user, new_job_id
from tests.e2e.look import notice_of
from tests.e2e_page.conftest import Invite
from tests.e2e_page.eyes import barriers, sideways
from tests.e2e_page.people import card, ends
from tests.rig import Rig, new_spec

#: Moments that are broken over lines, and cells too narrow for words.
BROKEN = """() => [...document.querySelectorAll('.scroll td:not(.none)')].filter((cell) => {
  const text = document.createRange();
  text.selectNodeContents(cell);
  const lines = new Set([...text.getClientRects()].map((line) => line.top)).size;
  return cell.offsetWidth < 60 || (cell.dataset.head === 'When' && lines > 1);
}).map((cell) => cell.textContent)"""
WIDE = """() => [...document.querySelectorAll('.scroll, .scroll td')]
  .filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.textContent)"""


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
    expect(desk.get_by_test_id("support-presence")).to_contain_text("Connected now: 1 in view.")

    desk.get_by_test_id("reason").fill("she called")
    card(desk, waiting).get_by_role("button", name="Cancel this job").click()
    ends(card(desk, waiting), "cancelled")
    ends(card(hers, waiting), "cancelled")


def test_operators_see_the_whole_and_who_did_what(invite: Invite, rig: Rig, tmp_path: Path) -> None:
    otto = invite("Otto.Operates")
    rig.do(audit.record("otto", f"webhook wh_{'7' * 32} removed", "its receiver is gone"))
    rig.do(audit.record("dev-0a1b2c3d4e5f", "force", "It hangs.", [new_job_id("ann")], "ann"))
    rig.do(alert.sound("mail.tls", "The mail server offers no TLS. Switch STARTTLS on there."))
    board = otto.sign_in(otto.open("/ops"))
    expect(board.get_by_test_id("ops-alerts")).to_contain_text("Switch STARTTLS on there.")
    expect(board.get_by_test_id("ops-calm")).to_have_text("Nothing is delayed.")
    expect(board.get_by_test_id("ops-idle")).to_contain_text("test.count")
    trail = board.get_by_role("table", name="Audit trail")
    expect(trail).to_contain_text("its receiver is gone")
    expect(trail).not_to_contain_text("0 jobs")
    for width in (1185, 768, 375):
        board.set_viewport_size({"width": width, "height": 900})
        assert board.evaluate(BROKEN) == [], width
        assert board.evaluate(WIDE) == [], width
        board.screenshot(path=tmp_path / f"ops-{width}.png", full_page=True)
    assert barriers(board) == []
    assert sideways(board) == 0


def test_operators_write_to_an_address_again_with_a_reason(
    invite: Invite, rig: Rig, tmp_path: Path
) -> None:
    gone = "An email came back: there is no such mailbox as z…@example.com."
    rig.do(suppression.suppress("zoe+jobs@example.com", gone, "bounce"))
    rig.do(suppression.suppress("yan@example.com", "He asked us to.", "operator", "otto"))
    olga = invite("Olga.Operates")
    board = olga.sign_in(olga.open("/ops"))
    stopped = board.get_by_test_id("ops-stopped")
    expect(stopped).to_contain_text("stopped by otto")
    expect(stopped).to_contain_text(gone)
    lift = board.get_by_role("button", name="Write to it again: zoe+jobs@example.com")
    lift.click()
    expect(board.get_by_text("Say why first")).to_be_visible()
    board.get_by_test_id("reason").fill("her mailbox works again")
    lift.click()
    expect(lift).to_have_count(0)
    expect(stopped).to_contain_text("yan@example.com")
    assert rig.do(suppression.look("zoe+jobs@example.com")) is None
    expect(board.get_by_role("table", name="Audit trail")).to_contain_text("her mailbox works")
    board.screenshot(path=tmp_path / "stopped.png", full_page=True)
    assert barriers(board) == []
    assert sideways(board) == 0


def test_operators_send_an_email_again_that_failed_by_no_fault_of_its_user(
    invite: Invite, rig: Rig
) -> None:
    spec = new_spec("una", "Import of una.csv", grace_absent=600_000, grace_present=600_000)
    job = rig.do(store.submit(spec)).job
    for change in (Job.claimed, lambda job: job.ended(Result("Done")), _blocked):
        job = rig.do(store.update(job, change))
    board = (otto := invite("Otto.Operates.Again")).sign_in(otto.open("/ops"))
    email = board.locator(f"[data-unsent='{job.id}']")
    expect(email).to_contain_text("RCPT: 554 5.7.1 no relay")
    email.get_by_test_id("ops-send-again").click()
    expect(board.get_by_text("Say why first")).to_be_visible()
    board.get_by_test_id("reason").fill("SPF mended")
    email.get_by_test_id("ops-send-again").click()
    expect(email).to_have_count(0)
    assert notice_of(rig, job.id).state == "sent"


def _blocked(job: Job) -> Job:
    return job.email_failed("The mail server refused it.", "RCPT: 554 5.7.1 no relay", dead=True)


@pytest.mark.parametrize(
    ("path", "role"), [("/ops", "operator"), ("/support", "support"), ("/studio", "author")]
)
def test_who_lacks_a_pages_role_is_told_and_stays_signed_in(
    invite: Invite, path: str, role: str
) -> None:
    page = invite(f"Ann.Strays.{role}").here()
    page.goto(page.url.rstrip("/") + path)
    expect(page.get_by_test_id("denied")).to_contain_text(f"needs the role “{role}”")
    expect(page.get_by_test_id("denied")).to_contain_text("Ask whoever runs Ringback")
    assert barriers(page) == []
    page.get_by_role("link", name="Go to your jobs").click()
    page.get_by_test_id("sign-out").wait_for()
    expect(page.get_by_test_id("sign-in-email")).to_have_count(0)
