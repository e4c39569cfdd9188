"""The header of a letter: addresses that can't be misread, and what mail programs go by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy, Policy
from email.utils import parseaddr
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from letters.facts import View
from letters.people import Reader, Sender
from letters.prose import plain, said

#: Characters of a line with encoded words (RFC 2047, 2), and of quoted-printable (RFC 2045, 6.7):
#: less than what other lines may have, which is what Python takes for both.
LINE = 76


def addressed(sender: Sender, reader: Reader) -> EmailMessage:
    """An empty letter from and to one mailbox each."""
    author, recipient = _author(sender), _mailbox(reader.email, reader.name or "")
    letter = EmailMessage(policy=_policy(recipient))
    letter["From"] = author
    letter["To"] = recipient
    if sender.support and "@" in sender.support and "://" not in sender.support:
        letter["Reply-To"] = _mailbox(sender.support, "")
    return letter


class _Words(UnstructuredHeader, BaseHeader):
    """Words as they are, folded from the first line on.

    Python would leave that one empty where all of them fit the next, which reads as a subject that
    begins with a blank (RFC 5322, 2.2.3); and it would decode what only looks like an encoded word.
    """

    max_count: ClassVar[Literal[1] | None] = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        kwds["decoded"], kwds["parse_tree"] = value, None

    def fold(self, *, policy: Policy[Any]) -> str:
        text = str(self)
        charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
        words = Header(text, charset, policy.max_line_length, self.name)
        return f"{self.name}: {words.encode(linesep=policy.linesep)}{policy.linesep}"


class _Link(_Words):
    """A URL, on one line however long: as encoded words it would mean nothing (RFC 2369, 2)."""

    def fold(self, *, policy: Policy[Any]) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class _Headers(HeaderRegistry):
    """Python's types of headers, each made once and not for each letter; ours for words."""

    def __init__(self) -> None:
        super().__init__(default_class=_Words)
        self.map_to_type("subject", _Words)
        self.map_to_type("list-unsubscribe", _Link)
        self._made: dict[str, type[BaseHeader]] = {}

    def __getitem__(self, name: str) -> type[BaseHeader]:
        if name not in self._made:
            self._made[name] = super().__getitem__(name)
        return self._made[name]


_HEADERS = _Headers()


def _policy(recipient: Address) -> EmailPolicy[EmailMessage]:
    # RFC 6531: no other way to write it
    policy = SMTP if recipient.username.isascii() else SMTPUTF8
    return policy.clone(header_factory=_HEADERS, max_line_length=LINE)


def _author(sender: Sender) -> Address:
    name, address = parseaddr(sender.address)
    return _mailbox(address, name)


def _mailbox(address: str, name: str) -> Address:
    """RFC 5322 mailbox. The name loses RFC 5322's specials: should any mailer on the way drop
    the quotes around it, a comma in it would begin a second address."""
    user, _, domain = address.strip().rpartition("@")
    if not user or not domain:
        raise ValueError(f"{address!r} isn't an email address.")
    shown = re.sub(r"[^\w .'\u2019&+-]+", " ", plain(said(name)))
    return Address(
        display_name=" ".join(shown.split())[:70].strip(),
        username=user,
        domain=domain.encode("idna").decode("ascii"),
    )


def explain(letter: EmailMessage, sender: Sender, views: Sequence[View], reason: str) -> None:
    """What machines and support read: no auto-replies please (RFC 3834), which jobs, and why."""
    host = _author(sender).domain
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    letter["List-Id"] = f"Job notices <jobs.ringback.{host}>"
    letter["X-Ringback-Job"] = ", ".join(plain(said(view["id"])) for view in views)
    letter["X-Ringback-Reason"] = plain(said(reason))


def feedback(letter: EmailMessage, sender: Sender, views: Sequence[View], message: str) -> None:
    """What mailbox providers count complaints by: message, job type and installation, nothing of
    the reader. The last field names the sender's system, as Gmail has it (Feedback-ID)."""
    types = {str(view["type"]) for view in views}
    kind = types.pop() if len(types) == 1 else "several" if types else "none"
    where = urlsplit(sender.public_url).hostname or "unknown"
    fields = (re.sub(r"[^\w.@-]+", "-", field) for field in (message, kind, where, "ringback"))
    letter["Feedback-ID"] = ":".join(fields)


def thread(letter: EmailMessage, root: str, domain: str, *, retry: bool) -> None:
    """Puts the letter into the thread of a job and its retries: all of them name an id made of the
    first job's, which no letter bears, and a retry's answers it (RFC 5322, 3.6.4)."""
    first = f"<job.{hashlib.sha256(root.encode()).hexdigest()[:32]}@{domain}>"
    letter["References"] = first
    if retry:
        letter["In-Reply-To"] = first


def offer_stop(letter: EmailMessage, reader: Reader) -> None:
    """The button that mail programs show (RFC 2369, RFC 8058)."""
    if reader.stop:
        letter["List-Unsubscribe"] = f"<{reader.stop}>"
        letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
