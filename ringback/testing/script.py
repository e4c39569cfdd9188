"""Runs the store's scripts as a server does: the same text, in Lua 5.1, on the same commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from redis.exceptions import ResponseError

try:
    from lupa import lua51
except ImportError as error:  # not a dependency of those who only run jobs
    raise ImportError("ringback.testing needs Lua: pip install 'ringback[testing]'") from error

Execute = Callable[..., Any]  #: a command's name and words, to its reply


class Scripts:
    """Compiled scripts. ``execute`` does what they ask for by ``redis.call``.

    What a script may use besides Lua's own: ``redis.call`` and ``cjson.decode``.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._lua = lua51.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
        self._null = self._lua.table()  # cjson's null is true too, and equals only itself
        self._compiled: dict[bytes, Any] = {}
        world = self._lua.globals()
        world[b"redis"] = self._table({b"call": self._call})
        world[b"cjson"] = self._table({b"decode": self._decode, b"null": self._null})

    def run(self, source: bytes, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
        """A script's reply. Raises ResponseError, and LuaError for a fault of the script's own."""
        function = self._compiled.get(source)
        if function is None:
            function = self._compiled[source] = self._compile(source)
        return self._reply(function(self._table(keys), self._table(args)))

    def _compile(self, source: bytes) -> Any:
        _, _, body = source.partition(b"\n")  # the shebang
        return self._lua.execute(b"return function(KEYS, ARGV)\n" + body + b"\nend")

    def _call(self, name: bytes, *words: object) -> Any:
        return self._value(self._execute(name.decode(), *map(_word, words)))

    def _decode(self, text: bytes) -> Any:
        return self._json(orjson.loads(text))

    def _json(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict):
            return self._table({k.encode(): self._json(v) for k, v in value.items()})
        if isinstance(value, list):
            return self._table([self._json(v) for v in value])
        return self._null if value is None else value

    def _table(self, values: Any) -> Any:
        return self._lua.table_from(values)

    def _value(self, reply: Any) -> Any:
        """A command's reply as scripts see it: in RESP2, with false for nothing."""
        match reply:
            case None:
                return False
            case float():
                return _word(reply)
            case set() | frozenset():
                return self._table(sorted(reply))
            case dict():
                return self._table([word for pair in reply.items() for word in pair])
            case list():
                return self._table([self._value(part) for part in _flat(reply)])
        return reply

    def _reply(self, value: Any) -> Any:
        """What a script returned, as its caller sees it."""
        if lua51.lua_type(value) == "table":
            return self._array(value)
        if isinstance(value, bool):
            return 1 if value else None
        return int(value) if isinstance(value, float) else value

    def _array(self, table: Any) -> list[Any]:
        found: list[Any] = []
        while (value := table[len(found) + 1]) is not None:  # the first nil ends it
            found.append(self._reply(value))
        return found


def _word(value: object) -> bytes:
    """A command's argument, as a server writes Lua's strings and numbers."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ResponseError("Command arguments must be strings or integers")
    whole = isinstance(value, int) or value.is_integer()
    return b"%d" % int(value) if whole else repr(value).encode()


def _flat(reply: list[Any]) -> list[Any]:
    return [word for part in reply for word in (part if isinstance(part, list) else [part])]
