"""Secrets from files: ``RINGBACK_X_FILE`` names a file that holds what ``RINGBACK_X`` would.

Docker and Compose mount secrets as files, systemd hands them over as credentials: so they show in
no environment, no ``inspect`` and no process list.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ringback.errors import SettingsError

SUFFIX = "_FILE"
LONGEST = 65_536  #: bytes; a path that was meant for something else may lead to gigabytes


def from_file(variable: str) -> str | None:
    """The secret in the file that ``<variable>_FILE`` names; None where that isn't set.

    Raises SettingsError that names variable, file and fix, and shows nothing of what is in it.
    """
    path = os.environ.get(variable + SUFFIX)
    if path is None:
        return None
    if os.environ.get(variable):
        raise SettingsError(f"Set {variable} or {variable}{SUFFIX}, not both.")
    told = f"{variable}{SUFFIX}={path!r}"
    try:
        with Path(path).open("rb") as file:
            secret = file.read(LONGEST + 1).decode().strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it isn't text in UTF-8"
        raise SettingsError(f"{told}: can't be read ({why}).") from None
    if not secret or len(secret) > LONGEST:
        raise SettingsError(f"{told}: must hold the secret and nothing else.")
    return secret


def masked(variable: str, value: object) -> str:
    """What a complaint may show of a secret: of a URL all but user, password and query."""
    if not variable.endswith("_URL"):
        return "***"
    text = re.sub(r"^(\w+://)?.*@", r"\1***@", str(value), flags=re.DOTALL)
    return repr(re.sub(r"\?.*", "?***", text, flags=re.DOTALL))
