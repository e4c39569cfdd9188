"""Pipelines for the tests, planned by their params: ``["sequence", "a", ["parallel", "b", "c"]]``.

A step is its name, then how it goes: ``"a fails"``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ringback import (
    ExternalError,
    InputError,
    ItemError,
    Plan,
    Result,
    Run,
    job,
    parallel,
    pipeline,
    sequence,
)


def _note(ledger: str, what: str) -> None:
    with Path(ledger).open("a") as file:
        file.write(f"{what}\n")


def _await(run: Run, ledger: str, name: str) -> None:
    while not Path(f"{ledger}.{name}").exists():
        run.checkpoint()
        time.sleep(0.01)


def _do(run: Run, ledger: str, name: str, how: str) -> Result:
    _note(ledger, f"begin {name}")
    if how in ("waits", "stays"):
        run.message(f"{name} waits")
        _await(run, ledger, name)
    if how == "fails":
        raise InputError(f"{name} is wrong.", action="Mend it.")
    if how == "stumbles" and run.attempt == 1:
        raise ExternalError(f"{name} met nobody.", action="We try again.", retry_after=600)
    for item in run.items(["x", "y"], key=str, total=2):
        with item.attempt():
            if how == "partial" and item.value == "y":
                raise ItemError("bad", "{count} letters are bad", one="1 letter is bad")
    _note(ledger, f"end {name}")
    return run.result(f"{name} is done")


@job("pipe.step", title="Step {name}", idempotent=True, max_attempts=20)
def step(run: Run, *, ledger: str, name: str, how: str = "") -> Result:
    """``waits``: until the test lets it; ``fails``; ``partial``; ``stumbles``: is retried once;
    ``clings``: can't be undone."""
    return _do(run, ledger, name, how)


@step.compensate
def unstep(run: Run, *, ledger: str, name: str, how: str = "") -> None:
    """Undoes a step."""
    assert run.undoes is not None
    _note(ledger, f"undo {name}")
    if how == "clings":
        raise InputError(f"{name} clings.")


@job("pipe.stay", title="Step {name}", idempotent=True, cancellable=False)
def stay(run: Run, *, ledger: str, name: str, how: str = "") -> Result:
    """Can be neither cancelled nor undone."""
    return _do(run, ledger, name, how)


def plan_of(ledger: str, wanted: Any) -> Plan:
    """The plan that the params tell."""
    if isinstance(wanted, str):
        name, _, how = wanted.partition(" ")
        kind = stay if how == "stays" else step
        return kind.task(ledger=ledger, name=name, how=how)
    group = {"sequence": sequence, "parallel": parallel}[wanted[0]]
    return group(*(plan_of(ledger, part) for part in wanted[1:]))


@pipeline("pipe.stops", title="Whole {ledger}")
def stops(*, ledger: str, plan: list[Any]) -> Plan:
    """Ends with the first failure."""
    return plan_of(ledger, plan)


@pipeline("pipe.continues", title="Whole", on_failure="continue", idempotent=True)
def continues(*, ledger: str, plan: list[Any]) -> Plan:
    """Goes on after failures."""
    return plan_of(ledger, plan)


@pipeline("pipe.undoes", title="Whole", on_failure="compensate")
def undoes(*, ledger: str, plan: list[Any]) -> Plan:
    """Undoes what it did."""
    return plan_of(ledger, plan)


@pipeline("pipe.hurries", title="Whole", on_failure="compensate", timeout=600)
def hurries(*, ledger: str, plan: list[Any]) -> Plan:
    """Has ten minutes."""
    return plan_of(ledger, plan)


@pipeline("pipe.wrong", title="Wrong", idempotent=True)
def wrong(*, how: str) -> Plan:
    """Plans that can't work."""
    if how == "empty":
        return sequence()
    return step.task(ledger="x", nme="a")
