"""Webhooks over HTTP: users' own, and for operators the app's. Decode, call one operation, encode.

An operator's deeds go to the audit trail; an operator may also see users' webhooks, switch them off
and replay their deliveries, but gets no secret of theirs.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from gateway import kinds
from gateway import webhook_models as models
from gateway.endpoint import Asked, Endpoint, json, reply
from gateway.problems import bad_request
from gateway.webhook_models import (
    DeliveriesQuery,
    ReplayRequest,
    ReplaySince,
    WebhookPatch,
    WebhookRequest,
    WebhooksQuery,
    delivery_view,
    webhook_view,
    with_secret,
)
from ringback import address, audit, catalog, deliveries, webhooks
from ringback.connection import AsyncStore
from ringback.errors import BadAddress, UnknownJobType
from ringback.guard import Resolver
from ringback.keys import Call
from ringback.webhook import APP, Webhook

T = TypeVar("T")
MINE, APPS = "/api/v1/me/webhooks", "/api/v1/ops/webhooks"
MADE = {"Location": "the webhook's own path"}
NO_URL = (kinds.TOO_MANY_WEBHOOKS, kinds.UNKNOWN_JOB_TYPE)


class Webhooks:
    """What owners do with theirs. ``private``: addresses that aren't public will do, and http."""

    base, role, tag = MINE, "user", "webhooks"

    def __init__(self, db: AsyncStore, *, private: bool) -> None:
        self._db = db
        self._private = private

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        return [*self._all(), *self._one(), *self._deeds()]

    def _all(self) -> Sequence[Endpoint]:
        base, role, tag = self.base, self.role, self.tag
        return (
            Endpoint(
                method="GET", path=base, handler=self.listed, tag=tag, role=role,
                summary="Webhooks, oldest first", query=self._query(), answer=models.Webhooks,
            ),
            Endpoint(
                method="POST", path=base, handler=self.add, tag=tag, role=role, status=201,
                summary="Register a webhook; its secret is shown this once",
                body=WebhookRequest, answer=models.WebhookSecret, sends=MADE, problems=NO_URL,
            ),
        )  # fmt: skip

    def _one(self) -> Sequence[Endpoint]:
        one, role, tag = f"{self.base}/{{id}}", self.role, self.tag
        return (
            Endpoint(
                method="GET", path=one, handler=self.show, tag=tag, role=role,
                summary="A webhook, and how it does", answer=models.WebhookView,
                problems=(kinds.NOT_FOUND,),
            ),
            Endpoint(
                method="PATCH", path=one, handler=self.change, tag=tag, role=role,
                summary="Change a webhook, or switch it off and on", body=WebhookPatch,
                answer=models.WebhookView, problems=(kinds.NOT_FOUND, kinds.UNKNOWN_JOB_TYPE),
            ),
            Endpoint(
                method="DELETE", path=one, handler=self.remove, tag=tag, role=role, status=204,
                summary="Remove a webhook with its deliveries", problems=(kinds.NOT_FOUND,),
            ),
            Endpoint(
                method="GET", path=f"{one}/deliveries", handler=self.deliveries, tag=tag,
                role=role, summary="A webhook's deliveries, newest first", query=DeliveriesQuery,
                answer=models.Deliveries, problems=(kinds.NOT_FOUND,),
            ),
        )  # fmt: skip

    def _deeds(self) -> Sequence[Endpoint]:
        one, role, tag = f"{self.base}/{{id}}", self.role, self.tag
        return (
            Endpoint(
                method="POST", path=f"{one}/rotate", handler=self.rotate, tag=tag, role=role,
                summary="A new secret, shown this once; the old one signs too for 24 hours",
                answer=models.WebhookSecret, problems=(kinds.NOT_FOUND,),
            ),
            Endpoint(
                method="POST", path=f"{one}/test", handler=self.test, tag=tag, role=role,
                summary="Send a test event", status=202, answer=models.DeliveryView,
                problems=(kinds.NOT_FOUND, kinds.WEBHOOK_DISABLED),
            ),
        )  # fmt: skip

    async def listed(self, asked: Asked[Any, None]) -> web.Response:
        """All of the owner's."""
        found = await self._db.do(webhooks.listed(self._lists(asked)))
        return reply(models.Webhooks(webhooks=[webhook_view(each) for each in found]))

    async def add(self, asked: Asked[None, WebhookRequest]) -> web.Response:
        """201 with the secret."""
        wanted = asked.body
        await self._check(wanted.url, wanted.types)
        making = webhooks.register(
            self._owns(asked), wanted.url, wanted.types, wanted.description
        )  # fmt: skip
        made = await self._do(asked, f"webhook to {wanted.url} added", making)
        location = {"Location": f"{self.base}/{made.id}"}
        return json(orjson.dumps(with_secret(made).model_dump()), 201, location)

    async def show(self, asked: Asked[None, None]) -> web.Response:
        """One."""
        return reply(webhook_view(await self._db.do(self._load(asked))))

    async def change(self, asked: Asked[None, WebhookPatch]) -> web.Response:
        """The webhook as it is then."""
        changes = asked.body.model_dump(exclude_none=True)
        await self._check(changes.get("url"), changes.get("types", []))
        name = asked.part("id")
        told = f"webhook {name} changed: {', '.join(changes)}"
        op = webhooks.change(name, self._sees(asked), changes)
        return reply(webhook_view(await self._do(asked, told, op)))

    async def remove(self, asked: Asked[None, None]) -> web.Response:
        """204."""
        name = asked.part("id")
        op = webhooks.remove(name, self._sees(asked))
        await self._do(asked, f"webhook {name} removed", op)
        return web.Response(status=204)

    async def deliveries(self, asked: Asked[DeliveriesQuery, None]) -> web.Response:
        """The last ones."""
        query = asked.query
        found = await self._db.do(
            deliveries.latest(asked.part("id"), self._sees(asked), query.limit, query.state)
        )
        return reply(models.Deliveries(deliveries=[delivery_view(each) for each in found]))

    async def rotate(self, asked: Asked[None, None]) -> web.Response:
        """The webhook with its new secret."""
        name = asked.part("id")
        op = webhooks.rotate(name, self._owns(asked))
        return reply(with_secret(await self._do(asked, f"webhook {name} rotated", op)))

    async def test(self, asked: Asked[None, None]) -> web.Response:
        """202: the test is a delivery like others."""
        name = asked.part("id")
        op = deliveries.test(name, self._sees(asked))
        return reply(delivery_view(await self._do(asked, f"webhook {name} tested", op)), 202)

    # -- what differs for operators

    def _query(self) -> type[WebhooksQuery] | None:
        return None

    def _lists(self, asked: Asked[Any, None]) -> str:
        return asked.user

    def _owns(self, asked: Asked[Any, Any]) -> str:
        return asked.user

    def _sees(self, asked: Asked[Any, Any]) -> str | None:
        return asked.user

    async def _do(self, _asked: Asked[Any, Any], _told: str, op: Generator[Call, Any, T]) -> T:
        return await self._db.do(op)

    # -- what doesn't

    def _load(self, asked: Asked[None, None]) -> Generator[Call, Any, Webhook]:
        return webhooks.load(asked.part("id"), self._sees(asked))

    async def _check(self, url: str | None, types: Sequence[str]) -> None:
        if types:
            known = [kind.name for kind in await self._db.do(catalog.everything())]
            for place, name in enumerate(types):
                if name not in known:
                    raise UnknownJobType(name, known, f"types.{place}")
        if url is not None:
            await self._check_url(url)

    async def _check_url(self, url: str) -> None:
        resolver = Resolver()
        try:
            await address.check(url, resolver, private=self._private)
        except BadAddress as error:
            raise bad_request("url", url, str(error)) from None
        finally:
            await resolver.close()


