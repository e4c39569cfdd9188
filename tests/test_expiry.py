"""How long a live connection stays signed in; the time passes when the test says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.claims import Identity
from gateway.expiry import GRACE, LONGEST, WARNING, SignIn
from gateway.models import ExpiringEvent
from gateway.problems import Problem
from ringback.job import Owner

START = 1_700_000_000


class Timer:
    """What happens at a moment, unless it is cancelled."""

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at, self.callback, self.cancelled = at, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = float(START)
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + delay, callback))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        """Time passes, and what is due happens at its moment."""
        until = self.now + seconds
        while due := [t for t in self.timers if t.at <= until and not t.cancelled]:
            timer = min(due, key=lambda t: t.at)
            self.timers.remove(timer)
            self.now = timer.at
            timer.callback()
        self.now = until


class Connection:
    """A connection of ann's, and what happened to it."""

    def __init__(self, lifetime: float) -> None:
        self.clock = Clock()
        self.warnings: list[ExpiringEvent] = []
        self.cuts: list[float] = []
        self.sign_in = SignIn(
            token(lifetime), self.warnings.append, lambda: self.cuts.append(self.after), self.clock
        )
        self.sign_in.start()

    @property
    def after(self) -> float:
        return self.clock.now - START

    @property
    def refuses(self) -> str | None:
        """In which words an event of the client is refused now."""
        try:
            self.sign_in.check()
        except Problem as problem:
            return f"{problem.status}: {problem}"
        return None


def token(lifetime: float, user: str = "ann", role: str = "user") -> Identity:
    return Identity(Owner(id=user), frozenset({role}), round(START + lifetime))


def test_a_client_is_warned_a_minute_before_its_token_ends() -> None:
    connection = Connection(lifetime=3_600)
    connection.clock.advance(3_600 - WARNING - 1)
    assert connection.warnings == []
    connection.clock.advance(1)
    assert connection.warnings == [
        ExpiringEvent(expires_at="2023-11-14T23:13:20.000Z", expires_in=round(WARNING))
    ]


@pytest.mark.parametrize(("lifetime", "told"), [(20, 20), (0, 0), (-4, 0)])
def test_a_client_with_less_than_a_minute_left_is_warned_at_once(lifetime: int, told: int) -> None:
    connection = Connection(lifetime)
    connection.clock.advance(0)
    assert [warning.expires_in for warning in connection.warnings] == [told]


def test_a_token_that_ended_refuses_what_the_client_asks_and_later_cuts_it() -> None:
    connection = Connection(lifetime=100)
    connection.clock.advance(99)
    assert connection.refuses is None
    connection.clock.advance(1)
    assert str(connection.refuses).startswith("401: The token ended at 2023-11-14T22:15:00")
    connection.clock.advance(GRACE - 0.1)
    assert connection.cuts == []
    connection.clock.advance(0.1)
    assert connection.cuts == [100 + GRACE]


@pytest.mark.parametrize("moment", [10, 50, 100, 100 + GRACE - 1])
def test_a_new_token_saves_the_connection_also_within_the_grace(moment: float) -> None:
    connection = Connection(lifetime=100)
    connection.clock.advance(moment)
    connection.sign_in.refresh(token(lifetime=500, role="support"))
    assert connection.refuses is None
    assert connection.sign_in.identity.roles == {"support"}
    before = len(connection.warnings)
    connection.clock.advance(500 - WARNING - moment)
    assert len(connection.warnings) == before + 1
    connection.clock.advance(WARNING + GRACE)
    assert connection.cuts == [500 + GRACE]


def test_a_new_token_may_also_end_sooner() -> None:
    connection = Connection(lifetime=5_000)
    connection.sign_in.refresh(token(lifetime=100))
    connection.clock.advance(200)
    assert connection.cuts == [100 + GRACE]


def test_another_users_token_is_refused_and_the_old_one_stays() -> None:
    connection = Connection(lifetime=100)
    connection.clock.advance(90)
    with pytest.raises(Problem, match="another user"):
        connection.sign_in.refresh(token(lifetime=5_000, user="bob"))
    assert connection.sign_in.identity == token(lifetime=100)
    connection.clock.advance(100)
    assert connection.cuts == [100 + GRACE]


def test_a_connection_that_is_gone_is_neither_warned_nor_cut() -> None:
    connection = Connection(lifetime=100)
    connection.sign_in.end()
    connection.clock.advance(1_000)
    assert (connection.warnings, connection.cuts) == ([], [])


def test_a_connection_comes_back_once_a_week_however_long_its_token_is_good() -> None:
    connection = Connection(lifetime=300 * 86_400)
    connection.clock.advance(LONGEST)
    assert (connection.warnings, connection.cuts) == ([], [LONGEST])
