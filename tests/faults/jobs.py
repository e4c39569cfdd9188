"""Job types whose effects are counted in a ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from ringback import Item, LeaseLost, Result, Run, job
from ringback.job import Outcome
from tests.faults.ledger import Ledger, Page

LEASE_LOST = "lease lost"
ATTEMPTS = 50  #: more than any test's kills, so that none of them ends a job


@job("faults.effects", title="{items} effects", idempotent=True, max_attempts=ATTEMPTS)
def effects(run: Run, *, ledger: str, items: int, pause: float = 0.0) -> Result:
    """Has one effect per item; ``pause``: seconds that an item takes besides. See ``verdict``."""
    with _page(run, ledger) as page:
        for item in run.items(range(items), total=items):
            _do(item, page)
            time.sleep(pause)
    return run.result(f"{items} effects")


@job("faults.async", title="{items} effects", idempotent=True, max_attempts=ATTEMPTS)
async def effects_async(run: Run, *, ledger: str, items: int, pause: float = 0.0) -> Result:
    """The same, as a coroutine."""
    with _page(run, ledger) as page:
        async for item in run.aitems(lambda start: _numbers(start, items), total=items):
            _do(item, page)
            await asyncio.sleep(pause)
    return run.result(f"{items} effects")


@job("faults.hold", title="Holding on", idempotent=True, max_attempts=ATTEMPTS)
def hold(run: Run, *, ledger: str, gate: str) -> Result:
    """Runs until a file exists. It looks rarely, since a thousand of them may run at once."""
    with Ledger(Path(ledger)).page(run.job_id, run.attempt) as page:
        page.start()
    with run.step("Holding on"):
        while not Path(gate).exists():
            run.checkpoint()
            time.sleep(0.5)
    return run.result("Let go")


def verdict(item: int) -> Outcome | None:
    """How an item goes, besides its effect: every fifth fails, every seventh is skipped."""
    if item % 5 == 4:
        return "failed"
    return "skipped" if item % 7 == 6 else None


async def _numbers(start: int, end: int) -> AsyncIterator[int]:
    for number in range(start, end):
        yield number


@contextmanager
def _page(run: Run, ledger: str) -> Iterator[Page]:
    with Ledger(Path(ledger)).page(run.job_id, run.attempt) as page:
        page.start()
        try:
            yield page
        except LeaseLost:
            page.note(LEASE_LOST)
            raise


def _do(item: Item[int], page: Page) -> None:
    page.do(item.value, item.idempotency_key)
    match verdict(item.value):
        case "failed":
            item.fail("bad", "{count} items are bad")
        case "skipped":
            item.skip("odd", "{count} items are odd")
