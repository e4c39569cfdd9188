"""One client's socket: what it is sent, and what it proves to have received."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway import receipts
from gateway.background import spawn
from gateway.claims import Identity
from gateway.expiry import SignIn
from gateway.follower import Follower
from gateway.frame import event_frame, is_cursor
from gateway.hub import Hub
from gateway.models import ExpiringEvent
from gateway.outgoing import EXPIRING
from gateway.sendqueue import SendQueue
from gateway.watch import Window
from ringback.connection import AsyncStore
from ringback.errors import StoreUnavailable
from ringback.job import Owner


@dataclass(frozen=True, slots=True)
class Resume:
    """What a client says of its past: ``pid`` and ``offset`` (native recovery of the stock
    client), or ``since`` (a cursor the app kept across page loads)."""

    pid: str | None = None
    offset: str | None = None
    since: str | None = None
    explicit: bool = False  #: ``receipts: "seen"``: this client's pongs prove nothing

    @classmethod
    def from_auth(cls, auth: dict[str, object]) -> Resume:
        """Reads the CONNECT packet's payload; what is malformed counts as absent."""
        pid, offset, since = auth.get("pid"), auth.get("offset"), auth.get("since")
        return cls(
            pid=pid if isinstance(pid, str) else None,
            offset=offset if is_cursor(offset) else None,
            since=since if is_cursor(since) else None,
            explicit=auth.get("receipts") == "seen",
        )


class Session:
    """Pushes a user's events to one socket, from CONNECT to its end."""

    def __init__(
        self,
        identity: Identity,
        queue: SendQueue,
        hub: Hub,
        db: AsyncStore,
        cut: Callable[[], None],
    ) -> None:
        self.sign_in = SignIn(identity, self._warn, cut)
        self.user = identity.owner.id
        self.pid = new_pid(self.user)
        self.cut = cut
        self._queue = queue
        self._db = db
        self._follow = partial(Follower, hub=hub, db=db, cut=cut)
        self._follower = self._follow(self.user, queue)
        self.watching: str | None = None
        self._recovered = False
        self._closed = False
        self._ponged = asyncio.Event()

    @property
    def identity(self) -> Identity:
        """As whom, and in which roles, the client is signed in now."""
        return self.sign_in.identity

    @property
    def roles(self) -> frozenset[str]:
        """What the client may do."""
        return self.identity.roles

    @property
    def owner(self) -> Owner:
        """Whose jobs it submits."""
        return self.identity.owner

    async def open(self, resume: Resume) -> None:
        """Joins the channel and reads the feed. Raises StoreUnavailable."""
        self._queue.proving = not resume.explicit
        recover = resume.offset if owns_pid(self.user, resume.pid) else None
        goes_on = await self._follower.open(recover or resume.since)
        if recover and goes_on and resume.pid:
            self.pid, self._recovered = resume.pid, True

    def start(self) -> None:
        """The CONNECT ack is queued: pushes what the client lacks, and from now on lives."""
        if self._recovered:
            self._follower.start_with_changes()
        else:
            self._follower.start_with_all()
        self.sign_in.start()

    async def watch(self, user: str | None) -> None:
        """Shows the page of ``user`` in place of the own one, from here on; None: the own one
        again. Raises StoreUnavailable, and goes on as before."""
        outlet = self._queue if user is None else Window(self._queue, user)
        follower = self._follow(user or self.user, outlet)
        try:
            await follower.open(None)
        except StoreUnavailable:
            follower.close()
            raise
        if self._closed:  # hard disconnect: the transport broke while the feed was read
            follower.close()
            return
        self._follower.close()
        self._follower, self.watching = follower, user
        follower.start_with_all()

    def close(self) -> None:
        """The socket is gone."""
        self._closed = True
        self._follower.close()
        self.sign_in.end()

    def _warn(self, told: ExpiringEvent) -> None:
        self._queue.send(event_frame(EXPIRING, told))

    def prove(self) -> None:
        """A pong came."""
        self._ponged.set()
        proofs = self._queue.proven()
        if proofs:
            self._queue.meter.proven += len(proofs)
            spawn(receipts.book(self._db, proofs))

    async def proven(self) -> None:
        """Returns once the client has proven all that it was sent."""
        while self._queue.owed:
            self._ponged.clear()
            await self._ponged.wait()


def new_pid(user: str) -> str:
    """The private session id that the stock client sends back to recover; good for this user
    only, on any node."""
    nonce = secrets.token_hex(6)
    return f"{nonce}.{_mark(nonce, user)}"


def owns_pid(user: str, pid: str | None) -> bool:
    """Whether ``pid`` was given to this user. (Not a secret: the token says who may see what. A
    page that signs in as somebody else must not go on from the other's cursor.)"""
    nonce, _, mark = (pid or "").partition(".")
    return bool(nonce) and mark == _mark(nonce, user)


def _mark(nonce: str, user: str) -> str:
    return hashlib.sha256(f"{nonce} {user}".encode()).hexdigest()[:12]
