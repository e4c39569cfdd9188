"""What became of a job, read from the store, and time made to pass there."""

from __future__ import annotations

import redis

from ringback import store
from ringback.breaker import breaker_key
from ringback.job import Job, Notice, State
from ringback.keys import due_key, key, partition_of
from tasks.mail_gate import SERVICE
from tests.rig import Rig, until


def job_of(rig: Rig, job_id: str) -> Job:
    """The job as it is now."""
    return rig.do(store.load(job_id))


def reached(rig: Rig, job_id: str, *states: State) -> Job:
    """Waits until the job is in one of the states."""

    def there() -> Job | None:
        job = job_of(rig, job_id)
        return job if job.state in states else None

    job = until(there, what=f"{job_id} {'/'.join(states)}")
    assert job is not None
    return job


def ended(rig: Rig, job_id: str) -> Job:
    """Waits until the job is terminal."""
    return reached(rig, job_id, *(state for state in State if state.terminal))


def notice_of(rig: Rig, job_id: str, *states: str) -> Notice:
    """Waits until the job's notice is in one of the states (default: those that end it)."""

    def there() -> Notice | None:
        notice = job_of(rig, job_id).notice
        wanted = notice is not None and notice.state in (states or ("sent", "skipped", "failed"))
        return notice if wanted else None

    notice = until(there, what=f"the notice of {job_id} {states}")
    assert notice is not None
    return notice


def story(rig: Rig, job_id: str) -> list[str]:
    """What the job's history tells."""
    return [entry["what"] for entry in rig.do(store.history(job_id))]


def make_due(rig: Rig, kind: str, job_id: str) -> None:
    """The time has come for the supervisor to look after the job: its ``lease`` of 15 seconds has
    run out, or its ``doorbell`` of 10 seconds ago wasn't heard."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        assert client.zadd(due_key(job_id[:2], kind), {job_id: 1}, xx=True, ch=True) == 1


def pass_waits(rig: Rig, user: str) -> None:
    """What the user's notices wait for is over: the delay, a silent mailer's claim, and a mail
    server that was down."""
    partition = partition_of(user)
    outbox = key(partition, "outbox", user)
    with redis.Redis.from_url(rig.valkey.url) as client:
        if client.hexists(key(partition, "user", user), "mailer_until"):
            client.hset(key(partition, "user", user), "mailer_until", 1)
        client.hdel(key(partition, "user", user), "paused_until")
        if client.hexists(breaker_key(SERVICE.name), "until"):
            client.hset(breaker_key(SERVICE.name), mapping={"until": 1, "probe_until": 1})
        client.zadd(outbox, dict.fromkeys(client.zrange(outbox, 0, -1), 1), xx=True)
        client.zadd(due_key(partition, "notice"), {user: 1})
