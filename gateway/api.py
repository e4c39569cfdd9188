"""The jobs of a user over HTTP: decode, call one operation, encode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from gateway import kinds, models
from gateway.control import Controls
from gateway.endpoint import Asked, Endpoint, json, reply, tagged
from gateway.hub import Hub
from gateway.models import ItemsQuery, JobsQuery, RetryRequest, SubmitRequest
from gateway.problems import bad_request, unavailable
from gateway.submit import Submissions, acting_for
from gateway.wait import preferred, wait_for
from ringback import catalog, explain, feeds, store
from ringback.connection import AsyncStore
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.feeds import Filter, Page
from ringback.job import Job
from ringback.keys import is_job_id
from ringback.tally import record_of

QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
LOOK_AGAIN = "2"  #: seconds, for clients that poll
STATUS = tuple(models.StatusView.model_fields)

PREFER = {
    "Prefer": "`wait=10`: answer when something changes, after 10 seconds at the latest (30 at "
    "most). With If-None-Match: anything newer than that; without: the job's end.",
    "If-None-Match": "the ETag that you have; 304 where it still holds",
}
ETAG = {"ETag": "grows stale with the next change"}
AGAIN = {"Retry-After": "seconds after which to look again, while it isn't over"}
ACCEPTED = {"Location": "the job's own path", **AGAIN}


class Api:
    """``/api/v1/jobs``, ``/api/v1/types`` and the health checks."""

    def __init__(
        self, db: AsyncStore, hub: Hub, submissions: Submissions, controls: Controls
    ) -> None:
        self._db = db
        self._hub = hub
        self._submissions = submissions
        self._controls = controls

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        return [*self._jobs(), *self._deeds(), *self._rest()]

    def _jobs(self) -> Sequence[Endpoint]:
        job, one = "/api/v1/jobs/{id}", (kinds.NOT_FOUND,)
        return (
            Endpoint(
                method="GET", path="/api/v1/jobs", handler=self.jobs, tag="jobs",
                summary="Your jobs, last changed first", query=JobsQuery, answer=models.JobsPage,
                headers={"If-None-Match": PREFER["If-None-Match"]},
                sends={**ETAG, "Link": "the next page, as rel=next (RFC 8288)"},
            ),
            Endpoint(
                method="GET", path=job, handler=self.show, tag="jobs", summary="A job, whole",
                answer=models.JobView, headers=PREFER, sends=ETAG, problems=one,
            ),
            Endpoint(
                method="GET", path=f"{job}/status", handler=self.status, tag="jobs",
                summary="The few fields that a polling client needs", answer=models.StatusView,
                headers=PREFER, sends={**ETAG, **AGAIN}, problems=one,
            ),
            Endpoint(
                method="GET", path=f"{job}/history", handler=self.history, tag="jobs",
                summary="A job's significant changes, oldest first", answer=models.History,
                problems=one,
            ),
            Endpoint(
                method="GET", path=f"{job}/explain", handler=self.explain, tag="jobs",
                summary="Why an email about a job's end was or wasn't sent, in words and in order",
                answer=models.Explanation, problems=one,
            ),
            Endpoint(
                method="GET", path=f"{job}/items", handler=self.items, tag="jobs",
                summary="A job's failed or skipped items one by one, 10,000 at most",
                query=ItemsQuery, answer=models.ItemsPage, problems=one,
            ),
        )  # fmt: skip

    def _deeds(self) -> Sequence[Endpoint]:
        job, step = "/api/v1/jobs/{id}", (kinds.NOT_FOUND, kinds.PART_OF_PIPELINE)
        return (
            Endpoint(
                method="POST", path="/api/v1/jobs", handler=self.submit, tag="jobs",
                summary="Submit a job; it is on disk when this answers", body=SubmitRequest,
                status=202, answer=models.JobView, sends=ACCEPTED,
                headers={"Idempotency-Key": "the same key is the same job; quoted or bare"},
                problems=(
                    kinds.UNKNOWN_JOB_TYPE, kinds.INVALID_PARAMS, kinds.IDEMPOTENCY_MISMATCH,
                    kinds.DUPLICATE_WORK, kinds.TOO_MANY_REQUESTS, kinds.FORBIDDEN,
                ),
            ),
            Endpoint(
                method="POST", path=f"{job}/cancel", handler=self.cancel, tag="jobs",
                summary="Ask a job to stop: at once where it waits, else at its next checkpoint",
                status=202, answer=models.JobView,
                problems=(*step, kinds.JOB_ENDED, kinds.NOT_CANCELLABLE),
            ),
            Endpoint(
                method="POST", path=f"{job}/retry", handler=self.retry, tag="jobs",
                summary="Do an ended job again, as a new one that is linked to it",
                body=RetryRequest, body_optional=True, status=202, answer=models.JobView,
                sends=ACCEPTED,
                problems=(
                    *step, kinds.NOT_RETRYABLE, kinds.DUPLICATE_WORK, kinds.TOO_MANY_REQUESTS,
                ),
            ),
        )  # fmt: skip

    def _rest(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="GET", path="/api/v1/types", handler=self.types, tag="types",
                summary="The job types, with the JSON Schema of their params",
                answer=models.Types,
            ),
            Endpoint(
                method="GET", path="/healthz", handler=self.healthy, tag="health", role=None,
                summary="This process answers", answer=models.Health,
            ),
            Endpoint(
                method="GET", path="/readyz", handler=self.ready, tag="health", role=None,
                summary="This node can serve: the store answers and events come in",
                answer=models.Health,
            ),
        )  # fmt: skip

    async def submit(self, asked: Asked[None, SubmitRequest]) -> web.Response:
        """202: the job is on disk and will run."""
        key = idempotency_key(asked.request.headers.get("Idempotency-Key"))
        owner = acting_for(asked.identity.owner, asked.identity.roles, asked.body)
        return accepted(await self._submissions.submit(owner, asked.body, key))

    async def jobs(self, asked: Asked[JobsQuery, None]) -> web.Response:
        """The user's jobs; ``next`` is the ``before`` of the next page."""
        query = asked.query
        page = await self._db.do(
            feeds.page(asked.user, query.before or None, query.limit, filter_of(query))
        )
        return page_response(asked.request, page)

    async def show(self, asked: Asked[None, None]) -> web.Response:
        """One JobView."""
        view = await self._awaited(asked)
        return tagged(asked.request, _version(view), view, **_applied(asked.request))

    async def status(self, asked: Asked[None, None]) -> web.Response:
        """The few fields that a polling client needs, and when to look again."""
        whole = await self._awaited(asked)
        view = orjson.loads(whole)
        again = {} if view["finished_at"] else {"Retry-After": LOOK_AGAIN}
        few = orjson.dumps({name: view[name] for name in STATUS})
        return tagged(asked.request, _version(whole), few, **again, **_applied(asked.request))

    async def history(self, asked: Asked[None, None]) -> web.Response:
        """The job's significant changes, oldest first."""
        job_id = orjson.loads(await self._view(asked))["id"]
        return json(orjson.dumps({"history": await self._db.do(store.history(job_id))}))

    async def explain(self, asked: Asked[None, None]) -> web.Response:
        """How its user was told of the end, or why not."""
        job_id = orjson.loads(await self._view(asked))["id"]
        return explained(
            await self._db.do(store.load(job_id)), await self._db.do(store.history(job_id))
        )

    async def items(self, asked: Asked[ItemsQuery, None]) -> web.Response:
        """The job's failed or skipped items one by one; ``next`` is the next page's ``after``."""
        query, job_id = asked.query, orjson.loads(await self._view(asked))["id"]
        found = await self._db.do(store.items(job_id, query.outcome, query.after, query.limit))
        listed = [
            {"key": r.key, "code": r.code, "example": r.example} for r in map(record_of, found)
        ]
        following = query.after + query.limit if len(found) == query.limit else None
        return json(orjson.dumps({"items": listed, "next": following}))

    async def cancel(self, asked: Asked[None, None]) -> web.Response:
        """202: it is asked to stop, or has stopped; the view tells which."""
        return json(await self._controls.cancel(asked.user, asked.part("id")), status=202)

    async def retry(self, asked: Asked[None, RetryRequest]) -> web.Response:
        """202: a new job does it again."""
        again = await self._controls.retry(asked.user, asked.part("id"), asked.body.scope)
        return accepted(again)

    async def types(self, _: Asked[None, None]) -> web.Response:
        """The declared job types with the JSON Schema of their params."""
        listed = [
            {"name": k.name, "title": k.title, "description": k.description, "params": k.params}
            for k in await self._db.do(catalog.everything())
        ]
        return json(orjson.dumps({"types": listed}))

    async def healthy(self, _: Asked[None, None]) -> web.Response:
        """This process answers."""
        return json(b'{"status":"ok"}')

    async def ready(self, _: Asked[None, None]) -> web.Response:
        """This node can serve: the store answers and events come in."""
        try:
            await self._db.do(catalog.everything())
        except StoreUnavailable:
            return unavailable().response()
        return json(b'{"status":"ready"}') if self._hub.healthy else unavailable().response()

    async def _view(self, asked: Asked[None, None] | Asked[ItemsQuery, None]) -> bytes:
        job_id = asked.part("id")
        if not is_job_id(job_id):
            raise JobNotFound(job_id, asked.user)
        return await self._db.do(store.load_view(job_id, asked.user))

    async def _awaited(self, asked: Asked[None, None]) -> bytes:
        """The view, once it is as the client waits for it, or its patience is over."""
        view, patience = await self._view(asked), preferred(asked.request.headers.get("Prefer"))
        known = asked.request.headers.get("If-None-Match")

        def news(view: bytes) -> bool:
            if known is not None:
                return f'"{_version(view)}"' not in known
            return b'"finished_at":null' not in view

        async def look() -> bytes | None:
            seen = await self._view(asked)
            return seen if news(seen) else None

        if not patience or news(view) or b'"finished_at":null' not in view:
            return view
        return await wait_for(self._hub, asked.user, patience, look) or await self._view(asked)


