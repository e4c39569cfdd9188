"""REST: decode, call one operation, encode."""

from __future__ import annotations

import re
from typing import Any, cast

import orjson
from aiohttp import web

from gateway.auth import Identity, Tokens
from gateway.control import Controls
from gateway.hub import Hub
from gateway.problems import bad_request, unavailable
from gateway.submit import Submissions
from ringback import catalog, feeds, store
from ringback.connection import AsyncStore
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.job import RECORDED, Outcome
from ringback.keys import is_job_id
from ringback.tally import record_of

OUTCOMES = ("failed", "skipped")
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
PAGE, LARGEST_PAGE = 50, 200
DIGITS = 17  #: of a number in a query
LOOK_AGAIN = "2"  #: seconds, for clients that poll


class Api:
    """``/api/v1`` and the health checks."""

    def __init__(
        self,
        db: AsyncStore,
        hub: Hub,
        tokens: Tokens,
        submissions: Submissions,
        controls: Controls,
    ) -> None:
        self._db = db
        self._hub = hub
        self._tokens = tokens
        self._submissions = submissions
        self._controls = controls

    def routes(self) -> list[web.RouteDef]:
        """Everything this serves."""
        return [
            web.post("/api/v1/jobs", self.submit),
            web.get("/api/v1/jobs", self.jobs),
            web.get("/api/v1/jobs/{id}", self.show),
            web.get("/api/v1/jobs/{id}/status", self.status),
            web.get("/api/v1/jobs/{id}/history", self.history),
            web.get("/api/v1/jobs/{id}/items", self.items),
            web.post("/api/v1/jobs/{id}/cancel", self.cancel),
            web.post("/api/v1/jobs/{id}/retry", self.retry),
            web.get("/api/v1/types", self.types),
            web.get("/healthz", self.healthy),
            web.get("/readyz", self.ready),
        ]

    def identify(self, request: web.Request) -> Identity:
        """Who asks. Raises a 401 Problem."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._tokens.verify(token.strip() if scheme.lower() == "bearer" else None)

    async def submit(self, request: web.Request) -> web.Response:
        """202: the job is on disk and will run."""
        owner = self.identify(request).owner
        key = idempotency_key(request.headers.get("Idempotency-Key"))
        return _accepted(await self._submissions.submit(owner, await body_of(request), key))

    async def jobs(self, request: web.Request) -> web.Response:
        """The user's jobs, last changed first; ``next`` is the ``before`` of the next page."""
        user = self.identify(request).owner.id
        limit = _number(request, "limit", PAGE, 1, LARGEST_PAGE)
        before = _number(request, "before", 0, 0, 1 << 53)
        page = await self._db.do(feeds.page(user, before or None, limit))
        following = page[-1][0] if len(page) == limit else None
        views = b",".join(view for _, view in page)
        return json(b'{"jobs":[%b],"next":%b}' % (views, orjson.dumps(following)))

    async def show(self, request: web.Request) -> web.Response:
        """One JobView."""
        return json(await self._view(request))

    async def status(self, request: web.Request) -> web.Response:
        """The few fields that a polling client needs, and when to look again."""
        view = orjson.loads(await self._view(request))
        names = ("id", "version", "state", "progress", "counts", "updated_at", "finished_at")
        headers = {} if view["finished_at"] else {"Retry-After": LOOK_AGAIN}
        return json(orjson.dumps({name: view[name] for name in names}), headers=headers)

    async def history(self, request: web.Request) -> web.Response:
        """The job's significant changes, oldest first."""
        view = orjson.loads(await self._view(request))
        entries = await self._db.do(store.history(view["id"]))
        return json(orjson.dumps({"history": entries}))

    async def items(self, request: web.Request) -> web.Response:
        """The job's failed or skipped items one by one; ``next`` is the next page's ``after``."""
        outcome = request.query.get("outcome", "failed")
        if outcome not in OUTCOMES:
            raise bad_request("outcome", outcome, 'must be "failed" or "skipped"')
        limit = _number(request, "limit", PAGE, 1, LARGEST_PAGE)
        start = _number(request, "after", 0, 0, RECORDED)
        job_id = orjson.loads(await self._view(request))["id"]
        found = await self._db.do(store.items(job_id, cast(Outcome, outcome), start, limit))
        listed = [
            {"key": r.key, "code": r.code, "example": r.example} for r in map(record_of, found)
        ]
        following = start + limit if len(found) == limit else None
        return json(orjson.dumps({"items": listed, "next": following}))

    async def cancel(self, request: web.Request) -> web.Response:
        """202: it is asked to stop, or has stopped; the view tells which."""
        owner = self.identify(request).owner.id
        view = await self._controls.cancel(owner, request.match_info["id"])
        return json(view, status=202)

    async def retry(self, request: web.Request) -> web.Response:
        """202: a new job does it again."""
        owner = self.identify(request).owner.id
        body = await body_of(request) if request.can_read_body else {}
        if not isinstance(body, dict):
            raise bad_request("body", body, 'must be a JSON object: {"scope": "all"}')
        scope = body.get("scope", "all")
        return _accepted(await self._controls.retry(owner, request.match_info["id"], scope))

    async def types(self, request: web.Request) -> web.Response:
        """The declared job types with the JSON Schema of their params."""
        self.identify(request)
        kinds = await self._db.do(catalog.everything())
        listed = [
            {"name": k.name, "title": k.title, "description": k.description, "params": k.params}
            for k in kinds
        ]
        return json(orjson.dumps({"types": listed}))

    async def healthy(self, _: web.Request) -> web.Response:
        """This process answers."""
        return json(b'{"status":"ok"}')

    async def ready(self, _: web.Request) -> web.Response:
        """This node can serve: the store answers and events come in."""
        try:
            await self._db.do(catalog.everything())
        except StoreUnavailable:
            return unavailable().response()
        return json(b'{"status":"ready"}') if self._hub.healthy else unavailable().response()

    async def _view(self, request: web.Request) -> bytes:
        user = self.identify(request).owner.id
        job_id = request.match_info["id"]
        if not is_job_id(job_id):
            raise JobNotFound(job_id)
        return await self._db.do(store.load_view(job_id, user))


def _accepted(view: bytes) -> web.Response:
    location = f"/api/v1/jobs/{orjson.loads(view)['id']}"
    return json(view, status=202, headers={"Location": location, "Retry-After": LOOK_AGAIN})


def idempotency_key(header: str | None) -> str | None:
    """The key in the header: a quoted string (draft-ietf-httpapi-idempotency-key-header, RFC 8941
    3.3.3), or, as many clients send it, bare. Raises a 400 Problem."""
    if header is None or header[:1] not in ("", '"'):
        return header
    quoted = QUOTED.fullmatch(header)
    if quoted is None or not quoted[1]:
        message = 'must be one quoted string, as in Idempotency-Key: "8e03978e-40d5"'
        raise bad_request("Idempotency-Key", header, message)
    return re.sub(r"\\(.)", r"\1", quoted[1])


def json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON response that no cache keeps."""
    return web.Response(
        body=body, status=status, content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )  # fmt: skip


async def body_of(request: web.Request) -> Any:
    """The JSON body. Raises a 400 Problem that says where it isn't JSON."""
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise bad_request("body", None, f"isn't JSON: {error}") from None


def _number(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isdecimal() and len(text) < DIGITS) or not least <= int(text) <= most:
        raise bad_request(name, text, f"must be a whole number from {least} to {most}")
    return int(text)
