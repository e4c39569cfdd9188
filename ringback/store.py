"""The store: every key and every operation, as generators that yield calls and get replies.

An operation (``Op``) does no I/O itself; ``ringback.connection`` drives it, blocking in workers
and awaiting in the gateway, so both sides share every line here.

Guarantee of ``submit`` and ``update``: a change is written whole or not at all, with its event,
its history, its place in the feed and its due-indexes; repeating a call whose reply was lost
changes nothing and answers the same. Terminal changes and submissions are on disk before they
are acknowledged where the server keeps an AOF.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ringback import codec
from ringback.errors import IdempotencyMismatch, JobNotFound, LeaseLost, StoreUnavailable
from ringback.history import entry_of
from ringback.instant import Instant
from ringback.job import ACTIVE, Job, Spec, State
from ringback.keys import Call, channel_of, due_key, job_key, key, partition_of, plain

LEASE = 15_000  #: ms that an attempt may stay silent
RERING = 10_000  #: ms after which a queued job's doorbell is rung again
IDEMPOTENCY_TTL = 86_400_000  #: ms that an Idempotency-Key is remembered
SNAPSHOT = 50  #: recent jobs that a fresh client gets besides the active ones
REPLAY = 500  #: changed jobs up to which a returning client gets a replay, not a snapshot
SEQ_DIGITS = 15  #: longest position in a feed; what is longer never came from us
CONFLICTS = 50  #: tries of one update before giving up; each conflict is somebody else's success
DUE = ("lease", "retry", "doorbell", "notice")


@dataclass(frozen=True, slots=True)
class Feed:
    """Views of a user's jobs and the cursor after them; ``reset``: replace all, don't merge."""

    epoch: str
    seq: int
    views: tuple[bytes, ...]
    reset: bool

    @property
    def cursor(self) -> str:
        """``"<epoch>:<seq>"``."""
        return f"{self.epoch}:{self.seq}"


@dataclass(frozen=True, slots=True)
class Submitted:
    """The accepted job; ``created`` is False where the Idempotency-Key was known."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """What one partition has overdue: job ids by kind, and users with due notices."""

    leases: tuple[str, ...]
    retries: tuple[str, ...]
    doorbells: tuple[str, ...]
    mail: tuple[str, ...]


# -- jobs


def submit(
    spec: Spec, idempotency_key: str | None = None, fingerprint: str = ""
) -> Generator[Call, Any, Submitted]:
    """Writes a new job, durably.

    Raises IdempotencyMismatch if the owner used the key for a job with another fingerprint.
    """
    job = Job(spec=spec)
    reply = yield _commit(None, job, idempotency_key, fingerprint)
    if reply[0] == b"known":
        if reply[2].decode() != fingerprint:
            raise IdempotencyMismatch(idempotency_key or "", reply[1].decode())
        return Submitted((yield from load(reply[1].decode())), created=False)
    return Submitted(_stamped(job, reply), created=True)


def load(job_id: str, owner: str | None = None) -> Generator[Call, Any, Job]:
    """The job as it is now. Raises JobNotFound, also where ``owner`` isn't the owner."""
    spec, record = yield plain("HMGET", job_key(job_id), "spec", "record")
    if spec is None or record is None:
        raise JobNotFound(job_id)
    job = codec.decode(spec, record)
    if owner is not None and job.spec.owner.id != owner:
        raise JobNotFound(job_id)
    return job


def load_view(job_id: str, owner: str) -> Generator[Call, Any, bytes]:
    """The JobView as JSON. Raises JobNotFound, also where ``owner`` isn't the owner."""
    spec, view = yield plain("HMGET", job_key(job_id), "spec", "view")
    if spec is None or codec.decode_spec(spec).owner.id != owner:
        raise JobNotFound(job_id)
    return bytes(view)


