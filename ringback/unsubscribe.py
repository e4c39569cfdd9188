"""The link in an email by which its reader stops such emails, without signing in.

It says whose emails and about which jobs, and is signed. It doesn't expire: emails are read years
later, and all that it can do is to turn emails of one user off and on.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import orjson

PURPOSE = b"ringback unsubscribe 1"  #: keeps this key apart from others of the same secret
LONGEST = 4_096  #: characters of a token


@dataclass(frozen=True, slots=True)
class Subscription:
    """The emails to a user about the jobs of one type; None: about all jobs."""

    user: str
    job_type: str | None = None


class Links:
    """Writes and reads such links. ``public_url``: where the gateway is."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._key = hmac.digest(secret.encode(), PURPOSE, "sha256")
        self._base = f"{public_url.rstrip('/')}/unsubscribe/"

    def url(self, subscription: Subscription) -> str:
        """The link."""
        text = orjson.dumps([subscription.user, subscription.job_type])
        return f"{self._base}{_base64(text)}.{_base64(self._mark(text))}"

    def read(self, token: str) -> Subscription | None:
        """What the link's last part says; None where we haven't written it."""
        try:
            text, mark = (_bytes(part) for part in token[:LONGEST].split("."))
        except ValueError:
            return None
        if not hmac.compare_digest(mark, self._mark(text)):
            return None
        return Subscription(*orjson.loads(text))

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
