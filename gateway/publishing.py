"""Publishing from the studio: a message's copy becomes a revision, goes back to one, or, in
development, is saved to the installation's folder."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Generator
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from gateway import kinds
from gateway import studio_models as models
from gateway.api import idempotency_key
from gateway.drafts import checked as check_files
from gateway.drafts import edition_view, known_name, refuse, stale
from gateway.endpoint import Asked, Endpoint, json, reply
from gateway.folder import OutsideFolder, save, writable
from gateway.limits import Limits
from gateway.models import EditionView
from gateway.problems import Problem, wrong_fields
from gateway.proofs import Proofs
from gateway.studio import LARGEST, ROOT
from gateway.studio_models import PublishRequest, RollbackRequest, SaveRequest
from letters import desk
from letters.published import layer
from ringback import editions
from ringback.connection import AsyncStore
from ringback.editions import Edition
from ringback.errors import FieldError, StaleCopy
from ringback.keys import Call
from ringback.library import Library

log = structlog.get_logger(__name__)

ONCE = {"Idempotency-Key": "the same key is the same publication; quoted or bare"}
MADE = {"Location": "the revision's own path"}
ONLY_DEV = (
    "Files are saved to a folder in development only: with RINGBACK_DEV=1, and RINGBACK_TEMPLATES "
    "set to a folder that can be written to. Publish the copy instead, or download it."
)


class Publishing:
    """For tokens with the role ``author``. ``saves``: files may be saved to the own folder."""

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
        message = f"{ROOT}/messages/{{name}}"
        limited = (kinds.NOT_FOUND, kinds.TOO_MANY_REQUESTS)
        deed = partial(
            Endpoint, method="POST", tag="studio", role="author", status=201, answer=EditionView,
            headers=ONCE, sends=MADE,
        )  # fmt: skip
        stops = (*limited, kinds.STALE_COPY, kinds.TOO_MUCH_COPY)
        sizes = (kinds.WRONG_COPY, kinds.TOO_LARGE)
        return [
            deed(
                path=f"{message}/publish", handler=self.publish, body=PublishRequest, most=LARGEST,
                problems=(*stops, *sizes),
                summary="Publish copy as the newest revision; emails that come due use it",
            ),
            deed(
                path=f"{message}/rollback", handler=self.roll_back, body=RollbackRequest,
                problems=stops, summary="Publish an older revision again, or withdraw all (0)",
            ),
            Endpoint(
                method="PUT", path=f"{message}/files", handler=self.save, tag="studio",
                role="author", body=SaveRequest, most=LARGEST, answer=models.Saved,
                problems=(*limited, *sizes),
                summary="Save files to the installation's folder, in development",
            ),
        ]  # fmt: skip

    async def publish(self, asked: Asked[None, PublishRequest]) -> web.Response:
        """201: it is on disk, and the mailers use it for jobs that end from now on."""
        wanted, name = asked.body, known_name(asked.part("name"))
        check_files(wanted.files)
        await self._limits.draft(asked.user)
        shelf = await self._proofs.shelf()
        published = layer((await self._db.do(self._library.at())).values())
        own = desk.own_of(shelf, name, wanted.files, published)
        if not own:
            message = "are the same as the copy below; to go back to that, roll back to 0"
            raise wrong_fields([FieldError("files", None, message)])
        refuse(await self._proofs.lint(desk.drafted(shelf, name, own, published)))
        base = await self._base(name, wanted.base)
        deed = editions.publish(
            name, own, asked.user, wanted.note, base, _op(asked), called=_called(asked)
        )  # fmt: skip
        return await self._done(name, deed)

    async def roll_back(self, asked: Asked[None, RollbackRequest]) -> web.Response:
        """201: as a new revision."""
        wanted, name = asked.body, known_name(asked.part("name"))
        await self._limits.draft(asked.user)
        base = await self._base(name, wanted.base)
        deed = editions.roll_back(
            name, wanted.revision, asked.user, wanted.note, base, _op(asked), called=_called(asked)
        )  # fmt: skip
        return await self._done(name, deed)

    async def _base(self, name: str, told: int | None) -> int:
        """The base; nothing in force is as good as the revision that withdrew what was."""
        if told is not None:
            return told
        history = await self._db.do(editions.history(name))
        return history[0].revision if history and history[0].withdrawn else 0

    async def _done(self, name: str, deed: Generator[Call, Any, Edition]) -> web.Response:
        try:
            made = await self._db.do(deed)
        except StaleCopy as error:
            raise stale(error, await self._db.do(editions.history(name))) from None
        log.info("copy.published", name=name, revision=made.revision, who=made.who)
        path = f"{ROOT}/messages/{name}/revisions/{made.revision}"
        answer = edition_view(made).model_dump_json().encode()
        return json(answer, status=201, headers={"Location": path})

    async def save(self, asked: Asked[None, SaveRequest]) -> web.Response:
        """Each file whole or not at all."""
        name, root = known_name(asked.part("name")), self._proofs.own
        if not self._saves or root is None or not writable(root):
            raise Problem(kinds.FORBIDDEN, ONLY_DEV)
        check_files(asked.body.files)
        await self._limits.draft(asked.user)
        try:
            done = await asyncio.to_thread(save, root, name, asked.body.files)
        except (OutsideFolder, OSError) as error:
            raise Problem(kinds.FORBIDDEN, f"The files can't be saved: {error}") from None
        written, removed = done
        return reply(models.Saved(written=written, removed=removed))


def _op(asked: Asked[None, Any]) -> str:
    key = idempotency_key(asked.request.headers.get("Idempotency-Key"))
    return secrets.token_hex(16) if key is None else key


def _called(asked: Asked[None, Any]) -> str:
    """The name by which other authors know this one."""
    owner = asked.identity.owner
    return owner.name or owner.email or ""
