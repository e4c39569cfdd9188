"""Job types for the tests."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

from ringback import ExternalError, File, InputError, ItemError, PermissionError_, Result, Run, job


@job("test.count", title="Counting to {to}", idempotent=True, unit="numbers")
def count(
    run: Run, *, to: int, pause: float = 0.0, bad: int = 0, tally: str | None = None
) -> Result:
    """Counts; the first ``bad`` numbers fail. ``pause``: seconds of real waiting per number, for
    tests that need the job to be still running. ``tally``: a file that gets a line per attempt."""
    if tally is not None:
        with Path(tally).open("a") as file:
            file.write(f"{run.job_id} {run.attempt}\n")
    for item in run.items(range(1, to + 1), total=to):
        with item.attempt():
            time.sleep(pause)
            if item.value <= bad:
                raise ItemError(
                    "bad_number", "{count} numbers are bad", one="1 number is bad",
                    action="Use other numbers", example=f"number {item.value}",
                )  # fmt: skip
    return run.result(f"Counted to {to}")


@job("test.once", title="Only once", idempotent=False)
def once(run: Run, *, pause: float = 0.0) -> Result:
    """Can't be run again."""
    for _ in run.items(range(100), total=100):
        time.sleep(pause)
    return run.result("Done once")


@job("test.gate", title="Waiting for {path}", idempotent=True)
def gate(run: Run, *, path: str) -> Result:
    """Runs until a file exists: the test decides when the job ends."""
    with run.step("Waiting"):
        while not Path(path).exists():
            run.checkpoint()
            time.sleep(0.01)
    return run.result("The gate opened")


@job("test.reads", title="Reading {file.name}", idempotent=True)
def reads(run: Run, *, file: File) -> Result:
    """Reads a file."""
    return run.result(f"{len(file.path.read_bytes())} bytes")


@job("test.hands", title="Handing out", idempotent=True, email_links="signed")
def hands(run: Run) -> Result:
    """Makes a file, which its email leads to."""
    path = run.workspace / "rows.csv"
    path.write_text("id,name\n17,\n")
    link = run.publish_file(
        path, name="rows.csv", label="Download the 1 failed row", content_type="text/csv"
    )
    return run.result("Done", links=[link])


@job("test.fails", title="Failing by {how}", idempotent=True, max_attempts=2)
def fails(run: Run, *, how: str) -> Result:
    """Fails in one of the ways a job can."""
    if how == "input":
        raise InputError("The number “x” isn't a number.", action="Write it in digits.")
    if how == "external":
        raise ExternalError("The bank didn't answer.", action="We try again.")
    raise RuntimeError(f"attempt {run.attempt} broke")


@job("test.async", title="Async {to}", idempotent=True)
async def count_async(run: Run, *, to: int) -> Result:
    """An ``async def`` job."""
    for _ in run.items(range(to), total=to):
        pass
    return run.result(f"Counted to {to}")


@job("test.patient", title="Patient", idempotent=True, grace_absent=600, grace_present=600)
def patient(run: Run, *, path: str) -> Result:
    """Makes progress until a file exists; its email waits for ten minutes."""
    done = 0
    while not Path(path).exists():
        done += 1
        run.progress(done)
        time.sleep(0.01)
    return run.result("Patience paid")


@job("test.deaf", title="Deaf", idempotent=True)
def deaf(run: Run, *, seconds: float) -> Result:
    """Reaches no checkpoint for so long."""
    time.sleep(seconds)
    return run.result("Heard nothing")


def _wait_for(path: str, run: Run | None = None) -> None:
    """Until a file exists; with ``run``, at checkpoints."""
    while not Path(path).exists():
        if run is not None:
            run.checkpoint()
        time.sleep(0.01)


@job("test.ledger", title="{items} entries", idempotent=True, unit="entries", backoff=(0.05, 0.1))
def ledger(
    run: Run, *, book: str, items: int, bad: list[int] | None = None, mended: str | None = None,
    pause: float = 0.0,
) -> Result:  # fmt: skip
    """Writes a line per item into ``book``: attempt, item, idempotency key. The ``bad`` items fail
    unless the file ``mended`` exists."""
    well = mended is not None and Path(mended).exists()
    for item in run.items(range(items), key=str, total=items):
        with item.attempt(), Path(book).open("a") as file:
            file.write(f"{run.attempt} {item.value} {item.idempotency_key}\n")
            time.sleep(pause)
            if item.value in (bad or ()) and not well:
                raise ItemError("bad_entry", "{count} entries are bad", one="1 entry is bad")
    return run.result(f"{run.counts.succeeded} entries")


