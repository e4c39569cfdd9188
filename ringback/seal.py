"""Texts that we write into links and know again: signed, for one purpose each."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

LONGEST = 4_096  #: characters of a token


class Seal:
    """Of one ``secret`` for one ``purpose``: what was sealed for another isn't opened here."""

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._key = hmac.digest(secret.encode(), purpose, "sha256")

    def close(self, text: bytes) -> str:
        """The token that says ``text``: fit for a URL's path."""
        return f"{_base64(text)}.{_base64(self._mark(text))}"

    def open(self, token: str) -> bytes | None:
        """What a token says; None where we haven't written it."""
        try:
            text, mark = (_bytes(part) for part in token[:LONGEST].split("."))
        except ValueError:
            return None
        return text if hmac.compare_digest(mark, self._mark(text)) else None

    def _mark(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, hashlib.sha256)[:16]


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises ValueError where it isn't what ``_base64`` gives."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if _base64(raw) != text:  # Python's decoder skips what it doesn't know
        raise ValueError("not our base64")
    return raw
