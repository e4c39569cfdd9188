"""Names and what is stored under them: strings, hashes, sets, lists and sorted sets.

Nothing here knows what Ringback keeps: it is the part of a server's memory that plain commands
work on.
"""

from __future__ import annotations

from typing import Any, TypeVar

from redis.exceptions import ResponseError

from ringback.testing.clock import Clock
from ringback.testing.zset import ZSet


class Hash(dict[bytes, bytes]):
    """Values by field."""


class Set(set[bytes]):
    """Members."""


class List(list[bytes]):
    """Elements."""


V = TypeVar("V", bytes, Hash, Set, List, ZSet)

TYPES: dict[type[Any], str] = {
    bytes: "string", Hash: "hash", Set: "set", List: "list", ZSet: "zset",
}  # fmt: skip


class Keyspace:
    """What a server holds in memory. A collection that has become empty is gone, as there."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._values: dict[bytes, Any] = {}
        self._ends: dict[bytes, int] = {}  #: ms since 1970

    def names(self) -> list[bytes]:
        """All names."""
        for name in list(self._ends):
            self._end(name)
        return sorted(self._values)

    def type_of(self, name: bytes) -> str | None:
        """The type of a value, in the words of the ``TYPE`` command; None: there is none."""
        self._end(name)
        value = self._values.get(name)
        return None if value is None else TYPES[type(value)]

    def get(self, name: bytes, kind: type[V]) -> V | None:
        """A value. Raises ResponseError where it is of another kind."""
        self._end(name)
        value = self._values.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")

    def read(self, name: bytes, kind: type[V]) -> V:
        """A collection to look at: an empty one where there is none."""
        return self.get(name, kind) or kind()

    def write(self, name: bytes, kind: type[V]) -> V:
        """A collection to change, made where there is none; to be ``tidy``'d afterwards."""
        value = self.get(name, kind)
        return self._values.setdefault(name, kind()) if value is None else value

    def put(self, name: bytes, value: bytes) -> None:
        """Replaces whatever the name had by a string that doesn't end."""
        self.drop(name)
        self._values[name] = value

    def drop(self, name: bytes) -> bool:
        """Removes a name; whether there was one."""
        self._end(name)
        self._ends.pop(name, None)
        return self._values.pop(name, None) is not None

    def tidy(self, name: bytes) -> None:
        """Removes a collection that has become empty."""
        if self._values.get(name) in ({}, set(), []):
            self.drop(name)

    def end_at(self, name: bytes, ms: int) -> bool:
        """Gives a name an end; whether there is such a name."""
        if self.type_of(name) is None:
            return False
        self._ends[name] = ms
        return True

    def ends(self, name: bytes) -> int | None:
        """When a name ends; None: never."""
        return self._ends.get(name)

    def clear(self) -> None:
        """Forgets everything."""
        self._values.clear()
        self._ends.clear()

    def _end(self, name: bytes) -> None:
        if self._ends.get(name, self.clock.ms + 1) <= self.clock.ms:
            del self._ends[name], self._values[name]
