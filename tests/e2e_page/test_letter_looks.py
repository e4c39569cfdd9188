"""The built-in letters in a browser, as mail programs show them: for every eye, on every screen,
in each language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from letters.fixture import KINDS, TYPICAL
from tests.e2e_page.eyes import findings, sideways
from tests.letterbox import shelf, written

PHONE, DESKTOP = 375, 640  #: pixels


@pytest.fixture(scope="module")
def sheet(browser: Browser) -> Iterator[Page]:
    """A page to show letters on. It may load nothing."""
    context = browser.new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.route("**/*", lambda route: route.abort())
    yield context.new_page()
    context.close()
    assert asked == [], "a letter loads nothing from elsewhere"


def show(sheet: Page, name: str, width: int) -> Page:
    """Shows a letter."""
    sheet.set_viewport_size({"width": width, "height": 900})
    sheet.set_content(written()[name].html, wait_until="domcontentloaded")
    return sheet


UNITS = sorted(shelf().built_in)


@pytest.mark.parametrize("unit", UNITS)
def test_a_letter_keeps_nobody_out_in_any_language(sheet: Page, unit: str) -> None:
    for tag in shelf().languages.all:
        name = f"{unit} {TYPICAL} {tag}"
        assert findings(show(sheet, name, DESKTOP), "light") == [], name
        assert findings(show(sheet, name, PHONE), "dark") == [], name


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_keeps_nobody_out_whatever_it_tells(sheet: Page, kind: str) -> None:
    for unit in ("partial", "digest"):
        name = f"{unit} {kind}"
        assert findings(show(sheet, name, PHONE), "light") == [], name
        assert findings(show(sheet, name, DESKTOP), "dark") == [], name


def test_no_letter_scrolls_sideways_on_a_small_phone(sheet: Page) -> None:
    names = [name for name in written() if sideways(show(sheet, name, PHONE)) > 0]
    assert names == []
