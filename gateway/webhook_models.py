"""The wire shapes of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from gateway.models import Answer, JobView, Moment, Query, Reason, Request, Since, TypeName
from ringback.delivery import Delivery, State
from ringback.instant import Instant
from ringback.webhook import Webhook, parts_of

Url = Annotated[
    str, Field(description="public, https", examples=["https://example.com/ringback"])
]  # fmt: skip
Types = Annotated[
    list[TypeName], Field(max_length=100, description="of which job types it hears; none: of all")
]
Description = Annotated[str, Field(max_length=200)]


class WebhookRequest(Request):
    """A new webhook."""

    url: Url
    types: Types = Field(default=[])
    description: Description = ""


class WebhookPatch(Request):
    """What is to change. Switched on (``enabled``), what waits is sent."""

    url: Url | None = None
    types: Types | None = None
    description: Description | None = None
    enabled: bool | None = None


class DeliveriesQuery(Query):
    """The newest deliveries, of all states or of one."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    state: State | None = None


class WebhooksQuery(Query):
    """Whose webhooks; without: the app's."""

    user: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class ReplayRequest(Request):
    """Sends one delivery again."""

    reason: Reason = Field(default_factory=str)


class ReplaySince(Request):
    """Sends the dead letters since a moment again; with ``delivered``, the others too."""

    since: Annotated[Since, Field(description="RFC 3339")]
    delivered: bool = False
    reason: Reason = Field(default_factory=str)


class WebhookView(Answer):
    """A webhook. ``disabled_reason``: why we switched it off. ``failing_since``: the first failure
    after the last success. ``paused_until``: until when it gets nothing, as it fails or asked."""

    id: str
    url: str
    types: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: Moment | None
    paused_until: Moment | None
    created_at: Moment


class WebhookSecret(WebhookView):
    """A webhook and its new secret, which is shown this once."""

    secret: str


class Webhooks(Answer):
    """Oldest first."""

    webhooks: list[WebhookView]


class DeliveryView(Answer):
    """A delivery. ``subject``: the job, or the test, that it is about; ``status`` and ``reason``:
    of the last answer."""

    id: str
    webhook: str
    subject: str
    state: Literal["waiting", "sending", "delivered", "dead"]
    attempts: int
    status: int | None
    reason: str
    created_at: Moment
    next_at: Moment | None
    settled_at: Moment | None


class Deliveries(Answer):
    """Newest first."""

    deliveries: list[DeliveryView]


class Replayed(Answer):
    """How many deliveries are sent again."""

    count: int


# -- what is posted


class CloudEvent(Answer):
    """CloudEvents 1.0, in structured mode."""

    specversion: Literal["1.0"]
    id: str = Field(description="the same however often the message comes; also `webhook-id`")
    source: str = Field(description="the public URL", examples=["https://jobs.example.com"])
    subject: str
    time: Moment
    datacontenttype: Literal["application/json"]


class JobEnded(CloudEvent):
    """A job has ended: which (``subject``), whose (``owner``), and its view as it is now."""

    type: Literal[
        "ringback.job.succeeded", "ringback.job.partial", "ringback.job.failed",
        "ringback.job.cancelled",
    ]  # fmt: skip
    owner: str
    data: JobView


class TrialData(Answer):
    """The webhook that is tried, and words to read."""

    webhook: str
    message: str


class Trial(CloudEvent):
    """Somebody has asked for a test of the webhook."""

    type: Literal["ringback.webhook.test"]
    data: TrialData


#: All messages that webhooks get, by name.
MESSAGES: Mapping[str, type[CloudEvent]] = {"job-ended": JobEnded, "webhook-test": Trial}


def webhook_view(webhook: Webhook) -> WebhookView:
    """A webhook as its owner sees it."""
    return WebhookView(
        id=webhook.id, url=webhook.url, types=list(webhook.types),
        description=webhook.description, enabled=webhook.enabled,
        disabled_reason=webhook.disabled or None, failing_since=_moment(webhook.failing_since),
        paused_until=_moment(webhook.paused_until), created_at=str(webhook.created_at),
    )  # fmt: skip


def with_secret(webhook: Webhook) -> WebhookSecret:
    """The one view that has the secret."""
    shown = webhook_view(webhook).model_dump()
    return WebhookSecret(**shown, secret=webhook.secrets[0].value)


def delivery_view(delivery: Delivery) -> DeliveryView:
    """A delivery as its webhook's owner sees it."""
    webhook, subject = parts_of(delivery.id) or ("", "")
    return DeliveryView(
        id=delivery.id, webhook=webhook, subject=subject, state=delivery.state,
        attempts=delivery.attempts, status=delivery.status, reason=delivery.reason,
        created_at=str(delivery.created_at), next_at=_moment(delivery.next_at),
        settled_at=_moment(delivery.settled_at),
    )  # fmt: skip


def _moment(moment: Instant | None) -> str | None:
    return None if moment is None else str(moment)
