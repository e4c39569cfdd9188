"""The studio: who has never programmed edits the emails' words, and sees what the reader gets."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.e2e_page.conftest import Invite
from tests.e2e_page.eyes import barriers, sideways
from tests.e2e_page.people import Person, ends
from tests.e2e_page.people import card as job_card
from tests.rig import Rig, until

#: What copy must never become: the words of whoever can publish aren't a program.
HOSTILE = """
<script>document.title = "broken into"; alert(1)</script>
<img src="https://evil.example/pixel.png" onerror="alert(2)"> [a link](javascript:alert(3))
<style>@import url("https://evil.example/style.css");</style>
"""


def studio(person: Person, message: str = "succeeded") -> Page:
    """The page with a message open and its preview there."""
    page = person.sign_in(person.open(f"/studio?message={message}"))
    page.get_by_test_id("studio-html").wait_for()
    return page


def words(page: Page) -> Locator:
    """Where one types."""
    return page.get_by_test_id("studio-editor").get_by_role("textbox")


def letter(page: Page) -> FrameLocator:
    """The email as HTML."""
    return page.frame_locator('[data-testid="studio-html"]')


def add(page: Page, text: str, file: str = "body.md") -> None:
    """Types at the end of a file."""
    page.get_by_test_id(f"studio-file-{file}").click()
    words(page).press("Control+End")
    page.keyboard.insert_text(text)


def rewrite(page: Page, text: str, file: str = "subject.txt") -> None:
    """Types over a file."""
    page.get_by_test_id(f"studio-file-{file}").click()
    words(page).press("Control+a")
    page.keyboard.insert_text(text)


def publish(page: Page, note: str) -> None:
    """Publishes what was typed."""
    page.get_by_test_id("studio-publish").click()
    page.get_by_test_id("studio-note").fill(note)
    page.get_by_test_id("studio-publish-now").click()


def go_back(page: Page, button: str, note: str) -> None:
    """Takes an older revision, or none, from the history."""
    page.get_by_test_id("studio-history").click()
    page.get_by_test_id(button).last.click()
    page.get_by_test_id("studio-note").fill(note)
    page.get_by_test_id("studio-back-now").click()
    expect(page.get_by_test_id("studio-done")).to_contain_text("from now on")


def mailed(person: Person, rig: Rig, page: Page) -> str:
    """The subject of the email about a job that ends now."""
    job = person.submit(page, "test.count", to=3)

    def subject() -> str | None:
        found = [str(it["Subject"]) for it in rig.emails() if it["X-Ringback-Job"] == job]
        return found[0] if found else None

    return until(subject, what="the email is there") or ""


def test_what_is_typed_is_seen_at_once_in_every_view(invite: Invite) -> None:
    page = studio(invite("Ada.Types"))
    add(page, "\nThanks for *waiting*, {{ reader.name }}.\n")
    expect(letter(page).get_by_text("Thanks for waiting, Ada Lovelace.")).to_be_visible()
    expect(page.get_by_test_id("studio-facts")).to_contain_text("In English")
    page.get_by_test_id("studio-view-text").click()
    expect(page.get_by_test_id("studio-text")).to_contain_text("Thanks for waiting, Ada Lovelace.")
    rewrite(page, "All done: {{ job.subject }}, and nothing is left for you to do")
    page.get_by_test_id("studio-view-row").click()
    expect(page.get_by_test_id("studio-row-desktop")).to_contain_text("nothing is left for you")
    expect(page.get_by_test_id("studio-row-phone")).to_contain_text(
        "All done: Import of customers.csv"
    )
    expect(page.get_by_test_id("studio-row-phone")).not_to_contain_text("nothing is left")
    page.get_by_test_id("studio-view-source").click()
    expect(page.get_by_test_id("studio-source")).to_contain_text("Subject: All done:")
    page.get_by_test_id("studio-view-changes").click()
    expect(
        page.get_by_test_id("studio-changes").locator("ins", has_text="Thanks for")
    ).to_be_visible()
    page.get_by_test_id("studio-discard").click()
    expect(page.get_by_test_id("studio-changes")).to_have_text("They are the same.")
    words(page).press("Tab")  # leads on, for who has no mouse
    expect(words(page)).not_to_be_focused()


def test_a_typo_is_told_beside_its_line_and_can_not_be_published(invite: Invite) -> None:
    page = studio(invite("Ada.Errs"))
    add(page, "\nThis was {{ job.titel }}.\n")
    beside = page.get_by_test_id("studio-beside")
    expect(beside).to_have_text("Error: There is no “job.titel”. Did you mean “job.title”?")
    expect(page.get_by_test_id("studio-trouble")).to_contain_text("the last words that could be")
    expect(letter(page).get_by_role("heading").first).to_be_visible()  # the last good email
    page.get_by_test_id("studio-publish").click()
    dialog = page.get_by_test_id("studio-publish-dialog")
    expect(dialog).to_contain_text("1 error would reach readers. Mend it first")
    expect(page.get_by_test_id("studio-publish-now")).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_test_id("studio-file-subject.txt").click()
    page.get_by_test_id("studio-trouble-place").first.click()
    expect(page.locator(".cm-activeLine")).to_have_text("This was {{ job.titel }}.")
    expect(page.get_by_test_id("studio-troubles")).to_contain_text(
        "who reads Arabic, French, German"
    )
    for _ in ("undo", "and what went with it"):
        words(page).press("Control+z")
    expect(beside).to_have_count(0)
    expect(page.get_by_test_id("studio-trouble")).to_be_hidden()


def test_a_variable_is_put_where_the_cursor_is_and_is_declared(invite: Invite) -> None:
    page = studio(invite("Ada.Inserts"))
    add(page, "\nAbout: ")
    page.get_by_text("What you can write here").click()
    page.get_by_test_id("studio-find").fill("called")
    page.locator('[data-name="job.title"]').click()
    expect(letter(page).get_by_text("About: Import of customers.csv")).to_be_visible()
    expect(page.get_by_test_id("studio-beside")).to_have_count(0)


def test_published_words_reach_readers_until_they_are_taken_back(invite: Invite, rig: Rig) -> None:
    ada = invite("Ada.Publishes")
    page = studio(ada)
    page.get_by_test_id("studio-new").click()
    page.get_by_test_id("studio-new-message").select_option("succeeded")
    page.get_by_test_id("studio-new-type").select_option("test.count")
    page.get_by_test_id("studio-new-begin").click()
    expect(page.get_by_role("heading", name="Done · test.count")).to_be_visible()
    rewrite(page, "Counted for you: {{ job.subject }}")
    publish(page, "Says what it was for")
    expect(page.get_by_test_id("studio-done")).to_contain_text(
        "Readers get these words from now on"
    )
    expect(page.get_by_test_id("studio-origin")).to_contain_text("Published by Ada.Publishes")
    assert mailed(ada, rig, page) == "Counted for you: Counting to 3: 3 done"

    rewrite(page, "It is over: {{ job.subject }}")
    publish(page, "Sounds better")
    expect(page.get_by_test_id("studio-done")).to_be_visible()
    go_back(page, "studio-revision-back", "It did not")
    assert mailed(ada, rig, page) == "Counted for you: Counting to 3: 3 done"
    go_back(page, "studio-withdraw", "The old ones will do")
    page.get_by_test_id("studio-history").click()
    told = page.get_by_test_id("studio-revisions")
    expect(told.get_by_role("listitem")).to_have_count(4)
    expect(told).to_contain_text("Sounds better")
    assert mailed(ada, rig, page) == "Counting to 3: 3 done"


def test_a_real_job_a_language_and_a_zone_can_be_tried(invite: Invite) -> None:
    ada = invite("Ada.Tries")
    page = studio(ada)
    job = ada.submit(page, "test.count", to=4321)
    ends(job_card(ada.open("/"), job), "succeeded")
    page.reload()
    page.get_by_test_id("studio-data").select_option(f"job:{job}")
    expect(letter(page).get_by_role("heading", name="Counting to 4321")).to_be_visible()
    page.get_by_test_id("studio-data").select_option("other")
    page.get_by_test_id("studio-job").fill("4321")
    page.get_by_test_id("studio-job").press("Enter")
    expect(page.locator("#studio-job-error")).to_contain_text("looks like 1f-")
    page.get_by_test_id("studio-job").fill(f" \u2068{job}\u2069")
    page.get_by_test_id("studio-job").press("Enter")
    page.get_by_test_id("studio-zone").fill("Asia/Tokyo")
    page.get_by_test_id("studio-zone").press("Enter")
    expect(letter(page).get_by_text("GMT+09:00")).to_be_visible()


def test_a_language_has_its_own_version_and_arabic_runs_from_right_to_left(invite: Invite) -> None:
    page = studio(invite("Ada.Translates"))
    page.get_by_test_id("studio-version").select_option("ar")
    rewrite(page, "تم: {{ job.subject }}")
    rewrite(page, "# تم\n\n{{ job.button }}\n", "body.md")
    page.get_by_test_id("studio-locale").select_option("ar")
    expect(letter(page).get_by_role("heading", name="تم")).to_be_visible()
    expect(letter(page).locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(".cm-line").first).to_have_css("direction", "rtl")
    page.get_by_test_id("studio-locale").select_option("")
    expect(letter(page).locator("html")).to_have_attribute("dir", "ltr")
    page.get_by_test_id("studio-version-remove").click()
    expect(page.get_by_test_id("studio-discard")).to_be_disabled()


def test_phones_and_the_dark_are_tried_whatever_the_authors_screen_is(invite: Invite) -> None:
    page = studio(invite("Ada.Looks.Dark"))
    paper = "document => getComputedStyle(document.querySelector('.card')).backgroundColor"
    assert letter(page).locator("html").evaluate(paper) == "rgb(255, 255, 255)"
    assert shown(page) == 640
    page.get_by_test_id("studio-width-mobile").click()
    page.get_by_test_id("studio-colours-dark").click()
    until(lambda: shown(page) == 375, what="as narrow as a phone")
    until(lambda: letter(page).locator("html").evaluate(paper) == "rgb(28, 31, 34)", what="dark")
    page.emulate_media(color_scheme="dark")
    page.get_by_test_id("studio-colours-light").click()
    until(
        lambda: letter(page).locator("html").evaluate(paper) == "rgb(255, 255, 255)", what="light"
    )


def shown(page: Page) -> Any:
    """The width that the email believes it has."""
    return page.get_by_test_id("studio-html").evaluate("frame => frame.clientWidth")


def test_who_was_second_sees_what_the_first_published(invite: Invite) -> None:
    second = invite("Grace.Second")
    second.expect("409")
    ada = studio(invite("Ada.First"), "cancelled.test.gate")
    grace = studio(second, "cancelled.test.gate")
    rewrite(ada, "Stopped by Ada: {{ job.subject }}")
    publish(ada, "Mine")
    expect(ada.get_by_test_id("studio-done")).to_be_visible()
    add(grace, "\nYours, Grace.\n")
    publish(grace, "Signed")
    conflict = grace.get_by_test_id("studio-conflict")
    expect(conflict).to_contain_text("Ada.First published revision 1")
    expect(conflict).to_contain_text("“Mine”")
    expect(conflict.locator("ins", has_text="Stopped by Ada")).to_be_visible()
    expect(grace.get_by_test_id("studio-conflict-mine-diff")).to_contain_text("Yours, Grace.")
    expect(grace.get_by_test_id("studio-conflict-mine-diff")).not_to_contain_text("Stopped by Ada")
    assert barriers(grace) == []
    grace.get_by_test_id("studio-conflict-mine").click()
    grace.get_by_test_id("studio-note").fill("Signed, over hers")
    grace.get_by_test_id("studio-publish-now").click()
    expect(grace.get_by_test_id("studio-done")).to_be_visible()
    grace.get_by_test_id("studio-view-row").click()
    expect(grace.get_by_test_id("studio-row-desktop")).to_contain_text("Stopped by Ada")
    go_back(grace, "studio-withdraw", "As it was")


def test_hostile_words_do_nothing(invite: Invite, rig: Rig) -> None:
    ada = invite("Ada.Defends")
    page = studio(ada)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
    page.get_by_test_id("studio-data").select_option("fixture:hostile")
    add(page, HOSTILE)
    page.get_by_test_id("studio-view-text").click()
    expect(page.get_by_test_id("studio-text")).to_contain_text("broken into")
    page.get_by_test_id("studio-view-html").click()
    expect(letter(page).locator("script")).to_have_count(0)
    ours = urlsplit(rig.url).netloc
    assert [url for url in asked if urlsplit(url).netloc not in (ours, "")] == []
    assert page.title() == "Studio · Ringback"
    frame = page.get_by_test_id("studio-html")
    assert "allow-scripts" not in str(frame.get_attribute("sandbox"))


def test_words_that_were_not_published_are_there_after_a_reload(invite: Invite) -> None:
    page = studio(invite("Ada.Reloads"))
    add(page, "\nDo not lose me.\n")
    expect(page.locator('[data-name="succeeded"]')).to_contain_text("Not published")
    page.locator('[data-name="failed"]').click()
    expect(page.get_by_role("heading", name="Failed: any other cause")).to_be_focused()
    page.go_back()
    expect(words(page)).to_contain_text("Do not lose me.")
    warned: list[str] = []

    def leave(dialog: Any) -> None:
        warned.append(dialog.type)
        dialog.accept()

    page.once("dialog", leave)
    page.reload()
    assert warned == ["beforeunload"]
    expect(page.get_by_test_id("studio-kept")).to_contain_text("that were not published")
    expect(words(page)).not_to_contain_text("Do not lose me.")
    page.get_by_test_id("studio-kept-take").click()
    expect(words(page)).to_contain_text("Do not lose me.")
    expect(letter(page).get_by_text("Do not lose me.")).to_be_visible()


def test_words_can_be_downloaded_and_saved_to_the_folder(invite: Invite, rig: Rig) -> None:
    page = studio(invite("Ada.Saves"), "failed.test.fails")
    rewrite(page, "Sorry to say: {{ job.subject }}\n")
    with page.expect_download() as download:
        page.get_by_test_id("studio-download").click()
    archive = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    assert archive.testzip() is None
    assert archive.read("failed.test.fails/subject.txt") == b"Sorry to say: {{ job.subject }}\n"
    page.get_by_test_id("studio-save").click()
    expect(page.get_by_test_id("studio-done")).to_contain_text("Saved to the templates folder.")
    folder = Path(rig.own["TEMPLATES"]) / "failed.test.fails"
    assert [path.name for path in folder.iterdir()] == ["subject.txt"]
    expect(page.get_by_test_id("studio-origin")).to_contain_text("from the templates folder")


def test_the_studio_keeps_nobody_out_and_fits_a_phone(invite: Invite) -> None:
    page = studio(invite("Ada.Sees"))
    page.get_by_text("What you can write here").click()
    add(page, "\nThis was {{ job.titel }}.\n")
    expect(page.get_by_test_id("studio-beside")).to_be_visible()
    for view in ("html", "text", "source", "row", "changes"):
        page.get_by_test_id(f"studio-view-{view}").click()
        assert barriers(page) == [], view
        assert sideways(page) == 0, view
        page.set_viewport_size({"width": 1185, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == 1185, view
    for deed in ("publish", "history", "new"):
        page.get_by_test_id(f"studio-{deed}").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert barriers(page) == [], deed
        page.get_by_test_id(f"studio-{deed}-dialog-close").click()
