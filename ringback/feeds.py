"""The feed: all jobs of a user, ordered by their last change. Read here, written by the commit."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ringback.instant import rfc3339
from ringback.keys import Call, key, partition_of

SNAPSHOT = 50  #: recent jobs that a fresh client gets besides the active ones
ROOM = 32_768  #: bytes of views in one page of a replay, or one view
REPLAY = 500  #: changed jobs up to which a returning client gets a replay, not a snapshot
LOOK = 500  #: jobs that are looked at for one page
SEQ_DIGITS = 15  #: longest position in a feed; what is longer never came from us


@dataclass(frozen=True, slots=True)
class Feed:
    """Views of a user's jobs and the cursor after them; ``reset``: replace all, don't merge;
    ``more``: this is a page, and the next one is read from its cursor."""

    epoch: str
    seq: int
    views: tuple[bytes, ...]
    reset: bool
    more: bool = False

    @property
    def cursor(self) -> str:
        """``"<epoch>:<seq>"``."""
        return f"{self.epoch}:{self.seq}"


def read(user: str, since: str | None = None) -> Generator[Call, Any, Feed]:
    """What a client needs that has everything up to the cursor ``since``: the changed jobs, oldest
    change first, in pages of 32 KiB.

    Without one, or where it is from a lost store or too far back: active jobs and the 50 most
    recent ones, ``reset``. Bounded work however long the client was gone.
    """
    epoch, position = _split(since or "")
    if position is not None:
        reply = yield _feed_call(user, position, REPLAY)
        if reply[0] != b"reset" and reply[1].decode() == epoch:
            return _feed(reply, reset=False)
    return _feed((yield _feed_call(user, -1, SNAPSHOT)), reset=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which of a user's jobs: in one of the states, of the type, changed at ``since`` (ms since
    1970) or later, with ``text`` in the title, in whatever case."""

    states: tuple[str, ...] = ()
    type: str | None = None
    since: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """(seq, view) of jobs, newest change first; ``next``: the ``before`` of the next page, None
    where there is none; ``cursor``: where the feed stood."""

    jobs: tuple[tuple[int, bytes], ...]
    next: int | None
    cursor: str


def page(
    user: str, before: int | None = None, limit: int = SNAPSHOT, wanted: Filter = Filter()
) -> Generator[Call, Any, Page]:
    """A user's jobs, newest change first, below the position ``before``.

    At most 500 jobs are looked at, so a page may be short, or empty, and there is a next one all
    the same.
    """
    partition = partition_of(user)
    feed, _, own = feed_keys(user)
    look = max(limit, LOOK)
    asked = {
        "before": before, "limit": look if wanted.text else limit, "look": look,
        "states": wanted.states, "type": wanted.type,
        "since": None if wanted.since is None else rfc3339(wanted.since),
    }  # fmt: skip
    told = orjson.dumps({name: value for name, value in asked.items() if value is not None})
    reply = yield Call(
        "page", (feed, own, key(partition, "epoch")),
        (secrets.token_hex(4), told, key(partition, "job", "")),
    )  # fmt: skip
    found = zip(map(int, reply[3::2]), map(bytes, reply[4::2]), strict=True)
    return _page(reply, [job for job in found if _has(job[1], wanted.text)], limit)


def _page(reply: Sequence[Any], found: Sequence[tuple[int, bytes]], limit: int) -> Page:
    cursor = f"{reply[0].decode()}:{reply[1]}"
    last = found[limit - 1][0] if len(found) > limit else int(reply[2])
    return Page(tuple(found[:limit]), last or None, cursor)


def _has(view: bytes, text: str | None) -> bool:
    return text is None or text.casefold() in orjson.loads(view)["title"].casefold()


def proven(user: str, cursor: str) -> Generator[Call, Any, list[str]]:
    """Ids of ended jobs with an open notice whose view a client certainly has that has come to
    ``cursor``. Of the 50 most recently changed jobs alone: it may have begun there, with those."""
    epoch, position = _split(cursor)
    if position is None:
        return []
    partition = partition_of(user)
    feed, _, about = feed_keys(user)
    keys = (feed, key(partition, "outbox", user), about, key(partition, "epoch"))
    found = yield Call("proven", keys, (epoch, position, SNAPSHOT))
    return [job_id.decode() for job_id in found]


def _split(cursor: str) -> tuple[str, int | None]:
    """Epoch and position; no position where it can't be a cursor of ours."""
    epoch, _, position = cursor.partition(":")
    ours = position.isdecimal() and len(position) <= SEQ_DIGITS
    return epoch, int(position) if ours else None


def _feed_call(user: str, since: int, limit: int) -> Call:
    partition = partition_of(user)
    return Call(
        "feed",
        (*feed_keys(user), key(partition, "epoch")),
        (secrets.token_hex(4), since, limit, key(partition, "job", ""), ROOM),
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
    return Feed(reply[1].decode(), reply[2], tuple(reply[3:]), reset, more=reply[0] == b"part")
