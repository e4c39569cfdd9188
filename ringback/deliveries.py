"""Deliveries to webhooks: made when jobs end, claimed by deliverers, looked at, replayed.

Guarantee: each job that ended while a webhook was on is sent to it at least once, or ends as a
dead letter with the reason. Its id is always the same, so a receiver can drop what it has. The
commit that ends a job marks it for ``fan_out``; what is sent twice, is: a deliverer that dies
between the request and its record.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ringback.delivery import JITTER, Delivery, State, Verdict
from ringback.errors import WebhookDisabled, WebhookNotFound
from ringback.instant import Instant
from ringback.keys import Call, due_key, job_key, key, plain
from ringback.webhook import (
    APP,
    APP_HOME,
    Secret,
    Webhook,
    delivery_id,
    home_of,
    new_test_id,
    parts_of,
)
from ringback.webhooks import decoded, listed, load, webhook_call

CLAIM = 30_000  #: ms that a silent deliverer keeps a webhook; longer than a request may take
AT_ONCE = 8  #: requests to one webhook
HIDDEN = 10_000  #: ms for which due webhooks are hidden from other supervisors
PAGE = 500  #: deliveries of one call of the script


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to be sent now: how often that was tried, this time included; ``at``: since
    when it is one (ms since 1970)."""

    id: str
    tries: int
    at: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send to a webhook; ``now``: ms since 1970 by the store's clock."""

    webhook: str
    token: str
    now: int
    url: str
    secrets: tuple[Secret, ...]
    due: tuple[Due, ...]


# -- from ended jobs to deliveries


def fan_out(partition: str, jobs: Sequence[str]) -> Generator[Call, Any, list[str]]:
    """Makes deliveries of ended jobs, whole or, if we die over it, by whoever comes next; the
    users' webhooks that got some (the app's are found by ``due_of_app``)."""
    apps = yield from _of_app()
    fanout, home = due_key(partition, "fanout"), key(partition, "")
    webhooks, flat = yield Call("fanout", (fanout,), (home, int(not apps), *jobs))
    found = [webhook.decode() for webhook in webhooks]
    if not apps:
        return found
    ended = [(job.decode(), kind.decode()) for job, kind in zip(flat[::2], flat[1::2], strict=True)]
    for app in apps:
        wanted = [job for job, kind in ended if not app.types or kind in app.types]
        if wanted:
            yield webhook_call("add", app.id, *wanted)
    yield plain("ZREM", fanout, *jobs)
    return found


def _of_app() -> Generator[Call, Any, list[Webhook]]:
    found = yield from listed(APP)
    return [webhook for webhook in found if webhook.enabled]


def due_of_app() -> Generator[Call, Any, list[str]]:
    """The app's webhooks that have due deliveries, hidden for a while from other supervisors."""
    (found,) = yield Call("overdue", (due_key(APP_HOME, "webhook"),), (HIDDEN, PAGE))
    return [webhook.decode() for webhook in found]


def test(webhook_id: str, owner: str | None) -> Generator[Call, Any, Delivery]:
    """Lets the webhook be sent a test. Raises WebhookNotFound and WebhookDisabled."""
    yield from _enabled(webhook_id, owner)
    told = new_test_id()
    yield webhook_call("add", webhook_id, told, durable=True)
    return (yield from show(delivery_id(webhook_id, told)))


# -- the deliverer's side


def claim(webhook_id: str, token: str) -> Generator[Call, Any, Claim | None]:
    """The right to send to a webhook for 30 s, and what is due; None while another one is at it,
    or nothing may be sent. With the same token it goes on."""
    reply = yield webhook_call("claim", webhook_id, token, secrets.token_hex(8), CLAIM, AT_ONCE)
    if reply[0] == b"busy":
        return None
    _, now, url, signing, *due = reply
    found = zip(due[::3], due[1::3], due[2::3], strict=True)
    return Claim(
        webhook_id, token, now, url.decode(), decoded(signing),
        tuple(Due(delivery.decode(), tries, at) for delivery, tries, at in found),
    )  # fmt: skip


def settle(
    held: Claim, delivery: str, verdict: Verdict, *, sent: bool = True
) -> Generator[Call, Any, bool]:
    """Records what became of a delivery, and keeps the claim; False: it is somebody else's.
    ``sent``: whether the verdict says something about the receiver."""
    facts = {
        "op": secrets.token_hex(8), "lease": CLAIM, "state": verdict.state,
        "status": "" if verdict.status is None else verdict.status, "reason": verdict.reason,
        "tries": verdict.tries, "delay": verdict.delay, "pause": verdict.pause,
        "disable": verdict.disable, "unsent": not sent, "jitter": JITTER * random.random(),
    }  # fmt: skip
    call = webhook_call("settle", held.webhook, held.token, delivery, orjson.dumps(facts))
    return bool((yield call) == b"ok")


