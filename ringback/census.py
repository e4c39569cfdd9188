"""Who works and who waits: the workers' beats, the queued jobs, and how long jobs took lately."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ringback import beats
from ringback.estimate import KEPT
from ringback.keys import Call, key, plain

WORKERS = "rb:workers"
ALIVE = 15_000  #: ms after its last beat for which a worker counts; it beats every 5 s
SEEN = 5_000  #: queued jobs that are looked at in one partition


@dataclass(frozen=True, slots=True)
class WorkerBeat:
    """A worker process: the job types that it does, how many jobs at once, and how many now."""

    id: str
    types: tuple[str, ...]
    threads: int
    busy: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued job: since when (ms since 1970), and whether its owner has a live connection."""

    id: str
    created: int
    type: str
    version: int
    present: bool


# -- durations


def record_duration(job_type: str, ms: int) -> Generator[Call, Any, None]:
    """Notes how long a job took that ended well. A call whose reply was lost may count twice."""
    where = _durations(job_type)
    yield plain("RPUSH", where, ms)
    yield plain("LTRIM", where, -KEPT, -1)


def durations(job_type: str) -> Generator[Call, Any, list[int]]:
    """How long the last 200 jobs of a type took (ms), latest last."""
    found = yield plain("LRANGE", _durations(job_type), 0, -1)
    return [int(ms) for ms in found]


def _durations(job_type: str) -> str:
    return f"rb:durations:{job_type}"


# -- workers


def beat(worker: WorkerBeat) -> Generator[Call, Any, None]:
    """Tells that a worker is there; it counts for 15 s."""
    said = {"types": worker.types, "threads": worker.threads, "busy": worker.busy}
    yield from beats.beat(WORKERS, worker.id, said)


def leave(worker_id: str) -> Generator[Call, Any, None]:
    """Tells that a worker takes no more jobs."""
    yield from beats.leave(WORKERS, worker_id)


def workers() -> Generator[Call, Any, list[WorkerBeat]]:
    """The workers that are there, by id."""
    alive = yield from beats.alive(WORKERS, ALIVE)
    return [_beat(worker, said) for worker, said in alive.items()]


def _beat(worker: str, fields: dict[str, Any]) -> WorkerBeat:
    return WorkerBeat(worker, tuple(fields["types"]), fields["threads"], fields["busy"])


# -- the queue


def queued(partition: str, limit: int = SEEN) -> Generator[Call, Any, list[Waiting]]:
    """The queued jobs of a partition, oldest first, at most ``limit``."""
    prefixes = key(partition, "job", ""), key(partition, "presence", "")
    found = yield Call("queued", (key(partition, "queued"),), (limit, *prefixes))
    rows = zip(*[iter(found)] * 5, strict=True)
    return [Waiting(i.decode(), at, t.decode(), v, bool(here)) for i, at, t, v, here in rows]


def turn(task: str, pause: int) -> Generator[Call, Any, bool]:
    """Whether a task that one supervisor does for all is the caller's to do now; True once in
    ``pause`` ms. A lost reply costs one turn."""
    taken = yield plain("SET", _leader(task), 1, "NX", "PX", pause)
    return bool(taken)


def put_off(task: str, pause: int) -> Generator[Call, Any, None]:
    """Lets nobody's turn come before ``pause`` ms from now."""
    yield plain("SET", _leader(task), 1, "PX", pause)


def _leader(task: str) -> str:
    return f"rb:leader:{task}"
