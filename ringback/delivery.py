"""One delivery: the duty to tell a webhook how a job ended.

======== ================================================================================
waiting  to be sent, now or at ``next_at``
sending  a deliverer is at it; if that dies, its claim ends and another one sends it again
delivered the receiver answered 2xx
dead     given up; an operator may replay it
======== ================================================================================
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from ringback.instant import Instant, duration

State = Literal["waiting", "sending", "delivered", "dead"]

_S, _MIN, _H = 1_000, 60_000, 3_600_000
#: ms before the second, third, … try: the schedule that users of Standard Webhooks expect.
SCHEDULE = (5 * _S, 5 * _MIN, 30 * _MIN, 2 * _H, 5 * _H, 10 * _H, 10 * _H)
TRIES = len(SCHEDULE) + 1
JITTER = 0.1  #: at most this part is added to a wait, or all would come back together
LONGEST_WAIT = 24 * _H  #: ms that a receiver may ask us to wait
BUSY_FOR = 72 * _H  #: ms for which a receiver may put one delivery off
GONE = "The receiver answered 410 Gone."
DIED = "The process that sends it died each time."
NO_JOB = "The job was deleted meanwhile."


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as its owner sees it.

    ``attempts``: how often it was tried; ``tries``: since it was replayed last. A request that was
    answered with a wait is no try. ``next_at``: when it is tried, pauses of its webhook included.
    ``status`` and ``reason``: of the last answer.
    """

    id: str
    state: State
    attempts: int
    tries: int
    status: int | None
    reason: str
    created_at: Instant
    next_at: Instant | None
    settled_at: Instant | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, or None and why there was none; ``retry_after`` in ms."""

    status: int | None
    reason: str
    retry_after: int | None = None

    @property
    def asks_to_wait(self) -> bool:
        """Whether the receiver is busy and says for how long."""
        return self.status in (429, 503) and self.retry_after is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a delivery, and of its webhook.

    ``delay``: ms until the next try; ``pause``: ms for which the receiver asked to get nothing at
    all, which is no failure; ``disable``: why it is switched off.
    """

    state: Literal["waiting", "delivered", "dead"]
    status: int | None
    reason: str
    tries: int
    delay: int = 0
    pause: int = 0
    disable: str = ""


def judge(tries: int, age: int, answer: Answer) -> Verdict:
    """What an answer means for a delivery that was tried ``tries`` times, ``age`` ms old."""
    status, reason = answer.status, answer.reason
    if status is not None and 200 <= status < 300:
        return Verdict(state="delivered", status=status, reason=reason, tries=tries)
    if status == 410:
        return Verdict(state="dead", status=status, reason=reason, tries=tries, disable=GONE)
    if answer.asks_to_wait:
        return _put_off(tries, age, answer)
    if tries >= TRIES:
        return dead(f"{reason}; given up after {TRIES} tries", tries, status)
    delay = _with_jitter(SCHEDULE[tries - 1])
    return Verdict(state="waiting", status=status, reason=reason, tries=tries, delay=delay)


def dead(reason: str, tries: int, status: int | None = None) -> Verdict:
    """It is given up."""
    return Verdict(state="dead", status=status, reason=reason, tries=tries)


def _put_off(tries: int, age: int, answer: Answer) -> Verdict:
    status, reason = answer.status, answer.reason
    asked = min(max(answer.retry_after or 0, _S), LONGEST_WAIT)
    if age > BUSY_FOR:
        over = f"{reason}; put off for {duration(BUSY_FOR)}"
        return Verdict(state="dead", status=status, reason=over, tries=tries, pause=asked)
    return Verdict(
        state="waiting", status=status, reason=reason, tries=tries - 1, delay=asked, pause=asked
    )


def _with_jitter(ms: int) -> int:
    return round(ms * (1 + JITTER * random.random()))
