"""One bad case: an installation, its jobs, what is done to it, and what came of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import redis

from ringback import store
from ringback.client import Client
from ringback.job import TRANSITIONS, Counts, Job, Outcome, Owner, State
from ringback.keys import due_key
from ringback.tally import record_of
from tests.e2e.client import Answer, rest
from tests.e2e.look import job_of
from tests.faults.jobs import LEASE_LOST, verdict
from tests.faults.ledger import Ledger
from tests.rig import Process, Rig, until

LONG = os.environ.get("FAULTS") == "long"  #: the soak: bigger numbers, and time takes its time
SEED = int(os.environ.get("FAULTS_SEED", "2026"))
JOBS, EFFECTS = "tests.faults.jobs", ("faults.effects", "faults.async")
OUTCOMES: tuple[Outcome, Outcome] = ("failed", "skipped")
HOLD = "faults.hold"
SECOND = 1_000  #: ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: what was done, and what came of it."""

    case: str
    seed: int
    jobs: int
    kills: int
    tries: int
    effects: int
    lost: int
    doubled: int
    complaints: tuple[str, ...] = ()
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether all held that must."""
        return not (self.lost or self.doubled or self.complaints)


@dataclass
class Case:
    """Jobs with effects in one installation. ``kills`` is for the test to count."""

    name: str
    rig: Rig
    directory: Path
    kills: int = 0
    jobs: dict[str, int] = field(default_factory=dict)  #: items by job id

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(self.directory / "ledger.db").create()
        self.random = Random(f"{SEED} {self.name}")
        self._ended: set[str] = set()

    def params(self, items: int, pause: float) -> dict[str, object]:
        """Params of an ``effects`` job."""
        return {"ledger": str(self.ledger.path), "items": items, "pause": pause}

    def submit(self, jobs: int, items: int, pause: float, users: int = 1) -> list[str]:
        """Submits jobs, in turn for so many users; every second one is a coroutine."""
        params, accepted = self.params(items, pause), []
        with Client(self.rig.settings) as client:
            for number in range(jobs):
                owner = Owner(id=user(number % users))
                accepted.append(client.submit(EFFECTS[number % 2], owner=owner, params=params).id)
        self.jobs |= dict.fromkeys(accepted, items)
        return accepted

    def hold(self, jobs: int, gate: Path, users: int = 1) -> list[str]:
        """Submits jobs that run until ``gate`` exists. They have no items to count."""
        params = {"ledger": str(self.ledger.path), "gate": str(gate)}
        with Client(self.rig.settings) as client:
            return [
                client.submit(HOLD, owner=Owner(id=user(number % users)), params=params).id
                for number in range(jobs)
            ]

    def request(self, user: str, key: str | None, items: int, pause: float) -> Answer:
        """Asks the gateway for a job; it is one of the case's if it was accepted."""
        body = {"type": EFFECTS[0], "params": self.params(items, pause)}
        headers = {"Idempotency_Key": key} if key else {}
        token = self.rig.token(user)
        answer = rest("POST", f"{self.rig.url}/api/v1/jobs", token, body, **headers)
        if answer.status == 202:
            self.jobs[answer.json["id"]] = items
        return answer

    def worker(self) -> Process:
        """Starts a worker for these jobs."""
        return self.rig.worker(JOBS)

    def tries(self, job_id: str) -> int:
        """How many items of a job were tried so far, each time counted."""
        return self.ledger.count("SELECT COUNT(*) FROM tries WHERE job = ?", job_id)

    def settled(self, within: float, note: Callable[[], str] = str) -> Row:
        """Waits until all jobs have ended, and counts; ``note`` is asked then."""
        until(self._over_soon, within, f"{self.name}: all jobs have ended")
        return self.row(note())

    def _over_soon(self) -> bool:
        """``over``; rings that got lost needn't be waited for."""
        if not LONG:
            hurry(self.rig, self.jobs.keys() - self._ended, "doorbell")
        return self.over()

    def over(self) -> bool:
        """Whether all jobs have ended; what has is never asked again."""
        for job_id in self.jobs.keys() - self._ended:
            if not job_of(self.rig, job_id).state.terminal:
                return False
            self._ended.add(job_id)
        return True

    def row(self, note: str = "") -> Row:
        """What came of the jobs, as it is now."""
        complaints = [told for job_id in self.jobs for told in self._complaints(job_id)]
        found = self.ledger.ask(
            "SELECT COUNT(*), COUNT(DISTINCT job || ' ' || item) FROM effects"
        )  # fmt: skip
        effects, distinct = found[0]
        return Row(
            case=self.name, seed=SEED, jobs=len(self.jobs), kills=self.kills,
            tries=self.ledger.count("SELECT COUNT(*) FROM tries"), effects=effects,
            lost=sum(self.jobs.values()) - distinct, doubled=effects - distinct,
            complaints=tuple(complaints), note=note,
        )  # fmt: skip

    def attempts(self) -> set[tuple[int, int]]:
        """(number of the last attempt, attempts whose function ran), of all jobs that began."""
        question = "SELECT job, COUNT(*) FROM starts GROUP BY job"
        return {
            (job_of(self.rig, job_id).attempt, ran) for job_id, ran in self.ledger.ask(question)
        }

    def lease_lost(self, job_id: str) -> list[int]:
        """The attempts whose function met LeaseLost."""
        question = "SELECT attempt FROM notes WHERE job = ? AND what = ? ORDER BY at"
        return [attempt for (attempt,) in self.ledger.ask(question, job_id, LEASE_LOST)]

    def _complaints(self, job_id: str) -> Iterable[str]:
        job, items = job_of(self.rig, job_id), range(self.jobs[job_id])
        flaws = {outcome: [i for i in items if verdict(i) == outcome] for outcome in OUTCOMES}
        failed, skipped = (len(flaws[outcome]) for outcome in OUTCOMES)
        if job.state is not (State.PARTIAL if failed else State.SUCCEEDED):
            yield f"{job_id} {job.state}"
        if job.counts != Counts(len(items) - failed - skipped, failed, skipped):
            yield f"{job_id} {job.counts}"
        if sum(problem.count for problem in job.problems) != failed + skipped:
            yield f"{job_id} {job.problems}"
        for outcome in OUTCOMES:
            listed = [record_of(text).key for text in self.rig.do(store.items(job_id, outcome))]
            if listed != [str(place + 1) for place in flaws[outcome]]:
                yield f"{job_id} {outcome}: {listed}"
        yield from wrong_in_story(self.rig, job)


