"""Start-up's look at the store: is it new enough, does it keep what it is given?"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
from redis.exceptions import ResponseError

from ringback.connection import Store
from ringback.errors import SettingsError, StoreUnavailable
from ringback.keys import Call, plain

log = structlog.get_logger(__name__)

VALKEY, REDIS = (8, 0), (7, 2)
PATIENCE = 60.0  #: seconds that a part waits for the store when it starts

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


def check(url: str) -> None:
    """Raises SettingsError for a server that is too old or doesn't answer; logs a warning for one
    that may lose what it has accepted."""
    store = Store(url)
    try:
        facts = _facts(store)
    except StoreUnavailable as error:
        raise SettingsError(f"RINGBACK_STORE_URL={_shown(url)}: {error}") from None
    finally:
        store.close()
    check_version(facts)
    for warning in warnings(facts):
        log.warning("store.risk", reason=warning)


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


def _facts(store: Store) -> dict[str, str]:
    facts = store.do(_ask("INFO", "server", "persistence", "memory"), PATIENCE)
    with suppress(ResponseError):  # managed servers don't tell their configuration
        facts |= store.do(_ask("CONFIG", "GET", "appendfsync"))
    return facts


def _ask(*command: str) -> Generator[Call, Any, dict[str, str]]:
    answer = yield plain(*command)
    return {_text(name): _text(value) for name, value in answer.items()}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
