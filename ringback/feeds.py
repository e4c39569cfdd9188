"""The feed: all jobs of a user, ordered by their last change. Read here, written by the commit."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from ringback.keys import Call, job_key, key, partition_of, plain

SNAPSHOT = 50  #: recent jobs that a fresh client gets besides the active ones
REPLAY = 500  #: changed jobs up to which a returning client gets a replay, not a snapshot
SEQ_DIGITS = 15  #: longest position in a feed; what is longer never came from us


@dataclass(frozen=True, slots=True)
class Feed:
    """Views of a user's jobs and the cursor after them; ``reset``: replace all, don't merge."""

    epoch: str
    seq: int
    views: tuple[bytes, ...]
    reset: bool

    @property
    def cursor(self) -> str:
        """``"<epoch>:<seq>"``."""
        return f"{self.epoch}:{self.seq}"


def read(user: str, since: str | None = None) -> Generator[Call, Any, Feed]:
    """What a client needs that has everything up to the cursor ``since``.

    Without one, or where it is from a lost store or too far back: active jobs and the 50 most
    recent ones, ``reset``. Bounded work however long the client was gone.
    """
    epoch, _, position = (since or "").partition(":")
    if position.isdecimal() and len(position) <= SEQ_DIGITS:
        reply = yield _feed_call(user, int(position), REPLAY)
        if reply[0] == b"feed" and reply[1].decode() == epoch:
            return _feed(reply, reset=False)
    return _feed((yield _feed_call(user, -1, SNAPSHOT)), reset=True)


def page(
    user: str, before: int | None, limit: int
) -> Generator[Call, Any, list[tuple[int, bytes]]]:
    """(seq, view) of a user's jobs, newest change first, below the position ``before``."""
    partition = partition_of(user)
    top = "+inf" if before is None else f"({before}"
    found = yield plain(
        "ZRANGE", key(partition, "feed", user), top, "-inf", "BYSCORE", "REV",
        "LIMIT", 0, limit, "WITHSCORES",
    )  # fmt: skip
    jobs = []
    for job_id, seq in found:
        view = yield plain("HGET", job_key(job_id.decode()), "view")
        if view is not None:
            jobs.append((int(seq), bytes(view)))
    return jobs


def _feed_call(user: str, since: int, limit: int) -> Call:
    partition = partition_of(user)
    return Call(
        "feed",
        (*feed_keys(user), key(partition, "epoch")),
        (secrets.token_hex(4), since, limit, key(partition, "job", "")),
    )


def feed_keys(user: str) -> tuple[str, str, str]:
    """The feed, the active jobs, and the user's own hash."""
    partition = partition_of(user)
    return (
        key(partition, "feed", user),
        key(partition, "active", user),
        key(partition, "user", user),
    )


def _feed(reply: Sequence[Any], *, reset: bool) -> Feed:
    return Feed(reply[1].decode(), reply[2], tuple(reply[3:]), reset)
