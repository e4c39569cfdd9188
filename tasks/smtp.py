"""One message to one recipient over SMTP, and what the server's answer means.

The moment of no return is the DATA command: before it a failure is certain to have sent
nothing, after it a lost answer is *ambiguous* (RFC 5321, 4.5.3.2.6).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr
from typing import Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

PORTS = {"smtp": 25, "smtps": 465}
STEP = 15  #: seconds for one answer of the server
WHOLE = 45  #: seconds for a delivery; below the 60 s of a mailer's claim


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended; ``reason`` is for people."""

    kind: Literal["accepted", "delayed", "refused", "ambiguous"]
    reason: str


class Aborted(Exception):
    """The claim is somebody else's: nothing was sent."""


class Transport:
    """A mail server by URL: ``smtp://[user:password@]host[:port]`` (STARTTLS where the server
    offers it) or ``smtps://`` (TLS from the start)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._tls = parts.scheme == "smtps"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    def send(self, message: EmailMessage, before_data: Callable[[], None]) -> Outcome:
        """Delivers; ``before_data`` is called at the point of no return and may raise Aborted."""
        return asyncio.run(self._send(message, before_data))

    async def _send(self, message: EmailMessage, before_data: Callable[[], None]) -> Outcome:
        exchange = _Exchange(message, before_data)
        client = aiosmtplib.SMTP(
            hostname=self._host, port=self._port, use_tls=self._tls, timeout=STEP,
            username=self._user, password=self._password,
        )  # fmt: skip
        try:
            async with asyncio.timeout(WHOLE):
                await client.connect()
                return await exchange.run(client)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, TimeoutError) as error:
            return exchange.outcome_of(error)
        finally:
            client.close()


class _Exchange:
    """MAIL, RCPT, DATA; remembers whether the point of no return is behind."""

    def __init__(self, message: EmailMessage, before_data: Callable[[], None]) -> None:
        self._message = message
        self._before_data = before_data
        self._committed = False

    async def run(self, client: aiosmtplib.SMTP) -> Outcome:
        sender = parseaddr(str(self._message["From"]))[1]
        recipient = parseaddr(str(self._message["To"]))[1]
        options = [] if (sender + recipient).isascii() else ["SMTPUTF8"]
        await client.mail(sender, options=options)
        await client.rcpt(recipient)
        self._before_data()
        self._committed = True
        answer = await client.data(self._message.as_bytes(policy=SMTP_POLICY))
        await _politely_quit(client)
        return Outcome("accepted", f"The mail server took it: {answer.code} {answer.message}")

    def outcome_of(self, error: Exception) -> Outcome:
        """What a failure means for the message."""
        if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 400:
            kind: Literal["delayed", "refused"] = "refused" if error.code >= 500 else "delayed"
            if isinstance(error, aiosmtplib.SMTPAuthenticationError):
                kind = "delayed"  # our settings are wrong, not the message
            return Outcome(kind, f"The mail server answered: {error.code} {error.message}")
        if self._committed:
            return Outcome("ambiguous", f"The mail server's answer got lost ({_words(error)})")
        return Outcome("delayed", f"The mail server can't be reached ({_words(error)})")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _politely_quit(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        return  # the message is accepted; how the connection ends doesn't matter
