"""Takes the pictures of docs/studio.md: `python -m tests.e2e_page.pictures_studio`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e_page.people import CHROMIUM, FLAGS, Person, with_our_node
from tests.e2e_page.pictures import IMAGES
from tests.e2e_page.slim import slim
from tests.e2e_page.test_studio import add, letter, publish, rewrite, studio
from tests.rig import Rig

WINDOW: ViewportSize = {"width": 1280, "height": 860}


def main() -> None:
    """Writes docs/images/studio*.png."""
    with tempfile.TemporaryDirectory() as folder, with_our_node() as playwright:
        rig = Rig(Path(folder) / "rig")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            take(rig, browser)
        finally:
            browser.close()
            rig.close()


def take(rig: Rig, browser: Browser) -> None:
    """Lets Ada and Grace write."""
    rig.worker("tasks.csv_import")
    rig.gateway()
    ada, grace = (come(rig, browser, name) for name in ("Ada", "Grace"))
    page = studio(ada, "partial.csv.import")
    shoot(page, "studio")
    theirs = studio(grace, "partial.csv.import")

    add(page, "\nSee you soon, {{ reader.nam }}.\n")
    expect(page.get_by_test_id("studio-beside")).to_be_visible()
    shoot(page, "studio-typo")
    page.get_by_test_id("studio-discard").click()

    rewrite(page, "Your import: {{ job.subject }}")
    publish(page, "Says that it is yours")
    expect(page.get_by_test_id("studio-done")).to_be_visible()
    add(theirs, "\nThe import team wishes you a nice day.\n")
    expect(letter(theirs).get_by_text("wishes you a nice day")).to_be_visible()
    publish(theirs, "Friendlier")
    expect(theirs.get_by_test_id("studio-conflict")).to_be_visible()
    shoot(theirs, "studio-conflict")


def come(rig: Rig, browser: Browser, name: str) -> Person:
    """Somebody with a window."""
    return Person(browser.new_context(viewport=WINDOW), rig, name)


def shoot(page: Page, name: str) -> None:
    """Takes one picture, once nothing moves."""
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / f"{name}.png")
    slim(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
