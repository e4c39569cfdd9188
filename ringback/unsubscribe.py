"""The link in an email by which its reader stops such emails, without signing in.

It says whose emails and about which jobs, and is signed. It doesn't expire: emails are read years
later, and all that it can do is to turn emails of one user off and on.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from ringback.seal import Seal

PURPOSE = b"ringback unsubscribe 1"  #: keeps this key apart from others of the same secret


@dataclass(frozen=True, slots=True)
class Subscription:
    """The emails to a user about the jobs of one type; None: about all jobs."""

    user: str
    job_type: str | None = None


class Links:
    """Writes and reads such links. ``public_url``: where the gateway is."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._seal = Seal(secret, PURPOSE)
        self._base = f"{public_url.rstrip('/')}/unsubscribe/"

    def url(self, subscription: Subscription) -> str:
        """The link."""
        text = orjson.dumps([subscription.user, subscription.job_type])
        return f"{self._base}{self._seal.close(text)}"

    def read(self, token: str) -> Subscription | None:
        """What the link's last part says; None where we haven't written it."""
        text = self._seal.open(token)
        return None if text is None else Subscription(*orjson.loads(text))
