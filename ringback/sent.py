"""Emails that left: whose they were and what they told, by Message-ID, for a month.

A Message-ID is known to us, to the mail servers on its way and to its reader. So whoever names one
with something to say about that email is heard, and nobody can have another's address stopped by
a forged report. What is known of an email's end is noted here, too: each kind of news counts once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ringback.keys import Call, key, partition_of, plain

KEPT = 30 * 86_400_000  #: ms; mail servers give up after five days
LONGEST = 250  #: characters of a Message-ID; ours have fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One email: its ``user``, the ``address`` it went to, the ``jobs`` it told of, and the kinds
    of ``news`` about it that were heard."""

    message_id: str
    user: str
    address: str
    jobs: tuple[str, ...]
    news: frozenset[str]


def note(
    message_id: str, user: str, address: str, jobs: Sequence[str], *, again: bool = False
) -> Generator[Call, Any, None]:
    """Before an email leaves. ``again``: it may have left before, and what was heard of it since
    counts; else news of an earlier one that bore this Message-ID is forgotten (operators sent it
    anew)."""
    yield _call("note", message_id, KEPT, user, address, orjson.dumps(jobs), int(again))


def find(message_id: str) -> Generator[Call, Any, Sent | None]:
    """The email; None for one that isn't ours, or left too long ago."""
    if not (0 < len(message_id) <= LONGEST and message_id.isascii()):
        return None
    fields = yield plain("HGETALL", _key(message_id))
    if b"user" not in fields:
        return None
    known = {name.decode(): text.decode() for name, text in fields.items()}
    news = frozenset(name.removeprefix("news ") for name in known if name.startswith("news "))
    return Sent(
        message_id=message_id, user=known["user"], address=known["address"],
        jobs=tuple(orjson.loads(known["jobs"])), news=news,
    )  # fmt: skip


def heard(message_id: str, news: str) -> Generator[Call, Any, None]:
    """Notes that a kind of news about an email was acted on."""
    yield _call("heard", message_id, news)


def _key(message_id: str) -> str:
    # (spread over the slots like everything, though it is no user's partition)
    return key(partition_of(message_id), "sent", message_id)


def _call(action: str, message_id: str, *args: Any) -> Call:
    return Call("sent", (_key(message_id),), (action, *args))
