"""People with a browser: what they do on the pages, and what their browser complains of."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.rig import ROOT, WITHIN, Process, Rig, until

expect.set_options(timeout=WITHIN * 1000)

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
#: No sandbox, since root has none; no calls home.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"  #: by `make web`


def with_our_node() -> AbstractContextManager[Playwright]:
    """Playwright on the Node that built the pages: the one in its wheel needs a library
    (libatomic) that a bare Debian lacks."""
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = shutil.which("node") or "node"
    return sync_playwright()


WATCH = """() => {
  const seen = (window.seen = {});
  const note = (list, value) => { if (value !== null && value !== list.at(-1)) list.push(value); };
  new MutationObserver(() => {
    for (const card of document.querySelectorAll('[data-job-id]')) {
      const job = (seen[card.dataset.jobId] ??= {states: [], shares: []});
      note(job.states, card.dataset.state);
      note(job.shares, card.querySelector('progress')?.getAttribute('value') ?? null);
    }
  }).observe(document.body, {attributes: true, childList: true, subtree: true});
}"""


class Person:
    """Somebody with a browser profile of their own. Every complaint of the browser is kept:
    console errors (violations of the page's CSP are such), exceptions, dialogs."""

    def __init__(self, context: BrowserContext, rig: Rig, name: str) -> None:
        context.set_default_timeout(WITHIN * 1000)
        self.context, self.rig, self.name = context, rig, name
        self.email = f"{name.lower()}@example.com"
        self.complaints: list[str] = []
        self._expected: list[str] = []
        context.on("page", self._listen)

    def open(self, path: str = "/") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.goto(self.rig.url + path)
        return page

    def sign_in(self, page: Page) -> Page:
        """Fills in the development sign-in, as the page shows it."""
        page.get_by_test_id("sign-in-email").fill(self.email)
        page.get_by_test_id("sign-in-name").fill(self.name)
        page.get_by_test_id("sign-in-submit").click()
        page.get_by_test_id("sign-out").wait_for()
        return page

    def here(self, path: str = "/") -> Page:
        """A new tab of somebody who is signed in, with the list of jobs there."""
        page = self.sign_in(self.open(path))
        expect(page.locator(".skeleton")).to_have_count(0)
        return page

    def token(self, page: Page) -> str:
        """What the page shows the gateway."""
        key = "'ringback.session'"
        session = page.evaluate(f"sessionStorage.getItem({key}) ?? localStorage.getItem({key})")
        token: str = json.loads(session)["token"]
        return token

    def submit(self, page: Page, kind: str, **params: Any) -> str:
        """Starts a job that the page has no form for; its id."""
        body = json.dumps({"type": kind, "params": params}).encode()
        headers = {**self._headers(page), "Content-Type": "application/json"}
        with urlopen(Request(f"{self.rig.url}/api/v1/jobs", body, headers)) as response:
            job_id: str = json.load(response)["id"]
            return job_id

    def upload(self, page: Page, file: Path) -> str:
        """Sends a file without the form; its id."""
        url = f"{self.rig.url}/api/v1/files?name={file.name}"
        with urlopen(Request(url, file.read_bytes(), self._headers(page))) as response:
            file_id: str = json.load(response)["id"]
            return file_id

    def expect(self, complaint: str) -> None:
        """What this person does makes the browser log ``complaint`` (a regular expression)."""
        self._expected.append(complaint)

    @property
    def unexpected(self) -> list[str]:
        """Complaints that nothing explains."""
        return [c for c in self.complaints if not any(re.search(e, c) for e in self._expected)]

    def _headers(self, page: Page) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token(page)}",
            "Content-Type": "application/octet-stream",
        }

    def _listen(self, page: Page) -> None:
        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.complaints.append(f"{message.text} ({message.location.get('url')})")

        page.on("console", console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


class Notes:
    """Every state and every share of progress that each card of a page shows from now on, however
    shortly, in order and without repetitions."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.evaluate(WATCH)

    def states(self, job: Locator) -> list[str]:
        """The values of ``data-state``."""
        states: list[str] = self._of(job)["states"]
        return states

    def shares(self, job: Locator) -> list[float]:
        """The values of the progress bar, 0 to 1."""
        return [float(share) for share in self._of(job)["shares"]]

    def _of(self, job: Locator) -> Any:
        return self._page.evaluate("id => window.seen[id]", job.get_attribute("data-job-id"))


def choose(page: Page, file: Path, table: str | None = None) -> None:
    """Chooses a file, and waits until the page has read its first line."""
    with page.expect_file_chooser() as chooser:
        page.locator(".drop").click()
    chooser.value.set_files(file)
    expect(page.locator(".drop")).to_contain_text(file.name)
    if table is not None:
        page.get_by_test_id("table-input").fill(table)


def customers(page: Page) -> None:
    """Says what the columns of a file of customers are."""
    page.get_by_text(re.compile(r"^Columns \(")).click()
    page.get_by_label("Unique key id").check()
    page.get_by_label("Type of email").select_option("email")


def card(page: Page, job_id: str | None = None, title: str | None = None) -> Locator:
    """A job's card; the newest one unless said."""
    cards = page.get_by_test_id("job-card")
    if job_id is not None:
        return page.locator(f'[data-job-id="{job_id}"]')
    return (cards.filter(has_text=title) if title else cards).first


def ends(job: Locator, state: str) -> None:
    """Waits until a card shows its end."""
    terminal = ("succeeded", "partial", "failed", "cancelled")
    until(lambda: job.get_attribute("data-state") in terminal, what="the job ends on the page")
    assert job.get_attribute("data-state") == state, job.inner_text()


@contextmanager
def plain_browser(playwright: Playwright, directory: Path) -> Iterator[BrowserContext]:
    """A browser as people run it. Playwright's own keeps every tab "visible"; here a tab behind
    another one is hidden."""
    directory.mkdir()
    argv = [CHROMIUM, "--headless", *FLAGS, "--remote-debugging-port=0",
            f"--user-data-dir={directory}", "about:blank"]  # fmt: skip
    process = Process(argv, dict(os.environ), directory / "log")
    try:
        port = directory / "DevToolsActivePort"
        until(lambda: port.exists() and port.read_text().strip(), what="chromium listens")
        address = f"http://127.0.0.1:{port.read_text().split()[0]}"
        browser = playwright.chromium.connect_over_cdp(address, no_defaults=True)
        yield browser.contexts[0]
        browser.close()
    finally:
        process.stop()