def release(held: Claim) -> Generator[Call, Any, None]:
    """Ends the claim; what else is due may be claimed at once."""
    yield webhook_call("release", held.webhook, held.token)


def told(job_id: str) -> Generator[Call, Any, tuple[str, bytes] | None]:
    """An ended job's owner and view; None where it was deleted."""
    owner, view = yield plain("HMGET", job_key(job_id), "owner", "view")
    return None if view is None else (owner.decode(), bytes(view))


# -- people's side


def show(delivery: str, owner: str | None = None) -> Generator[Call, Any, Delivery]:
    """One delivery. Raises WebhookNotFound."""
    parts = parts_of(delivery)
    if parts is None:
        raise WebhookNotFound(delivery)
    webhook = yield from load(parts[0], owner)
    found = yield from _delivery(webhook, delivery)
    if found is None:
        raise WebhookNotFound(delivery)
    return found


def latest(
    webhook_id: str, owner: str | None, limit: int, state: State | None = None
) -> Generator[Call, Any, list[Delivery]]:
    """A webhook's deliveries, newest first; of one state only, if that is given. Raises
    WebhookNotFound."""
    webhook = yield from load(webhook_id, owner)
    names: list[str] = []
    for kept in ("waiting", "delivered", "dead"):
        if state in (None, kept) or (state, kept) == ("sending", "waiting"):
            where = key(home_of(webhook_id), kept, webhook_id)
            names += [n.decode() for n in (yield plain("ZRANGE", where, 0, limit - 1, "REV"))]
    found = []
    for name in names:
        one = yield from _delivery(webhook, name)
        if one is not None and state in (None, one.state):
            found.append(one)
    return sorted(found, key=lambda one: one.created_at, reverse=True)[:limit]


def replay(delivery: str) -> Generator[Call, Any, Delivery]:
    """Sends a delivery again, whatever became of it. Raises WebhookNotFound and
    WebhookDisabled."""
    yield from show(delivery)
    webhook_id, _ = parts_of(delivery) or ("", "")
    yield from _enabled(webhook_id)
    yield webhook_call("replay", webhook_id, delivery, durable=True)
    return (yield from show(delivery))


def replayable(
    webhook_id: str, since: int, *, delivered: bool = False
) -> Generator[Call, Any, list[str]]:
    """The dead letters of a webhook since a moment (ms since 1970), oldest first; and, where
    asked for, what was delivered. Raises WebhookNotFound and WebhookDisabled."""
    yield from _enabled(webhook_id)
    found: list[tuple[float, str]] = []
    for kept in ("dead", "delivered") if delivered else ("dead",):
        where = key(home_of(webhook_id), kept, webhook_id)
        there = yield plain("ZRANGE", where, since, "+inf", "BYSCORE", "WITHSCORES")
        found += [(float(at), name.decode()) for name, at in there]
    return [name for _, name in sorted(found)]


def replay_all(webhook_id: str, deliveries: Sequence[str]) -> Generator[Call, Any, int]:
    """Sends deliveries of one webhook again; how many that are."""
    count = 0
    for start in range(0, len(deliveries), PAGE):
        some = deliveries[start : start + PAGE]
        count += yield webhook_call("replay", webhook_id, *some, durable=True)
    return count


def _enabled(webhook_id: str, owner: str | None = None) -> Generator[Call, Any, Webhook]:
    webhook = yield from load(webhook_id, owner)
    if not webhook.enabled:
        raise WebhookDisabled(webhook_id, webhook.disabled)
    return webhook


def _delivery(webhook: Webhook, name: str) -> Generator[Call, Any, Delivery | None]:
    fields = yield plain("HGETALL", key(home_of(webhook.id), "delivery", name))
    if not fields:
        return None

    def number(field: bytes) -> int | None:
        return int(fields[field]) if fields.get(field) else None

    def moment(field: bytes) -> Instant | None:
        at = number(field)
        return None if at is None else Instant(at)

    next_at = moment(b"next_at")
    if next_at is not None and webhook.paused_until is not None:
        next_at = max(next_at, webhook.paused_until)

    return Delivery(
        id=name, state=fields[b"state"].decode(), attempts=number(b"attempts") or 0,
        tries=number(b"tries") or 0, status=number(b"status"),
        reason=fields.get(b"reason", b"").decode(), next_at=next_at,
        created_at=moment(b"created_at") or Instant(0), settled_at=moment(b"settled_at"),
    )  # fmt: skip
