"""Job types for the tests."""

from __future__ import annotations

import time
from pathlib import Path

from ringback import ExternalError, File, InputError, ItemError, Result, Run, job


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