class OpsWebhooks(Webhooks):
    """What operators do with the app's webhooks, and with deliveries of all."""

    base, role, tag = APPS, "operator", "operators"

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        return [*super().endpoints(), *self._replays()]

    def _replays(self) -> Sequence[Endpoint]:
        problems = (kinds.NOT_FOUND, kinds.WEBHOOK_DISABLED)
        return (
            Endpoint(
                method="POST", path=f"{APPS}/deliveries/{{id}}/replay", handler=self.replay,
                tag=self.tag, role=self.role, summary="Send a delivery again", body=ReplayRequest,
                body_optional=True, status=202, answer=models.DeliveryView, problems=problems,
            ),
            Endpoint(
                method="POST", path=f"{APPS}/{{id}}/replay", handler=self.replay_since,
                tag=self.tag, role=self.role, body=ReplaySince, status=202,
                summary="Send a webhook's dead letters since a moment again",
                answer=models.Replayed, problems=problems,
            ),
        )  # fmt: skip

    async def replay(self, asked: Asked[None, ReplayRequest]) -> web.Response:
        """202."""
        name = asked.part("id")
        told = f"delivery {name} replayed"
        op = audit.audited(asked.user, told, asked.body.reason, [], deliveries.replay(name))
        return reply(delivery_view(await self._db.do(op)), 202)

    async def replay_since(self, asked: Asked[None, ReplaySince]) -> web.Response:
        """202 with their number."""
        name, wanted = asked.part("id"), asked.body
        since = round(wanted.since.timestamp() * 1000)
        names = await self._db.do(
            deliveries.replayable(name, since, delivered=wanted.delivered)
        )  # fmt: skip
        count = f"{len(names)} {'delivery' if len(names) == 1 else 'deliveries'}"
        told = f"webhook {name}: {count} since {wanted.since.isoformat()} replayed"
        op = audit.audited(
            asked.user, told, wanted.reason, [], deliveries.replay_all(name, names)
        )  # fmt: skip
        return reply(models.Replayed(count=await self._db.do(op)), 202)

    def _query(self) -> type[WebhooksQuery] | None:
        return WebhooksQuery

    def _lists(self, asked: Asked[Any, None]) -> str:
        return asked.query.user or APP

    def _owns(self, asked: Asked[Any, Any]) -> str:  # noqa: ARG002 (whoever asks)
        return APP

    def _sees(self, asked: Asked[Any, Any]) -> str | None:  # noqa: ARG002 (whoever asks)
        return None

    async def _do(self, asked: Asked[Any, Any], told: str, op: Generator[Call, Any, T]) -> T:
        return await self._db.do(audit.audited(asked.user, told, "", [], op))
