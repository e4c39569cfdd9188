"""Processes that tell that they are there: hashes of beats, timed by the store's clock."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import orjson

from ringback.keys import Call, plain

FORGOTTEN = 60_000  #: ms after its last beat when a process that never said goodbye is dropped


def beat(where: str, who: str, said: dict[str, Any]) -> Generator[Call, Any, None]:
    """Tells that ``who`` is there, and what it has to say."""
    now = yield from _now()
    yield plain("HSET", where, who, orjson.dumps({**said, "at": now}))


def leave(where: str, who: str) -> Generator[Call, Any, None]:
    """Tells that ``who`` is going."""
    yield plain("HDEL", where, who)


def alive(where: str, within: int) -> Generator[Call, Any, dict[str, dict[str, Any]]]:
    """What was said by those whose last beat is at most ``within`` ms ago, by name."""
    beats = yield plain("HGETALL", where)
    now = yield from _now()
    said = {who.decode(): orjson.loads(text) for who, text in beats.items()}
    ages = {who: now - fields.pop("at") for who, fields in said.items()}
    for who, age in ages.items():
        if age > FORGOTTEN:  # one that beats in this moment is back with its next beat
            yield from leave(where, who)
    return {who: said[who] for who in sorted(said) if ages[who] <= within}


def _now() -> Generator[Call, Any, int]:
    """The store's clock, ms since 1970."""
    seconds, micros = yield plain("TIME")
    return int(seconds) * 1000 + int(micros) // 1000