def update(
    job: Job | str, change: Callable[[Job], Job], *, held: int | None = None
) -> Generator[Call, Any, Job]:
    """Applies a transition to the newest version of a job (given as known, or by id).

    On a conflict the job is loaded again and ``change`` decides anew; a ``change`` that returns
    its argument writes nothing. ``held`` is a worker's fence: LeaseLost is raised once another
    attempt or the supervisor owns the job. Raises JobNotFound.
    """
    current = (yield from load(job)) if isinstance(job, str) else job
    for _ in range(CONFLICTS):
        if held is not None and not _holds(current, held):
            raise LeaseLost(current.id)
        after = change(current)
        if after is current:
            return current
        reply = yield _commit(current, after, held=held)
        if reply[0] == b"ok":
            return _stamped(after, reply)
        if reply[0] == b"gone":
            raise JobNotFound(current.id)
        if reply[0] == b"fenced":
            raise LeaseLost(current.id)
        current = yield from load(current.id)
    raise StoreUnavailable(f"{current.id} changes too fast: {CONFLICTS} conflicts in a row")


def history(job_id: str) -> Generator[Call, Any, list[dict[str, Any]]]:
    """The job's significant changes, oldest first."""
    entries = yield plain("LRANGE", key(job_id[:2], "history", job_id), 0, -1)
    return [orjson.loads(entry) for entry in entries]


def _holds(job: Job, fence: int) -> bool:
    return job.fence == fence and job.state in (State.RUNNING, State.CANCELLING)


def _commit(
    before: Job | None,
    after: Job,
    idempotency_key: str | None = None,
    fingerprint: str = "",
    held: int | None = None,
) -> Call:
    user, partition = after.spec.owner.id, after.id[:2]
    policy, entry = after.spec.policy, entry_of(before, after)
    facts = {
        "op": secrets.token_hex(8), "id": after.id, "owner": user,
        "expected": 0 if before is None else before.version,
        "held": -1 if held is None else held,
        "fence": after.fence, "active": after.state in ACTIVE,
        "grace_absent": policy.grace_absent or 0, "grace_present": policy.grace_present or 0,
        "notice": after.notice is not None, "due": _dues(after),
        "epoch": secrets.token_hex(4), "publish": "publish", "channel": channel_of(user),
        "fingerprint": fingerprint if idempotency_key else "",
        "fingerprint_ttl": IDEMPOTENCY_TTL,
    }  # fmt: skip
    return Call(
        "commit",
        (
            job_key(after.id), *_feed_keys(user), key(partition, "history", after.id),
            key(partition, "epoch"), *(due_key(partition, kind) for kind in DUE),
            key(partition, "outbox", user), key(partition, "presence", user),
            # hashed: a user may choose the key, and must not choose another user's
            key(partition, "idempotency", user, _sha256(idempotency_key or "")),
        ),
        (
            orjson.dumps(facts),
            codec.encode_spec(after.spec) if before is None else b"",
            codec.encode_record(after), codec.encode_view(after),
            codec.encode_entry(entry) if entry else b"",
        ),
        durable=before is None or (after.state.terminal and not before.state.terminal),
    )  # fmt: skip


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _dues(job: Job) -> dict[str, dict[str, Any]]:
    """When the supervisor has to look at the job next, by kind."""
    due: dict[str, Instant | None] = {
        "lease": Instant(LEASE, "commit") if _leased(job) else None,
        "retry": job.next_at if job.state is State.RETRYING else None,
        "doorbell": Instant(RERING, "commit") if job.state is State.QUEUED else None,
        "notice": job.notice.at if job.notice is not None and job.notice.open else None,
    }
    return {k: {"ms": at.ms, "base": at.base[0]} for k, at in due.items() if at is not None}


def _leased(job: Job) -> bool:
    return job.state in (State.RUNNING, State.CANCELLING)


