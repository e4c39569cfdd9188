"""What owners do with their webhooks (``ringback.webhook``): operations on the store."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import orjson

from ringback.errors import StoreUnavailable, TooManyWebhooks, WebhookNotFound
from ringback.instant import Instant
from ringback.keys import Call, key, partition_of, plain
from ringback.webhook import (
    APP,
    APP_HOME,
    Secret,
    Webhook,
    home_of,
    is_webhook_id,
    new_secret,
    new_webhook_id,
    rotated,
)

MOST = 10  #: webhooks of one user
MOST_OF_APP = 50
CONFLICTS = 10


def register(
    owner: str, url: str, types: Sequence[str] = (), description: str = ""
) -> Generator[Call, Any, Webhook]:
    """A new webhook, durably. ``url`` was checked (``ringback.address``). Raises
    TooManyWebhooks."""
    webhook_id, most = new_webhook_id(owner), MOST_OF_APP if owner == APP else MOST
    fields = {
        "url": url, "types": orjson.dumps(list(types)), "description": description,
        "enabled": "1", "secrets": _encoded([Secret(new_secret())]),
    }  # fmt: skip
    reply = yield webhook_call("create", webhook_id, owner, most, *_flat(fields), durable=True)
    if reply == b"full":
        raise TooManyWebhooks(most)
    return (yield from load(webhook_id, owner))


def load(webhook_id: str, owner: str | None = None) -> Generator[Call, Any, Webhook]:
    """One webhook. Raises WebhookNotFound, also where ``owner`` isn't the owner."""
    if not is_webhook_id(webhook_id):
        raise WebhookNotFound(webhook_id)
    fields = yield plain("HGETALL", webhook_key(webhook_id))
    if not fields or (owner is not None and fields[b"owner"].decode() != owner):
        raise WebhookNotFound(webhook_id)
    return _webhook(webhook_id, fields)


def listed(owner: str) -> Generator[Call, Any, list[Webhook]]:
    """An owner's webhooks, oldest first."""
    home = APP_HOME if owner == APP else partition_of(owner)
    found = []
    for webhook_id in (yield plain("SMEMBERS", key(home, "webhooks", owner))):
        fields = yield plain("HGETALL", webhook_key(webhook_id.decode()))
        if fields:  # else it was removed since
            found.append(_webhook(webhook_id.decode(), fields))
    return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))


def change(
    webhook_id: str, owner: str | None, changes: Mapping[str, Any]
) -> Generator[Call, Any, Webhook]:
    """Changes some of ``url``, ``types``, ``description`` and ``enabled``. Switched on, what was
    held against the webhook is forgotten, and what waits for it is sent. Raises WebhookNotFound."""
    yield from load(webhook_id, owner)
    if changes:
        yield from _change(webhook_id, ("", ""), {k: _field(v) for k, v in changes.items()})
    return (yield from load(webhook_id, owner))


def rotate(webhook_id: str, owner: str | None) -> Generator[Call, Any, Webhook]:
    """A new secret; the one before it signs too for another day. Raises WebhookNotFound."""
    new = new_secret()
    for _ in range(CONFLICTS):
        webhook = yield from load(webhook_id, owner)
        if webhook.secrets[0].value == new:  # a reply got lost, no change
            return webhook
        seconds, _ = yield plain("TIME")
        known, after = webhook.secrets, rotated(webhook.secrets, new, int(seconds) * 1000)
        expected = ("secrets", _encoded(known))
        yield from _change(webhook_id, expected, {"secrets": _encoded(after)})
    raise StoreUnavailable(f"{webhook_id} changes too fast: {CONFLICTS} conflicts in a row")


def remove(webhook_id: str, owner: str | None) -> Generator[Call, Any, None]:
    """Forgets a webhook with its deliveries; one that is under way may still arrive. Raises
    WebhookNotFound."""
    webhook = yield from load(webhook_id, owner)
    yield webhook_call("remove", webhook_id, webhook.owner, durable=True)


def webhook_key(webhook_id: str) -> str:
    """The hash of a webhook."""
    return key(home_of(webhook_id), "webhook", webhook_id)


def webhook_call(action: str, webhook_id: str, *args: Any, durable: bool = False) -> Call:
    """A call of the script about one webhook."""
    home = key(home_of(webhook_id), "")
    keys = (webhook_key(webhook_id),)
    return Call("webhook", keys, (action, home, webhook_id, *args), durable=durable)


def decoded(secrets: bytes) -> tuple[Secret, ...]:
    """A webhook's secrets as they are stored."""
    return tuple(Secret(**fields) for fields in orjson.loads(secrets))


def _change(
    webhook_id: str, expected: tuple[str, str | bytes], fields: Mapping[str, Any]
) -> Generator[Call, Any, None]:
    call = webhook_call("change", webhook_id, *expected, *_flat(fields), durable=True)
    reply = yield call
    if reply == b"gone":
        raise WebhookNotFound(webhook_id)


def _encoded(secrets: Sequence[Secret]) -> bytes:
    return orjson.dumps(secrets)


def _field(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str) else orjson.dumps(value)


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [word for pair in fields.items() for word in pair]


def _webhook(webhook_id: str, fields: Mapping[bytes, bytes]) -> Webhook:
    def moment(name: bytes) -> Instant | None:
        return Instant(int(fields[name])) if name in fields else None

    return Webhook(
        id=webhook_id, owner=fields[b"owner"].decode(), url=fields[b"url"].decode(),
        types=tuple(orjson.loads(fields[b"types"])), description=fields[b"description"].decode(),
        enabled=fields[b"enabled"] == b"1", disabled=fields.get(b"disabled", b"").decode(),
        created_at=Instant(int(fields[b"created_at"])), failing_since=moment(b"failing_since"),
        paused_until=moment(b"paused_until"), secrets=decoded(fields[b"secrets"]),
    )  # fmt: skip
