"""A user's notices in any schedule: ends, receipts, timers, preferences, mailers that die or sleep
at each named point, and a mail server in each mood. Every notice comes to one end, and none is
told twice but where the server's answer got lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import time
from email import message_from_bytes, policy
from functools import partial
from typing import Any, TypeVar, cast

import orjson
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from letters.letter import Letters, Sender
from letters.shelf import Shelf
from ringback import choose, store
from ringback.breaker import breaker_key
from ringback.connection import Op, Store
from ringback.explain import explain
from ringback.job import Job, Result
from ringback.keys import Call, due_key, key, partition_of
from ringback.notice import SEEN, TURNED_OFF, UNSURE, EmailChoice
from ringback.preferences import Preferences
from ringback.quiet import QuietHours
from ringback.unsubscribe import Links
from tasks.deliver import Mailer
from tasks.delivery import House
from tasks.envelope import Envelope
from tasks.mail_gate import SERVICE
from tasks.smtp_answer import Outcome
from tasks.supervisor import Supervisor
from tests.eye import BROKE
from tests.mishaps import Died, die
from tests.rig import Valkey, new_spec

T = TypeVar("T")

USER = "ann"
P = partition_of(USER)
OUTBOX, ABOUT, MAILED = (key(P, name, USER) for name in ("outbox", "user", "mailed"))
HOME = "http://127.0.0.1:8000"
LETTERS = Letters(Shelf(), Sender("Ringback <no-reply@example.com>", HOME))
HOUSE = House("example.com", 0, Links("s" * 32, HOME), an_hour=3)
MOST = 6  #: jobs in one run
ENDED = ("sent", "skipped", "failed")
ENDS: dict[str, Callable[[Job], Job]] = {
    "well": lambda job: job.ended(Result("Done")), "badly": lambda job: job.failed(BROKE)
}  # fmt: skip

#: What the server does: its answer, whether it comes after the message, whether it took that.
MOODS = {
    "takes it": (Outcome("accepted", "250 OK"), True, True),
    "busy": (Outcome("delayed", "451 later"), False, False),
    "busy after the message": (Outcome("delayed", "451 later"), True, False),
    "is down": (Outcome("down", "The mail server can't be reached."), False, False),
    "refuses": (Outcome("refused", "554 no"), False, False),
    "refuses after the message": (Outcome("refused", "554 no"), True, False),
    "takes it and hangs up": (Outcome("ambiguous", "The answer got lost"), True, True),
    "hangs up": (Outcome("ambiguous", "The answer got lost"), True, False),
}
#: Where a mailer may stop, in the order in which it comes there.
POINTS = (
    "claim",
    "open",
    "reserved",
    "started",
    "data-sent",
    "taken",
    "accepted",
    "close",
    "release",
)
#: Where nobody knows any more whether the server took the message, before or after it.
DOUBTFUL = {("data-sent", True), ("taken", False), ("taken", True), ("accepted", False)}
moods = st.sampled_from(sorted(MOODS))
points = st.sampled_from(POINTS)
recent = st.integers(0, MOST - 1)


def point_of(call: Call) -> str | None:
    """The name of the point that a call to the store is."""
    if call.script == "mail":
        action = str(call.args[0])
        return str(orjson.loads(call.args[4])["state"]) if action == "write" else action
    if call.script == "commit":
        return {b"sending": "started", b"sent": "close"}.get(_notice_state(call.args[2]))
    return None


def _notice_state(record: bytes) -> bytes:
    return record.partition(b'"notice":{"state":"')[2].partition(b'"')[0]


@dataclass
class Stop:
    """What befalls a mailer at a point, once: before what it does there, or after."""

    at: str
    late: bool
    do: Callable[[], None]
    met: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether the mailer stopped where nobody knows what the server has."""
        return self.met and (self.at, self.late) in DOUBTFUL

    def meet(self, point: str | None, *, late: bool) -> None:
        """Comes by."""
        if not self.met and (self.at, self.late) == (point, late):
            self.met = True
            self.do()


class Line(Store):
    """A connection over which a mailer comes to its points; ``twice``: each script is sent again,
    as redis-py does when a reply gets lost."""

    def __init__(self, url: str, stop: Stop | None, *, twice: bool) -> None:
        super().__init__(url)
        self.stop = stop
        self.twice = twice

    def do(self, op: Op[T], patience: float = 0.0) -> T:
        """As ``Store.do``, with what befalls the mailer."""
        return super().do(self._carry(op), patience)

    def _carry(self, op: Op[T]) -> Op[T]:
        reply: Any = None
        while True:
            try:
                call = op.send(reply)
            except StopIteration as end:
                return cast(T, end.value)
            self._meet(call, late=False)
            reply = yield call
            if self.twice and call.script in ("commit", "mail"):
                reply = yield call
            self._meet(call, late=True)

    def _meet(self, call: Call, *, late: bool) -> None:
        if self.stop is not None:
            self.stop.meet(point_of(call), late=late)


