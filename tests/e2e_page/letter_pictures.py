"""Takes the docs' pictures of emails: `python -m tests.e2e_page.letter_pictures`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser

from tests.e2e_page.people import CHROMIUM, FLAGS, with_our_node
from tests.e2e_page.pictures import IMAGES
from tests.letterbox import written

PHONE, DESKTOP = 375, 680  #: pixels
LARGEST = 150_000  #: bytes of a file


@dataclass(frozen=True, slots=True)
class Shot:
    """Which letter is shown how, and the file's name after ``email-``. It loses its end from
    ``tallest`` pixels on."""

    file: str
    letter: str
    width: int = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    tallest: int = 2_000


SHOTS = (
    Shot("partial", "partial.csv.import typical"),
    Shot("failed-input", "failed-input typical"),
    Shot("failed-system", "failed-system typical"),
    Shot("digest", "digest typical", tallest=1_150),
    Shot("dark", "partial.csv.import typical", PHONE, "dark"),
    Shot("arabic", "partial.csv.import rtl", PHONE),
)


def main() -> None:
    """Writes docs/images/email-*.png."""
    with with_our_node() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            for shot in SHOTS:
                take(browser, shot)
        finally:
            browser.close()


def take(browser: Browser, shot: Shot) -> None:
    """One picture."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": 200},
        color_scheme=shot.scheme,
    )
    page = context.new_page()
    page.set_content(written()[shot.letter].html)
    height = min(shot.tallest, page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": shot.width, "height": height})
    picture = page.screenshot()
    context.close()
    assert len(picture) < LARGEST, f"{shot.file}: {len(picture)} bytes"
    (IMAGES / f"email-{shot.file}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
