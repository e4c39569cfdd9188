"""Circuit breakers on a real store, where each ``Services`` is a worker process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from threading import Barrier, Thread
from typing import Any, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ringback import breaker, external
from ringback.breaker import (
    INDEX,
    OPEN,
    OPEN_CAP,
    PROBE,
    RETRY_AFTER_CAP,
    Breaker,
    Pass,
    Refusal,
    Service,
    State,
    breaker_key,
)
from ringback.connection import Op, Store
from ringback.errors import (
    CircuitOpen,
    ExternalError,
    InputError,
    ItemError,
    StoreUnavailable,
    WorkerStopping,
)
from ringback.external import Services
from ringback.keys import Call
from tests.rig import Valkey, free_port

T = TypeVar("T")

KEY = breaker_key("stripe")
STRIPE = Service(name="stripe", label="Stripe")


class Counted(Store):
    """A store that counts what is asked of it."""

    requests = 0

    def do(self, op: Op[T], patience: float = 0.0) -> T:
        self.requests += 1
        return super().do(op, patience)


class LibraryError(Exception):
    """What a client library raises, no OSError."""


def call(services: Services, error: BaseException | None = None, **options: Any) -> None:
    """A call to the service: it goes well, or the error leaves the block."""
    with services.external("stripe", **options):
        if error is not None:
            raise error


def fails(
    services: Services, times: int = 1, error: Exception | None = None, **options: Any
) -> ExternalError:
    """Calls that fail; what the last one told."""
    for _ in range(times):
        with pytest.raises(ExternalError) as told:
            call(services, error or ConnectionRefusedError("refused"), **options)
    return told.value


def refused(services: Services) -> CircuitOpen:
    with pytest.raises(CircuitOpen) as told:
        call(services)
    return told.value


def known(db: Store, name: str = "stripe") -> Breaker:
    (found,) = [b for b in db.do(breaker.everything()) if b.name == name]
    return found


def the_moment_comes(db: Store) -> None:
    """The circuit has been open for long enough."""
    db.client.hset(KEY, "until", 1)


def the_lease_ends(db: Store) -> None:
    """A probe was let in long ago."""
    db.client.hset(KEY, "probe_until", 1)


def opened(db: Store, times: int = 1) -> None:
    """A circuit that opened, and whose probes failed, so often in all."""
    fails(Services(db), 5)
    for _ in range(times - 1):
        the_moment_comes(db)
        fails(Services(db))


@pytest.fixture
def one(db: Store) -> Services:
    return Services(db)


@pytest.fixture
def counted(db: Store, shared_valkey: Valkey) -> Iterator[Counted]:
    assert db.client.dbsize() == 0
    store = Counted(shared_valkey.url)
    yield store
    store.close()


@pytest.fixture
def other(db: Store) -> Services:
    return Services(db)


# -- closed


def test_a_service_that_does_well_costs_one_request_a_second(counted: Counted) -> None:
    services = Services(counted)
    for _ in range(100):
        call(services)
    assert counted.requests < 50, "one, but on a machine that takes seconds for this"


def test_five_failures_in_a_row_open_the_circuit_for_all_workers(
    db: Store, one: Services, other: Services
) -> None:
    fails(one, 2)
    fails(other, 2)
    assert known(db).state is State.CLOSED
    fails(one)
    assert known(db).state is State.OPEN
    for services in (one, other):
        error = refused(services)
        assert (error.service, error.label) == ("stripe", "Stripe")
        assert 0 < error.retry_in <= OPEN * (1 + breaker.JITTER)


def test_one_success_ends_a_row_of_failures(db: Store, one: Services) -> None:
    for _ in range(3):
        fails(one, 4)
        call(one)
    assert known(db).failures == 0
    assert known(db).state is State.CLOSED


def test_failures_of_more_than_a_minute_ago_do_not_count(db: Store, one: Services) -> None:
    fails(one, 4)
    recent = db.client.hget(KEY, "recent").decode().split()
    long_ago = [str(int(moment) - breaker.WINDOW) for moment in recent[1:]]
    db.client.hset(KEY, "recent", " ".join([recent[0], *long_ago]))
    fails(one)
    assert known(db).failures == 2
    fails(one, 3)
    assert known(db).state is State.OPEN


def test_services_have_breakers_of_their_own(one: Services) -> None:
    fails(one, 5)
    with one.external("crm"):
        pass


def test_a_service_may_have_another_threshold_and_another_time(one: Services) -> None:
    fails(one, 2, threshold=2, open_for=2.0)
    assert 1000 < refused(one).retry_in <= 2200


def test_what_a_worker_remembers_is_bounded(one: Services) -> None:
    for host in range(external.NAMES + 10):
        one._quiet[f"host-{host}"] = math.inf
    call(one)
    assert list(one._quiet) == ["stripe"]


# -- open and half-open


def test_a_refusal_names_the_time_that_is_left(db: Store) -> None:
    opened(db)
    answer = db.do(breaker.enter("stripe"))
    assert isinstance(answer, Refusal)
    assert answer.retry_in > OPEN * 0.8


def test_after_the_time_exactly_one_probe_is_let_through(
    db: Store, one: Services, other: Services
) -> None:
    opened(db)
    the_moment_comes(db)
    assert known(db).state is State.HALF_OPEN
    with one.external("stripe"):
        assert 0 < Context().run(refused, other).retry_in <= PROBE
    call(other)


def test_of_many_workers_that_ask_at_once_one_probes(db: Store) -> None:
    opened(db)
    the_moment_comes(db)
    start, answers = Barrier(8), []

    def ask() -> None:
        start.wait()
        answers.append(db.do(breaker.enter("stripe")))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(answer) is Pass for answer in answers) == [False] * 7 + [True]


def test_a_probe_that_succeeds_closes_the_circuit(
    db: Store, one: Services, other: Services
) -> None:
    opened(db, times=3)
    the_moment_comes(db)
    call(one)
    closed = known(db)
    assert (closed.state, closed.failures, closed.until) == (State.CLOSED, 0, None)
    call(other)
    fails(other, 4)
    assert known(db).state is State.CLOSED


def test_a_probe_that_fails_opens_it_for_twice_as_long_and_at_most_five_minutes(
    db: Store, one: Services
) -> None:
    for times in range(1, 8):
        db.client.flushall()
        opened(db, times)
        length = min(OPEN * 2 ** (times - 1), OPEN_CAP)
        assert length * 0.9 < refused(one).retry_in <= length * (1 + breaker.JITTER)


def test_a_long_outage_overflows_nothing(db: Store, one: Services) -> None:
    opened(db)
    db.client.hset(KEY, "opens", 5000)
    the_moment_comes(db)
    fails(one)
    assert refused(one).retry_in <= OPEN_CAP * (1 + breaker.JITTER)


def test_a_probe_whose_worker_dies_is_followed_by_another_when_its_lease_ends(
    db: Store, one: Services
) -> None:
    opened(db)
    the_moment_comes(db)
    dead = db.do(breaker.enter("stripe"))
    assert isinstance(dead, Pass)
    refused(one)
    the_lease_ends(db)
    call(one)
    assert known(db).state is State.CLOSED


def test_a_probe_that_outlives_its_lease_still_closes_the_circuit(db: Store) -> None:
    opened(db)
    the_moment_comes(db)
    slow = db.do(breaker.enter("stripe"))
    the_lease_ends(db)
    second = db.do(breaker.enter("stripe"))
    assert isinstance(slow, Pass)
    assert isinstance(second, Pass)
    assert db.do(breaker.succeeded("stripe", slow))
    assert known(db).state is State.CLOSED


def test_a_probe_that_was_replaced_reports_no_failure(db: Store, one: Services) -> None:
    opened(db)
    the_moment_comes(db)
    slow = db.do(breaker.enter("stripe"))
    the_lease_ends(db)
    with one.external("stripe"):
        assert isinstance(slow, Pass)
        assert db.do(breaker.failed(STRIPE, slow, "late")) == 0
    assert known(db).state is State.CLOSED


def test_a_success_of_before_the_opening_closes_nothing(db: Store, one: Services) -> None:
    fails(one, 4)
    with Services(db).external("stripe"):
        fails(one)
    assert known(db).state is State.OPEN
    the_moment_comes(db)
    old = db.do(breaker.enter("stripe"))
    assert isinstance(old, Pass)
    assert db.do(breaker.failed(STRIPE, old, "no")) > 0
    assert not db.do(breaker.succeeded("stripe", old))
    assert known(db).state is State.OPEN


def test_failures_of_calls_let_in_before_the_opening_do_not_lengthen_it(
    db: Store, one: Services
) -> None:
    fails(one, 5)
    before = known(db)
    assert db.do(breaker.failed(STRIPE, Pass(), "late")) == 0
    assert known(db) == before


@pytest.mark.parametrize(
    "silence",
    [WorkerStopping(), InputError("No such card."), ItemError("x", "{count}"), KeyError("id")],
)
def test_a_probe_that_learns_nothing_lets_the_next_probe(
    db: Store, one: Services, other: Services, silence: BaseException
) -> None:
    opened(db)
    the_moment_comes(db)
    with pytest.raises(type(silence)):
        call(one, silence)
    assert known(db).state is State.HALF_OPEN
    call(other)
    assert known(db).state is State.CLOSED


def test_a_block_within_a_probe_of_the_same_service_is_part_of_it(db: Store, one: Services) -> None:
    opened(db)
    the_moment_comes(db)
    with one.external("stripe"):
        call(one)
        assert known(db).state is State.CLOSED


def test_a_probe_that_failed_within_is_over(db: Store, one: Services) -> None:
    opened(db)
    the_moment_comes(db)
    with one.external("stripe"):
        fails(one)
        refused(one)
    assert known(db).state is State.OPEN


# -- what counts


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionResetError("reset"), "Stripe didn't answer as it should."),
        (OSError("no route"), "Stripe didn't answer as it should."),
        (TimeoutError(), "Stripe didn't answer in time."),
        (LibraryError("500"), "Stripe didn't answer as it should."),
    ],
)
def test_errors_of_the_network_become_words_for_users(
    db: Store, one: Services, error: Exception, message: str
) -> None:
    told = fails(one, error=error, failures=(LibraryError,))
    assert told.message == message
    assert told.action == "Your input isn't the cause. Start it again when Stripe works again."
    assert told.retryable
    assert told.__cause__ is error
    assert known(db).failures == 1
    assert known(db).error == f"{type(error).__name__}: {error}"


def test_an_external_error_counts_and_passes_unchanged(db: Store, one: Services) -> None:
    error = ExternalError("Stripe is being updated.", action="Wait.")
    assert fails(one, error=error) is error
    assert known(db).failures == 1


@pytest.mark.parametrize(
    "error",
    [
        InputError("No such card."),
        StoreUnavailable("away"),
        WorkerStopping(),
        asyncio.CancelledError(),
        KeyError("id"),
        FileNotFoundError("rows.csv"),
        LibraryError("500"),
    ],
)
def test_other_errors_say_nothing_about_the_service(
    db: Store, one: Services, error: BaseException
) -> None:
    for _ in range(6):
        with pytest.raises(type(error)) as told:
            call(one, error)
        assert told.value is error
    assert db.do(breaker.everything()) == []


def test_a_job_error_never_counts_whatever_the_library_errors_are(db: Store, one: Services) -> None:
    with pytest.raises(InputError):
        call(one, InputError("No such card."), failures=(Exception,))
    assert db.do(breaker.everything()) == []


def test_a_failure_counts_for_the_service_of_the_innermost_block(db: Store, one: Services) -> None:
    told = pytest.raises(ExternalError, match="Crm didn't answer")
    with told, one.external("stripe"), one.external("crm"):
        raise ConnectionResetError
    assert [found.name for found in db.do(breaker.everything())] == ["crm"]


def test_an_error_that_is_raised_again_and_again_counts_each_time(db: Store, one: Services) -> None:
    fails(one, 5, ExternalError("Always the same object."))
    assert known(db).state is State.OPEN


# -- retry_after


def test_a_service_that_says_when_to_come_back_is_left_alone_until_then(
    one: Services, other: Services
) -> None:
    fails(one, error=ExternalError("Too many calls.", retry_after=120.0))
    assert 115_000 < refused(other).retry_in <= 120_000


def test_a_service_may_stop_its_calls_for_an_hour_at_most(one: Services) -> None:
    fails(one, error=ExternalError("Too many calls.", retry_after=math.inf))
    assert RETRY_AFTER_CAP - 5_000 < refused(one).retry_in <= RETRY_AFTER_CAP


@pytest.mark.parametrize("nonsense", [0.0, -5.0, math.nan])
def test_a_moment_that_makes_no_sense_is_none(db: Store, one: Services, nonsense: float) -> None:
    fails(one, error=ExternalError("Too many calls.", retry_after=nonsense))
    assert known(db).state is State.CLOSED
    assert known(db).failures == 1


def test_a_late_word_from_the_service_itself_lengthens_the_opening(
    db: Store, one: Services, other: Services
) -> None:
    fails(one, 4)
    with suppress(ExternalError), other.external("stripe"):
        fails(one)
        raise ExternalError("Too many calls.", retry_after=600)
    assert refused(one).retry_in > 590_000
    assert db.do(breaker.failed(STRIPE, Pass(), "late", 1.0)) == 0
    assert refused(one).retry_in > 590_000, "and never shortens it"


# -- async


async def test_async_functions_use_it_too(db: Store, one: Services) -> None:
    for _ in range(5):
        with pytest.raises(ExternalError):
            async with one.external("stripe"):
                raise TimeoutError
    with pytest.raises(CircuitOpen):
        async with one.external("stripe"):
            pass
    the_moment_comes(db)
    async with one.external("stripe"):
        pass
    assert known(db).state is State.CLOSED


async def test_one_external_guards_many_tasks_at_once(db: Store, one: Services) -> None:
    stripe = one.external("stripe")
    everybody_is_in = asyncio.Barrier(6)

    async def charge(number: int) -> None:
        async with stripe:
            await everybody_is_in.wait()
            if number < 3:
                raise ConnectionResetError

    ended = await asyncio.gather(*(charge(n) for n in range(6)), return_exceptions=True)
    assert [type(error) for error in ended] == [ExternalError] * 3 + [type(None)] * 3
    assert known(db).failures == 3


async def test_tasks_started_within_a_probe_are_part_of_it(db: Store, one: Services) -> None:
    opened(db)
    the_moment_comes(db)
    stripe = one.external("stripe")

    async def charge() -> None:
        async with stripe:
            pass

    async with stripe:
        await asyncio.gather(charge(), charge())
    assert known(db).state is State.CLOSED


async def test_a_slow_store_does_not_block_the_event_loop(db: Store, one: Services) -> None:
    async def enter() -> None:
        async with one.external("stripe"):
            pass

    db.client.client_pause(10_000, all=False)
    try:
        entering = asyncio.create_task(enter())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not entering.done()
    finally:
        db.client.client_unpause()
    await entering


async def test_a_generator_that_another_task_closes_leaves_its_block(
    db: Store, one: Services
) -> None:
    async def pages() -> AsyncGenerator[int, None]:
        async with one.external("stripe"):
            yield 1
            yield 2

    abandoned = pages()
    assert await asyncio.create_task(_first(abandoned)) == 1
    await asyncio.create_task(abandoned.aclose())
    assert db.do(breaker.everything()) == []


async def _first(numbers: AsyncGenerator[int, None]) -> int:
    return await anext(numbers)


async def test_a_cancelled_probe_lets_the_next_probe(db: Store, one: Services) -> None:
    opened(db)
    the_moment_comes(db)
    inside = asyncio.Event()

    async def hang() -> None:
        async with one.external("stripe"):
            inside.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await inside.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    call(one)
    assert known(db).state is State.CLOSED


# -- the store


def test_while_the_store_is_away_calls_go_through_and_errors_get_their_words() -> None:
    store = Store(f"redis://127.0.0.1:{free_port()}")
    services = Services(store)
    call(services)
    for _ in range(6):
        fails(services)
    call(services)
    store.close()


def test_a_store_that_is_away_is_left_alone_for_a_while() -> None:
    store = Counted(f"redis://127.0.0.1:{free_port()}")
    services = Services(store)
    for _ in range(10):
        call(services)
        fails(services)
    assert store.requests == 1
    store.close()


def test_a_store_that_refuses_makes_nothing_worse(db: Store, one: Services) -> None:
    db.client.set(KEY, "not a hash")
    with pytest.raises(redis.ResponseError):
        db.do(breaker.enter("stripe"))
    call(one)
    fails(one)


def test_a_repeated_report_counts_once(db: Store) -> None:
    twice = Services(Twice(db))
    fails(twice, 4)
    assert known(db).failures == 4
    assert known(db).state is State.CLOSED


def test_a_breaker_is_forgotten_a_day_after_its_last_failure(db: Store, one: Services) -> None:
    fails(one)
    call(one)
    assert 0 < db.client.pttl(KEY) <= breaker.KEPT
    db.client.delete(KEY)
    assert db.do(breaker.everything()) == []
    assert db.client.smembers(INDEX) == set()


def test_operators_see_every_breaker(db: Store, one: Services) -> None:
    fails(one, 5)
    with suppress(ExternalError), one.external("crm", label="The CRM"):
        raise ExternalError("It says 500 to \udc80 everything. " + "x" * 1000)
    crm, stripe = db.do(breaker.everything())
    assert (crm.name, crm.label, crm.state, crm.failures) == ("crm", "The CRM", State.CLOSED, 1)
    assert (crm.since, crm.until) == (None, None)
    assert crm.error.startswith("ExternalError: It says 500 to ? everything.")
    assert len(crm.error) == breaker.ERROR_SHOWN
    assert (stripe.label, stripe.state, stripe.failures) == ("Stripe", State.OPEN, 5)
    assert stripe.since is not None
    assert stripe.until is not None
    assert OPEN <= stripe.until.ms - stripe.since.ms <= OPEN * (1 + breaker.JITTER)
    assert stripe.error == "ConnectionRefusedError: refused"


def test_an_outage_is_told_from_its_first_opening(db: Store) -> None:
    opened(db)
    first = known(db).since
    the_moment_comes(db)
    fails(Services(db))
    again = known(db)
    assert (again.since, again.failures) == (first, 6)
    the_moment_comes(db)
    with Services(db).external("stripe"):
        probing = known(db)
        assert (probing.state, probing.since) == (State.HALF_OPEN, first)
        assert probing.until is not None, "when the next probe may start"


# -- everything that can happen, in any order


class Twice(Store):
    """Carries each script out twice, as a client does that lost a reply."""

    def __init__(self, db: Store) -> None:
        self.client = db.client

    def do(self, op: Op[T], patience: float = 0.0) -> T:
        return super().do(_twice(op), patience)


def _twice(op: Op[T]) -> Op[T]:
    try:
        call = next(op)
        while True:
            reply: Any = yield call
            if call.script:
                again = yield call
                reply = _same(call, reply, again)
            call = op.send(reply)
    except StopIteration as end:
        value: T = end.value
        return value


def _same(call: Call, first: Any, again: Any) -> Any:
    if call.args[0] == "enter" and first[0] != b"open":
        assert again == first
    return again


@dataclass(eq=False)
class Block:
    """A call under way: its context, and what the model knows of it."""

    context: Context
    exit: Callable[..., None]
    period: int  #: of the probe; 0: let in while the circuit was closed
    failures: int  #: known when it was let in


THRESHOLD = 3
recent = st.integers(0, 5)  #: which block, from the latest


class Life(RuleBasedStateMachine):
    """Workers call a service, and may die or sleep; the model says what must come of it."""

    def __init__(self, db: Store) -> None:
        super().__init__()
        self.db = db
        db.client.flushall()
        self.blocks: list[Block] = []
        self.failures, self.period = 0, 0
        self.open, self.reached = False, False
        self.holder: Block | None = None  #: of the newest probe's lease
        self.leased = False

    @rule(twice=st.booleans())
    def enter(self, twice: bool) -> None:
        # a worker that remembers nothing
        services = Services(Twice(self.db) if twice else self.db)
        outside, context = services.external("stripe", threshold=THRESHOLD), copy_context()
        probes = self.open and self.reached and not self.leased
        if self.open and not probes:
            with pytest.raises(CircuitOpen) as told:
                context.run(outside.__enter__)
            assert told.value.retry_in > 0
            return
        context.run(outside.__enter__)
        block = Block(context, outside.__exit__, self.period if probes else 0, self.failures)
        self.blocks.append(block)
        if probes:
            assert not self.leased, "never two probes at once"
            self.holder, self.leased = block, True

    @precondition(lambda self: self.blocks)
    @rule(which=recent)
    def succeed(self, which: int) -> None:
        block = self._end(which, None)
        if not self.open:
            if block.failures or block.period:
                self.failures = 0
        elif block.period == self.period:
            self.open, self.failures, self.holder, self.leased = False, 0, None, False

    @precondition(lambda self: self.blocks)
    @rule(which=recent, retry_after=st.sampled_from([None, None, None, 900.0]))
    def fail(self, which: int, retry_after: float | None) -> None:
        block = self._end(which, ExternalError("No.", retry_after=retry_after))
        if self.open and block is not self.holder:
            self.reached = self.reached and not retry_after
            return
        self.failures += 1
        if self.open or self.failures >= THRESHOLD or retry_after:
            self.open, self.reached, self.period = True, False, self.period + 1
            self.holder, self.leased = None, False

    @precondition(lambda self: self.blocks)
    @rule(which=recent, error=st.sampled_from([WorkerStopping(), InputError("No such card.")]))
    def stop(self, which: int, error: BaseException) -> None:
        if self._end(which, error) is self.holder:
            self.holder, self.leased = None, False

    @precondition(lambda self: self.blocks)
    @rule(which=recent)
    def die(self, which: int) -> None:
        """The worker is killed: nothing is reported, and a lease lasts until its end."""
        del self.blocks[-1 - which % len(self.blocks)]

    @precondition(lambda self: self.open and not self.reached)
    @rule()
    def the_moment_comes(self) -> None:
        the_moment_comes(self.db)
        self.reached = True

    @precondition(lambda self: self.leased)
    @rule()
    def the_lease_ends(self) -> None:
        the_lease_ends(self.db)
        self.leased = False

    def _end(self, which: int, error: BaseException | None) -> Block:
        block = self.blocks.pop(-1 - which % len(self.blocks))
        block.context.run(block.exit, type(error), error, None)
        return block

    @invariant()
    def the_store_agrees(self) -> None:
        found = self.db.do(breaker.everything())
        if not found:
            assert not self.open
            assert not self.failures
            return
        state = State.CLOSED if not self.open else State.HALF_OPEN if self.reached else State.OPEN
        assert (found[0].state, found[0].failures) == (state, self.failures)

    @invariant()
    def nothing_of_a_block_is_left_in_its_context(self) -> None:
        assert external._INSIDE.get() == ()


def test_whatever_happens_probes_come_one_at_a_time_and_one_success_closes(db: Store) -> None:
    machine: Any = partial(Life, db)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
