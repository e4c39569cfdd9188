"""What the ``ringback`` commands share: where they print, whom they speak of, their store."""

from __future__ import annotations

import getpass
import re
import socket
import sys
import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from ringback.connection import Store
from ringback.errors import RingbackError
from ringback.job import Owner
from ringback.keys import demo_user, is_job_id, pasted
from ringback.reason import checked
from ringback.settings import load_settings

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)

DEMO = "demo@example.com"
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def _reason(context: typer.Context, option: typer.CallbackParam, text: str) -> str:
    source = context.get_parameter_source(option.name or "")
    left_out = source is not None and source.name == "DEFAULT"
    return text if left_out else checked("--reason", text)


Reason = Annotated[str, typer.Option(help="goes to the audit trail", callback=_reason)]
User = Annotated[str, typer.Option(help="whose job it is: an email address, or a user's id")]


def new_store() -> Store:
    """The store of the settings."""
    return Store(load_settings().store)


def owner_of(user: str) -> Owner:
    """The owner that ``--user`` names: an address, as in the dev sign-in, or a user's id."""
    if not user.strip():
        raise RingbackError("--user '': must be an email address or a user's id")
    return Owner(id=user_id(user), email=user if "@" in user else None)


def user_id(user: str) -> str:
    """The user's id."""
    return demo_user(user) if "@" in user else user


def checked_id(job_id: str) -> str:
    """A job's id as it was copied. Raises RingbackError for what can't be one."""
    bare = pasted(job_id)
    if not is_job_id(bare):
        raise RingbackError(
            f"{job_id!r} is no job's id. They look like 1f-01971c2e-…; see `ringback jobs list`."
        )
    return bare


def who() -> str:
    """Who runs this command, for the audit trail."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def moment(text: str) -> int:
    """What ``--since`` says, as ms since 1970. Raises RingbackError."""
    ago = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if ago:
        return round((time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1000)
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        told = "must be like 90m, 24h or 7d, or a date like 2026-01-31"
        raise RingbackError(f"--since {text!r}: {told}") from None
    return round(at.timestamp() * 1000)
