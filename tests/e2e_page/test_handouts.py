"""The link in an email that leads straight to a file, in a browser that isn't signed in."""

from __future__ import annotations

import re
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from ringback import files, store
from ringback.handout import Handout, Handouts
from tests.e2e_page.conftest import Invite
from tests.e2e_page.eyes import barriers, sideways
from tests.e2e_page.people import card, ends
from tests.rig import Rig, until

GONE = "status of 410"  #: what Chromium logs about a link that has expired


def picture(page: Page, path: Path, name: str) -> None:
    """Nobody is kept out, by day and night, and it fits a phone; pictures to look at."""
    for width, scheme in ((900, "light"), (375, "dark")):
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert sideways(page) == 0
        assert barriers(page) == []
        page.screenshot(path=path / f"{name}-{width}.png")


def test_a_file_is_had_from_its_email_and_an_old_link_leads_to_the_job(
    invite: Invite, rig: Rig, tmp_path: Path
) -> None:
    ada, reader = invite("Ada.Hands"), invite("Any.Reader")
    page = ada.here()
    job_id = ada.submit(page, "test.hands")
    ends(card(page, job_id), "succeeded")
    result = rig.do(store.load(job_id)).result
    assert result is not None
    file = files.id_of(result.links[0].url) or ""

    handouts = Handouts(rig.own["JWT_SECRET"], rig.url)
    link = handouts.url(Handout(job_id, file, round(time.time()) + 60))
    there = reader.open(link.removeprefix(rig.url))
    expect(there.get_by_role("heading", name="Your file")).to_be_visible()
    picture(there, tmp_path, "file")
    with there.expect_download() as download:
        there.get_by_role("button", name="Download rows.csv").click()
    assert download.value.suggested_filename == "rows.csv"
    assert Path(download.value.path()).read_text() == "id,name\n17,\n"

    reader.expect(GONE)
    old = handouts.url(Handout(job_id, file, 1))
    there = reader.open(old.removeprefix(rig.url))
    expect(there.get_by_role("heading", name="This link has expired")).to_be_visible()
    picture(there, tmp_path, "expired")
    there.get_by_role("link", name="the job's page").click()
    expect(there).to_have_url(re.compile(re.escape(f"{rig.url}/?job={job_id}")))
    until(lambda: there.get_by_test_id("sign-in-email").is_visible(), what="the sign-in")
