"""Everything that can happen to a few users' jobs, in any order, on a real store with a real mail
server, with replies lost and processes dying between any two calls: what must hold, holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import time
from functools import partial
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import HealthCheck, assume, settings
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
from ringback import choose, presence, store
from ringback.attempt import NotQueued, _claim, _fail_or_retry, _hand_back
from ringback.breaker import breaker_key
from ringback.codec import view_json
from ringback.connection import Op, Store
from ringback.doorbell import Doorbells, new_broker
from ringback.errors import IdempotencyMismatch, JobEnded, LeaseLost
from ringback.failure import Failure
from ringback.job import Counts, Job, Result, Spec, State
from ringback.keys import Call, channel_of, due_key, job_key, key, partition_of
from ringback.notice import MAYBE, UNSURE, EmailChoice
from ringback.preferences import Preferences
from ringback.quiet import QuietHours
from ringback.unsubscribe import Links
from tasks.deliver import Mailer
from tasks.delivery import House
from tasks.mail_gate import SERVICE
from tasks.supervisor import Supervisor
from tests.mishaps import WEATHERS, Died, Fault, PostOffice, Wire, die
from tests.rig import Valkey, come, new_spec

T = TypeVar("T")

ADDRESSED = "ann", "bob"
USERS = "cat", *ADDRESSED  #: cat has no address
LEASED = (State.RUNNING, State.CANCELLING)
OPEN = "waiting", "delayed"
FIXED = "state", "counts", "problems", "result", "error", "finished_at"
ENDS = "goes on", "reaches a checkpoint", "returns", "breaks", "breaks for now", "stops"
MOST = 12  #: jobs in one run
DONE = Result("Done")
BROKE = Failure(code="x", category="external", message="No answer.", action="")


recent = st.integers(0, 7)  #: how far back from the latest
users = st.sampled_from(USERS)
counted = st.builds(Counts, *[st.integers(0, 3)] * 3)
policies = st.fixed_dictionaries(
    {
        "idempotent": st.booleans(),
        "max_attempts": st.integers(1, 3),
        "receipt": st.sampled_from(["pong", "seen"]),
    }
)


def pick(things: Sequence[T], which: int) -> T:
    """One of them, counted from the last."""
    return things[-1 - which % len(things)]


@dataclass(frozen=True)
class Attempt:
    """What a worker holds: the job as it knows it, maybe old."""

    job: Job

    @property
    def fence(self) -> int:
        return self.job.fence


class Life(RuleBasedStateMachine):
    """Rules are what users, workers, supervisors and mailers do; invariants what never breaks."""

    def __init__(self, url: str, office: PostOffice) -> None:
        super().__init__()
        self.commits: list[tuple[Call, Any]] = []
        self.heard: dict[str, list[tuple[dict[str, Any], bytes, int]]] = defaultdict(list)
        self.ids: list[str] = []  #: jobs, as they came
        self.held: list[Attempt] = []  #: what workers hold, running or long replaced
        self.doubtful: set[str] = set()  #: jobs told in an email whose acceptance may be unknown
        self.office = office
        self.url = url
        self.db = Wire(url, self.commits)
        self.db.client.flushall()
        office.taken.clear()
        broker = url.removesuffix("/0") + "/1"
        self.supervisor = Supervisor(self.db, Doorbells(new_broker(broker)))
        self.ears = self.db.client.pubsub()
        self.ears.subscribe("end", *map(channel_of, USERS))
        for _ in range(len(USERS) + 1):
            assert self.ears.get_message(timeout=5)

    def teardown(self) -> None:
        try:
            self.in_fine_weather_every_notice_ends()
        finally:
            self._close()

    def in_fine_weather_every_notice_ends(self) -> None:
        for user in ADDRESSED:
            self.do(choose.change(user, lambda wanted: replace(wanted, quiet_hours=None)))
            for _ in range(4):
                if self._members(key(partition_of(user), "outbox", user)):
                    self._deliver_with(user, "fine")
        self.it_holds()
        assert self.waiting() == []

    def _close(self) -> None:
        self.ears.close()
        self.db.close()

    def do(self, op: Op[Any]) -> Any:
        return self.db.do(op)

    def load(self, job_id: str) -> Job:
        job: Job = self.do(store.load(job_id))
        return job

    def job(self, which: int) -> str:
        return pick(self.ids, which)

    def ended(self) -> list[str]:
        return [v["id"] for user in USERS for v in self._last(user).values() if v["email"]]

    def waiting(self) -> list[str]:
        """Users with open notices."""
        return [
            user for user in USERS
            if any(v["email"] and v["email"]["state"] in OPEN for v in self._last(user).values())
        ]  # fmt: skip

    # -- users

    @initialize(user=users)
    def somebody_submits(self, user: str) -> None:
        self._submit(self._spec(user))

    @precondition(lambda self: len(self.ids) < MOST)
    @rule(
        user=users,
        policy=policies,
        name=st.sampled_from([None, None, "k1", "k2"]),
        work=st.sampled_from(["work", "work", "other work"]),
        twice=st.booleans(),
    )
    def submit(
        self, user: str, policy: dict[str, Any], name: str | None, work: str, twice: bool
    ) -> None:
        self.db.begin(twice=twice)
        before = len(self.commits)
        try:
            self._submit(self._spec(user, **policy), name, work)
        except IdempotencyMismatch:
            assert len(self.commits) == before

    @precondition(lambda self: len(self.ids) < MOST)
    @rule(
        user=users, policy=policies, counts=counted,
        end=st.sampled_from(["returns", "returns", "breaks for now"]),
    )  # fmt: skip
    def submit_and_work(
        self, user: str, policy: dict[str, Any], counts: Counts, end: str = "returns"
    ) -> None:
        """Jobs that mostly end, so that there is something to tell."""
        self._submit(self._spec(user, **policy))
        attempt = self._claim(self.ids[-1])
        self._end(self._write(attempt, lambda j: j.advanced(counts=counts)), end)

    def _spec(self, user: str, **policy: Any) -> Spec:
        email = f"{user}@example.com" if user in ADDRESSED else None
        return new_spec(
            user, email=email, unit="rows", grace_absent=60_000, grace_present=120_000, **policy
        )

    def _submit(self, spec: Spec, name: str | None = None, work: str = "work") -> None:
        done = self.do(store.submit(spec, name, work))
        assert done.created == (done.job.id == spec.id)
        if done.created:
            self.ids.append(spec.id)

    @rule(which=recent, twice=st.booleans())
    def cancel(self, which: int, twice: bool) -> None:
        self.db.begin(twice=twice)
        with suppress(JobEnded):
            self.do(store.update(self.job(which), Job.cancel_requested))

    @rule(user=users, here=st.booleans())
    def come_or_go(self, user: str, here: bool) -> None:
        self.do(come(user, "c1") if here else presence.leave({user: ["c1"]}))

    @precondition(lambda self: self.ended())
    @rule(which=recent, off=st.integers(-2, 2), proof=st.sampled_from(["pong", "seen"]))
    def receive(self, which: int, off: int, proof: Any) -> None:
        """A receipt for a version around the one with which the job ended."""
        before = self.load(pick(self.ended(), which))
        assert before.ended_version is not None
        version = before.ended_version + off
        after = self.do(store.update(before.id, lambda j: j.received(version, proof)))
        told = before.ended_version <= version <= before.version
        assert told or after.version == before.version, "proves nothing"

    @rule(user=users, email=st.sampled_from(["fallback", "always", "never"]), night=st.booleans())
    def prefer(self, user: str, email: EmailChoice, night: bool) -> None:
        """Somebody changes what they want of emails; ``night``: quiet hours from here on."""
        hours = QuietHours(time(0), time(23, 59)) if night else None
        self.do(choose.change(user, lambda _: Preferences(email=email, quiet_hours=hours)))

    # -- workers

    @rule(which=recent, queued=st.booleans(), twice=st.booleans())
    def claim(self, which: int, queued: bool, twice: bool) -> None:
        """A bell rings: mostly for a job that waits, at times for another."""
        self.db.begin(twice=twice)
        waiting = [i for i in self.ids if self.load(i).state is State.QUEUED]
        self._claim(pick(waiting if queued and waiting else self.ids, which))

    def _claim(self, job_id: str) -> Attempt:
        before = self.load(job_id)
        try:
            claimed = self.do(store.update(job_id, _claim))
        except NotQueued:
            assert before.state is not State.QUEUED
            claimed = before
        else:
            assert before.state is State.QUEUED
        self.held.append(Attempt(claimed))
        return self.held[-1]

    @precondition(lambda self: self.held)
    @rule(which=recent, end=st.sampled_from(ENDS), counts=counted, twice=st.booleans())
    def work(self, which: int, end: str, counts: Counts, twice: bool) -> None:
        """A worker writes, with the job as it was when it last looked."""
        self.db.begin(twice=twice)
        attempt = pick(self.held, which)
        attempt = self._write(attempt, lambda j: j.advanced(counts=counts, message=end))
        self._end(attempt, end)

    def _end(self, attempt: Attempt, end: str) -> None:
        if attempt.job.state is State.CANCELLING and end == "reaches a checkpoint":
            self._write(attempt, Job.stopped)
        if end == "returns":
            self._write(attempt, lambda j: j.ended(DONE))
        if end in ("breaks", "breaks for now"):
            failure = replace(BROKE, retryable=end == "breaks for now")
            self._write(attempt, lambda j: _fail_or_retry(j, failure))
        if end == "stops":
            self._write(attempt, _hand_back)

    @precondition(lambda self: self.held)
    @rule(which=recent, counts=counted)
    def end_without_a_look(self, which: int, counts: Counts) -> None:
        """The attempt's only write is its last."""
        self._write(pick(self.held, which), lambda j: j.advanced(counts=counts).ended(DONE))

    def _write(self, attempt: Attempt, change: Callable[[Job], Job]) -> Attempt:
        current, before = self.load(attempt.job.id), len(self.commits)
        holds = current.fence == attempt.fence and current.state in LEASED
        try:
            after = Attempt(self.do(store.update(attempt.job, change, held=attempt.fence)))
        except LeaseLost:
            assert not holds
            assert len(self.commits) == before
            return attempt
        assert holds
        assert after.job.version == current.version + 1
        self.held.append(after)
        return after

    @precondition(lambda self: self.held)
    @rule(which=recent)
    def renew(self, which: int) -> None:
        attempt = pick(self.held, which)
        current = self.load(attempt.job.id)
        lost, _ = self.do(store.renew(current.id[:2], [(current.id, attempt.fence)]))
        holds = current.fence == attempt.fence and current.state in LEASED
        assert lost == ([] if holds else [current.id])

    # -- supervisors

    @rule(which=recent, dies=st.booleans())
    def time_passes(self, which: int, dies: bool) -> None:
        """What a job waits for is due; the supervisor that takes it may die at once."""
        before = self.load(self.job(which))
        partition = before.id[:2]
        for kind in ("lease", "retry", "doorbell"):
            self.db.client.zadd(due_key(partition, kind), {before.id: 1}, xx=True)
        self.db.begin(fault=Fault(0, die, late=True) if dies else None)
        with suppress(Died):
            self.supervisor._partition(partition)
        moves = before.state in (*LEASED, State.RETRYING) and not dies
        assert (self.load(before.id).state is not before.state) == moves

    # -- mailers

    @precondition(lambda self: self.waiting())
    @rule(which=recent, weather=st.sampled_from(WEATHERS), twice=st.booleans())
    def deliver(self, which: int, weather: str, twice: bool) -> None:
        """A mailer writes to a user."""
        self._deliver_with(pick(self.waiting(), which), weather, twice=twice)

    @precondition(lambda self: self.waiting())
    @rule(
        which=recent, weather=st.sampled_from(WEATHERS), at=st.integers(0, 21), late=st.booleans()
    )
    def die_while_delivering(self, which: int, weather: str, at: int, late: bool) -> None:
        """A mailer dies before or after one of its calls to the store."""
        self._deliver_with(pick(self.waiting(), which), weather, Fault(at, die, late), breaks=True)

    @precondition(lambda self: self.waiting())
    @rule(
        which=recent, weather=st.sampled_from(WEATHERS), at=st.integers(0, 21),
        then=st.sampled_from(WEATHERS),
    )  # fmt: skip
    def sleep_while_delivering(self, which: int, weather: str, at: int, then: str) -> None:
        """A mailer sleeps so long that another takes over, then goes on."""
        user = pick(self.waiting(), which)
        fault = Fault(at, partial(self._take_over, user, then), late=False)
        self._deliver_with(user, weather, fault, breaks=True)

    @precondition(lambda self: self.waiting())
    @rule(which=recent, weather=st.sampled_from(WEATHERS), at=st.integers(0, 21))
    def receive_while_delivering(self, which: int, weather: str, at: int) -> None:
        """Receipts for all that has ended arrive between two calls of a mailer."""

        def receive() -> None:
            for job_id in self.ended():
                self.do(store.update(job_id, lambda j: j.received(j.version, "seen")))

        self._deliver_with(pick(self.waiting(), which), weather, Fault(at, receive, False))

    def _deliver_with(
        self, user: str, weather: str, fault: Fault | None = None, *,
        breaks: bool = False, twice: bool = False,
    ) -> None:  # fmt: skip
        self.office.weather = weather
        self._grace_passes(user)
        mailer = Wire(self.url, self.commits)
        mailer.begin(twice=twice, fault=fault)
        taken = len(self.office.taken)
        with suppress(Died):
            self._deliver(mailer, user)
        mailer.close()
        if weather == "answer lost" or (breaks and mailer.fault is None):
            # nobody may know of these that they were taken
            told = [job_id for _, jobs in self.office.taken[taken:] for job_id in jobs]
            self.doubtful.update(told)

    def _take_over(self, user: str, weather: str, fault: Fault | None = None) -> None:
        self.office.weather, before = weather, self.office.weather
        self._grace_passes(user)
        other = Wire(self.url, self.commits)
        other.begin(fault=fault)
        with suppress(Died):
            self._deliver(other, user)
        other.close()
        self.office.weather = before

    def _deliver(self, db: Store, user: str) -> None:
        Mailer(db, LETTERS, self.office.transport, HOUSE).deliver(user)

    def _grace_passes(self, user: str) -> None:
        """Notices are due, claims have run out, and the mail server may be probed again."""
        partition = partition_of(user)
        outbox, about = key(partition, "outbox", user), key(partition, "user", user)
        waiting = self.db.client.zrange(outbox, 0, -1)
        if waiting:
            self.db.client.zadd(outbox, dict.fromkeys(waiting, 1))
        if self.db.client.hexists(about, "mailer_until"):
            self.db.client.hset(about, "mailer_until", 1)
        self.db.client.hset(about, "next_email", 1)
        mail = breaker_key(SERVICE.name)
        if self.db.client.hexists(mail, "until"):
            self.db.client.hset(mail, mapping={"until": 1, "probe_until": 1})

    # -- the network

    @rule(which=st.integers(0, 200))
    def an_old_packet_arrives_again(self, which: int) -> None:
        assume(self.commits)
        call, first = self.commits[-1 - which % len(self.commits)]
        known, before = len(self.commits), self._stored()
        reply = self.do(_one(call))
        del self.commits[known:]
        assert reply == first or reply[0] in (b"conflict", b"fenced", b"known")
        assert self._stored() == before

    def _stored(self) -> dict[bytes, bytes]:
        names = sorted(self.db.client.keys())
        with self.db.client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.dump(name)
            return dict(zip(names, pipe.execute(), strict=True))

    # -- what must hold

    @invariant()
    def it_holds(self) -> None:
        self.db.begin()
        self._listen()
        self.every_commit_was_heard_once_and_in_order()
        for user in USERS:
            jobs = [self.load(job_id) for job_id in sorted(self._last(user))]
            self.the_feed_has_each_job_at_its_last_change(user)
            self.the_indexes_agree_with_the_states(user, jobs)
            for job in jobs:
                self.the_view_is_that_of_the_record(job)
                self.the_mail_agrees_with_the_notice(job)

    def _listen(self) -> None:
        self.db.client.publish("end", "")
        while (message := self.ears.get_message(timeout=5))["channel"] != b"end":
            user = message["channel"].decode().rpartition(":")[2]
            _, view, cursor = orjson.loads(message["data"][2:])
            last = self._last(user).get(view["id"])
            raw = message["data"][len('42["job",') : -len(f',"{cursor}"]')]
            self.heard[user].append((view, raw, int(cursor.partition(":")[2])))
            self.a_job_goes_on_as_it_may(last, view)

    def _last(self, user: str) -> dict[str, dict[str, Any]]:
        return {view["id"]: view for view, _, _ in self.heard[user]}

    def a_job_goes_on_as_it_may(self, last: dict[str, Any] | None, view: dict[str, Any]) -> None:
        assert view["version"] == (last["version"] + 1 if last else 1)
        if last and State(last["state"]).terminal:
            assert {name: view[name] for name in FIXED} == {name: last[name] for name in FIXED}
            assert last["email"]["state"] in OPEN, "a notice ends once"
        assert (view["email"] is not None) == State(view["state"]).terminal

    def every_commit_was_heard_once_and_in_order(self) -> None:
        for user in USERS:
            assert [seq for *_, seq in self.heard[user]] == [*range(1, len(self.heard[user]) + 1)]
        heard = Counter(
            (view["id"], view["version"], seq)
            for packets in self.heard.values()
            for view, _, seq in packets
        )
        made = Counter(
            (orjson.loads(call.args[0])["id"], reply[1], reply[2]) for call, reply in self.commits
        )
        assert heard == made

    def the_feed_has_each_job_at_its_last_change(self, user: str) -> None:
        last = {view["id"]: seq for view, _, seq in self.heard[user]}
        stored = self.db.client.zrange(
            key(partition_of(user), "feed", user), 0, -1, withscores=True
        )
        assert {job_id.decode(): int(seq) for job_id, seq in stored} == last
        active = self.db.client.smembers(key(partition_of(user), "active", user))
        assert {job_id.decode() for job_id in active} == {
            job_id for job_id, view in self._last(user).items()
            if not State(view["state"]).terminal
        }  # fmt: skip

    def the_indexes_agree_with_the_states(self, user: str, jobs: list[Job]) -> None:
        expected = {
            "lease": {job.id for job in jobs if job.state in LEASED},
            "retry": {job.id for job in jobs if job.state is State.RETRYING},
            "doorbell": {job.id for job in jobs if job.state is State.QUEUED},
        }
        mine = {job.id for job in jobs}
        for kind, members in expected.items():
            assert self._members(due_key(partition_of(user), kind)) & mine == members
        outbox = {job.id for job in jobs if job.notice and job.notice.open}
        assert self._members(key(partition_of(user), "outbox", user)) == outbox
        if outbox:
            assert user in self._members(due_key(partition_of(user), "notice"))

    def _members(self, name: str) -> set[str]:
        return {member.decode() for member in self.db.client.zrange(name, 0, -1)}

    def the_view_is_that_of_the_record(self, job: Job) -> None:
        heard = [raw for view, raw, _ in self.heard[job.spec.owner.id] if view["id"] == job.id]
        stored = self.db.client.hget(job_key(job.id), "view")
        assert stored == heard[-1] == view_json(job)

    def the_mail_agrees_with_the_notice(self, job: Job) -> None:
        copies = [message_id for message_id, told in self.office.taken if job.id in told]
        certain = job.id not in self.doubtful
        state, reason = (job.notice.state, job.notice.reason) if job.notice else ("", "")
        if job.notice is None or not job.spec.owner.email or job.state is State.CANCELLED:
            assert copies == []
        if state == "sent":
            assert copies or reason in UNSURE
        if state in ("skipped", "failed", "waiting") and certain:
            assert copies == []
        assert len(copies) <= (1 if certain else 2), "at most one more try"
        assert len(set(copies)) <= 1, "with the same Message-ID"