def explained(job: Job, history: Sequence[dict[str, Any]]) -> web.Response:
    """Why an email was or wasn't sent."""
    told = explain.explain(job, history)
    lines = [models.ExplainedLine(at=line.at, text=line.text) for line in told.lines]
    return reply(
        models.Explanation(
            id=job.id, state=job.state.value, end=told.end, summary=told.summary, lines=lines
        )
    )


def _version(view: bytes) -> str:
    return view.partition(b'"version":')[2].partition(b",")[0].decode()


def _applied(request: web.Request) -> dict[str, str]:
    seconds = preferred(request.headers.get("Prefer"))
    return {"Preference-Applied": f"wait={seconds}"} if seconds else {}


def filter_of(query: JobsQuery) -> Filter:
    """What a list is to have."""
    since = query.since
    return Filter(
        states=query.state, type=query.type, text=query.text,
        since=None if since is None else round(since.timestamp() * 1000),
    )  # fmt: skip


def page_response(request: web.Request, page: Page) -> web.Response:
    """A page of views, with its ETag and the link to the next one."""
    views = b",".join(view for _, view in page.jobs)
    body = b'{"jobs":[%b],"next":%b}' % (views, orjson.dumps(page.next))
    link = {} if page.next is None else {"Link": _next(request, page.next)}
    # not the cursor: jobs that are forgotten leave it as it is
    return tagged(request, blake2b(body, digest_size=8).hexdigest(), body, **link)


def _next(request: web.Request, before: int) -> str:
    query = urlencode({**request.query, "before": before})
    return f'<{request.path}?{query}>; rel="next"'


def accepted(view: bytes) -> web.Response:
    """202 with the job's path, and when to look."""
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
