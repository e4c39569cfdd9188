"""What goes wrong, for tests: a mail server with moods, and a store connection that loses replies
and kills its process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from threading import Thread
from typing import Any, TypeVar, cast

from aiosmtpd.smtp import SMTP

from ringback.connection import Op, Store
from ringback.keys import Call
from tasks.smtp import Transport
from tasks.smtp_line import Server
from tests.rig import free_port

T = TypeVar("T")

WEATHERS = "fine", "refused", "busy", "busy after DATA", "refused after DATA", "answer lost"


class Died(BaseException):
    """The process was killed."""


class PostOffice:
    """A real SMTP server in a thread, whose ``weather`` decides what becomes of a message."""

    def __init__(self) -> None:
        self.weather = "fine"
        self.taken: list[tuple[str, list[str]]] = []  #: Message-ID, job ids
        self.letters: list[Message] = []  #: the same, whole
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._open())
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self.transport = Transport(Server.at(f"smtp://127.0.0.1:{self.port}"))  #: to this server

    async def _open(self) -> None:
        self._server = await self._loop.create_server(
            lambda: SMTP(self, loop=self._loop), "127.0.0.1", self.port
        )

    async def handle_RCPT(
        self, _: Any, __: Any, envelope: Any, address: str, ___: Any
    ) -> str:  # aiosmtpd's names
        """Knows everybody, but in bad weather."""
        if self.weather == "refused":
            return "550 5.1.1 No such user"
        if self.weather == "busy":
            return "451 4.3.0 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Any, envelope: Any) -> str:
        """Takes a message, and may hang up instead of saying so."""
        if self.weather == "busy after DATA":
            return "451 4.3.0 Try again later"
        if self.weather == "refused after DATA":
            return "554 5.6.0 Not this one"
        self.taken.append(_told(envelope.content))
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.weather == "answer lost":
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]  # it is a whole Transport
        return "250 OK"

    def close(self) -> None:
        """Ends the thread."""
        self.transport.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


def _told(content: bytes) -> tuple[str, list[str]]:
    message = message_from_bytes(content, policy=policy.SMTP)
    return str(message["Message-ID"]), str(message["X-Ringback-Job"]).split(", ")


def die() -> None:
    """Ends a process, as a fault."""
    raise Died


@dataclass
class Fault:
    """What befalls a process at its ``at``-th call to the store (from 0)."""

    at: int
    do: Callable[[], None]
    late: bool  #: after the call was carried out, and not before


class Wire(Store):
    """A real connection that remembers its commits, loses replies and kills its process."""

    def __init__(self, url: str, commits: list[tuple[Call, Any]]) -> None:
        super().__init__(url)
        self.commits = commits
        self.twice = False
        self.fault: Fault | None = None
        self.calls = 0

    def begin(self, *, twice: bool = False, fault: Fault | None = None) -> None:
        """Sets what happens from now on."""
        self.twice, self.fault, self.calls = twice, fault, 0

    def do(self, op: Op[T], patience: float = 0.0) -> T:
        """As ``Store.do``, with what befalls it."""
        return super().do(self._carry(op), patience)

    def _carry(self, op: Op[T]) -> Op[T]:
        try:
            call = next(op)
            while True:
                self._befall(late=False)
                reply = yield call
                if call.script == "commit" and reply[0] == b"ok":
                    self.commits.append((call, reply))
                if self.twice and call.script in ("commit", "mail"):
                    again = yield call
                    if call.script == "commit":
                        assert again == reply, "a repeated commit answers as the first did"
                    reply = again
                self._befall(late=True)
                self.calls += 1
                call = op.send(reply)
        except StopIteration as end:
            return cast(T, end.value)

    def _befall(self, *, late: bool) -> None:
        fault = self.fault
        if fault is not None and (fault.at, fault.late) == (self.calls, late):
            self.fault = None
            fault.do()