def _one(call: Call) -> Op[Any]:
    return (yield call)


LETTERS = Letters(Shelf(), Sender("Ringback <no-reply@example.com>", "http://127.0.0.1:8000"))
HOUSE = House("example.com", 0, Links("s" * 32, "http://127.0.0.1:8000"))


Lives = Callable[[], AbstractContextManager[Life]]


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    office = PostOffice()
    yield office
    office.close()


@pytest.fixture
def lives(shared_valkey: Valkey, office: PostOffice) -> Lives:
    """Begins stories that are told step by step; at their end every notice must have one."""

    @contextmanager
    def begin() -> Iterator[Life]:
        life = Life(shared_valkey.url, office)
        yield life
        life.teardown()

    return begin


def test_whatever_happens_in_whatever_order_all_that_is_promised_holds(
    shared_valkey: Valkey, office: PostOffice
) -> None:
    machine: Any = partial(Life, shared_valkey.url, office)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=40, deadline=None, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


# What chance may miss in so few runs: each place where a mailer can stop, in each weather.

MAILER_CALLS = 23  #: to the store, for two notices
CONCLUDES = 16  #: the first of them after an answer that alarms operators


def two_jobs_end(life: Life) -> None:
    for counts in (Counts(3), Counts(2, 1)):
        life.submit_and_work(user="ann", policy={}, counts=counts)
    life.it_holds()


