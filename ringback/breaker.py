"""Circuit breakers: what all workers together know of how an external service does.

========= ==========================================================================
closed    calls go through; failures in a row are counted
open      the service failed too often: no call goes through until a moment is reached
half-open that moment has passed; one call at a time is let through, as a probe
========= ==========================================================================

A probe that succeeds closes the circuit, one that fails opens it for twice as long as before. It
holds a lease, so that a probe whose worker dies doesn't keep the circuit open. Guarantee: at most
one lease at a time, and none before the moment is reached; a call that takes longer than its
lease may see another beside it.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from ringback.errors import whole
from ringback.instant import Instant
from ringback.keys import Call, plain

INDEX = "rb:breakers"
THRESHOLD = 5  #: failures in a row, within the window, that open the circuit
WINDOW = 60_000  #: ms
OPEN = 30_000  #: ms of the first opening; each failed probe doubles it
OPEN_CAP = 300_000  #: ms
JITTER = 0.1  #: at most this part is added to an opening, or all services would be probed at once
RETRY_AFTER_CAP = 3_600_000  #: ms; a service may not stop its calls for longer than this
PROBE = 30_000  #: ms of a probe's lease: clients that set no timeout often wait for so long
KEPT = 86_400_000  #: ms without a failure after which a breaker is forgotten
ERROR_SHOWN = 300  #: characters


class State(StrEnum):
    """See the module's docstring."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An external service: its name in the store, its name for users, when its circuit opens and
    for how long at first (ms)."""

    name: str
    label: str
    threshold: int = THRESHOLD
    open_for: int = OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A breaker as operators see it.

    ``failures``: in a row. ``since``: when the circuit opened first, or closed again; None where
    it never opened. ``until``: when the next probe may start, where that isn't now. ``error``:
    the last failure.
    """

    name: str
    label: str
    state: State
    failures: int
    since: Instant | None
    until: Instant | None
    error: str


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave for one call, which reports how it went where that is news.

    ``failures``: how many in a row were known. ``probe``: the token of a probe's lease, ``period``
    the opening that it is to end.
    """

    failures: int = 0
    probe: str = ""
    period: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The circuit is open; ``retry_in`` ms are left until a call may be let through."""

    retry_in: int


def enter(name: str) -> Generator[Call, Any, Pass | Refusal]:
    """Asks for leave to call a service."""
    token = secrets.token_hex(8)
    answer, number = yield _call(name, "enter", token, PROBE)
    if answer == b"open":
        return Refusal(number)
    return Pass(probe=token, period=number) if answer == b"probe" else Pass(number)


def succeeded(name: str, held: Pass) -> Generator[Call, Any, bool]:
    """The call went well: failures in a row are forgotten, and a probe closes the circuit (then
    the answer is True)."""
    closed = yield _call(name, "succeed", held.period)
    return bool(closed)


def failed(
    service: Service, held: Pass, error: str, retry_after: float | None = None
) -> Generator[Call, Any, int]:
    """The call failed; the ms for which this opened the circuit, or 0.

    ``retry_after``: seconds that the service asks for; they open the circuit at once, for an hour
    at most.
    """
    facts = {
        "op": secrets.token_hex(8), "label": service.label, "error": whole(error)[:ERROR_SHOWN],
        "threshold": service.threshold, "window": WINDOW, "open_for": service.open_for,
        "open_cap": max(OPEN_CAP, service.open_for), "jitter": JITTER * random.random(),
        "retry_after": _milliseconds(retry_after), "kept": KEPT,
    }  # fmt: skip
    # the index first: it may name a breaker that isn't there, but none may be missing from it
    yield plain("SADD", INDEX, service.name)
    opened: int = yield _call(service.name, "fail", held.probe, orjson.dumps(facts))
    return opened


def released(name: str, held: Pass) -> Generator[Call, Any, None]:
    """The call ended without a word about the service; another may probe."""
    yield _call(name, "release", held.probe)


def everything() -> Generator[Call, Any, list[Breaker]]:
    """The breakers of all services that failed within a day, by name."""
    names = yield plain("SMEMBERS", INDEX)
    found = []
    for name in sorted(name.decode() for name in names):
        reply = yield _call(name, "look")
        if reply:
            found.append(_breaker(name, reply))
        else:
            yield plain("SREM", INDEX, name)
    return found


def breaker_key(name: str) -> str:
    """The hash of a breaker; each has a slot of its own."""
    return f"rb:{{breaker:{name}}}"


def _call(name: str, action: str, *args: Any) -> Call:
    return Call("breaker", (breaker_key(name),), (action, *args))


def _breaker(name: str, reply: Sequence[Any]) -> Breaker:
    state, failures, since, until, label, error = reply
    return Breaker(
        name=name, label=label.decode(), state=State(state.decode()), failures=failures,
        since=Instant(since) if since else None, until=Instant(until) if until else None,
        error=error.decode(),
    )  # fmt: skip


def _milliseconds(seconds: float | None) -> int:
    # NaN and negative numbers, which a header may well hold, are no wait at all
    return int(min(seconds * 1000, RETRY_AFTER_CAP)) if seconds and seconds > 0 else 0
