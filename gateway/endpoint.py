"""Typed endpoints: each says in one place what it takes, what it answers, and who may ask.

Requests are checked by it, and ``/openapi.json`` is made of it, so the two can't differ.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson
from aiohttp import BasicAuth, web
from pydantic import BaseModel

from gateway import kinds
from gateway.accept import check_accept, check_coding
from gateway.auth import NOBODY, Identity, Tokens
from gateway.decode import body_of, decode, no_query, query_of
from gateway.kinds import Kind
from gateway.problems import BODY_LIMIT, Problem

JSON = "application/json"
Q = TypeVar("Q")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """A request, decoded: by whom, the query and the body as their models (None: it has none)."""

    request: web.Request
    identity: Identity
    query: Q
    body: B

    @property
    def user(self) -> str:
        """The id of who asks."""
        return self.identity.owner.id

    def part(self, name: str) -> str:
        """A part of the path, as it came: whoever looks it up answers 404."""
        return self.request.match_info[name]


Handler = Callable[[Any], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path.

    ``role``: who may ask: None anybody, ``"user"`` whoever has signed in, else whose token has
    it; ``also``: another role that will do, and ``secret``: what may stand in place of a token, as
    a bearer's or as a password (RFC 7617). ``body_optional``: no body is as good as an empty
    object; ``most``: bytes of one. ``raw``: the handler reads the body itself, which may be of
    these media types, too; ``body`` then only describes the JSON. ``answer``: the JSON that it
    answers with ``status``; ``produces``: the media types it can answer with (none: any).
    ``headers``: further request headers, and ``sends``: further response headers, with what they
    mean. ``problems``: the kinds that it may meet beside those that all may.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    role: str | None = "user"
    also: str | None = None
    secret: str | None = field(default=None, repr=False)
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_optional: bool = False
    raw: Sequence[str] = ()
    most: int = BODY_LIMIT
    answer: type[BaseModel] | None = None
    status: int = 200
    produces: Sequence[str] = (JSON,)
    consumes: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    sends: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Kind] = ()

    @property
    def name(self) -> str:
        """Unique: ``get_api_v1_jobs_id``."""
        words = self.path.replace("{", "").replace("}", "").replace("/", "_").replace(".", "_")
        return f"{self.method.lower()}{words}"


def routes(endpoints: Sequence[Endpoint], tokens: Tokens) -> list[web.RouteDef]:
    """The endpoints as aiohttp has them; HEAD goes with GET."""
    return [web.route(e.method, e.path, _serving(e, tokens)) for e in endpoints] + [
        web.head(e.path, _serving(e, tokens)) for e in endpoints if e.method == "GET"
    ]


def _serving(endpoint: Endpoint, tokens: Tokens) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        identity = await _identify(endpoint, tokens, request)
        check_accept(request.headers.get("Accept"), endpoint.produces)
        check_coding(request.headers.get("Content-Encoding"))
        query = _query(endpoint, request)
        body = await _body(endpoint, request)
        return await endpoint.handler(Asked(request, identity, query, body))

    return serve


async def _identify(endpoint: Endpoint, tokens: Tokens, request: web.Request) -> Identity:
    if endpoint.role is None or _knows(endpoint.secret, request):
        return NOBODY
    identity = await tokens.verify(bearer(request))
    if endpoint.role != "user":
        require(identity.roles, endpoint.role, endpoint.also)
    return identity


def _knows(secret: str | None, request: web.Request) -> bool:
    """Whether the secret is shown: as a bearer's token, or as a password of whomever."""
    if not secret:
        return False
    shown = [bearer(request) or "", _password(request)]
    return any(same(text, secret) for text in shown)


def same(shown: str, secret: str) -> bool:
    """Whether somebody shows the secret; how long the answer takes tells nothing."""
    # a header may hold any bytes
    return hmac.compare_digest(shown.encode(errors="surrogateescape"), secret.encode())


def _password(request: web.Request) -> str:
    try:
        return str(BasicAuth.decode(request.headers.get("Authorization", ""), "utf-8").password)
    except ValueError:
        return ""


def bearer(request: web.Request) -> str | None:
    """The token in the header Authorization."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def require(roles: Collection[str], role: str, also: str | None = None) -> None:
    """Raises a 403 Problem for who lacks the role, and the other that would do."""
    if role not in roles and also not in roles:
        has = ", ".join(sorted(roles)) or "none"
        wanted = " or ".join(repr(each) for each in (role, also) if each)
        told = f"This needs a token with the role {wanted}; the roles of yours: {has}."
        raise Problem(kinds.FORBIDDEN, told)


def _query(endpoint: Endpoint, request: web.Request) -> BaseModel | None:
    if endpoint.query is not None:
        return query_of(request, endpoint.query)
    if endpoint.path.startswith("/api/"):  # health checks are asked however a balancer asks
        no_query(request)
    return None


async def _body(endpoint: Endpoint, request: web.Request) -> BaseModel | None:
    if endpoint.body is None or endpoint.raw:
        return None
    if endpoint.body_optional and not request.can_read_body:
        return endpoint.body()
    return decode(endpoint.body, await body_of(request, endpoint.most))


def json(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response that no cache keeps."""
    return web.Response(
        body=body, status=status, content_type=JSON,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )  # fmt: skip


def reply(answer: BaseModel, status: int = 200) -> web.Response:
    """A typed answer as a JSON response."""
    return json(orjson.dumps(answer.model_dump(mode="json", by_alias=True)), status)


def tagged(request: web.Request, tag: str, body: bytes, **headers: str) -> web.Response:
    """The body with its ETag; 304 without it where the client has it (RFC 9110, 13.1.2)."""
    etag = f'"{tag}"'
    # the client may keep it, and must ask each time whether it still holds
    told = {"ETag": etag, "Cache-Control": "private, no-cache", **headers}
    if has(request, etag):
        return web.Response(status=304, headers=told)
    return web.Response(body=body, content_type=JSON, headers=told)


def has(request: web.Request, etag: str) -> bool:
    """Whether If-None-Match names this ETag (a weak comparison)."""
    known = [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]
    return "*" in known or any(tag.removeprefix("W/") == etag for tag in known)