def test_every_call_of_a_mailer_is_among_those_that_are_tried(lives: Lives) -> None:
    with lives() as life:
        two_jobs_end(life)
        life.office.weather = "fine"
        life._grace_passes("ann")
        mailer = Wire(life.url, life.commits)
        life._deliver(mailer, "ann")
        mailer.close()
        assert mailer.calls == MAILER_CALLS


# "late" differs from dying before the next call only where DATA lies in between
@pytest.mark.parametrize(
    ("weather", "late"), [*((weather, False) for weather in WEATHERS), ("fine", True)]
)
def test_a_mailer_may_die_at_each_of_its_calls(lives: Lives, weather: str, late: bool) -> None:
    for at in range(MAILER_CALLS):
        with lives() as life:
            two_jobs_end(life)
            life.die_while_delivering(which=0, weather=weather, at=at, late=late)


@pytest.mark.parametrize("weather", ["fine", "refused", "busy after DATA", "answer lost"])
@pytest.mark.parametrize("then", ["fine", "busy"])
def test_a_mailer_may_sleep_at_each_of_its_calls_while_another_takes_over(
    lives: Lives, weather: str, then: str
) -> None:
    for at in range(MAILER_CALLS):
        with lives() as life:
            two_jobs_end(life)
            life.sleep_while_delivering(which=0, weather=weather, at=at, then=then)
            life.submit_and_work(user="ann", policy={}, counts=Counts(1))


