"""DKIM (RFC 6376): a signature that tells receivers that an email is the domain's own.

For installations whose mail server signs nothing itself. What is signed are the exact bytes that
leave; the domain is the author's, so that DMARC finds the two aligned.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Self

import dkim  # type: ignore[import-untyped]
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ringback.errors import SettingsError
from ringback.settings import Settings

LEAST_BITS = 1024  #: of an RSA key; receivers take no shorter ones (RFC 8301, 3.2)
#: What readers see, and what mail programs act on. ``From`` twice: nobody may add another.
SIGNED = (
    "from", "from", "to", "reply-to", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "auto-submitted", "list-id",
    "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
)  # fmt: skip
RELAXED = (b"relaxed", b"relaxed")
_NO_KEY = (
    "RINGBACK_DKIM_KEY=***: must be a private key in PEM without a password, RSA of "
    f"{LEAST_BITS:,} bits or more, or Ed25519. Make one with: openssl genrsa 2048"
)


@dataclass(frozen=True, slots=True)
class Seal:
    """A domain's key, and under which name receivers find its other half."""

    selector: str
    domain: str
    algorithm: str
    public: str
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, selector: str, key: str, domain: str) -> Self:
        """Of a private key in PEM. Raises SettingsError for what is none."""
        try:
            private = load_pem_private_key(key.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SettingsError(_NO_KEY) from None
        if isinstance(private, Ed25519PrivateKey):
            raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return cls(selector, domain, "ed25519", _text(raw), base64.b64encode(_seed(private)))
        if isinstance(private, RSAPrivateKey) and private.key_size >= LEAST_BITS:
            plain = PrivateFormat.TraditionalOpenSSL
            pem = private.private_bytes(Encoding.PEM, plain, NoEncryption())
            shown = private.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
            return cls(selector, domain, "rsa", _text(shown), pem)
        raise SettingsError(_NO_KEY)

    @classmethod
    def of_settings(cls, settings: Settings) -> Self | None:
        """As the settings say; None: the mail server signs, or nobody. Raises SettingsError."""
        if settings.dkim_selector is None or settings.dkim_key is None:
            return None
        domain = parseaddr(settings.email_from)[1].rpartition("@")[2]
        return cls.of(settings.dkim_selector, settings.dkim_key, _ascii(domain))

    def sign(self, content: bytes) -> bytes:
        """The message with a signature on top."""
        names = _names(content)
        signature: bytes = dkim.sign(
            content, self.selector.encode(), self.domain.encode(), self._key,
            canonicalize=RELAXED, signature_algorithm=f"{self.algorithm}-sha256".encode(),
            include_headers=[name.encode() for name in SIGNED if name in names],
        )  # fmt: skip
        return signature + content

    @property
    def record(self) -> str:
        """What the domain has to publish, as a zone file has it."""
        value = f"v=DKIM1; k={self.algorithm}; p={self.public}"
        parts = (value[at : at + 255] for at in range(0, len(value), 255))  # RFC 6376, 3.6.2.2
        strings = " ".join(f'"{part}"' for part in parts)
        return f"{self.selector}._domainkey.{self.domain}. TXT {strings}"


def _names(content: bytes) -> set[str]:
    head = content.partition(b"\r\n\r\n")[0]
    lines = (line for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t"))
    return {line.partition(b":")[0].decode("ascii", "replace").lower() for line in lines}


def _ascii(domain: str) -> str:
    return domain.encode("idna").decode("ascii")


def _seed(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
