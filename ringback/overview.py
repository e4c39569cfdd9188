"""What operators see at a glance: who waits, who works, what is open, and what delays whom.

One script call a partition, each bounded: it looks at up to 200 jobs of each kind, and where there
are more, says so by ``whole`` being False; the totals are exact all the same. 128 short calls,
tens of milliseconds: whoever asks often keeps the answer for some seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ringback import alert, breaker, census, presence
from ringback.alert import Alert
from ringback.breaker import Breaker
from ringback.census import WorkerBeat
from ringback.instant import Instant
from ringback.keys import Call, due_key, key, partitions, plain
from ringback.presence import Totals

LOOKED_AT = 200  #: jobs of each kind, and users with open notices, in one partition
NOBODY = Totals()
PATIENCE = 60_000  #: ms that jobs may wait before that is told as a delay


@dataclass(slots=True)
class Load:
    """Jobs of one type, or that wait for one service: how many, of how many users, the oldest's
    moment (ms since 1970; None: there is none)."""

    jobs: int = 0
    users: int = 0
    oldest: int | None = None

    def add(self, jobs: int, users: int, oldest: int) -> None:
        """One partition's; a user is in one partition only, so that users add up."""
        self.jobs += jobs
        self.users += users
        self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)


Loads = defaultdict[str, Load]


def _loads() -> Loads:
    return defaultdict(Load)


@dataclass(slots=True)
class Overview:
    """``queued``, ``running`` and ``retrying`` by job type, ``waits`` by the label of the service
    that jobs wait for, ``delayed`` emails under ``""``; totals; workers; breakers; open alerts."""

    queued: Loads = field(default_factory=_loads)
    running: Loads = field(default_factory=_loads)
    retrying: Loads = field(default_factory=_loads)
    waits: Loads = field(default_factory=_loads)
    delayed: Loads = field(default_factory=_loads)
    notices: int = 0  #: users with open notices
    due: int = 0  #: of these, whose email is due now
    dead: int = 0  #: dead letters, replayed ones too
    unsent: int = 0  #: emails that failed by no fault of their users
    present: Totals = NOBODY
    whole: bool = True
    now: int = 0
    workers: Sequence[WorkerBeat] = ()
    breakers: Sequence[Breaker] = ()
    alerts: Sequence[Alert] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What a delay means for people, in plain words; ``what`` is "jobs" or "emails"."""

    what: str
    count: int
    users: int
    since: Instant
    because: str

    @property
    def text(self) -> str:
        """ "312 jobs of 87 users are delayed since 12:03 UTC because Stripe isn't answering." """
        are = "is" if self.count == 1 else "are"
        things = f"{self.count:,} {self.what if self.count != 1 else self.what[:-1]}"
        users = f"{self.users:,} {'user' if self.users == 1 else 'users'}"
        since = str(self.since)[11:16]
        return f"{things} of {users} {are} delayed since {since} UTC because {self.because}."


def look() -> Generator[Call, Any, Overview]:
    """Everything, as it is now."""
    found = Overview()
    for partition in partitions():
        reply = yield _call(partition)
        _take(found, reply)
    seconds, micros = yield plain("TIME")
    found.now = int(seconds) * 1000 + int(micros) // 1000
    found.workers = yield from census.workers()
    found.breakers = yield from breaker.everything()
    found.alerts = yield from alert.open_ones()
    found.present = sum((node.totals for node in (yield from presence.nodes())), NOBODY)
    return found


def impacts(found: Overview) -> list[Impact]:
    """What delays jobs and emails, most users first."""
    told = [*_services(found), *_queues(found), *_emails(found)]
    return sorted(told, key=lambda impact: -impact.users)


def threads(found: Overview, job_type: str) -> tuple[int, int]:
    """How many jobs of a type can run at once, and how many of these threads are busy (with jobs
    of whatever type)."""
    able = [worker for worker in found.workers if job_type in worker.types]
    return sum(w.threads for w in able), sum(min(w.busy, w.threads) for w in able)


def _services(found: Overview) -> list[Impact]:
    since = {b.label: b.since for b in found.breakers if b.state is not breaker.State.CLOSED}
    return [
        Impact(
            what="jobs", count=load.jobs, users=load.users,
            since=since.get(label) or Instant(load.oldest or found.now),
            because=f"{label} isn't answering",
        )
        for label, load in found.waits.items()
    ]  # fmt: skip


def _queues(found: Overview) -> list[Impact]:
    told = []
    for kind, load in found.queued.items():
        able, _ = threads(found, kind)
        waited = found.now - (load.oldest or found.now)
        if able and waited < PATIENCE:
            continue
        busy = f"all {able:,} workers" if able > 1 else "the only worker"
        because = f"{busy} for {kind} {'are' if able > 1 else 'is'} busy"
        told.append(
            Impact(
                what="jobs", count=load.jobs, users=load.users,
                since=Instant(load.oldest or found.now),
                because=because if able else f"no worker for {kind} is connected",
            )
        )  # fmt: skip
    return told


def _emails(found: Overview) -> list[Impact]:
    return [
        Impact(
            what="emails", count=load.jobs, users=load.users,
            since=Instant(load.oldest or found.now),
            because="the mail server doesn't take them",
        )
        for load in found.delayed.values()
    ]  # fmt: skip


def _call(partition: str) -> Call:
    keys = (
        key(partition, "queued"), due_key(partition, "lease"), due_key(partition, "retry"),
        due_key(partition, "notice"), key(partition, "dead"), key(partition, "unsent"),
    )  # fmt: skip
    prefixes = (
        key(partition, "job", ""), key(partition, "outbox", ""), key(partition, "ended", ""),
    )  # fmt: skip
    return Call("overview", keys, (LOOKED_AT, *prefixes))


def _take(found: Overview, reply: Sequence[Any]) -> None:
    notices, due, dead, unsent, whole, *rows = reply
    found.notices += notices
    found.due += due
    found.dead += dead
    found.unsent += unsent
    found.whole = found.whole and bool(whole)
    for kind, name, jobs, users, oldest in zip(*[iter(rows)] * 5, strict=True):
        loads: Loads = getattr(found, kind.decode())
        loads[name.decode()].add(jobs, users, oldest)
