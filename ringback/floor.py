"""Start-up's look at the store: is it new enough, does it keep what it is given?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
import structlog
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError

from ringback.connection import TIMEOUT, AsyncStore, passing
from ringback.errors import SettingsError, StoreUnavailable
from ringback.keys import Call, plain
from ringback.settings import Settings

log = structlog.get_logger(__name__)

VALKEY, REDIS = (8, 0), (7, 2)
LOOK_EVERY = 0.5  #: seconds between two looks for a store that doesn't answer
NO_DATABASE = "DB index is out of range"  #: redis-py takes it for a lost connection
SAY_EVERY = 10.0  #: seconds between two warnings of it

NO_AOF = (
    "The store keeps no append-only file: jobs and notices that were accepted are lost if it "
    "stops. Set `appendonly yes`."
)
TOO_EARLY = (
    "Valkey with `appendfsync everysec` acknowledges writes up to a second before they are on disk "
    "(docs/performance.md): a power failure may take them. Set `appendfsync always`."
)
EVICTS = (
    "The store may throw keys away when its memory is full, jobs among them. "
    "Set `maxmemory-policy noeviction`."
)


async def check(settings: Settings) -> None:
    """Returns once the store answers and is good; waits for it as long as that takes, and warns
    meanwhile. Raises SettingsError for a server that is too old or refuses us, which no waiting
    mends; logs a warning for one that may lose what it has accepted."""
    facts = await _facts(settings.store, _patiently)
    check_version(facts)
    for warning in warnings(facts):
        log.warning("store.risk", reason=warning)
    await _greet_both(settings)


async def look(settings: Settings) -> list[str]:
    """What the store risks, as it is now. Raises SettingsError as ``check`` does, and
    StoreUnavailable."""
    facts = await _facts(settings.store, _asked)
    check_version(facts)
    await _greet_both(settings)
    return warnings(facts)


async def _greet_both(settings: Settings) -> None:
    await _greet("RINGBACK_STORE_URL", settings.store)
    broker = "RINGBACK_BROKER_URL"
    await _greet(
        broker if settings.broker_url else f"{broker} (unset: the store's next database)",
        settings.broker,
    )


async def _greet(setting: str, url: str) -> None:
    """Raises SettingsError where the server doesn't want us. RESP2, in which events are read,
    refuses a password where there is none; RESP3 takes it."""
    client: Any = redis.asyncio.Redis.from_url(
        url, protocol=2, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )
    try:
        await client.ping()
    except RedisError as error:
        if _final(error):  # else it comes back, and who needs it waits for it
            raise _refused(setting, url, error) from None
    finally:
        await client.aclose()


def check_version(facts: Mapping[str, str]) -> None:
    """Raises SettingsError below Valkey 8 or Redis 7.2."""
    name, least = ("valkey", VALKEY) if "valkey_version" in facts else ("redis", REDIS)
    text = facts.get(f"{name}_version", "0")
    if tuple(int(part) for part in text.split(".")[:2]) < least:
        wanted = "Valkey 8 or Redis 7.2"
        raise SettingsError(
            f"RINGBACK_STORE_URL: the server is {name} {text}; use {wanted} or newer"
        )


def warnings(facts: Mapping[str, str]) -> list[str]:
    """What a server with these INFO fields and ``appendfsync`` (where it may be asked) risks."""
    found = []
    if facts.get("aof_enabled") == "0":
        found.append(NO_AOF)
    elif facts.get("appendfsync") == "everysec" and "valkey_version" in facts:
        found.append(TOO_EARLY)
    if facts.get("maxmemory_policy", "noeviction") != "noeviction":
        found.append(EVICTS)
    return found


async def _facts(url: str, ask: Callable[..., Awaitable[Any]]) -> dict[str, str]:
    store = AsyncStore(url)
    try:
        facts = _read(await ask(url, store, "INFO", "server", "persistence", "memory"))
        with suppress(RedisError, StoreUnavailable):  # managed servers don't tell
            facts |= _read(await store.do(_ask("CONFIG", "GET", "appendfsync")))
    finally:
        await store.close()
    return facts


async def _patiently(url: str, store: AsyncStore, *command: str) -> Any:
    said = float("-inf")
    while True:
        try:
            return await _asked(url, store, *command)
        except StoreUnavailable as error:
            if time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                log.warning("store.waits", store=_shown(url), reason=str(error))
        await asyncio.sleep(LOOK_EVERY)


async def _asked(url: str, store: AsyncStore, *command: str) -> Any:
    """The server's answer. Raises StoreUnavailable while there is none, and SettingsError where
    it doesn't want us."""
    try:
        return await store.do(_ask(*command))
    except (ResponseError, StoreUnavailable) as error:
        cause = error.__cause__ or error
        if _final(cause):
            raise _refused("RINGBACK_STORE_URL", url, cause) from None
        raise


def _final(error: BaseException) -> bool:
    """Whether no waiting mends it: a wrong password, a right or a database that we lack."""
    if isinstance(error, ResponseError):
        return not passing(error)
    return isinstance(error, AuthenticationError | AuthorizationError) or NO_DATABASE in str(error)


def _refused(setting: str, url: str, error: BaseException) -> SettingsError:
    if isinstance(error, AuthenticationError):
        why = "the server doesn't take this user and password, or wants one"
        fix = "Give what the server knows, and none where it has none"
    elif NO_DATABASE in str(error):
        why = "the server has no such database"
        fix = "Choose another, or raise its `databases`"
    else:
        why = f"the server refuses us ({str(error).rstrip('.')})"
        fix = "Give a user who may run all commands on all keys"
    return SettingsError(f"{setting}={_shown(url)}: {why}. {fix}.")


def _ask(*command: str) -> Generator[Call, Any, Any]:
    return (yield plain(*command))


def _read(answer: Mapping[Any, Any]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in answer.items()}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _shown(url: str) -> str:
    """Without user and password, nor a query, which may hold them, too."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
