"""Why somebody did what they did to other people's jobs: what every deed's reason must be."""

from __future__ import annotations

from ringback.errors import RingbackError

MOST = 500  #: characters
FIX = f"must say why, in 1 to {MOST} characters"


def checked(field: str, text: str) -> str:
    """The reason without the blanks around it. Raises RingbackError that names ``field``."""
    told = text.strip()
    if not 1 <= len(told) <= MOST:
        raise RingbackError(f"{field} {text[:40]!r}: {FIX}")
    return told
