"""The broker's only part: to ring. A lost or doubled ring is harmless, the store decides.

The messages carry an id and nothing else; state, retries and delays are the store's.
"""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

RUN = "ringback.run"
DELIVER = "email.deliver"
MAIL_QUEUE = "email"
TELL = "webhook.deliver"
HOOK_QUEUE = "webhooks"


def new_broker(url: str, *middleware: dramatiq.Middleware) -> RedisBroker:
    """A broker without Dramatiq's retries, time limits and age limits. Connects on first use."""
    return RedisBroker(url=url, middleware=list(middleware))  # type: ignore[no-untyped-call]


class Doorbells:
    """Rings for workers."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker

    def job(self, job_id: str, job_type: str) -> None:
        """Tells the workers that do this type of job. Raises dramatiq's connection errors."""
        self._ring(RUN, job_type, job_id)

    def mail(self, user: str) -> None:
        """Tells the mailers that a user has due notices."""
        self._ring(DELIVER, MAIL_QUEUE, user)

    def webhook(self, webhook_id: str) -> None:
        """Tells the deliverers that a webhook has due deliveries."""
        self._ring(TELL, HOOK_QUEUE, webhook_id)

    def waiting(self, queue: str) -> int:
        """How many rings nobody has heard yet: while there are any, ringing again helps nobody."""
        count: Any = self._broker.client.llen(f"{self._broker.namespace}:{queue}")
        return int(count)

    def _ring(self, actor: str, queue: str, argument: str) -> None:
        message: dramatiq.Message[Any] = dramatiq.Message(
            queue_name=queue, actor_name=actor, args=(argument,), kwargs={}, options={}
        )
        self._broker.enqueue(message)
