"""A connection to the mail server, up to where emails may be told: TLS and sign-in.

Nothing but EHLO is said without TLS where TLS is required, and never a password: who strips
STARTTLS from the server's greeting learns nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from ringback.values import LOOPBACK, SmtpTls
from tasks.smtp_answer import (
    ANSWER_SHOWN,
    BAD_CERTIFICATE,
    LETTERS,
    NO_ENTRY,
    NO_TLS,
    Outcome,
    Verb,
    meaning,
    silence,
)

PORTS = {"smtp": 25, "smtps": 465}
#: What goes wrong on the way; all else is a fault of ours.
ERRORS = (aiosmtplib.SMTPException, OSError)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds. Between two writes to the ledger lie ``opening`` or
    ``sending``, each well below the 60 s of a mailer's claim."""

    step: float = 15  #: one answer of the server
    final: float = 30  #: its answer to the email, which it may look at for a while
    opening: float = 45  #: from the first byte to the answer to RCPT
    sending: float = 45  #: from DATA to the answer to the email
    reset: float = 5  #: the answer to RSET, which asks whether the server is still there
    idle: float = 10  #: how long a connection waits for the next email


@dataclass(frozen=True)
class Server:
    """The mail server, and how we know each other. ``tls`` counts where it isn't TLS from the
    first byte (``implicit``)."""

    host: str
    port: int
    implicit: bool = False
    tls: SmtpTls = "require"
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)
    authorities: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def at(cls, url: str, tls: SmtpTls | None = None) -> Self:
        """``smtp://[user:password@]host[:port]`` or ``smtps://`` (TLS from the start). ``tls``
        None: required, but for loopback, where nobody is on the way."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        return cls(
            host=host, port=parts.port or PORTS[parts.scheme], implicit=parts.scheme == "smtps",
            tls=tls or ("offered" if host in LOOPBACK else "require"),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
        )  # fmt: skip

    @property
    def near(self) -> bool:
        """Whether it is on this machine."""
        return self.host in LOOPBACK

    @cached_property
    def context(self) -> ssl.SSLContext:
        """Certificates are always verified, by the system's authorities."""
        return self.authorities or ssl.create_default_context()

    @cached_property
    def our_name(self) -> str:
        """What EHLO says of us; asked once, since it may take a name server's time."""
        return socket.getfqdn()


class Withheld(Exception):
    """The server offers no TLS, and without it nothing is said."""


@dataclass(slots=True)
class Talk:
    """How far a conversation is: the command whose answer is awaited."""

    verb: Verb = "connect"

    def outcome_of(self, error: Exception) -> Outcome:
        """What a failure at this point means."""
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return meaning(self.verb, error.code, error.message)
        told = f"{self.verb}: {_words(error)}"[:ANSWER_SHOWN]
        fault = _ssl_fault(error)
        if isinstance(fault, ssl.SSLCertVerificationError):
            return replace(BAD_CERTIFICATE, answer=f"certificate: {fault.verify_message}")
        if fault is not None or isinstance(error, Withheld):
            return replace(NO_TLS, answer=told)
        if isinstance(error, aiosmtplib.SMTPNotSupported):
            return replace(LETTERS, answer=told)
        if self.verb == "AUTH" and not isinstance(error, OSError):  # no way of signing in that fits
            return replace(NO_ENTRY, answer=told)
        return silence(self.verb, _words(error))


async def dial(server: Server, pace: Pace, talk: Talk) -> aiosmtplib.SMTP:
    """A connection on which emails may be sent. Raises one of ``ERRORS`` and Withheld."""
    talk.verb = "connect"
    name, context = await asyncio.to_thread(lambda: (server.our_name, server.context))
    client = aiosmtplib.SMTP(
        hostname=server.host, port=server.port, use_tls=server.implicit, start_tls=False,
        tls_context=context, timeout=pace.step, local_hostname=name,
    )  # fmt: skip
    try:
        await client.connect()
        await _greet(client, talk)
        if not server.implicit and server.tls != "none":
            await _secure(client, server, talk)
        if server.user is not None:
            await _sign_in(client, server, server.user, talk)
    except BaseException:
        cut(client)
        raise
    return client


def cut(client: aiosmtplib.SMTP) -> None:
    """Ends a connection at once, without TLS's goodbye, which the server may never answer."""
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.abort()
    client.close()


async def _greet(client: aiosmtplib.SMTP, talk: Talk) -> None:
    talk.verb = "EHLO"
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError as error:
        if error.code not in (500, 501, 502, 504):  # knows no EHLO (RFC 5321, 4.1.4)
            raise
        await client.helo()


async def _secure(client: aiosmtplib.SMTP, server: Server, talk: Talk) -> None:
    if client.supports_extension("starttls"):
        talk.verb = "STARTTLS"
        await client.starttls()
        await _greet(client, talk)
    elif server.tls == "require":
        raise Withheld("the server offers no STARTTLS")


async def _sign_in(client: aiosmtplib.SMTP, server: Server, user: str, talk: Talk) -> None:
    if client.get_transport_info("sslcontext") is None:
        raise Withheld("the server offers no STARTTLS, and a password is never sent without")
    talk.verb = "AUTH"
    await client.login(user, server.password)


def _ssl_fault(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__
    return None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
