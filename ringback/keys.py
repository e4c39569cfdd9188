"""Names in the store, and the one shape of a request to it.

Every key of a user carries the hash tag ``{p}``, the user's partition, so that all that one
commit touches lies in one slot of a cluster.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
import zlib
from dataclasses import dataclass
from typing import Any, TypeGuard

PARTITIONS = 128
_AROUND = string.whitespace + "\u00a0\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
_JOB_ID = re.compile(r"[0-9a-f]{2}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the script by name with its keys and arguments, or a plain command (no name).

    ``durable``: answer only once the write is on disk (where the server keeps an AOF).
    """

    script: str
    keys: tuple[str, ...]
    args: tuple[Any, ...] = ()
    durable: bool = False


def plain(*command: Any) -> Call:
    """A plain command as a call."""
    return Call("", (), command)


def partition_of(user: str) -> str:
    """Two hex digits: the partition that holds all of a user's keys."""
    return f"{zlib.crc32(user.encode()) % PARTITIONS:02x}"


def partitions() -> list[str]:
    """All partitions."""
    return [f"{p:02x}" for p in range(PARTITIONS)]


def uuid7() -> str:
    """A time-ordered UUID (RFC 9562, version 7)."""
    ms, noise = time.time_ns() // 1_000_000, secrets.randbits(74)
    value = ms << 80 | 0x7 << 76 | noise >> 62 << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def demo_user(address: str) -> str:
    """The user id of a dev sign-in: the same for the same address."""
    return f"dev-{hashlib.sha256(address.lower().encode()).hexdigest()[:12]}"


def new_job_id(user: str) -> str:
    """``<partition>-<uuid7>``: the id tells where the job lives."""
    return f"{partition_of(user)}-{uuid7()}"


def is_job_id(text: object) -> TypeGuard[str]:
    """Whether ``text`` has the form of a job's id; asked before anything from outside is looked
    up."""
    return isinstance(text, str) and _JOB_ID.fullmatch(text) is not None


def pasted(text: str) -> str:
    """What somebody copied, an id from an email say, without the blanks around it and the marks
    that keep it apart in text that runs from right to left (UAX #9)."""
    return text.strip(_AROUND)


def channel_of(user: str) -> str:
    """The pub/sub channel of a user's events."""
    return key(partition_of(user), "events", user)


def key(partition: str, *parts: str) -> str:
    """``rb:{p}:…``."""
    return ":".join((f"rb:{{{partition}}}", *parts))


def job_key(job_id: str) -> str:
    """The hash of a job: spec, record, view, version, fence, operations."""
    return key(job_id[:2], "job", job_id)


def due_key(partition: str, kind: str) -> str:
    """The index of what is due, by kind (see ``store.DUE``)."""
    return key(partition, "due", kind)
