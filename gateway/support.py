"""``/api/v1/support``: what a user sees, why their jobs failed, and deeds with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from gateway import kinds, models
from gateway.api import accepted, explained, filter_of, page_response
from gateway.background import spawn
from gateway.endpoint import Asked, Endpoint, json, reply
from gateway.models import JobsQuery
from gateway.oversight import (
    AttemptErrors,
    AttemptErrorView,
    DeedRequest,
    ForceRequest,
    Found,
    PresenceView,
    SearchQuery,
    SupportRetryRequest,
    UserView,
    plain,
)
from ringback import deeds, feeds, looks, presence, store, traces
from ringback.client import ring
from ringback.codec import view_json
from ringback.connection import AsyncStore
from ringback.doorbell import Doorbells
from ringback.errors import JobNotFound
from ringback.job import Job, Owner
from ringback.keys import is_job_id, pasted

ROOT = "/api/v1/support"


class Support:
    """For tokens with the role ``support``."""

    def __init__(self, db: AsyncStore, doorbells: Doorbells) -> None:
        self._db = db
        self._doorbells = doorbells

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        return [*self._looks(), *self._deeds()]

    def _looks(self) -> Sequence[Endpoint]:
        one = partial(Endpoint, method="GET", tag="support", role="support")
        return (
            one(
                path=f"{ROOT}/search", handler=self.search, query=SearchQuery, answer=Found,
                summary="The user or the job with an id",
            ),
            one(
                path=f"{ROOT}/users/{{user}}/jobs", handler=self.jobs, query=JobsQuery,
                answer=models.JobsPage, summary="A user's jobs, as GET /api/v1/jobs gives them",
            ),
            one(
                path=f"{ROOT}/users/{{user}}/presence", handler=self.presence,
                answer=PresenceView, summary="Whether a user is there",
            ),
            one(
                path=f"{ROOT}/jobs/{{id}}", handler=self.show, answer=models.JobView,
                problems=(kinds.NOT_FOUND,), summary="A job as its user sees it",
            ),
            one(
                path=f"{ROOT}/jobs/{{id}}/history", handler=self.history, answer=models.History,
                problems=(kinds.NOT_FOUND,), summary="A job's significant changes, oldest first",
            ),
            one(
                path=f"{ROOT}/jobs/{{id}}/explain", handler=self.explain,
                answer=models.Explanation, problems=(kinds.NOT_FOUND,),
                summary="Why an email about a job's end was or wasn't sent",
            ),
            one(
                path=f"{ROOT}/jobs/{{id}}/errors", handler=self.errors, answer=AttemptErrors,
                problems=(kinds.NOT_FOUND,), summary="Why a job's attempts failed, with traces",
            ),
        )  # fmt: skip

    def _deeds(self) -> Sequence[Endpoint]:
        deed = partial(
            Endpoint, method="POST", tag="support", role="support", status=202,
            answer=models.JobView,
        )  # fmt: skip
        job, known = f"{ROOT}/jobs/{{id}}", (kinds.NOT_FOUND, kinds.PART_OF_PIPELINE)
        stops = (*known, kinds.JOB_ENDED, kinds.NOT_CANCELLABLE)
        return (
            deed(
                path=f"{job}/cancel", handler=self.cancel, body=DeedRequest, body_optional=True,
                problems=stops, summary="Ask a job to stop; its user is told who did",
            ),
            deed(
                path=f"{job}/force", handler=self.force, body=ForceRequest, problems=stops,
                summary="End a job without waiting for a checkpoint",
            ),
            deed(
                path=f"{job}/retry", handler=self.retry, body=SupportRetryRequest,
                body_optional=True, problems=(*known, kinds.NOT_RETRYABLE, kinds.DUPLICATE_WORK),
                summary="Do an ended job again, for its user",
            ),
        )  # fmt: skip

    async def search(self, asked: Asked[SearchQuery, None]) -> web.Response:
        """Both are looked up by their whole id: there is no index of names or addresses."""
        wanted = pasted(asked.query.q)
        jobs = [await self._job(wanted)] if is_job_id(wanted) and await self._known(wanted) else []
        owner = jobs[0].spec.owner if jobs else await self._owner(wanted)
        if owner is not None:
            await self._note(asked, "search", owner.id, jobs[0].id if jobs else None)
        users = [] if owner is None else [UserView(id=owner.id, email=owner.email, name=owner.name)]
        views = b",".join(map(view_json, jobs))
        listed = orjson.dumps([user.model_dump() for user in users])
        return json(b'{"users":%b,"jobs":[%b]}' % (listed, views))

    async def jobs(self, asked: Asked[JobsQuery, None]) -> web.Response:
        """The same as the user gets."""
        query, user = asked.query, asked.part("user")
        await self._note(asked, "list", user)
        page = feeds.page(user, query.before or None, query.limit, filter_of(query))
        return page_response(asked.request, await self._db.do(page))

    async def presence(self, asked: Asked[None, None]) -> web.Response:
        """Leaves no mark on the user's side."""
        user = asked.part("user")
        await self._note(asked, "presence", user)
        there = await self._db.do(presence.of(user))
        return reply(PresenceView(user=user, active=there.active, away=there.away))

    async def show(self, asked: Asked[None, None]) -> web.Response:
        """One JobView."""
        return json(view_json(await self._looked(asked, "job")))

    async def history(self, asked: Asked[None, None]) -> web.Response:
        """As its user gets it."""
        job = await self._looked(asked, "history")
        return json(orjson.dumps({"history": await self._db.do(store.history(job.id))}))

    async def explain(self, asked: Asked[None, None]) -> web.Response:
        """As its user gets it."""
        job = await self._looked(asked, "explain")
        return explained(job, await self._db.do(store.history(job.id)))

    async def errors(self, asked: Asked[None, None]) -> web.Response:
        """What no user gets."""
        job = await self._looked(asked, "errors")
        found = await self._db.do(traces.errors(job.id))
        errors = [AttemptErrorView(**plain(error)) for error in found]
        mail = job.notice.answer if job.notice is not None else ""
        return reply(AttemptErrors(errors=errors, mail=mail or None))

    async def cancel(self, asked: Asked[None, DeedRequest]) -> web.Response:
        """202: it is asked to stop, or has stopped; the view tells which."""
        deed = deeds.cancel(_id(asked), asked.user, asked.body.reason)
        return json(view_json(await self._db.do(deed)), status=202)

    async def force(self, asked: Asked[None, ForceRequest]) -> web.Response:
        """202: it has stopped."""
        deed = deeds.force(_id(asked), asked.user, asked.body.reason)
        return json(view_json(await self._db.do(deed)), status=202)

    async def retry(self, asked: Asked[None, SupportRetryRequest]) -> web.Response:
        """202: a new job does it again."""
        wanted = asked.body
        deed = deeds.retry(_id(asked), asked.user, wanted.reason, wanted.scope)
        again = await self._db.do(deed)
        if again.created:
            spawn(asyncio.to_thread(ring, self._doorbells, again.job))
        return accepted(view_json(again.job))

    async def _looked(self, asked: Asked[None, None], what: str) -> Job:
        job = await self._job(asked.part("id"))
        await self._note(asked, what, job.spec.owner.id, job.id)
        return job

    async def _note(
        self, asked: Asked[Any, None], what: str, user: str, job_id: str | None = None
    ) -> None:
        await self._db.do(looks.note(asked.user, f"look: {what}", user, job_id))

    async def _job(self, job_id: str) -> Job:
        if not is_job_id(job_id):
            raise JobNotFound(job_id[:100])
        return await self._db.do(store.load(job_id))

    async def _known(self, job_id: str) -> bool:
        try:
            await self._job(job_id)
        except JobNotFound:
            return False
        return True

    async def _owner(self, user: str) -> Owner | None:
        page = await self._db.do(feeds.page(user, None, 1))
        if not page.jobs:
            return None
        view: Any = orjson.loads(page.jobs[0][1])
        return (await self._job(view["id"])).spec.owner


def _id(asked: Asked[None, Any]) -> str:
    job_id = asked.part("id")
    if not is_job_id(job_id):
        raise JobNotFound(job_id[:100])
    return job_id
