"""``/api/v1/studio``: authors look at the copy of emails, and try what they change.

Copy is never written in this process, but in the press (``gateway.proofs``). HTML of a draft is
answered as a text in JSON, so that it is no page of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from gateway import kinds
from gateway import studio_models as models
from gateway.drafts import checked as check_files
from gateway.drafts import (
    edition_fields,
    edition_view,
    known_name,
    origin_of,
    proof_view,
    sample,
    unwritten,
)
from gateway.endpoint import Asked, Endpoint, reply
from gateway.folder import writable
from gateway.limits import Limits
from gateway.models import EmailView
from gateway.problems import Problem, bad_request
from gateway.proofs import Proofs, finding_of
from gateway.studio_models import EndedQuery, RenderRequest
from letters import desk
from letters.fixture import fixtures_of
from letters.people import Reader
from letters.published import layer
from letters.shelf import Layer, Shelf
from letters.unit import TemplateError, Unit
from letters.vocabulary import vocabulary
from letters.writer import Draft
from ringback import editions, feeds, looks, preferences, store
from ringback.codec import view_json
from ringback.connection import AsyncStore
from ringback.editions import Edition
from ringback.feeds import Filter
from ringback.job import Job, State
from ringback.library import Library

ROOT = "/api/v1/studio"
LARGEST = 1024 * 1024  #: bytes of a request with a message's files; nginx takes no more
ENDED = tuple(state.value for state in State if state.terminal)
SEES_ALL = ("support", "operator")  #: who may see anybody's job, with `author`
NOWHERE = "unsubscribe/preview"  #: no preview has a link that would turn off somebody's emails


class Studio:
    """For tokens with the role ``author``. ``saves``: drafts may be saved to the own folder."""

    def __init__(
        self, db: AsyncStore, proofs: Proofs, library: Library, limits: Limits, *, saves: bool
    ) -> None:
        self._db = db
        self._proofs = proofs
        self._library = library
        self._limits = limits
        self._saves = saves

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        one = partial(Endpoint, tag="studio", role="author")
        message, missing = f"{ROOT}/messages/{{name}}", (kinds.NOT_FOUND,)
        return [
            one(
                method="GET", path=f"{ROOT}/messages", handler=self.messages,
                answer=models.Messages, summary="The emails that there are, and whose copy counts",
            ),
            one(
                method="GET", path=message, handler=self.show, answer=models.MessageView,
                summary="A message with its files, variables, faults and revisions",
                problems=missing,
            ),
            one(
                method="GET", path=f"{message}/revisions/{{revision}}", handler=self.revision,
                answer=models.RevisionView, summary="A published revision with its files",
                problems=missing,
            ),
            one(
                method="POST", path=f"{ROOT}/render", handler=self.render, body=RenderRequest,
                most=LARGEST, answer=models.ProofView,
                summary="Write a draft, about made-up jobs or a real one",
                problems=(*missing, kinds.FORBIDDEN, kinds.WRONG_COPY, kinds.TOO_LARGE,
                          kinds.TOO_MANY_REQUESTS),
            ),
            one(
                method="GET", path=f"{ROOT}/jobs", handler=self.jobs, query=EndedQuery,
                answer=models.EndedJobs, summary="Your own ended jobs, to try copy with",
            ),
        ]  # fmt: skip

    async def messages(self, _: Asked[None, None]) -> web.Response:
        """All that are built in, and what the installation has of its own."""
        shelf, shown = await self._proofs.shelf(), await self._db.do(self._library.at())
        published = layer(shown.values())
        rows = [
            await self._row(shelf, name, published, shown.get(name))
            for name in desk.names(shelf, published)
        ]
        return reply(
            models.Messages(
                messages=rows, locales=sorted(shelf.languages.all),
                can_save=self._saves and writable(self._proofs.own), can_publish=True,
            )
        )  # fmt: skip

    async def _row(
        self, shelf: Shelf, name: str, published: Layer, edition: Edition | None
    ) -> models.MessageRow:
        unit = desk.in_force(shelf, name, published)
        assert unit is not None  # it has a name
        found = await self._proofs.lint(unit)
        purpose, sent_when = _told(unit)
        return models.MessageRow(
            name=name, **_about(name), purpose=purpose, sent_when=sent_when, origin=unit.origin,
            revision=unit.revision or None,
            published_at=None if edition is None else str(edition.at),
            published_by=None if edition is None else edition.author,
            errors=sum(it.level == "error" for it in found),
            warnings=sum(it.level == "warning" for it in found),
        )  # fmt: skip

    async def show(self, asked: Asked[None, None]) -> web.Response:
        """A name that has no copy of its own yet has the files that it would begin with."""
        name = known_name(asked.part("name"))
        shelf, published = await self._layers()
        unit = desk.in_force(shelf, name, published)
        below = desk.below(shelf, name, published)
        whole = unit or below
        history = await self._db.do(editions.history(name))
        built_in = shelf.built_in.get(name)
        return reply(
            models.MessageView(
                name=name, **_about(name), origin=origin_of(unit),
                revision=None if unit is None else unit.revision or None,
                newest=history[0].revision if history else 0,
                files=dict(whole.files), below=dict(below.files),
                own=sorted(whole.beyond(below).files),
                built_in=None if built_in is None else dict(shelf.whole(built_in).files),
                variables=[
                    models.VariableView(**asdict(it)) for it in vocabulary(whole.about).values()
                ],
                fixtures=fixtures_of(whole), findings=await self._proofs.lint(whole),
                revisions=[edition_view(edition) for edition in history],
            )
        )  # fmt: skip

    async def revision(self, asked: Asked[None, None]) -> web.Response:
        """One that is kept."""
        name, number = known_name(asked.part("name")), asked.part("revision")
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            raise Problem(kinds.NOT_FOUND, f"There is no revision {number[:40]!r} of “{name}”.")
        found = await self._db.do(editions.revision(name, int(number)))
        return reply(
            models.RevisionView(name=name, files=dict(found.files), **edition_fields(found))
        )  # fmt: skip

    async def render(self, asked: Asked[None, RenderRequest]) -> web.Response:
        """200 also for copy that can't be written: then the findings say where it fails."""
        wanted = asked.body
        check_files(wanted.files or {})
        if wanted.job is not None and wanted.fixture is not None:
            raise bad_request("fixture", wanted.fixture, "can't be had with job; send one of them")
        name = known_name(wanted.name)
        await self._limits.draft(asked.user)
        shelf, published = await self._layers()
        unit = _unit(shelf, name, wanted.files, published)
        try:
            draft = await self._draft(asked, unit)
        except TemplateError as error:  # the fixture
            return reply(unwritten([finding_of(unit, error, "fixture")]))
        proof = await self._proofs.proof(draft)
        # an email of some 100 KB takes a while to be encoded
        return reply(await asyncio.to_thread(proof_view, draft, proof, self._proofs.sender))

    async def _draft(self, asked: Asked[None, RenderRequest], unit: Unit) -> Draft:
        wanted = asked.body
        if wanted.job is None:
            return sample(unit, wanted)
        job = await self._job(asked, wanted.job)
        reader = await self._reader(job, wanted)
        return Draft(unit, [orjson.loads(view_json(job))], reader)

    async def _job(self, asked: Asked[None, RenderRequest], job_id: str) -> Job:
        """One's own job, or, for support and operators, anybody's: such a look is noted."""
        sees_all = not asked.identity.roles.isdisjoint(SEES_ALL)
        job = await self._db.do(store.load(job_id, None if sees_all else asked.user))
        owner = job.spec.owner.id
        if owner != asked.user:
            await self._db.do(looks.note(asked.user, "look: letter", owner, job_id))
        if not job.state.terminal:
            told = f"is {job.state.value}; letters tell of ended jobs only"
            raise bad_request("job", job_id, told)
        return job

    async def _reader(self, job: Job, wanted: RenderRequest) -> Reader:
        owner = job.spec.owner
        own = await self._db.do(preferences.load(owner.id))
        return Reader(
            id=owner.id, email=owner.email or "reader@example.com", name=owner.name,
            locale=wanted.locale or own.locale or owner.locale,
            timezone=wanted.timezone or own.timezone or owner.timezone,
            asked=own.choice(job.spec.type) == "always",
            stop=self._proofs.sender.page + NOWHERE,
        )  # fmt: skip

    async def jobs(self, asked: Asked[EndedQuery, None]) -> web.Response:
        """The caller's only."""
        page = feeds.page(asked.user, None, asked.query.limit, Filter(states=ENDED))
        views = [orjson.loads(view) for _, view in (await self._db.do(page)).jobs]
        return reply(models.EndedJobs(jobs=[_ended(view) for view in views]))

    async def _layers(self) -> tuple[Shelf, Layer]:
        shown = await self._db.do(self._library.at())
        return await self._proofs.shelf(), layer(shown.values())


def _unit(shelf: Shelf, name: str, files: Mapping[str, str] | None, published: Layer) -> Unit:
    if files is not None:
        return desk.drafted(shelf, name, files, published)
    return desk.in_force(shelf, name, published) or desk.below(shelf, name, published)


def _about(name: str) -> dict[str, Any]:
    about, _, kind = name.partition(".")
    return {"about": about, "type": kind or None}


def _told(unit: Unit) -> tuple[str, str]:
    try:
        return unit.message.purpose, unit.message.sent_when
    except TemplateError:  # its findings say so
        return "", ""


def _ended(view: Mapping[str, Any]) -> models.EndedJob:
    told = view["email"]
    return models.EndedJob(
        **{name: view[name] for name in ("id", "title", "type", "state", "finished_at")},
        email=None if told is None else EmailView(**told),
    )  # fmt: skip
