"""What operators must know and can mend: an open list in the store, the same for all parts.

An alert has a name, so that the same trouble sounds again and isn't told twice. It is settled by
who finds the trouble gone, and forgotten seven days after it last sounded. Shown on ``/ops``, in
``/metrics`` and by ``ringback doctor``.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ringback.errors import whole
from ringback.instant import Instant
from ringback.keys import Call

INDEX, RECORD = "rb:{alerts}:open", "rb:{alerts}:alert:"
KEPT = 7 * 86_400_000  #: ms after the last sounding
MOST = 200  #: open ones; beyond, the one that has been quiet for longest is forgotten
TEXT_SHOWN = 600  #: characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """``text`` says in plain words what is wrong and what to do; ``since``: when it sounded first,
    ``last``: when last; ``count``: how often."""

    key: str
    text: str
    since: Instant
    last: Instant
    count: int


def sound(key: str, text: str) -> Generator[Call, Any, int]:
    """Opens the alert or lets it sound again, with its newest text; how often it has sounded. A
    call whose reply was lost may count twice, where another sounding came between."""
    op = secrets.token_hex(8)
    count: int = yield _call("sound", key, whole(text)[:TEXT_SHOWN], op, KEPT, MOST)
    return count


def settle(key: str) -> Generator[Call, Any, bool]:
    """The trouble is gone; whether the alert was open."""
    was_open = yield _call("settle", key)
    return bool(was_open)


def open_ones() -> Generator[Call, Any, list[Alert]]:
    """The open alerts, the latest first."""
    rows = yield _call("open", KEPT)
    return [
        Alert(
            key=name.decode(), text=text.decode(), since=Instant(since), last=Instant(last),
            count=count,
        )
        for name, text, since, last, count in zip(*[iter(rows)] * 5, strict=True)
    ]  # fmt: skip


def _call(action: str, *args: Any) -> Call:
    return Call("alert", (INDEX, RECORD), (action, *args))
