"""Start-up's look at the store: is it new enough, does it keep what it is given?"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog

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
EVICTS = (
    "The store may throw keys away when its memory is full, jobs among them. "
    "Set `maxmemory-policy noeviction`."
)


def check(url: str) -> None:
    """Raises SettingsError for a server that is too old or doesn't answer; logs a warning for one
    that may lose what it has accepted."""
    store = Store(url)
    try:
        facts = store.do(_facts(), PATIENCE)
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
    """What a server with these INFO fields risks."""
    found = []
    if facts.get("aof_enabled") == "0":
        found.append(NO_AOF)
    if facts.get("maxmemory_policy", "noeviction") != "noeviction":
        found.append(EVICTS)
    return found


def _facts() -> Generator[Call, Any, dict[str, str]]:
    info = yield plain("INFO", "server", "persistence", "memory")
    return {str(key): str(value) for key, value in info.items()}


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
