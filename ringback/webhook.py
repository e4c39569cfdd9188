"""A webhook: an address that a developer registered, to be told how jobs ended.

It belongs to one user, who hears of their own jobs, or (owner "") to the app, which hears of
everybody's. All that there is of a webhook lies in one slot of the store, its *home*: its owner's
partition, or one that the app's webhooks have to themselves.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from ringback.instant import Instant, rfc3339
from ringback.keys import is_job_id, partition_of, uuid7

APP = ""  #: the owner of the app's webhooks
APP_HOME = "hooks"
SECRET_BYTES = 32  #: Standard Webhooks: 24 to 64
OVERLAP = 86_400_000  #: ms for which a replaced secret still signs
CONTENT_TYPE = "application/cloudevents+json"
TEST = "ringback.webhook.test"
_ID = re.compile(r"wh_(app|[0-9a-f]{2})[0-9a-f]{16}")
_TEST_ID = re.compile(r"test-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing key as it is shown (``whsec_…``); ``until``: ms since 1970 after which a replaced
    one signs no more."""

    value: str
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook. ``types``: the job types that it hears of; empty: all.

    ``disabled``: why it was switched off, "" where its owner did that. ``failing_since``: the
    first failure after the last success. ``paused_until``: until when nothing is sent, because it
    fails or asked for it. ``secrets``: the current one first.
    """

    id: str
    owner: str
    url: str
    types: tuple[str, ...]
    description: str
    enabled: bool
    disabled: str
    created_at: Instant
    failing_since: Instant | None
    paused_until: Instant | None
    secrets: tuple[Secret, ...]


def new_webhook_id(owner: str) -> str:
    """An id that tells the webhook's home."""
    return f"wh_{partition_of(owner) if owner else 'app'}{secrets.token_hex(8)}"


def is_webhook_id(text: str) -> bool:
    """Whether ``text`` has the form of a webhook's id; asked before it is looked up."""
    return _ID.fullmatch(text) is not None


def home_of(webhook_id: str) -> str:
    """The hash tag of all keys of a webhook."""
    place = webhook_id[3:5]
    return APP_HOME if place == "ap" else place


def delivery_id(webhook_id: str, job_id: str) -> str:
    """The id of a job's delivery to a webhook: the same however often it is sent. (No full stop:
    the signature's parts are joined by them.)"""
    return f"{webhook_id}_{job_id}"


def parts_of(delivery: str) -> tuple[str, str] | None:
    """A delivery's webhook and job; None for what is no delivery's id."""
    kind, _, rest = delivery.partition("_")
    hook, _, subject = rest.partition("_")
    webhook = f"{kind}_{hook}"
    told = is_job_id(subject) or _TEST_ID.fullmatch(subject)
    return (webhook, subject) if is_webhook_id(webhook) and told else None


def new_test_id() -> str:
    """What a test is about, in place of a job."""
    return f"test-{uuid7()}"


# -- secrets and signatures: https://github.com/standard-webhooks/standard-webhooks


def new_secret() -> str:
    """A signing key."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def rotated(current: Iterable[Secret], new: str, now: int) -> tuple[Secret, ...]:
    """The secrets once ``new`` is the current one: those that it replaces still sign for a day."""
    kept = (Secret(s.value, s.until or now + OVERLAP) for s in live(current, now))
    return (Secret(new), *kept)


def live(known: Iterable[Secret], now: int) -> list[Secret]:
    """The secrets that sign at ``now`` (ms since 1970)."""
    return [secret for secret in known if secret.until is None or secret.until > now]


def headers(delivery: str, body: bytes, known: Iterable[Secret], now: int) -> dict[str, str]:
    """The headers of a delivery: its id, when it was sent, and a signature by each live secret."""
    seconds = str(now // 1000)
    signed = b".".join((delivery.encode(), seconds.encode(), body))
    return {
        "Content-Type": CONTENT_TYPE,
        "webhook-id": delivery,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(s, signed) for s in live(known, now)),
    }


def _signature(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.value.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


# -- events: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md


def event_of(delivery: str, source: str, owner: str, view: bytes) -> bytes:
    """The CloudEvent of an ended job in structured mode; ``view`` is its JobView. ``owner``, whose
    job it is, is an extension attribute."""
    job = orjson.loads(view)
    return _event(
        delivery, source, f"ringback.job.{job['state']}", job["id"], job["finished_at"],
        owner=owner, data=orjson.Fragment(view),
    )  # fmt: skip


def test_of(delivery: str, source: str, webhook: str, at: int) -> bytes:
    """The event that shows whether a webhook works."""
    data = {"webhook": webhook, "message": "This is a test. No job has ended."}
    return _event(delivery, source, TEST, webhook, rfc3339(at), data=data)


def _event(
    delivery: str, source: str, kind: str, subject: str, time: str, **more: Any
) -> bytes:  # fmt: skip
    return orjson.dumps({
        "specversion": "1.0", "id": delivery, "source": source, "type": kind, "subject": subject,
        "time": time, "datacontenttype": "application/json", **more,
    })  # fmt: skip
