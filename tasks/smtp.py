"""One message to one recipient over SMTP.

The moment of no return is when the whole message is written: before it a failure is certain to
have sent nothing, after it a lost answer is *ambiguous* (RFC 5321, 4.5.3.2.6). What answers mean
is in ``tasks.smtp_answer``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from threading import Lock, Thread
from typing import Any, TypeVar

import aiosmtplib

from tasks.envelope import Envelope
from tasks.smtp_answer import Outcome, meaning
from tasks.smtp_line import ERRORS, Pace, Server, Talk, Withheld
from tasks.smtp_pool import Line, Pool

T = TypeVar("T")

FRESH = 50.0  #: seconds after which ``before_data`` may not hold any more: the claim ends after 60


class Aborted(Exception):
    """The claim is somebody else's: nothing was sent."""


class Transport:
    """Sends by one mail server, for the threads of one process: one event loop, few connections."""

    def __init__(self, server: Server, pace: Pace | None = None) -> None:
        self.server = server
        self._pace = pace or Pace()
        self._starting = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None

    def send(self, envelope: Envelope, before_data: Callable[[], None]) -> Outcome:
        """Delivers; ``before_data`` is called in the caller's thread, once the server has taken
        sender and recipient and nothing of the message has left. It may raise Aborted."""
        talk = Talk()
        line = self._do(self._open(envelope, talk))
        if isinstance(line, Outcome):
            return line
        asked = time.monotonic()
        try:
            before_data()
            if time.monotonic() - asked > FRESH:  # frozen for a while: another may be at it by now
                raise Aborted
        except BaseException:
            self._do(self._hang_up(line))
            raise
        return self._do(self._tell(line, envelope, talk))

    def close(self) -> None:
        """Ends connections and thread; sending would start them again."""
        with self._starting:
            loop, pool = self._loop, self._pool
            self._loop = self._pool = None
        if loop is not None and pool is not None:
            asyncio.run_coroutine_threadsafe(pool.close(), loop).result()
            loop.call_soon_threadsafe(loop.stop)

    # -- in the thread of the event loop

    async def _open(self, envelope: Envelope, talk: Talk) -> Line | Outcome:
        """A line on which the server has taken sender and recipient."""
        line, pool = None, self._pool
        assert pool is not None
        try:
            async with asyncio.timeout(self._pace.opening):
                line = await pool.take(talk)
                await self._introduce(line, envelope, talk)
                talk.verb = "RCPT"
                encoding = "utf-8" if envelope.utf8 else "ascii"
                await line.client.rcpt(envelope.recipient, encoding=encoding)
                return line
        except (*ERRORS, Withheld) as error:
            if line is not None:
                self._leave(line, _code(error))
            return talk.outcome_of(error)
        except BaseException:
            if line is not None:
                pool.drop(line, politely=False)
            raise

    async def _introduce(self, line: Line, envelope: Envelope, talk: Talk) -> None:
        """MAIL; on a new connection where the server has hung up on a used one."""
        try:
            await _mail(line.client, envelope, talk)
        except ERRORS as error:
            if not line.uses or (_code(error) and line.client.is_connected):
                raise
            assert self._pool is not None
            await self._pool.replace(line, talk)
            await _mail(line.client, envelope, talk)

    async def _tell(self, line: Line, envelope: Envelope, talk: Talk) -> Outcome:
        """The message itself, and what became of it."""
        try:
            async with asyncio.timeout(self._pace.sending):
                talk.verb = "DATA"
                answer = await line.client.execute_command(b"DATA")
                if answer.code != aiosmtplib.SMTPStatus.start_input:
                    raise aiosmtplib.SMTPDataError(answer.code, answer.message)
                answer = await _write(line.client, envelope.stuffed, talk, self._pace.final)
        except ERRORS as error:
            self._leave(line, _code(error))
            return talk.outcome_of(error)
        self._leave(line, answer.code)
        return meaning("message", answer.code, answer.message)

    def _leave(self, line: Line, code: int) -> None:
        """Keeps a line on which the server answered as it may, and no other."""
        assert self._pool is not None
        if 200 <= code < 300 or (400 <= code < 600 and code != 421):
            self._pool.give_back(line)
        else:
            self._pool.drop(line, politely=False)

    async def _hang_up(self, line: Line) -> None:
        assert self._pool is not None
        self._pool.drop(line)

    # -- in the callers' threads

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop, self._pool = asyncio.new_event_loop(), Pool(self.server, self._pace)
                Thread(target=_run, args=(self._loop,), name="smtp", daemon=True).start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(asyncio.sleep(0))  # transports say that they are closed
    finally:
        loop.close()


async def _mail(client: aiosmtplib.SMTP, envelope: Envelope, talk: Talk) -> None:
    talk.verb = "MAIL"
    options = []
    if client.supports_extension("size"):
        options.append(f"SIZE={len(envelope.content)}")
    if not envelope.content.isascii() and client.supports_extension("8bitmime"):
        options.append("BODY=8BITMIME")
    if not envelope.utf8:
        await client.mail(envelope.sender, options=options)
    elif client.supports_extension("smtputf8"):
        await client.mail(envelope.sender, options=[*options, "SMTPUTF8"], encoding="utf-8")
    else:
        raise aiosmtplib.SMTPNotSupported("the server knows no SMTPUTF8")


async def _write(
    client: aiosmtplib.SMTP, stuffed: bytes, talk: Talk, wait: float
) -> aiosmtplib.SMTPResponse:
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    protocol.write(stuffed)
    talk.verb = "message"
    return await protocol.read_response(timeout=wait)


def _code(error: Exception) -> int:
    """The server's answer; 0: there was none."""
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
