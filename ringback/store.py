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

from ringback import codec, preferences, suppression
from ringback.errors import (
    DuplicateWork,
    IdempotencyMismatch,
    JobNotFound,
    LeaseLost,
    StoreUnavailable,
)
from ringback.feeds import feed_keys
from ringback.history import entry_of
from ringback.instant import NOW, Instant
from ringback.job import ACTIVE, RECORDED, Counts, Job, Outcome, Spec, State
from ringback.keys import Call, channel_of, due_key, job_key, key, partition_of, plain

LEASE = 15_000  #: ms that an attempt may stay silent
RERING = 10_000  #: ms after which a queued job's doorbell is rung again
IDEMPOTENCY_TTL = 86_400_000  #: ms that an Idempotency-Key is remembered
CONFLICTS = 50  #: tries of one update before giving up; each conflict is somebody else's success
DUE = (
    "lease", "retry", "doorbell", "notice", "deadline", "silence", "slow", "parent", "fanout",
    "webhook",
)  # fmt: skip
MOVING = {("due", "lease"), ("due", "silence"), ("due", "slow")}  #: move without a new state
STIR = 500  #: ms between two looks of a pipeline at its steps' progress
RETRY = "retry "  #: begins the unique name of a job's retries
JUST_NOW = 10_000  #: ms in which a second retry of a job is a double click


@dataclass(frozen=True, slots=True)
class Submitted:
    """The accepted job; ``created`` is False where the Idempotency-Key was known."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """What one partition has overdue: job ids by kind, users with due notices, and webhooks with
    due deliveries. ``ended``: jobs of which webhooks are to be told."""

    leases: tuple[str, ...]
    retries: tuple[str, ...]
    doorbells: tuple[str, ...]
    mail: tuple[str, ...]
    deadlines: tuple[str, ...]
    silent: tuple[str, ...]
    slow: tuple[str, ...]
    pipelines: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flaws:
    """Failed and skipped items to be recorded one by one; ``*_from``: how many came before."""

    failed: tuple[bytes, ...] = ()
    failed_from: int = 0
    skipped: tuple[bytes, ...] = ()
    skipped_from: int = 0


# -- jobs


def submit(
    spec: Spec, idempotency_key: str | None = None, fingerprint: str = ""
) -> Generator[Call, Any, Submitted]:
    """Writes a new job, durably.

    Raises IdempotencyMismatch if the owner used the key for a job with another fingerprint, and
    DuplicateWork if an unfinished job of the owner bears one of ``spec.unique``. Where a job has
    this id, it is that one.
    """
    choice = "fallback" if spec.parent else (yield from preferences.choice(spec))
    job = Job(spec=spec, choice=choice, unreachable=(yield from _unreachable(spec)))
    reply = yield _commit(None, job, idempotency_key, fingerprint)
    if reply[0] == b"known":
        if reply[2].decode() != fingerprint:
            raise IdempotencyMismatch(idempotency_key or "", reply[1].decode())
        return Submitted((yield from load(reply[1].decode())), created=False)
    if reply[0] == b"conflict":
        return Submitted((yield from load(spec.id)), created=False)
    if reply[0] == b"held":
        raise DuplicateWork(reply[2].decode(), reply[1].decode())
    return Submitted(_stamped(job, reply), created=True)


def _unreachable(spec: Spec) -> Generator[Call, Any, bool]:
    """Whether emails to the owner are stopped: then none is promised."""
    if spec.parent or not spec.owner.email:
        return False
    return (yield from suppression.look(spec.owner.email)) is not None


def load(job_id: str, owner: str | None = None) -> Generator[Call, Any, Job]:
    """The job as it is now. Raises JobNotFound, also where ``owner`` isn't the owner."""
    spec, record = yield plain("HMGET", job_key(job_id), "spec", "record")
    if spec is None or record is None:
        raise JobNotFound(job_id, owner)
    job = codec.decode(spec, record)
    if owner is not None and job.spec.owner.id != owner:
        raise JobNotFound(job_id, owner)
    return job


def load_view(job_id: str, owner: str) -> Generator[Call, Any, bytes]:
    """The JobView as JSON. Raises JobNotFound, also where ``owner`` isn't the owner."""
    spec, view = yield plain("HMGET", job_key(job_id), "spec", "view")
    if spec is None or codec.decode_spec(spec).owner.id != owner:
        raise JobNotFound(job_id, owner)
    return bytes(view)


def update(
    job: Job | str,
    change: Callable[[Job], Job],
    *,
    held: int | None = None,
    flaws: Flaws = Flaws(),
) -> Generator[Call, Any, Job]:
    """Applies a transition to the newest version of a job (given as known, or by id).

    On a conflict the job is loaded again and ``change`` decides anew; a ``change`` that returns
    its argument writes nothing. ``held`` is a worker's fence: LeaseLost is raised once another
    attempt or the supervisor owns the job; ``flaws`` are written with the change. Raises
    JobNotFound.
    """
    current = (yield from load(job)) if isinstance(job, str) else job
    for _ in range(CONFLICTS):
        if held is not None and not _holds(current, held):
            raise LeaseLost(current.id)
        after = change(current)
        if after is current:
            return current
        reply = yield _commit(current, after, held=held, flaws=flaws)
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


