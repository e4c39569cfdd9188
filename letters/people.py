"""Who reads a letter, and who writes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from letters.prose import inert, said


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

    @property
    def inert(self) -> Reader:
        """The same, as templates may see it (``letters.prose``)."""
        name = said(self.name) if self.name else None
        return replace(self, email=said(self.email), name=name, stop=inert(self.stop))


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: ``address`` with a name ("Ringback <no-reply@example.com>"), the gateway's
    ``public_url``, and an email address or URL where people get help."""

    address: str
    public_url: str
    support: str | None = None

    @property
    def page(self) -> str:
        """The page with all jobs of whoever is signed in."""
        return self.public_url.rstrip("/") + "/"

    @property
    def support_url(self) -> str:
        """Where the support address leads: a web page as it is, an email address as mailto."""
        support = self.support or ""
        return support if "://" in support or not support else f"mailto:{support}"
