"""The Socket.IO side: sign-in, and the events clients may send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from socketio.exceptions import ConnectionRefusedError as Refused

from gateway import kinds
from gateway.auth import Identity, Tokens
from gateway.decode import decode
from gateway.endpoint import require
from gateway.engine import Server
from gateway.events import Ack, Caller, Event, Events
from gateway.hub import Hub
from gateway.presence import Presence
from gateway.problems import Problem, bad_request, problem_of, unforeseen
from gateway.revocations import Revocations
from gateway.session import Resume, Session
from ringback.connection import AsyncStore
from ringback.errors import RingbackError, StoreUnavailable, TooManyConnections
from ringback.settings import Settings

log = structlog.get_logger(__name__)

OPEN_WITHIN = 20.0  #: seconds for a CONNECT, most of them spent in the crowd of a storm
PROVE_WITHIN = 1.0  #: seconds that a client has for its pongs before it is sent away


class Sockets:
    """All sockets of this node."""

    path = "/socket.io/"

    def __init__(
        self,
        db: AsyncStore,
        hub: Hub,
        tokens: Tokens,
        presence: Presence,
        revocations: Revocations,
        events: Events,
        settings: Settings,
    ) -> None:
        self._db = db
        self._hub = hub
        self._tokens = tokens
        self._presence = presence
        self._revocations = revocations
        self._events = events
        self._sessions: dict[str, Session] = {}
        self.server = Server(
            origins=settings.origins, handshakes=settings.limit_handshakes,
            on_pong=self._pong, on_gone=self._gone,
        )  # fmt: skip
        self.server.on("connect", self._connect)
        for event in events.table():
            self.server.on(event.name, self._acked(event))
        self.server.on("*", self._unknown)

    # -- coming and going

    async def _connect(self, sid: str, _: Any, auth: Any) -> None:
        auth = auth if isinstance(auth, dict) else {}
        eio_sid = self.server.manager.eio_sid_from_sid(sid, "/")
        if eio_sid in self._sessions:
            raise Refused("This transport is connected already.")
        identity = await self._identify(eio_sid, auth.get("token"))
        cut = partial(self.server.cut, eio_sid)
        session = Session(identity, self.server.queue(eio_sid), self._hub, self._db, cut)
        self._sessions[eio_sid] = session
        self._revocations.join(session)
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                await self._presence.join(eio_sid, session.user, "socket")
                await session.open(Resume.from_auth(auth))
        except TooManyConnections as error:
            self._gone(eio_sid)
            raise _refused(error) from None
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("socket.not_opened", reason=str(error))
            cut()
            raise Refused("unavailable") from None
        except Exception:
            log.exception("socket.unforeseen")
            cut()
            raise
        if not self.server.alive(eio_sid):
            self._gone(eio_sid)  # hard disconnect: the transport broke while the feed was read
            raise Refused("gone")
        self.server.greet(eio_sid, session.pid, session.start)

    async def _identify(self, eio_sid: str, token: object) -> Identity:
        try:
            identity = await self._tokens.verify(token)
        except (Problem, StoreUnavailable) as error:
            problem = problem_of(error) or unforeseen()
            if problem.status == kinds.UNAVAILABLE.status:
                self.server.cut(eio_sid)  # the stock client comes back; a refusal would be final
            raise _refused(problem) from None
        if not self.server.alive(eio_sid):
            raise Refused("gone")  # hard disconnect: the transport broke while keys were fetched
        return identity

    def _gone(self, eio_sid: str) -> None:
        """The transport has ended, however far the client had come."""
        session = self._sessions.pop(eio_sid, None)
        if session is not None:
            self._revocations.leave(session)
            session.close()
            self._presence.leave(eio_sid)

    def _pong(self, eio_sid: str) -> None:
        session = self._sessions.get(eio_sid)
        if session is not None:
            session.prove()

    def clients(self) -> Collection[str]:
        """All transports, those too that haven't signed in yet."""
        return self.server.clients()

    async def send_away(self, client: str) -> None:
        """Cuts a transport, once the client has proven what it was sent, or hasn't in time. It
        recovers at another node."""
        session = self._sessions.get(client)
        if session is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(session.proven(), PROVE_WITHIN)
        self.server.cut(client)

    async def cut_all(self, _: object) -> None:
        """This node stops, drained or not. (Left alone clients would hold up the stop for as long
        as it waits for open requests.)"""
        for client in list(self.clients()):
            self.server.cut(client)

    # -- what clients may ask

    def _acked(self, event: Event) -> Callable[..., Awaitable[Ack]]:
        """Answers ``{ok: true, …}`` or ``{ok: false, problem}``, whatever happens."""

        async def handle(sid: str, *args: Any) -> Ack:
            try:
                caller = self._caller(sid)
                if not event.renews:
                    caller.session.sign_in.check()
                await self._events.admit(caller)
                if event.role != "user":
                    require(caller.session.roles, event.role)
                payload = decode(event.payload, args[0] if args else {}, "argument")
                return {"ok": True, **await event.handler(caller, payload)}
            except RingbackError as error:
                problem = problem_of(error)
            except Exception:
                problem = unforeseen()
            return {"ok": False, "problem": (problem or unforeseen()).body}

        return handle

    async def _unknown(self, event: str, _: str, *__: Any) -> Ack:
        known = ", ".join(event.name for event in self._events.table())
        return {"ok": False, "problem": bad_request("event", event, f"is unknown: {known}").body}

    def _caller(self, sid: str) -> Caller:
        eio_sid = self.server.manager.eio_sid_from_sid(sid, "/")
        return Caller(eio_sid, self._sessions[eio_sid])


def _refused(error: RingbackError) -> Refused:
    problem = problem_of(error) or unforeseen()
    return Refused(problem.body["detail"], problem.body)