@pytest.mark.parametrize("at", range(1, CONCLUDES))
def test_a_mailer_that_slept_leaves_the_conclusion_to_whoever_took_over(
    lives: Lives, at: int
) -> None:
    """Also to one that died since: the sleeper's email was refused, the other's was not."""
    with lives() as life:
        two_jobs_end(life)
        take_over = partial(life._take_over, "ann", "fine", Fault(at, die, late=False))
        asleep = Fault(CONCLUDES, take_over, late=False)
        life._deliver_with("ann", "refused after DATA", asleep, breaks=True)
    assert {job.notice.state for job in map(life.load, life.ids) if job.notice} == {"sent"}


@pytest.mark.parametrize("weather", ["fine", "busy", "answer lost"])
def test_receipts_may_come_between_any_two_calls_of_a_mailer(lives: Lives, weather: str) -> None:
    for at in range(MAILER_CALLS):
        with lives() as life:
            two_jobs_end(life)
            life.receive_while_delivering(which=0, weather=weather, at=at)


def test_a_lost_answer_is_not_forgotten_when_the_one_more_try_is_put_off(lives: Lives) -> None:
    with lives() as life:
        two_jobs_end(life)
        for weather in ("answer lost", "busy", "answer lost", "fine"):
            life.deliver(which=0, weather=weather, twice=False)
            life.it_holds()
        assert len(life.office.taken) == 2
        assert {job.notice.reason for job in map(life.load, life.ids) if job.notice} == {MAYBE}


def test_a_receipt_between_two_tries_leaves_nothing_to_send(lives: Lives) -> None:
    with lives() as life:
        two_jobs_end(life)
        life.deliver(which=0, weather="busy", twice=False)
        for which in (0, 1):
            life.receive(which=which, off=0, proof="pong")
    assert life.office.taken == []
