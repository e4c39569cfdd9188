"""An email as it goes over the wire: from and to whom, and the exact bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Self

from tasks.seal import Seal

_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """``sender`` gets what comes back; ``content`` ends each line, the last one too, with CRLF."""

    sender: str
    recipient: str
    content: bytes

    @classmethod
    def of(cls, letter: EmailMessage, sender: str = "", seal: Seal | None = None) -> Self:
        """A letter to its one recipient; from its author, where no ``sender`` is given. Raises
        ValueError for what can't be written."""
        content = _LINE_END.sub(b"\r\n", letter.as_bytes())
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        return cls(
            sender=sender or parseaddr(str(letter["From"]))[1],
            recipient=letter["To"].addresses[0].addr_spec,
            content=content if seal is None else seal.sign(content),
        )

    @property
    def utf8(self) -> bool:
        """Whether an address has letters that only RFC 6531 can write."""
        return not (self.sender + self.recipient).isascii()

    @property
    def stuffed(self) -> bytes:
        """What follows DATA (RFC 5321, 4.5.2)."""
        return _DOT.sub(b"..", self.content) + b".\r\n"
