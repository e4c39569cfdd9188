"""Start-up's look at the store."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import redis
from structlog.testing import capture_logs

from ringback import floor, valkey
from ringback.errors import SettingsError
from ringback.settings import PREFIX, Settings, load_settings
from tests.rig import WITHIN, Process, Rig, Valkey, free_port


@pytest.mark.parametrize(
    "facts", [{"redis_version": "7.0.15"}, {"redis_version": "7.2.4", "valkey_version": "7.2.9"}]
)
def test_a_server_that_is_too_old_is_refused(facts: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"Valkey 8 or Redis 7\.2 or newer"):
        floor.check_version(facts)


@pytest.mark.parametrize(
    "facts", [{"redis_version": "7.2.0"}, {"redis_version": "7.2.4", "valkey_version": "9.1.2"}]
)
def test_a_server_that_is_new_enough_is_taken(facts: dict[str, str]) -> None:
    floor.check_version(facts)


def test_what_a_server_may_lose_is_said() -> None:
    assert floor.warnings({"aof_enabled": "0"}) == [floor.NO_AOF]
    assert floor.warnings({"aof_enabled": "1", "maxmemory_policy": "allkeys-lru"}) == [floor.EVICTS]
    early = {"aof_enabled": "1", "appendfsync": "everysec", "valkey_version": "9.1.2"}
    assert floor.warnings(early) == [floor.TOO_EARLY]
    assert floor.warnings(early | {"appendfsync": "always"}) == []


def test_a_part_warns_in_its_log_when_it_starts(own_rig: Rig) -> None:
    assert "acknowledges writes up to a second before" in own_rig.supervisor().log


def settings(url: str, broker: str | None = None) -> Settings:
    return load_settings(store_url=url, broker_url=broker, jwt_secret="s" * 48)


async def test_a_store_that_answers_is_waited_for_no_longer(shared_valkey: Valkey) -> None:
    await floor.check(settings(shared_valkey.url))


async def test_a_store_that_is_away_is_said_at_once_without_its_password_and_waited_for() -> None:
    with capture_logs() as said, pytest.raises(TimeoutError):
        await asyncio.wait_for(floor.check(settings("redis://u:hush@127.0.0.1:1/0")), 0.7)
    (warning,) = said
    assert (warning["event"], warning["store"]) == ("store.waits", "redis://127.0.0.1:1/0")
    assert "connecting to 127.0.0.1:1" in warning["reason"]
    assert "hush" not in str(said)


@pytest.mark.parametrize(
    ("password", "given"), [("", "who:hush@"), ("", ":hush@"), ("right", ""), ("right", ":hush@")]
)
async def test_a_store_that_wants_another_password_is_no_matter_of_waiting(
    guarded: Valkey, password: str, given: str
) -> None:
    with redis.Redis.from_url(guarded.url) as client:
        client.config_set("requirepass", password)
        refused = await refusal(settings(guarded.url.replace("//", f"//{given}")))
        client.config_set("requirepass", "")
    assert refused.startswith(f"RINGBACK_STORE_URL={guarded.url}: ")
    assert "doesn't take this user and password, or wants one. Give what the server" in refused
    assert "hush" not in refused


async def test_a_database_that_the_server_lacks_is_refused(shared_valkey: Valkey) -> None:
    host = shared_valkey.url.removesuffix("/0")
    refused = await refusal(settings(f"{host}/99"))
    assert refused.startswith(f"RINGBACK_STORE_URL={host}/99: the server has no such database. ")
    refused = await refusal(settings(f"{host}/15"))
    assert refused.startswith("RINGBACK_BROKER_URL (unset: the store's next database)=")
    await floor.check(settings(shared_valkey.url, "redis://127.0.0.1:1/0"))


async def refusal(wrong: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        await floor.check(wrong)
    return str(caught.value)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server whose password tests may change."""
    server = Valkey(tmp_path_factory.mktemp("guarded"))
    yield server
    server.kill()


def test_a_gateway_whose_store_is_away_listens_and_ends_when_a_wrong_one_comes(
    tmp_path: Path,
) -> None:
    port, store = free_port(), free_port()
    env = {
        "STORE_URL": f"redis://who:hush@127.0.0.1:{store}/0", "JWT_SECRET": "s" * 48,
        "PORT": str(port), "DATA_DIR": str(tmp_path),
    }  # fmt: skip
    argv = [sys.executable, "-m", "ringback.cli", "gateway"]
    all_of_it = {**os.environ, **{PREFIX + name: value for name, value in env.items()}}
    gateway = Process(argv, all_of_it, tmp_path / "log")
    server = None
    try:
        gateway.says("gateway.ready")
        assert "store.waits" in gateway.log
        assert [status(port, path) for path in ("healthz", "readyz")] == [200, 503]
        assert gateway.log.count("hub.reconnects") <= 2, "now and then, not each time"
        server = Process(valkey.command(store, tmp_path), dict(os.environ), tmp_path / "valkey")
        assert gateway.popen.wait(WITHIN) == 2
        assert "doesn't take this user" in gateway.log
        assert "hush" not in gateway.log
    finally:
        gateway.kill()
        if server is not None:
            server.kill()


def status(port: int, path: str) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
