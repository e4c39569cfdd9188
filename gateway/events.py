"""What clients may ask over a socket: the table of their events, each answered by an ack.

``/asyncapi.json`` is made from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel

from gateway import models, receipts
from gateway.auth import Tokens
from gateway.control import Controls
from gateway.limits import Limits
from gateway.models import (
    CancelEvent,
    JobAck,
    Ok,
    PresenceEvent,
    RefreshAck,
    RefreshEvent,
    RetryEvent,
    SeenEvent,
    SubmitRequest,
    WatchAck,
    WatchEvent,
)
from gateway.presence import Presence
from gateway.session import Session
from gateway.submit import Submissions, acting_for
from ringback import audit
from ringback.connection import AsyncStore

Ack = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """The transport that an event came by, and its session."""

    eio_sid: str
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event that clients send: its payload, who answers it, and what the ack has beside
    ``ok``. ``renews``: it makes a sign-in that has ended good again, so it is taken then, too.
    ``role``: what the client needs (``"user"``: any)."""

    name: str
    payload: type[BaseModel]
    handler: Callable[[Caller, Any], Awaitable[Ack]]
    summary: str
    answer: type[Ok] = models.Ok
    renews: bool = False
    role: str = "user"


class Events:
    """Answers clients' events. Handlers raise Problem and RingbackError."""

    def __init__(
        self,
        db: AsyncStore,
        tokens: Tokens,
        presence: Presence,
        limits: Limits,
        submissions: Submissions,
        controls: Controls,
    ) -> None:
        self._db = db
        self._presence = presence
        self._limits = limits
        self._tokens = tokens
        self._submissions = submissions
        self._controls = controls

    def table(self) -> Sequence[Event]:
        """All events that clients may send."""
        return (
            Event(
                name="submit", payload=SubmitRequest, handler=self.submit, answer=JobAck,
                summary="Submit a job; it is on disk when the ack comes",
            ),
            Event(
                name="cancel", payload=CancelEvent, handler=self.cancel, answer=JobAck,
                summary="Ask a job to stop",
            ),
            Event(
                name="retry", payload=RetryEvent, handler=self.retry, answer=JobAck,
                summary="Do an ended job again, as a new one that is linked to it",
            ),
            Event(
                name="seen", payload=SeenEvent, handler=self.seen,
                summary="The user has seen the end of a job",
            ),
            Event(
                name="presence", payload=PresenceEvent, handler=self.presence,
                summary="Whether somebody looks at the page",
            ),
            Event(
                name="auth:refresh", payload=RefreshEvent, handler=self.refresh, answer=RefreshAck,
                summary="Go on with a new token of the same user", renews=True,
            ),
            Event(
                name="watch", payload=WatchEvent, handler=self.watch, answer=WatchAck,
                role="support", summary="Look at another user's page, in place of the own one",
            ),
        )  # fmt: skip

    async def admit(self, caller: Caller) -> None:
        """Called before each event. Raises a 429 Problem where its user sends too many."""
        await self._limits.event(caller.session.user)

    async def submit(self, caller: Caller, wanted: SubmitRequest) -> Ack:
        """``{job}``."""
        owner = acting_for(caller.session.owner, caller.session.roles, wanted)
        view = await self._submissions.submit(owner, wanted)
        return {"job": orjson.loads(view)}

    async def cancel(self, caller: Caller, wanted: CancelEvent) -> Ack:
        """``{job}``."""
        return {"job": orjson.loads(await self._controls.cancel(caller.session.user, wanted.id))}

    async def retry(self, caller: Caller, wanted: RetryEvent) -> Ack:
        """``{job}``: the new one."""
        view = await self._controls.retry(caller.session.user, wanted.id, wanted.scope)
        return {"job": orjson.loads(view)}

    async def seen(self, caller: Caller, seen: SeenEvent) -> Ack:
        """Books the receipt by the app itself."""
        await receipts.seen(self._db, caller.session.user, seen.id, seen.version)
        return {}

    async def watch(self, caller: Caller, wanted: WatchEvent) -> Ack:
        """``{user}``: their ``jobs`` event comes next. In the audit trail before it is shown."""
        session, user = caller.session, wanted.user
        if user is not None:
            await self._db.do(audit.record(session.user, "watch", wanted.reason, user=user))
        await session.watch(user)
        return {"user": user}

    async def presence(self, caller: Caller, told: PresenceEvent) -> Ack:
        """An away page is there, but an email doesn't wait longer for it."""
        await self._presence.mark(caller.eio_sid, told.state)
        return {}

    async def refresh(self, caller: Caller, told: RefreshEvent) -> Ack:
        """``{expires_at}``. Where the token is refused, the connection stays on its old one."""
        identity = await self._tokens.verify(told.token)
        caller.session.sign_in.refresh(identity)
        if caller.session.watching is not None and "support" not in identity.roles:
            await caller.session.watch(None)
        return {"expires_at": caller.session.sign_in.expires_at}
