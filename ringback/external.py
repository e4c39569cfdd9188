"""What ``run.external("stripe")`` gives: a block of code that calls an external service, behind
the circuit breaker that all workers share.

The breaker must never make things worse: while the store doesn't answer, calls go through, and a
service without failures costs a worker process one request to the store a second at most. For
that second it may also miss that another worker has opened the circuit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import structlog
from redis.exceptions import RedisError

from ringback import breaker
from ringback.breaker import Pass, Refusal, Service
from ringback.connection import Op, Store
from ringback.errors import CircuitOpen, ExternalError, RingbackError, StoreUnavailable, whole

T = TypeVar("T")

QUIET = 1.0  #: seconds for which a worker takes a service without failures to be well
AWAY = 5.0  #: seconds without a request to a store that didn't answer; each would cost a second
NAMES = 1000  #: remembered services, for names that are made up as they come (hosts, say)
#: What goes wrong on this machine says nothing about a service.
LOCAL = (
    FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError,
)  # fmt: skip

log = structlog.get_logger(__name__)


class Services:
    """The external services of one worker process; threads share it.

    Its memory needs no lock: each use of it is one step, and a lost one costs a request.
    """

    def __init__(self, db: Store) -> None:
        self._db = db
        self._quiet: dict[str, float] = {}
        self._away_until = 0.0

    def external(
        self,
        name: str,
        *,
        label: str | None = None,
        threshold: int = breaker.THRESHOLD,
        open_for: float = breaker.OPEN / 1000,
        failures: tuple[type[Exception], ...] = (),
    ) -> External:
        """A block that calls the service ``name``; ``label`` is its name for users ("Stripe").

        ``threshold`` failures in a row within a minute open the circuit, for ``open_for`` seconds
        at first. ``failures``: the errors of the client library that mean a failing service and
        aren't OSErrors, ``aiohttp.ClientError`` say.
        """
        name = whole(name)
        label = name[:1].upper() + name[1:] if label is None else whole(label)
        wait = round(open_for * 1000)
        service = Service(name=name, label=label, threshold=threshold, open_for=wait)
        return External(self, service, failures)

    def unasked(self, service: Service) -> Pass | None:
        """Leave to call without a request to the store; None: the store has to be asked."""
        until = max(self._away_until, self._quiet.get(service.name, 0.0))
        return Pass() if time.monotonic() < until else None

    def enter(self, service: Service) -> Pass | Refusal:
        """Asks for leave to call."""
        answer = self._try(breaker.enter(service.name), Pass())
        if answer == Pass():
            if len(self._quiet) >= NAMES:
                self._quiet.clear()
            self._quiet[service.name] = time.monotonic() + QUIET
        return answer

    def succeeded(self, service: Service, held: Pass) -> None:
        """Reports that a call went well."""
        if self._try(breaker.succeeded(service.name, held), False):
            log.info("circuit.closed", service=service.name)

    def failed(self, service: Service, held: Pass, error: BaseException) -> None:
        """Reports that a call failed."""
        self._quiet.pop(service.name, None)
        text = f"{type(error).__name__}: {error}"
        retry_after = error.retry_after if isinstance(error, ExternalError) else None
        opened = self._try(breaker.failed(service, held, text, retry_after), 0)
        if opened:
            log.warning("circuit.opened", service=service.name, ms=opened, reason=text)

    def released(self, service: Service, held: Pass) -> None:
        """Gives a probe back."""
        self._try(breaker.released(service.name, held), None)

    def _try(self, op: Op[T], otherwise: T) -> T:
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            return self._db.do(op)
        except (StoreUnavailable, RedisError) as error:
            self._away_until = time.monotonic() + AWAY
            log.warning("breaker.unavailable", reason=str(error))
            return otherwise


@dataclass(slots=True, eq=False)
class _Block:
    """A block that runs; ``over`` once its outcome was reported."""

    name: str
    held: Pass
    over: bool = False


#: The blocks around what runs now. Tasks see those in which they were started.
_INSIDE: ContextVar[tuple[_Block, ...]] = ContextVar("ringback.external", default=())


class External:
    """``with run.external("stripe"): …``, or ``async with`` in an async function.

    The block's ExternalErrors count as failures of the service, and so do errors of the network:
    OSError (TimeoutError and ConnectionError are such; errors about local files aren't meant) and
    the ``failures`` of ``Services.external``. These leave the block as an ExternalError in words
    for users. All else says nothing about the service. An answer that means no, a 404 say, is no
    failure either: catch it within the block.

    Entering raises CircuitOpen while the circuit is open. One External may guard any number of
    blocks, also at the same time.
    """

    def __init__(
        self, services: Services, service: Service, failures: tuple[type[Exception], ...]
    ) -> None:
        self.service = service
        self._services = services
        self._failures = failures

    def __enter__(self) -> Self:
        return self._go(self._known() or self._ask())

    async def __aenter__(self) -> Self:
        known = self._known()
        if known is not None:
            return self._go(known)
        # cancelled while it asks: what it is given is lost, and the lease of a probe ends
        return self._go(await asyncio.to_thread(self._ask))

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        report = self._report(error)
        if report is not None:
            report()
        self._put_into_words(error)

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        report = self._report(error)
        if report is not None:
            await asyncio.to_thread(report)
        self._put_into_words(error)

    def _known(self) -> Pass | None:
        for block in _INSIDE.get():
            # within a probe of the same service: refused, it would end that probe without a word
            if block.name == self.service.name and block.held.probe and not block.over:
                return block.held
        return self._services.unasked(self.service)

    def _ask(self) -> Pass | Refusal:
        return self._services.enter(self.service)

    def _go(self, answer: Pass | Refusal) -> Self:
        if isinstance(answer, Refusal):
            raise CircuitOpen(self.service.name, self.service.label, answer.retry_in)
        _INSIDE.set((*_INSIDE.get(), _Block(self.service.name, answer)))
        return self

    def _leave(self) -> Pass:
        """The pass of the innermost block of this service, which ends."""
        inside = _INSIDE.get()
        mine = next((b for b in reversed(inside) if b.name == self.service.name), None)
        if mine is None:  # a generator that was closed by another task
            return Pass()
        _INSIDE.set(tuple(block for block in inside if block is not mine))
        for block in inside:
            block.over |= block.held == mine.held  # what shares its probe has had its answer
        return mine.held

    def _report(self, error: BaseException | None) -> Callable[[], None] | None:
        """What there is to report to the store, if anything."""
        held = self._leave()
        if error is None:
            news = held.failures or held.probe
            return partial(self._services.succeeded, self.service, held) if news else None
        if self._is_failure(error):
            return partial(self._services.failed, self.service, held, error)
        return partial(self._services.released, self.service, held) if held.probe else None

    def _is_failure(self, error: BaseException) -> bool:
        if isinstance(error, RingbackError):
            # counted by a block within this one: that service's failure, not this one's
            return isinstance(error, ExternalError) and _blame_of(error) in (None, self._blame)
        if isinstance(error, self._failures):
            return True
        return isinstance(error, OSError) and not isinstance(error, LOCAL)

    def _put_into_words(self, error: BaseException | None) -> None:
        if error is None or not self._is_failure(error):
            return
        told = error if isinstance(error, ExternalError) else no_answer(self.service.label, error)
        if _blame_of(told) is None:
            told.add_note(self._blame)
        if told is not error:
            raise told from error

    @property
    def _blame(self) -> str:
        return f"{_BLAME}{self.service.name!r}."


_BLAME = "Counted as a failure of the service "


def _blame_of(error: ExternalError) -> str | None:
    """The note that says whose failure it was counted as; logs show it with the trace."""
    notes: list[str] = getattr(error, "__notes__", [])
    return next((note for note in notes if note.startswith(_BLAME)), None)


def no_answer(label: str, error: BaseException) -> ExternalError:
    """What users are told about an error of the network."""
    how = "in time" if isinstance(error, TimeoutError) else "as it should"
    return ExternalError(
        f"{label} didn't answer {how}.",
        action=f"Your input isn't the cause. Start it again when {label} works again.",
    )