def configure(rig: Rig, name: str, value: object) -> None:
    """Changes a parameter of the running Valkey."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        client.config_set(name, value)


def user(number: int) -> str:
    """A user's id; without an address, so that no email is owed."""
    return f"user-{number}"


def wrong_in_story(rig: Rig, job: Job) -> Iterable[str]:
    """What can't be in a job's history: steps that aren't in the table of transitions, two ends,
    something after the end, an end that isn't the job's."""
    entries = rig.do(store.history(job.id))
    states = [State(entry["state"]) for entry in entries]
    for before, after in itertools.pairwise(states):
        if before is not after and (before, after) not in TRANSITIONS:
            yield f"{job.id} went from {before} to {after}"
    if not states or states[-1] is not job.state:
        yield f"{job.id} is {job.state}, its history says {states[-1:]}"
    if sum(state.terminal for state in states) != int(job.state.terminal):
        yield f"{job.id} ended more than once: {states}"


def hurry(rig: Rig, jobs: Iterable[str], *kinds: str, silence: int = SECOND) -> None:
    """Time flies for jobs about which there was silence for so many ms: leases not renewed have run
    out, doorbells rung are to be rung again. ``kinds``: of what is due (default: all)."""
    waits = {"lease": store.LEASE, "doorbell": store.RERING, "retry": 0}
    with redis.Redis.from_url(rig.valkey.url) as client:
        seconds, micros = client.time()
        now = seconds * SECOND + micros // SECOND
        for partition, kind in itertools.product({j[:2] for j in jobs}, kinds or waits):
            key = due_key(partition, kind)
            latest = now + waits[kind] - silence if waits[kind] else "+inf"
            for job_id in client.zrangebyscore(key, 2, latest):
                client.zadd(key, {job_id: 1}, xx=True)  # gone by now: stays so
