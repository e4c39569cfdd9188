"""Addresses that nobody is written to, for operators: looked at, stopped, written to again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from gateway import kinds
from gateway.endpoint import Asked, Endpoint, reply
from gateway.models import Answer, Fix, Moment, Query, Reason, Request
from ringback import bounce, mailbox, suppression
from ringback.connection import AsyncStore
from ringback.errors import BadAddress, SuppressionNotFound
from ringback.suppression import Source, Suppression

ROOT = "/api/v1/ops/suppressions"


def _checked(text: str) -> str:
    try:
        return mailbox.checked(text)
    except BadAddress as error:
        raise ValueError(str(error)) from None


Address = Annotated[
    str, Field(max_length=320, examples=[mailbox.EXAMPLE]), AfterValidator(_checked),
    Fix(f"must be an email address such as {mailbox.EXAMPLE}"),
]  # fmt: skip


class SuppressionsQuery(Query):
    """A page of the list, newest first; of one source, or one address, only."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="`next` of the page before"
    )
    source: Source | None = None
    address: Annotated[str, Field(min_length=1, max_length=320)] | None = None


class LiftQuery(Query):
    """Why the address is to be written to again."""

    reason: Reason


class SuppressionRequest(Request):
    """Which address is to be written to no more, and why; its user sees the reason."""

    address: Address
    reason: Reason


class SuppressionView(Answer):
    """One address; ``told`` is what its user reads, ``who`` the operator, if it was one."""

    address: str
    reason: str
    source: Source
    at: Moment
    who: str | None
    told: str


class SuppressionsPage(Answer):
    """``count``: of all that there are; ``heard``: how often news of emails came to which result,
    ever; ``next`` is the ``before`` of the next page; null: there is none."""

    suppressions: list[SuppressionView]
    count: int
    heard: dict[str, int]
    next: int | None


class Suppressions:
    """``/api/v1/ops/suppressions``."""

    def __init__(self, db: AsyncStore) -> None:
        self._db = db

    def endpoints(self) -> Sequence[Endpoint]:
        """Everything this serves."""
        return (
            Endpoint(
                method="GET", path=ROOT, handler=self.listed, tag="ops", role="operator",
                query=SuppressionsQuery, answer=SuppressionsPage,
                summary="Addresses that nobody is written to, and why, newest first",
            ),
            Endpoint(
                method="POST", path=ROOT, handler=self.add, tag="ops", role="operator",
                body=SuppressionRequest, answer=SuppressionView,
                summary="Write to an address no more",
            ),
            Endpoint(
                method="DELETE", path=f"{ROOT}/{{address}}", handler=self.lift, tag="ops",
                role="operator", query=LiftQuery, answer=SuppressionView,
                summary="Write to an address again", problems=(kinds.NOT_FOUND,),
            ),
        )  # fmt: skip

    async def listed(self, asked: Asked[SuppressionsQuery, None]) -> web.Response:
        """A page; with ``address`` that one, or none."""
        query = asked.query
        if query.address is not None:
            one = await self._db.do(suppression.look(query.address))
            found = [] if one is None else [one]
        else:
            page = suppression.listed(query.limit, query.before, query.source)
            found = await self._db.do(page)
        more = query.address is None and len(found) == query.limit and found[-1].seq > 1
        return reply(
            SuppressionsPage(
                suppressions=[_view(entry) for entry in found],
                count=await self._db.do(suppression.count()),
                heard=await self._db.do(bounce.heard_so_far()),
                next=found[-1].seq if more else None,
            )
        )

    async def add(self, asked: Asked[None, SuppressionRequest]) -> web.Response:
        """The entry that holds: the first reason stands."""
        body = asked.body
        deed = suppression.suppress(body.address, body.reason, "operator", asked.user)
        return reply(_view(await self._db.do(deed)))

    async def lift(self, asked: Asked[LiftQuery, None]) -> web.Response:
        """The entry that was there. Raises SuppressionNotFound."""
        address = asked.part("address")
        was = await self._db.do(suppression.lift(address, asked.user, asked.query.reason))
        if was is None:
            raise SuppressionNotFound(address)
        return reply(_view(was))


def _view(entry: Suppression) -> SuppressionView:
    return SuppressionView(
        address=entry.address, reason=entry.reason, source=entry.source, at=str(entry.at),
        who=entry.who, told=suppression.told(entry),
    )  # fmt: skip
