"""Who a letter is from, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reader:
    """Who gets the letter; ``timezone`` is an IANA name, ``locale`` a BCP 47 tag. ``asked``: for an
    email even where an open page showed the end. ``stop``: where such emails are turned off, by a
    GET for people and a POST for mail programs (RFC 8058)."""

    id: str
    email: str
    name: str | None = None
    locale: str = "en"
    timezone: str = "UTC"
    asked: bool = False
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: ``address`` with a name ("Ringback <no-reply@example.com>"), the gateway's
    ``public_url``, and an email address or URL where people get help."""

    address: str
    public_url: str
    support: str | None = None