def items(
    job_id: str, outcome: Outcome, start: int = 0, limit: int = RECORDED
) -> Generator[Call, Any, list[bytes]]:
    """A job's failed or skipped items as JSON, in the order they came, from place ``start`` on."""
    where = key(job_id[:2], outcome, job_id)
    found = yield plain("LRANGE", where, start, start + limit - 1)
    return [bytes(item) for item in found]


def retried_as(job: Job) -> Generator[Call, Any, str | None]:
    """The id of the last job that does this one again."""
    where = _unique_key(job.spec.owner.id, f"{RETRY}{job.id}")
    found = yield plain("HGET", where, "job")
    return None if found is None else str(found.decode())


def _holds(job: Job, fence: int) -> bool:
    return job.fence == fence and job.state in (State.RUNNING, State.CANCELLING)


def _commit(
    before: Job | None,
    after: Job,
    idempotency_key: str | None = None,
    fingerprint: str = "",
    held: int | None = None,
    flaws: Flaws = Flaws(),
) -> Call:
    user, partition = after.spec.owner.id, after.id[:2]
    policy, entry, when = after.spec.policy, entry_of(before, after), _moved(before, after)
    stirred, stirred_in = _stirred(before, after)
    facts = {
        "op": secrets.token_hex(8), "id": after.id, "owner": user, "type": after.spec.type,
        "expected": 0 if before is None else before.version,
        "held": -1 if held is None else held,
        "fence": after.fence, "state": after.state.value, "active": after.state in ACTIVE,
        "awaits": after.awaits,
        "grace_absent": policy.grace_absent or 0, "grace_present": policy.grace_present or 0,
        "notice": after.notice is not None, "open_notice": _at(_open_notice(after)),
        "when": [_at(moment) for moment in when.values()],
        "epoch": secrets.token_hex(4), "publish": "publish", "channel": channel_of(user),
        "fingerprint": fingerprint if idempotency_key else "",
        "fingerprint_ttl": IDEMPOTENCY_TTL, "prefix": key(partition, "job", ""),
        "unique": [{"name": n, "least": _least(n)} for n in after.spec.unique if before is None],
        "emptied": before is not None and before.counts != Counts() == after.counts,
        "failed": len(flaws.failed), "failed_from": flaws.failed_from,
        "skipped_from": flaws.skipped_from,
        "told": after.spec.parent is None, "stirred": stirred, "stirred_in": stirred_in,
    }  # fmt: skip
    return Call(
        "commit",
        (
            job_key(after.id), *feed_keys(user), key(partition, "history", after.id),
            key(partition, "epoch"), key(partition, "outbox", user),
            due_key(partition, "notice"), key(partition, "presence", user),
            # hashed: a user may choose the key, and must not choose another user's
            key(partition, "idempotency", user, _sha256(idempotency_key or "")),
            key(partition, "failed", after.id), key(partition, "skipped", after.id),
            due_key(partition, "parent"),
            *(key(partition, *index) for index in when),
            *(_unique_key(user, name) for name in after.spec.unique if before is None),
        ),
        (
            orjson.dumps(facts),
            codec.encode_spec(after.spec) if before is None else b"",
            codec.encode_record(after), codec.encode_view(after),
            codec.encode_entry(entry) if entry else b"",
            *flaws.failed, *flaws.skipped,
        ),
        durable=_is_promise(before, after),
    )  # fmt: skip


def _is_promise(before: Job | None, after: Job) -> bool:
    """Whether what others do from here on rests on the change: it must be on disk first."""
    if before is None or (before.course is None and after.course is not None):
        return True
    return after.state.terminal and not before.state.terminal


def _stirred(before: Job | None, after: Job) -> tuple[str, int]:
    """The pipeline that somebody has to look after because of a change ("": none), and in how
    many ms."""
    if before is None:
        return "", 0
    if after.spec.parent is not None:
        return after.spec.parent, STIR if before.state is after.state else 0
    course = after.course
    if course is None or (after.state.terminal and not course.active):
        return "", 0
    known = before.course is not None and before.course.expired == course.expired
    return ("", 0) if known and before.state is after.state else (after.id, 0)


def _least(unique: str) -> int:
    return JUST_NOW if unique.startswith(RETRY) else 0


def _unique_key(user: str, name: str) -> str:
    return key(partition_of(user), "unique", user, _sha256(name))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _moved(before: Job | None, after: Job) -> dict[tuple[str, ...], Instant | None]:
    """The indexes that a change may have moved the job in: progress is frequent, and moves few."""
    when = _when(after)
    if before is not None and before.state is after.state and after.course is None:
        when = {index: moment for index, moment in when.items() if index in MOVING}
    return when | _fanned_out(before, after) | _unsent(before, after)


