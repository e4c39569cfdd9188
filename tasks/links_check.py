"""The job type ``links.check``: do the links of a page, or of a list, still lead somewhere?

Safe to kill and run again at any point: it only reads. A later attempt goes on after the links
that were checked, in the page's order; a page that changed between two attempts is taken as it is
then, so a link that moved may be checked twice or not at all.
"""

from __future__ import annotations

import asyncio
import csv
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Annotated, NamedTuple, Self

from pydantic import Field

from ringback.declare import job
from ringback.errors import InputError
from ringback.item import Item
from ringback.job import Counts, Link, Result
from ringback.run import Run
from ringback.settings import load_settings
from tasks.csv_file import shown
from tasks.csv_rejected import harmless
from tasks.links_fetch import Fetcher
from tasks.links_page import EXAMPLE, LINKS, PageLink, listed, page_address, read_page
from tasks.links_problem import Unfit

#: Links whose checks run or are done ahead of the first one that isn't: slow links of one site
#: leave others their turn.
AHEAD = 128
EXAMPLE_LENGTH = 160  #: characters of an address in a problem's examples
LONGEST = 4 * 3600.0  #: seconds for 5,000 links, the slow ones and all attempts included

Url = Annotated[str, Field(max_length=2_000, description="an address like https://example.com")]
Urls = Annotated[list[Url], Field(min_length=1, max_length=LINKS)]
Seconds = Annotated[float, Field(ge=1, le=60, description="seconds for each request")]


class Checked(NamedTuple):
    """A link, and what is wrong with it, if anything."""

    link: PageLink
    unfit: Unfit | None


@job(
    "links.check",
    title="Link check {url}",
    idempotent=True,
    max_attempts=5,
    unit="links",
    steps=2,
    timeout=LONGEST,
    stall_after=300,
)
async def check_links(
    run: Run, *, url: Url | None = None, urls: Urls | None = None, timeout_each: Seconds = 10
) -> Result:
    """Checks all links of a web page, or a list of addresses: one of the two.

    Broken links come back with the reason and as a file. Links that need a sign-in, and those
    that don't lead to the web, are skipped.
    """
    if (url is None) == (urls is None):
        raise _one_of_two(both=url is not None)
    async with Fetcher(timeout=timeout_each, private=load_settings().private) as fetcher:
        with run.step("Finding the links"):
            found = await _of_page(run, fetcher, url) if url is not None else listed(urls or ())
        links = [link for link in found if run.wanted(link.url)]
        with run.step(f"Checking {_links(len(links))}"):
            await _check(run, fetcher, links)
    return _result(run, links)


class Checks:
    """Checks under way; an async context manager that leaves none behind."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._tasks: deque[asyncio.Task[Checked]] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def results(self, links: Iterable[PageLink]) -> AsyncIterator[Checked]:
        """Each link's result, in the links' order."""
        for link in links:
            self._tasks.append(asyncio.create_task(self._check(link)))
            if len(self._tasks) == AHEAD:
                yield await self._first()
        while self._tasks:
            yield await self._first()

    async def _first(self) -> Checked:
        result = await self._tasks[0]
        self._tasks.popleft()
        return result

    async def _check(self, link: PageLink) -> Checked:
        try:
            await self._fetcher.check(link.url)
        except Unfit as unfit:
            return Checked(link, unfit)
        return Checked(link, None)


async def _of_page(run: Run, fetcher: Fetcher, url: str) -> list[PageLink]:
    address = page_address(url)
    host = address.host or ""
    # the owner's own: nobody can make a site look down to others by asking for a slow page of it
    async with run.external(f"links {run.owner.id} {host}:{address.port}", label=host):
        return await read_page(fetcher, address)


async def _check(run: Run, fetcher: Fetcher, links: Sequence[PageLink]) -> None:
    async with Checks(fetcher) as checks:
        results = run.aitems(
            lambda start: checks.results(links[start:]),
            key=lambda checked: checked.link.url,
            total=len(links),
        )
        async for item in results:
            if item.value.unfit:
                _tell(item, item.value.unfit)


def _tell(item: Item[Checked], unfit: Unfit) -> None:
    problem = unfit.problem
    mark = item.skip if problem.outcome == "skipped" else item.fail
    example = f"{shown(item.value.link.url, EXAMPLE_LENGTH)}: {unfit.detail}"
    mark(problem.code, problem.message, one=problem.one, action=problem.action, example=example)


def _result(run: Run, links: Sequence[PageLink]) -> Result:
    counts = run.counts
    return run.result(_summary(counts), [_broken(run, links)] if counts.failed else [])


def _summary(counts: Counts) -> str:
    checked = counts.succeeded + counts.failed
    left = f"{_links(counts.skipped)} couldn't be checked" if counts.skipped else ""
    if not checked:
        return left or "There are no links to check"
    fine = f"{counts.succeeded:,} fine, {counts.failed:,} broken" if counts.failed else "all fine"
    return f"{_links(checked)} checked: {fine}{left and f'; {left}'}"


def _broken(run: Run, links: Sequence[PageLink]) -> Link:
    """The file of broken links, those that earlier attempts found included."""
    texts = {link.url: link.text for link in links}
    path = run.workspace / "broken.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark is for Excel
        rows = csv.writer(file)
        rows.writerow(("url", "text", "reason"))
        for record in run.failed_items():
            reason = record.example.rpartition(": ")[2]
            row = (record.key, texts.get(record.key, ""), reason)
            rows.writerow([harmless(value) for value in row])
    return run.publish_file(
        path,
        name="broken-links.csv",
        label=f"Download the {_links(run.counts.failed, 'broken link')}",
        content_type="text/csv; charset=utf-8",
    )


def _one_of_two(*, both: bool) -> InputError:
    told = "Both a page and a list of addresses came" if both else "Neither a page nor a list came"
    return InputError(
        f"{told}, so it isn't clear what to check.",
        code="url_or_urls",
        action=f"Give either url, {EXAMPLE}, or urls, a list of such addresses.",
        field="urls" if both else "url",
    )


def _links(count: int, noun: str = "link") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
