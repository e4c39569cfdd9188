"""The plain commands that Ringback's operations and scripts use, on a keyspace in memory.

Replies have the types that a connection in RESP3 gives (a hash is a dict, a score a float);
``ringback.testing.script`` turns them into what a script is given. Each function is the command of
its name, with the options that are used. A command that isn't here fails by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from redis.exceptions import ResponseError

from ringback.testing.keyspace import Hash, Keyspace, List, Set
from ringback.testing.zset import Pair, ZSet, flags, number, span

Command = Callable[..., Any]
COMMANDS: dict[str, Command] = {}


def command(function: Command) -> Command:
    """Makes ``function`` the command of its name, with the keyspace as its first argument."""
    COMMANDS[function.__name__.strip("_").upper()] = function
    return function


def run(space: Keyspace, name: str, *words: bytes) -> Any:
    """Runs a command. Raises ResponseError as a server would, and NotImplementedError for a
    command that isn't here."""
    known = COMMANDS.get(name.upper())
    if known is None:
        raise NotImplementedError(
            f"{name.upper()} isn't among the commands of ringback.testing: add it to commands.py"
        )
    try:
        return known(space, *words)
    finally:
        if words:
            space.tidy(words[0])


def pairs(words: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    """Two words at a time."""
    if len(words) % 2 or not words:
        raise ResponseError("wrong number of arguments")
    return zip(words[::2], words[1::2], strict=True)


# -- names


@command
def time(space: Keyspace) -> list[bytes]:
    seconds, ms = divmod(space.clock.ms, 1000)
    return [b"%d" % seconds, b"%d" % (ms * 1000)]


@command
def keys(space: Keyspace, pattern: bytes) -> list[bytes]:
    # `{p}` is no special text to either; brackets, which are, aren't in our names
    wanted = pattern.decode("latin-1")
    return [name for name in space.names() if fnmatchcase(name.decode("latin-1"), wanted)]


@command
def type_(space: Keyspace, name: bytes) -> bytes:
    return (space.type_of(name) or "none").encode()


@command
def exists(space: Keyspace, *names: bytes) -> int:
    return sum(space.type_of(name) is not None for name in names)


@command
def del_(space: Keyspace, *names: bytes) -> int:
    return sum(space.drop(name) for name in names)


@command
def pexpire(space: Keyspace, name: bytes, ms: bytes) -> int:
    return int(space.end_at(name, space.clock.ms + int(ms)))


@command
def pttl(space: Keyspace, name: bytes) -> int:
    if space.type_of(name) is None:
        return -2
    at = space.ends(name)
    return -1 if at is None else at - space.clock.ms


@command
def flushall(space: Keyspace) -> bytes:
    space.clear()
    return b"OK"


# -- strings


@command
def get(space: Keyspace, name: bytes) -> bytes | None:
    return space.get(name, bytes)


@command
def set_(space: Keyspace, name: bytes, value: bytes, *words: bytes) -> bytes | None:
    options, rest = flags(words, "NX XX")
    unit, *amount = [*rest, b""]
    there = space.type_of(name) is not None
    if (there and "NX" in options) or (not there and "XX" in options):
        return None
    space.put(name, value)
    if unit:
        scale = {b"PX": 1, b"EX": 1000}[unit.upper()]
        space.end_at(name, space.clock.ms + int(amount[0]) * scale)
    return b"OK"


# -- hashes


@command
def hset(space: Keyspace, name: bytes, *words: bytes) -> int:
    fields, given = space.write(name, Hash), dict(pairs(words))
    new = len(given.keys() - fields.keys())
    fields.update(given)
    return new


@command
def hget(space: Keyspace, name: bytes, field: bytes) -> bytes | None:
    return space.read(name, Hash).get(field)


@command
def hmget(space: Keyspace, name: bytes, *fields: bytes) -> list[bytes | None]:
    found = space.read(name, Hash)
    return [found.get(field) for field in fields]


@command
def hgetall(space: Keyspace, name: bytes) -> dict[bytes, bytes]:
    return dict(space.read(name, Hash))


@command
def hkeys(space: Keyspace, name: bytes) -> list[bytes]:
    return list(space.read(name, Hash))


@command
def hvals(space: Keyspace, name: bytes) -> list[bytes]:
    return list(space.read(name, Hash).values())


@command
def hexists(space: Keyspace, name: bytes, field: bytes) -> int:
    return int(field in space.read(name, Hash))


@command
def hdel(space: Keyspace, name: bytes, *fields: bytes) -> int:
    held = space.write(name, Hash)
    return sum(held.pop(field, None) is not None for field in fields)


@command
def hincrby(space: Keyspace, name: bytes, field: bytes, by: bytes) -> int:
    fields = space.write(name, Hash)
    value = int(fields.get(field, b"0")) + int(by)
    fields[field] = b"%d" % value
    return value


# -- sets


@command
def sadd(space: Keyspace, name: bytes, *members: bytes) -> int:
    held = space.write(name, Set)
    new = set(members) - held
    held |= new
    return len(new)


@command
def srem(space: Keyspace, name: bytes, *members: bytes) -> int:
    held = space.write(name, Set)
    gone = held & set(members)
    held -= gone
    return len(gone)


@command
def smembers(space: Keyspace, name: bytes) -> set[bytes]:
    return set(space.read(name, Set))


@command
def scard(space: Keyspace, name: bytes) -> int:
    return len(space.read(name, Set))


# -- lists


@command
def rpush(space: Keyspace, name: bytes, *values: bytes) -> int:
    held = space.write(name, List)
    held += values
    return len(held)


@command
def lrange(space: Keyspace, name: bytes, first: bytes, last: bytes) -> list[bytes]:
    held = space.read(name, List)
    return held[slice(*span(first, last, len(held)))]


@command
def lindex(space: Keyspace, name: bytes, place: bytes) -> bytes | None:
    held, at = space.read(name, List), int(place)
    return held[at] if -len(held) <= at < len(held) else None


@command
def llen(space: Keyspace, name: bytes) -> int:
    return len(space.read(name, List))


@command
def ltrim(space: Keyspace, name: bytes, first: bytes, last: bytes) -> bytes:
    held = space.write(name, List)
    held[:] = held[slice(*span(first, last, len(held)))]
    return b"OK"


# -- sorted sets


@command
def zadd(space: Keyspace, name: bytes, *words: bytes) -> int:
    options, rest = flags(words, "NX XX CH")
    given = [(number(score), member) for score, member in pairs(tuple(rest))]
    held = space.write(name, ZSet)
    before = dict(held)
    for score, member in given:
        if not options & {"NX", "XX"} or ("XX" in options) == (member in held):
            held[member] = score
    changed = held.keys() if "CH" in options else held.keys() - before.keys()
    return sum(held[member] != before.get(member) for member in changed)


@command
def zrem(space: Keyspace, name: bytes, *members: bytes) -> int:
    held = space.write(name, ZSet)
    return sum(held.pop(member, None) is not None for member in members)


@command
def zcard(space: Keyspace, name: bytes) -> int:
    return len(space.read(name, ZSet))


@command
def zscore(space: Keyspace, name: bytes, member: bytes) -> float | None:
    return space.read(name, ZSet).get(member)


@command
def zcount(space: Keyspace, name: bytes, low: bytes, high: bytes) -> int:
    return len(space.read(name, ZSet).between(low, high))


@command
def zrange(space: Keyspace, name: bytes, first: bytes, last: bytes, *words: bytes) -> list[Any]:
    options, rest = flags(words, "BYSCORE REV")
    held = space.read(name, ZSet)
    if "BYSCORE" not in options:
        found = held.ranked(first, last, rev="REV" in options)
    elif "REV" in options:
        found = held.between(last, first)[::-1]
    else:
        found = held.between(first, last)
    return _limited(found, rest)


def _limited(found: list[Pair], words: list[bytes]) -> list[Any]:
    if words[:1] == [b"LIMIT"]:
        start, count = int(words[1]), int(words[2])
        found = found[start:] if count < 0 else found[start : start + count]
        words = words[3:]
    if words not in ([], [b"WITHSCORES"]):
        raise ResponseError(f"syntax error: {words!r}")
    return [list(pair) for pair in found] if words else [member for member, _ in found]


@command
def zremrangebyscore(space: Keyspace, name: bytes, low: bytes, high: bytes) -> int:
    held = space.write(name, ZSet)
    gone = held.between(low, high)
    for member, _ in gone:
        del held[member]
    return len(gone)
