"""Takes the README's pictures of the real thing: `python -m tests.e2e_page.pictures`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from tests.e2e_page.people import (
    CHROMIUM,
    FLAGS,
    Person,
    card,
    choose,
    customers,
    ends,
    with_our_node,
)
from tests.rig import ROOT, Process, Rig, until

IMAGES = ROOT / "docs" / "images"
WINDOW: ViewportSize = {"width": 860, "height": 900}


def main() -> None:
    """Writes docs/images/*.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, with_our_node() as playwright:
        rig = Rig(Path(folder) / "rig")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            take(rig, browser, Path(folder))
        finally:
            browser.close()
            rig.close()


def take(rig: Rig, browser: Browser, folder: Path) -> None:
    """Lets Ada import two files, the second of which is under way."""
    rig.supervisor()
    worker = rig.worker("tasks.csv_import")
    rig.gateway()
    context = browser.new_context(device_scale_factor=1.5, viewport=WINDOW)
    ada = Person(context, rig, "Ada")
    page = ada.here()
    offer(page, write(folder / "customers.csv", 1_204))
    ends(card(page), "partial")
    offer(page, write(folder / "orders-2026.csv", 400_000, spoilt=False))
    pause(page, worker)
    page.screenshot(path=IMAGES / "activity.png", full_page=True)
    worker.thaw()
    ends(card(page), "succeeded")


def offer(page: Page, file: Path) -> None:
    """Imports a file of customers, its columns declared."""
    choose(page, file)
    customers(page)
    page.get_by_test_id("submit").click()
    page.get_by_text("or drop it here").wait_for()  # accepted, and the form is ready for another


def pause(page: Page, worker: Process) -> None:
    """Stops the worker in the middle of its rows, so that the picture isn't blurred by haste."""
    bar = card(page).get_by_test_id("job-progress")
    until(lambda: float(bar.get_attribute("value") or 0) > 0.4, what="the import is under way")
    worker.freeze()
    page.wait_for_timeout(500)  # the bar glides


def write(path: Path, rows: int, *, spoilt: bool = True) -> Path:
    """A file of customers; three without an id and one with half an address, if spoilt."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,name,email\n")
        for number in range(1, rows + 1):
            id_ = "" if spoilt and number in (117, 462, 803) else number
            at = "(at)" if spoilt and number == 951 else "@"
            file.write(f"{id_},Customer {number},customer.{number}{at}example.com\n")
    return path


if __name__ == "__main__":
    main()