def _stamped(job: Job, reply: Sequence[Any]) -> Job:
    """The job as committed: open moments closed, version as the store counted it."""
    version, _, commit, due = reply[1:5]

    def closed(at: Instant | None) -> Instant | None:
        return at and at.resolved(commit=commit, notice=due)

    return replace(
        job, version=version, next_at=closed(job.next_at), started_at=closed(job.started_at),
        created_at=job.created_at.resolved(commit=commit, notice=due),
        updated_at=job.updated_at.resolved(commit=commit, notice=due),
        finished_at=closed(job.finished_at),
        notice=job.notice and replace(job.notice, at=closed(job.notice.at)),
    )  # fmt: skip


# -- the feed


def feed(user: str, since: str | None = None) -> Generator[Call, Any, Feed]:
    """What a client needs that has everything up to the cursor ``since``.

    Without one, or where it is from a lost store or too far back: active jobs and the 50 most
    recent ones, ``reset``. Bounded work however long the client was gone.
    """
    epoch, _, position = (since or "").partition(":")
    if position.isdecimal() and len(position) <= SEQ_DIGITS:
        reply = yield _feed_call(user, int(position), REPLAY)
        if reply[0] == b"feed" and reply[1].decode() == epoch:
            return _feed(reply, reset=False)
    return _feed((yield _feed_call(user, -1, SNAPSHOT)), reset=True)


def page(
    user: str, before: int | None, limit: int
) -> Generator[Call, Any, list[tuple[int, bytes]]]:
    """(seq, view) of a user's jobs, newest change first, below the position ``before``."""
    partition = partition_of(user)
    top = "+inf" if before is None else f"({before}"
    found = yield plain(
        "ZRANGE", key(partition, "feed", user), top, "-inf", "BYSCORE", "REV",
        "LIMIT", 0, limit, "WITHSCORES",
    )  # fmt: skip
    jobs = []
    for job_id, seq in found:
        view = yield plain("HGET", job_key(job_id.decode()), "view")
        if view is not None:
            jobs.append((int(seq), bytes(view)))
    return jobs


def _feed_call(user: str, since: int, limit: int) -> Call:
    partition = partition_of(user)
    return Call(
        "feed",
        (*_feed_keys(user), key(partition, "epoch")),
        (secrets.token_hex(4), since, limit, key(partition, "job", "")),
    )


def _feed_keys(user: str) -> tuple[str, str, str]:
    partition = partition_of(user)
    return (
        key(partition, "feed", user),
        key(partition, "active", user),
        key(partition, "user", user),
    )


def _feed(reply: Sequence[Any], *, reset: bool) -> Feed:
    return Feed(reply[1].decode(), reply[2], tuple(reply[3:]), reset)


# -- leases and what is overdue


def renew(partition: str, leases: Sequence[tuple[str, int]]) -> Generator[Call, Any, list[str]]:
    """Extends the leases of (job id, fence) pairs; the ids of those that are lost."""
    keys = (due_key(partition, "lease"), *(job_key(job_id) for job_id, _ in leases))
    flat = [part for lease in leases for part in lease]
    lost = yield Call("renew", keys, (LEASE, *flat))
    return [job_id.decode() for job_id in lost]


def overdue(partition: str, hide: int = RERING, limit: int = 200) -> Generator[Call, Any, Overdue]:
    """Takes overdue work of a partition; another supervisor sees it again after ``hide`` ms, so
    nothing is lost if this one dies, and each piece is done once if it doesn't."""
    reply = yield Call("overdue", tuple(due_key(partition, k) for k in DUE), (hide, limit))
    return Overdue(*(tuple(m.decode() for m in members) for members in reply))


# -- presence


def presence(user: str, lease: int, *connections: str) -> Generator[Call, Any, int]:
    """Renews (``lease`` ms) or ends (0) the presence of connections; how many the user has left,
    cluster-wide."""
    where = key(partition_of(user), "presence", user)
    count: int = yield Call("presence", (where,), (lease, *connections))
    return count