@job("test.afresh", title="Afresh", idempotent=True, resume=False)
def afresh(run: Run, *, path: str, items: int) -> Result:
    """All items fail; then it waits for a file. What an attempt did is lost with it."""
    for item in run.items(range(items), key=str):
        item.fail("bad", "{count} are bad")
    _wait_for(path, run)
    return run.result("Done afresh")


@job("test.stubborn", title="Stubborn", idempotent=True)
def stubborn(run: Run, *, path: str) -> Result:
    """Reaches no checkpoint until a file exists."""
    with run.step("Writing the tape"):
        _wait_for(path)
    return run.result("The tape is written")


@job("test.sealed", title="Sealed", idempotent=True)
def sealed(run: Run, *, path: str, more: bool = False) -> Result:
    """Can't be interrupted until a file exists; then it ends, or has ``more`` to do."""
    with run.step("Publishing", cancellable=False):
        _wait_for(path, run)
    if more:
        with run.step("Telling everybody"):
            pass
    return run.result("Published")


@job("test.fixed", title="Fixed", idempotent=True, cancellable=False,
     cancel_warning="The bank has the order already.")  # fmt: skip
def fixed(run: Run, *, path: str) -> Result:
    """Can't be cancelled."""
    _wait_for(path, run)
    return run.result("Paid")


@job("test.sends", title="Sending", idempotent=True,
     cancel_warning="Letters that were sent stay sent.")  # fmt: skip
def sends(run: Run, *, path: str) -> Result:
    """Says what a cancel leaves, before and after."""
    run.kept("12 letters were sent; nothing else was.")
    _wait_for(path, run)
    return run.result("Sent")


@job("test.naps", title="Napping", idempotent=True)
async def naps(run: Run, *, woken: str) -> Result:
    """Awaits something for an hour. However that ends it cleans up, which takes a moment."""
    try:
        with run.step("Napping"):
            await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0.05)
        Path(woken).touch()
    return run.result("Slept well")


@job("test.unique", title="{table}", idempotent=True, unique_key="{table}")
def unique(run: Run, *, table: str, path: str) -> Result:
    """One at a time per table."""
    _wait_for(path, run)
    return run.result(f"{table} is done")


@job("test.shaky", title="Shaky", idempotent=True, max_attempts=3, backoff=(0.05, 0.1))
def shaky(run: Run, *, falls: list[str]) -> Result:
    """Its n-th attempt falls as the n-th word says, and stands where there is none."""
    for item in run.items(range(2 * run.attempt)):
        item.skip("known", "{count} were known")
    if run.attempt > len(falls):
        return run.result("It stands")
    raise {
        "external": ExternalError("The bank didn't answer."),
        "later": ExternalError("The bank is closed.", retry_after=3600),
        "input": InputError("The file is empty."),
        "permission": PermissionError_("You may not write to this table."),
        "program": RuntimeError("a fault"),
    }[falls[run.attempt - 1]]


@job("test.shaky_once", title="Shaky", idempotent=False)
def shaky_once(_: Run) -> Result:
    """Fails in a way that may pass, but can't be run again."""
    raise ExternalError("The bank didn't answer.")


@job("test.calls", title="Calling", idempotent=True)
def calls(run: Run, *, service: str) -> Result:
    """Calls a service that is well."""
    with run.external(service, label="Stripe"):
        pass
    return run.result("Called")


@job("test.talks", title="Talking", idempotent=True)
def talks(run: Run, *, path: str) -> Result:
    """Says something, then nothing, then something else, and so on until a file exists."""
    said = itertools.cycle(("Reading the first part", "", "Reading the second part"))
    for done in itertools.count():
        if Path(path).exists():
            break
        run.message(next(said))
        run.progress(done, 1000)
        time.sleep(0.3)
    return run.result("All is said")


@job("test.billing", title="Billing of {plan}", idempotent=True, severity="high", unit="customers")
def billing(run: Run, *, plan: str, customers: int = 0) -> Result:
    """Fails with consequences: as a whole, or for one of its customers."""
    if not customers:
        raise InputError(
            f"The price list has no plan “{plan}”, so nobody was charged.",
            action="Add its price, and bill the plan again.",
        )
    for customer in run.items(range(customers), total=customers):
        with customer.attempt():
            if customer.value == 0:
                raise ItemError(
                    "card_declined", "{count} cards were declined", one="1 card was declined",
                    action="Ask the customer for another card", example="customer 17",
                )  # fmt: skip
    return run.result(f"{run.counts.succeeded} of {customers} customers billed")
