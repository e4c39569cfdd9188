"""A worker, or mailer, that dies by its own hand: ``python -m tests.faults.mortal POINT NTH
MODULE…``.

It is the product's worker but for its connection to the store, which kills the process, as
SIGKILL from outside would, exactly where it is told to.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import orjson

from ringback import logs, worker
from ringback.connection import Op, Store
from ringback.job import State
from ringback.keys import Call
from ringback.settings import load_settings

T = TypeVar("T")
Facts = dict[str, Any]


def _claim(facts: Facts) -> bool:
    return bool(facts["held"] < 0 and facts["state"] == State.RUNNING)


def _checkpoint(facts: Facts) -> bool:
    return bool(facts["held"] >= 0 and facts["state"] == State.RUNNING)


def _end(facts: Facts) -> bool:
    return facts["held"] >= 0 and State(facts["state"]).terminal


def _commit(facts_fit: Callable[[Facts], bool]) -> Callable[[Call], bool]:
    return lambda call: call.script == "commit" and facts_fit(orjson.loads(call.args[0]))


def _ledger(state: str) -> Callable[[Call], bool]:
    def fits(call: Call) -> bool:
        writes = call.script == "mail" and call.args[0] == "write"
        return bool(writes and orjson.loads(call.args[4])["state"] == state)

    return fits


@dataclass(frozen=True, slots=True)
class Point:
    """A call that ``concerns``; ``late``: once the store has carried it out and answered, not
    before."""

    concerns: Callable[[Call], bool]
    late: bool


CALLS = {
    "claim": _commit(_claim), "checkpoint": _commit(_checkpoint), "end": _commit(_end),
    "reserved": _ledger("reserved"), "data-sent": _ledger("data-sent"),
    "accepted": _ledger("accepted"),
}  # fmt: skip
POINTS = {
    f"{when}-{name}": Point(concerns, late=when == "after")
    for name, concerns in CALLS.items()
    for when in ("before", "after")
}


class Mortal(Store):
    """A real connection, up to the point."""

    point: Point
    left: int  #: such calls to come, the last of them the fatal one

    def do(self, op: Op[T], patience: float = 0.0) -> T:
        """As ``Store.do``, and perhaps the last thing that this process does."""
        return super().do(self._carry(op), patience)

    def _carry(self, op: Op[T]) -> Op[T]:
        try:
            call = next(op)
            while True:
                concerned = self._concerned(call)
                self._die_if(concerned and not self.point.late)
                reply = yield call
                self._die_if(concerned and self.point.late)
                call = op.send(reply)
        except StopIteration as end:
            return cast(T, end.value)

    def _concerned(self, call: Call) -> bool:
        if not self.point.concerns(call):
            return False
        Mortal.left -= 1
        return Mortal.left == 0

    @staticmethod
    def _die_if(now: bool) -> None:
        if now:
            os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, nth: str, *modules: str) -> None:
    """Works until the point is reached for the ``nth`` time, from 1."""
    logs.set_up()
    Mortal.point, Mortal.left = POINTS[point], int(nth)
    worker.Store = Mortal  # type: ignore[attr-defined]  # what `work` makes for all its parts
    worker.work(load_settings(), modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