def _unsent(before: Job | None, after: Job) -> dict[tuple[str, ...], Instant | None]:
    """Emails that operators may send again."""
    was, is_ = (job and job.notice and job.notice.dead for job in (before, after))
    at = after.notice.at if is_ and after.notice else None
    return {("unsent",): at} if was or is_ else {}


def _fanned_out(before: Job | None, after: Job) -> dict[tuple[str, ...], Instant | None]:
    """Webhooks are told of the end, if there are any: whoever fans it out sees to that, so that
    the commit needn't know them."""
    ends = after.state.terminal and (before is None or not before.state.terminal)
    return {("due", "fanout"): NOW} if ends and after.spec.parent is None else {}


def _when(job: Job) -> dict[tuple[str, ...], Instant | None]:
    """The indexes in which others find the job, and from when on."""
    queued = job.state is State.QUEUED
    return {
        ("due", "lease"): Instant(LEASE, "commit") if _leased(job) else None,
        ("due", "retry"): job.next_at if job.state is State.RETRYING else None,
        ("due", "doorbell"): Instant(RERING, "commit") if queued else None,
        ("due", "deadline"): job.deadline,
        ("due", "silence"): _silence(job),
        ("due", "slow"): _slow(job),
        ("queued",): job.created_at if queued else None,
        ("dead",): job.finished_at if job.dead else None,
        ("ended", job.state.value): job.finished_at,
    }


def _silence(job: Job) -> Instant | None:
    if job.state is State.RUNNING and job.course is None:
        return Instant(job.next_silence, "commit")
    if job.state is State.CANCELLING and job.cancel is not None and not job.cancel.late:
        return job.cancel.at.after(job.spec.policy.cancel_within)
    return None


def _slow(job: Job) -> Instant | None:
    if job.spec.estimate is None or job.started_at is None or job.slow or job.state.terminal:
        return None
    return job.started_at.after(job.spec.estimate.late)


def _open_notice(job: Job) -> Instant | None:
    return job.notice.at if job.notice is not None and job.notice.open else None


def _at(moment: Instant | None) -> dict[str, Any] | bool:
    return moment is not None and {"ms": moment.ms, "base": moment.base[0]}


def _leased(job: Job) -> bool:
    return job.course is None and job.state in (State.RUNNING, State.CANCELLING)


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
        notice=job.notice and replace(
            job.notice, at=closed(job.notice.at), first_try=closed(job.notice.first_try)),
        progress=replace(job.progress, eta=closed(job.progress.eta)),
        cancel=job.cancel and replace(
            job.cancel, at=job.cancel.at.resolved(commit=commit, notice=due)),
    )  # fmt: skip


# -- leases and what is overdue


def renew(
    partition: str, leases: Sequence[tuple[str, int]]
) -> Generator[Call, Any, tuple[list[str], list[str]]]:
    """Extends the leases of (job id, fence) pairs; the ids of those that are lost, and of those
    that are asked to stop."""
    keys = (due_key(partition, "lease"), *(job_key(job_id) for job_id, _ in leases))
    flat = [part for lease in leases for part in lease]
    lost, cancelled = yield Call("renew", keys, (LEASE, *flat))
    return [job_id.decode() for job_id in lost], [job_id.decode() for job_id in cancelled]


def overdue(partition: str, hide: int = RERING, limit: int = 200) -> Generator[Call, Any, Overdue]:
    """Takes overdue work of a partition; another supervisor sees it again after ``hide`` ms, so
    nothing is lost if this one dies, and each piece is done once if it doesn't."""
    reply = yield Call("overdue", tuple(due_key(partition, k) for k in DUE), (hide, limit))
    return Overdue(*(tuple(m.decode() for m in members) for members in reply))


# -- the end of the end


def expired(
    partition: str, state: State, keep: int, limit: int = 100
) -> Generator[Call, Any, list[str]]:
    """Ids of jobs that ended in ``state`` more than ``keep`` ms ago, oldest first."""
    found = yield Call("expired", (key(partition, "ended", state.value),), (keep, limit))
    return [job_id.decode() for job_id in found]


def forget(job: Job) -> Generator[Call, Any, bool]:
    """Deletes an ended job; False where somebody is still to be told how it ended."""
    user, partition = job.spec.owner.id, job.id[:2]
    keys = (
        job_key(job.id), key(partition, "feed", user), key(partition, "history", job.id),
        key(partition, "failed", job.id), key(partition, "skipped", job.id),
        key(partition, "outbox", user), key(partition, "dead"),
        key(partition, "ended", job.state.value), key(partition, "traces", job.id),
        due_key(partition, "fanout"), key(partition, "unsent"),
        *(_unique_key(user, name) for name in job.spec.unique),
    )  # fmt: skip
    return bool((yield Call("forget", keys, (job.id,))))
