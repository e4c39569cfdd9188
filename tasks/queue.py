"""Tells people who look at a queued job how many are ahead of it, why it waits, and for how long.

Any number of supervisors may look; one at a time does it. What is told is for eyes only: if it is
late, or the supervisor dies, no job starts later.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from ringback import census, store
from ringback.census import Waiting, WorkerBeat
from ringback.connection import Store
from ringback.errors import JobNotFound
from ringback.estimate import Estimate, about, ahead, estimate_of
from ringback.job import Place
from ringback.keys import partitions

TASK = "queue"
PACE = 2_000  #: ms between two looks
RESTS = 10  #: times as long as the counting took, where very many wait: the store has other work
BUDGET = 0.5  #: seconds of telling in one look; who wasn't told yet is told in the next
SOON = 5_000  #: ms below which a start isn't estimated

NO_WORKER = (
    "No worker for this kind of job is connected at the moment; the job starts by itself when one "
    "is."
)
FREE = "A worker takes it in a moment"


@dataclass(frozen=True, slots=True)
class Line:
    """All that wait for one type of job, seen from the front: the workers' threads that do it, how
    many are free, how many it can have while other types want them too, and what a job takes."""

    threads: int
    free: int
    share: float
    estimate: Estimate | None

    def place(self, rank: int) -> Place:
        """What is told to the job that has ``rank`` others ahead of it."""
        return Place(ahead(rank), self._reason(rank), self._start(rank))

    def _reason(self, rank: int) -> str:
        if not self.threads:
            return NO_WORKER
        if rank < self.free:
            return FREE
        if self.threads == 1:
            return "The only worker is busy"
        return f"All {self.threads:,} workers are busy"

    def _start(self, rank: int) -> str | None:
        if not self.threads or self.estimate is None:
            return None
        wait = (rank + 1 - self.free) * self.estimate.middle / self.share
        return f"in {about(round(wait))}" if wait >= SOON else None


class QueueNews:
    """Tells the queued jobs whose owners are there; ``look`` is called as often as you like."""

    def __init__(self, db: Store) -> None:
        self._db = db
        self._told: dict[str, tuple[int, Place]] = {}  #: by job: its version then, and what

    def look(self) -> int:
        """Tells what is new, once in two seconds whoever calls; how many jobs were told."""
        if not self._db.do(census.turn(TASK, PACE)):
            return 0
        return self._tell_all(self._news(self._waiting()))

    def _waiting(self) -> list[Waiting]:
        began = time.monotonic()
        waiting = [job for p in partitions() for job in self._db.do(census.queued(p))]
        rest = round(RESTS * 1000 * (time.monotonic() - began))
        if rest > PACE:
            self._db.do(census.put_off(TASK, rest))
        return waiting

    def _news(self, waiting: Sequence[Waiting]) -> list[tuple[Waiting, Place]]:
        """What the jobs that are looked at should know, oldest first."""
        ranked = _ranked(waiting)
        looked_at = {job.type for job, _ in ranked if job.present}
        if not looked_at:
            return []
        crew, wanted = self._db.do(census.workers()), {job.type for job in waiting}
        lines = {t: _line(t, crew, wanted, self._estimate(t)) for t in looked_at}
        return [(job, lines[job.type].place(rank)) for job, rank in ranked if job.present]

    def _estimate(self, job_type: str) -> Estimate | None:
        return estimate_of(self._db.do(census.durations(job_type)))

    def _tell_all(self, news: Sequence[tuple[Waiting, Place]]) -> int:
        known = self._told
        self._told = {job.id: known[job.id] for job, _ in news if job.id in known}
        unheard = [(job, place) for job, place in news if known.get(job.id) != (job.version, place)]
        deadline, told = time.monotonic() + BUDGET, 0
        for job, place in unheard:
            told += self._tell(job.id, place)
            if time.monotonic() > deadline:
                break
        return told

    def _tell(self, job_id: str, place: Place) -> bool:
        try:
            job = self._db.do(store.load(job_id))
            after = self._db.do(store.update(job, lambda j: j.positioned(place)))
        except JobNotFound:
            return False
        # by version: whoever else changes the job, another supervisor too, has it looked at again
        self._told[job_id] = (after.version, place)
        return after is not job


def _ranked(waiting: Sequence[Waiting]) -> list[tuple[Waiting, int]]:
    """Jobs, oldest first, each with the number of those of its type ahead of it."""
    before: Counter[str] = Counter()
    ranked = []
    for job in sorted(waiting, key=lambda job: (job.created, job.id)):
        ranked.append((job, before[job.type]))
        before[job.type] += 1
    return ranked


def _line(
    job_type: str, workers: Sequence[WorkerBeat], wanted: Set[str], estimate: Estimate | None
) -> Line:
    crew = [worker for worker in workers if job_type in worker.types]
    return Line(
        threads=sum(worker.threads for worker in crew),
        free=sum(max(0, worker.threads - worker.busy) for worker in crew),
        share=sum(worker.threads / len(wanted & set(worker.types)) for worker in crew),
        estimate=estimate,
    )
