"""How a page is for every eye and every screen: axe-core's rules, light and dark, and no sideways
scroll."""

from __future__ import annotations

from typing import Literal

from playwright.sync_api import Page

from tests.e2e_page.people import AXE


def barriers(page: Page) -> list[str]:
    """What keeps people out, in light and in dark: serious and critical findings of axe-core."""
    return [*findings(page, "light"), *findings(page, "dark")]


def findings(page: Page, scheme: Literal["light", "dark"]) -> list[str]:
    """The same in one colour scheme."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = page.evaluate("axe.run({iframes: false, resultTypes: ['violations']})")
    return [
        f"{scheme}: {v['id']} ({v['impact']}): {v['help']}: {[n['html'] for n in v['nodes']]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def sideways(page: Page) -> int:
    """Pixels by which the page can be scrolled sideways on a phone."""
    page.set_viewport_size({"width": 320, "height": 720})
    pixels: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return pixels