class Server:
    """The mail server as mailers meet it: one mood at a time, and all that it took."""

    def __init__(self) -> None:
        self.mood = "takes it"
        self.taken: list[tuple[str, tuple[str, ...]]] = []  #: Message-ID, jobs

    def transport(self, stop: Stop | None) -> Any:
        """The way there for one mailer."""
        return _Way(self, stop)


@dataclass
class _Way:
    server: Server
    stop: Stop | None

    def send(self, envelope: Envelope, before_data: Callable[[], None]) -> Outcome:
        """One email."""
        outcome, after_data, takes = MOODS[self.server.mood]
        if after_data:
            before_data()
        if self.stop is not None:
            self.stop.meet("taken", late=False)
        if takes:
            message = message_from_bytes(envelope.content, policy=policy.default)
            told = tuple(str(message["X-Ringback-Job"]).split(", "))
            self.server.taken.append((str(message["Message-ID"]), told))
        if self.stop is not None:
            self.stop.meet("taken", late=True)
        return outcome


class Bells:
    """Doorbells that are only noted."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def waiting(self, _: str) -> int:
        """Somebody hears."""
        return 0

    def mail(self, user: str) -> None:
        """A mailer is to look after a user."""
        self.rung.append(user)


class Schedule(RuleBasedStateMachine):
    """Rules are the events, invariants what holds after each."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.db = Store(url)
        self.db.client.flushall()
        self.server = Server()
        self.bells = Bells()
        self.supervisor = Supervisor(self.db, cast(Any, self.bells))
        self.ids: list[str] = []
        self.doubtful: set[str] = (
            set()
        )  #: jobs in a message of which nobody may know that it was taken
        self.received: set[str] = set()
        self.wanted_none = False

    def teardown(self) -> None:
        try:
            self.in_the_end_each_notice_has_one_end()
        finally:
            self.db.close()

    def do(self, op: Op[T]) -> T:
        return self.db.do(op)

    def jobs(self) -> list[Job]:
        return [self.do(store.load(job_id)) for job_id in self.ids]

    def open(self) -> list[str]:
        return [job.id for job in self.jobs() if job.notice and job.notice.open]

    # -- what happens

    @initialize()
    def a_job_ends(self) -> None:
        self.job_ends("well", "normal")

    @precondition(lambda self: len(self.ids) < MOST)
    @rule(how=st.sampled_from(sorted(ENDS)), severity=st.sampled_from(["normal", "normal", "high"]))
    def job_ends(self, how: str, severity: Any) -> None:
        """A terminal commit."""
        spec = new_spec(USER, severity=severity, grace_absent=60_000, grace_present=60_000)
        job = self.do(store.submit(spec)).job
        for change in (Job.claimed, ENDS[how]):
            job = self.do(store.update(job, change))
        self.ids.append(job.id)

    @rule(which=recent)
    def receipt(self, which: int) -> None:
        """A client has it."""
        self._receive(self.ids[which % len(self.ids)])

    def _receive(self, job_id: str) -> None:
        before = self.do(store.load(job_id))
        after = self.do(store.update(job_id, lambda job: job.received(job.version, "pong")))
        if after != before:
            self.received.add(job_id)

    @rule(which=recent)
    def one_notice_is_due(self, which: int) -> None:
        """A timer fires: the grace, a hold or a delay is over."""
        self.db.client.zadd(OUTBOX, {self.ids[which % len(self.ids)]: 1}, xx=True)
        self.db.client.zadd(due_key(P, "notice"), {USER: 1}, xx=True)

    @rule()
    def all_notices_are_due(self) -> None:
        """All of them fire."""
        for job_id in self.open():
            self.db.client.zadd(OUTBOX, {job_id: 1}, xx=True)
        self.db.client.zadd(due_key(P, "notice"), {USER: 1}, xx=True)

    @rule()
    def a_claim_runs_out(self) -> None:
        """A mailer was silent for a minute."""
        if self.db.client.hexists(ABOUT, "mailer_until"):
            self.db.client.hset(ABOUT, "mailer_until", 1)

    @rule()
    def a_window_ends(self) -> None:
        """The user's next digest may go out."""
        self.db.client.hdel(ABOUT, "next_email")

    @rule()
    def the_server_may_be_tried_again(self) -> None:
        """Its circuit closes, and a pause after it was down is over."""
        self.db.client.delete(breaker_key(SERVICE.name))
        self.db.client.hdel(ABOUT, "paused_until")

    @rule()
    def an_hour_passes(self) -> None:
        """Emails count for the cap no more."""
        self.db.client.delete(MAILED)

    @rule(
        email=st.sampled_from(["fallback", "fallback", "always", "never"]),
        window=st.sampled_from([0, 0, 3_600]), night=st.booleans(),
    )  # fmt: skip
    def preferences_change(self, email: EmailChoice, window: int, night: bool) -> None:
        """``window``: seconds; ``night``: quiet hours from here on."""
        hours = QuietHours(time(0), time(23, 59)) if night else None
        wanted = Preferences(email=email, digest_window=window, quiet_hours=hours)
        self.wanted_none |= email == "never"
        self.do(choose.change(USER, lambda _: wanted))

    @rule(mood=moods)
    def a_supervisor_passes(self, mood: str) -> None:
        """Whoever is due is rung for, and a mailer comes."""
        self.bells.rung.clear()
        self.supervisor._partition(P)
        if USER in self.bells.rung:
            self._deliver(mood)

    @rule(mood=moods, twice=st.booleans())
    def a_mailer_comes(self, mood: str, twice: bool) -> None:
        """At a bell that was rung some time."""
        self._deliver(mood, twice=twice)

    @rule(mood=moods, at=points, late=st.booleans(), ready=st.booleans())
    def a_mailer_dies(self, mood: str, at: str, late: bool, ready: bool) -> None:
        """``ready``: all it needs is due, so that it comes far."""
        if ready:
            self._all_timers()
        self._deliver(mood, Stop(at, late, die))

    @rule(mood=moods, then=moods, at=points, late=st.booleans())
    def a_mailer_sleeps_and_another_takes_over(
        self, mood: str, then: str, at: str, late: bool
    ) -> None:
        """Its claim runs out meanwhile; then it goes on."""
        self._all_timers()
        self._deliver(mood, Stop(at, late, partial(self._take_over, then)))

    @rule(at=points, late=st.booleans())
    def another_mailer_comes_while_one_is_at_it(self, at: str, late: bool) -> None:
        """Its claim holds: the other one does nothing."""

        def come() -> None:
            if not self.db.client.hexists(ABOUT, "mailer"):
                return  # before its claim, or after its release
            taken, mood = len(self.server.taken), self.server.mood
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(self._deliver, "takes it").result()
            self.server.mood = mood
            assert len(self.server.taken) == taken

        self._all_timers()
        self._deliver("takes it", Stop(at, late, come))

    @rule(mood=moods, at=points, late=st.booleans())
    def receipts_come_while_a_mailer_is_at_it(self, mood: str, at: str, late: bool) -> None:
        """Between any two of its points."""

        def receive() -> None:
            for job_id in self.ids:
                self._receive(job_id)

        self._all_timers()
        self._deliver(mood, Stop(at, late, receive))

    def _all_timers(self) -> None:
        self.all_notices_are_due()
        self.a_claim_runs_out()
        self.a_window_ends()
        self.the_server_may_be_tried_again()
        self.an_hour_passes()

    def _take_over(self, mood: str) -> None:
        self._all_timers()
        before, self.server.mood = self.server.mood, mood
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(self._deliver, mood).result()
        self.server.mood = before

    def _deliver(self, mood: str, stop: Stop | None = None, *, twice: bool = False) -> None:
        self.server.mood = mood
        line, before = Line(self.url, stop, twice=twice), len(self.server.taken)
        try:
            with suppress(Died):
                Mailer(line, LETTERS, self.server.transport(stop), HOUSE).deliver(USER)
        finally:
            line.close()
        if mood == "takes it and hangs up" or (stop is not None and stop.doubtful):
            for _, jobs in self.server.taken[before:]:
                self.doubtful.update(jobs)

    # -- what holds

    @invariant()
    def nobody_is_told_twice_and_nothing_is_lost(self) -> None:
        for job in self.jobs():
            notice = job.notice
            assert notice is not None
            copies = [name for name, told in self.server.taken if job.id in told]
            certain = job.id not in self.doubtful
            assert len(copies) <= (1 if certain else 2), "at most one more try"
            assert len(set(copies)) <= 1, "with the same Message-ID"
            if notice.state == "sent":
                assert copies or notice.reason in UNSURE
            elif notice.state != "sending" and (certain or notice.reason == TURNED_OFF):
                assert copies == [], "who has an email is not told that there is none"
            self._it_has_at_most_one_end(job)

    def _it_has_at_most_one_end(self, job: Job) -> None:
        told = [entry["what"] for entry in self.do(store.history(job.id))]
        states = [what.split()[1].rstrip(":") for what in told if what.startswith("email ")]
        ends = [state for state in states if state in ENDED]
        assert job.notice is not None
        assert ends == ([] if job.notice.open else [job.notice.state])
        assert states[-1:] == ends or not ends, "nothing comes after the end"

    @invariant()
    def what_is_open_is_found_again(self) -> None:
        waiting = {member.decode() for member in self.db.client.zrange(OUTBOX, 0, -1)}
        assert waiting == set(self.open())
        if waiting:
            assert self.db.client.zscore(due_key(P, "notice"), USER) is not None

    @invariant()
    def a_grave_failure_is_alone_in_its_email(self) -> None:
        grave = {job.id for job in self.jobs() if job.grave}
        for _, told in self.server.taken:
            assert len(told) == 1 or not grave & set(told)

    def in_the_end_each_notice_has_one_end(self) -> None:
        self.do(choose.change(USER, lambda old: replace(old, quiet_hours=None, digest_window=0)))
        for _ in range(4 + 2 * len(self.ids)):
            if not self.open():
                break
            self._all_timers()
            self.a_supervisor_passes("takes it")
        self.nobody_is_told_twice_and_nothing_is_lost()
        self.what_is_open_is_found_again()
        self.a_grave_failure_is_alone_in_its_email()
        for job in self.jobs():
            self._its_end_is_told_and_true(job)

    def _its_end_is_told_and_true(self, job: Job) -> None:
        notice, told = job.notice, explain(job, self.do(store.history(job.id)))
        assert notice is not None
        assert not notice.open
        assert notice.reason
        assert told.end in ("receipt", "accepted", "unknown", "skipped", "failed")
        assert [line.text for line in told.lines if line.text == notice.reason]
        assert (notice.reason != SEEN) or job.id in self.received
        assert (notice.reason != TURNED_OFF) or self.wanted_none
        if notice.state == "skipped":
            assert notice.reason in (SEEN, TURNED_OFF), "no other reason was given"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that doesn't write to disk: mailers die here, and the store doesn't."""
    server = Valkey(tmp_path_factory.mktemp("schedules"))
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
    yield server
    server.kill()


def test_in_whatever_schedule_each_notice_comes_to_one_end_and_none_is_told_twice(
    valkey: Valkey,
) -> None:
    machine: Any = partial(Schedule, valkey.url)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, derandomize=True,
            database=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


# What chance may miss in so few runs: each point, in each mood.


@contextmanager
def begun(valkey: Valkey, *ends: Sequence[str]) -> Iterator[Schedule]:
    """A schedule in which jobs have ended, and which is brought to its end."""
    told = Schedule(valkey.url)
    for how, severity in ends:
        told.job_ends(how, severity)
    yield told
    told.nobody_is_told_twice_and_nothing_is_lost()
    told.teardown()


TWO = (("well", "normal"), ("badly", "high"))


@pytest.mark.parametrize("mood", MOODS)
def test_a_mailer_may_die_before_and_after_each_point(valkey: Valkey, mood: str) -> None:
    for at in POINTS:
        for late in (False, True):
            with begun(valkey, *TWO) as told:
                told.a_mailer_dies(mood, at, late, ready=True)


@pytest.mark.parametrize("then", ["takes it", "busy", "refuses", "takes it and hangs up"])
@pytest.mark.parametrize("mood", ["takes it", "refuses after the message", "takes it and hangs up"])
def test_a_mailer_may_sleep_at_each_point_while_another_takes_over(
    valkey: Valkey, mood: str, then: str
) -> None:
    for at in POINTS:
        with begun(valkey, *TWO) as told:
            told.a_mailer_sleeps_and_another_takes_over(mood, then, at, late=True)


def test_each_point_is_come_to(valkey: Valkey) -> None:
    met: Counter[str] = Counter()
    for at in POINTS:
        with begun(valkey, TWO[0]) as told:
            if at == "open":
                told.preferences_change("fallback", 3_600, night=False)
            told._all_timers()
            told._deliver("takes it", Stop(at, late=False, do=partial(met.update, [at])))
    assert met == Counter(POINTS)
