"""Whether emails may leave now: the circuit breaker of the mail server, which all mailers share.

While the circuit is open no email is tried and none loses a try. When it may be probed, one email
is; the others come back spread over the next half minute. Troubles that operators have to mend open
the circuit at once and sound an alert, as does a server that is still down when it is probed; the
alert is settled when an email was taken again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from ringback import alert, breaker
from ringback.breaker import Pass, Refusal, Service
from ringback.connection import Op, Store
from tasks import mail_alerts
from tasks.smtp_answer import Outcome

T = TypeVar("T")

log = structlog.get_logger(__name__)

SERVICE = Service(name="ringback.mail", label="The mail server", threshold=3)
FIRST_WAIT = 10_000  #: ms until the next email of a user, while the circuit is still closed
LASTING = 45_000  #: ms; an opening that is longer than this follows a probe that failed
SPREAD = 30_000  #: ms over which emails come back once the circuit may be probed


class Gate:
    """``patience``: seconds to wait for the store; ``words``: those of an alert about an
    outcome."""

    def __init__(self, db: Store, patience: float, words: Callable[[Outcome], str]) -> None:
        self._db = db
        self._patience = patience
        self._words = words

    def enter(self) -> Pass | Refusal:
        """Asks for leave to send one email."""
        return self._do(breaker.enter(SERVICE.name))

    def report(self, held: Pass, outcome: Outcome | None) -> int:
        """How it went (None: nothing was sent after all); the ms to wait where the server is
        down."""
        if outcome is not None and outcome.trouble is not None:
            self._do(alert.sound(mail_alerts.key_of(outcome.trouble), self._words(outcome)))
        if outcome is not None and outcome.kind in ("down", "ambiguous"):
            return self._failed(held, outcome)
        if outcome is None or not outcome.heard:
            if held.probe:
                self._do(breaker.released(SERVICE.name, held))
        elif held.probe or held.failures:
            self._succeeded(held)
        return 0

    def _failed(self, held: Pass, outcome: Outcome) -> int:
        # what operators have to mend doesn't get better by trying twice more
        service = replace(SERVICE, threshold=1) if outcome.trouble else SERVICE
        opened = self._do(breaker.failed(service, held, outcome.answer))
        if opened:
            log.warning("circuit.opened", service=SERVICE.name, ms=opened, reason=outcome.answer)
        if opened > LASTING and outcome.kind == "down" and outcome.trouble is None:
            self._do(alert.sound(mail_alerts.DOWN, self._words(outcome)))
        return spread(opened or FIRST_WAIT)

    def _succeeded(self, held: Pass) -> None:
        if self._do(breaker.succeeded(SERVICE.name, held)):
            log.info("circuit.closed", service=SERVICE.name)
            for key in mail_alerts.PASSING:
                self._do(alert.settle(key))

    def _do(self, op: Op[T]) -> T:
        return self._db.do(op, patience=self._patience)


def spread(wait: int) -> int:
    """A moment after ``wait`` ms, so that not all come back at once."""
    return wait + random.randrange(min(wait, SPREAD) or 1)
