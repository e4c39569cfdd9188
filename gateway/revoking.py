"""Revoking over REST, for operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import Field

from gateway import kinds
from gateway.endpoint import Asked, Endpoint, reply
from gateway.models import Answer, Fix, Moment, Reason, Request
from gateway.problems import bad_request
from gateway.revocations import Revocations
from ringback import revocation
from ringback.connection import AsyncStore

NAME = "must be text of 1 to 500 characters"
Name = Annotated[str, Field(min_length=1, max_length=500), Fix(NAME)]


class RevocationRequest(Request):
    """One of ``jti`` and ``user``. ``expires``: the token's ``exp``; remembered until then."""

    jti: Name | None = None
    user: Name | None = None
    expires: Annotated[int, Field(ge=0, le=1 << 40), Fix("must be the token's `exp`")] | None = None
    reason: Reason


class RevocationAnswer(Answer):
    """Since when it holds."""

    revoked_at: Moment


class Revoking:
    """``/api/v1/ops/revocations``."""

    def __init__(self, db: AsyncStore, revocations: Revocations) -> None:
        self._db = db
        self._revocations = revocations

    def endpoints(self) -> Sequence[Endpoint]:
        """Everything this serves."""
        return (
            Endpoint(
                method="POST", path="/api/v1/ops/revocations", handler=self.revoke, tag="ops",
                role="operator", body=RevocationRequest, answer=RevocationAnswer,
                summary="Refuse a token by its jti, or all tokens of a user issued until now",
                problems=(kinds.FORBIDDEN,),
            ),
        )  # fmt: skip

    async def revoke(self, asked: Asked[None, RevocationRequest]) -> web.Response:
        """200 once it is on disk; this node knows it already, the others within seconds."""
        wanted = asked.body
        if (wanted.jti is None) == (wanted.user is None):
            told = "must be there, or user instead of it: one of them, not both"
            raise bad_request("jti", wanted.jti, told)
        if wanted.user is not None and wanted.expires is not None:
            raise bad_request("expires", wanted.expires, "goes with jti, not with user")
        kind: revocation.Kind = "user" if wanted.jti is None else "jti"
        name = wanted.jti or wanted.user or ""
        deed = revocation.revoke(asked.user, wanted.reason, kind, name, wanted.expires)
        at = await self._db.do(deed)
        await self._revocations.read()
        return reply(RevocationAnswer(revoked_at=str(at)))
