"""Start-up's look at the store."""

from __future__ import annotations

import pytest

from ringback import floor
from ringback.errors import SettingsError
from tests.rig import Rig, Valkey


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


def test_a_password_is_not_shown_when_the_store_does_not_answer(
    shared_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "PATIENCE", 0)
    with pytest.raises(SettingsError) as caught:
        floor.check("redis://user:hush@127.0.0.1:1/0")
    assert "127.0.0.1:1" in str(caught.value)
    assert "hush" not in str(caught.value)
    floor.check(shared_valkey.url)
