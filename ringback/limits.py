"""How often something may be asked for, or done: token buckets in the store, the same on all
nodes."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ringback.keys import Call, key, partition_of

MINUTE = 60_000  #: ms
OP = 16  #: characters of an operation's id


@dataclass(frozen=True, slots=True)
class Limit:
    """``kind`` of thing that a user may ask for (or that may be done to one domain)
    ``per_minute`` times, half of them at once."""

    kind: str
    per_minute: int

    @property
    def burst(self) -> int:
        """How many at once, after a while without any."""
        return max(1, self.per_minute // 2)

    @property
    def period(self) -> int:
        """ms in which a token comes back."""
        return max(1, MINUTE // self.per_minute)


def take(limit: Limit, user: str, once: str | None = None) -> Generator[Call, Any, int]:
    """Takes a token of the user's; 0, or the ms until there is one.

    What is asked for again with the same ``once`` (an Idempotency-Key) has its token, as has a
    call whose reply was lost, while it is among the user's last 16.
    """
    where = key(partition_of(user), "bucket", limit.kind, user)
    op = secrets.token_hex(OP // 2) if once is None else _digest(once)
    wait: int = yield Call("bucket", (where,), (limit.period, limit.burst, op))
    return wait


def book(limit: Limit, name: str) -> Generator[Call, Any, int]:
    """The next token of what all share under ``name`` (the emails to a domain, say); the ms until
    one's turn. A call whose reply was lost has its turn, while it is among the last 16."""
    where = f"rb:{{{limit.kind}:{name}}}:bucket"
    op = secrets.token_hex(OP // 2)
    wait: int = yield Call("bucket", (where,), (limit.period, limit.burst, op, "book"))
    return wait


def seconds(wait: int) -> int:
    """A wait in ms as ``Retry-After`` has it: whole seconds, never too few."""
    return math.ceil(wait / 1000)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:OP]
