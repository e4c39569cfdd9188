"""A client that takes nothing costs little, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import engine
from gateway.stalled import WITHIN, Stalled
from tests.wire import gateway


def test_a_client_that_stands_still_is_found_within_ten_seconds() -> None:
    stalled = Stalled[str](WITHIN)
    found = [second for second in range(12) if stalled.look({"a": (1, 500)}, second)]
    assert found[0] == WITHIN < 10


@pytest.mark.parametrize("mark", [lambda s: (s, 500), lambda s: (1, 500 - s)])
def test_a_slow_client_is_left_alone(mark: Callable[[int], object]) -> None:
    stalled = Stalled[str](WITHIN)
    assert not any(stalled.look({"a": mark(second)}, second) for second in range(60))


def test_a_client_for_which_nothing_waits_cant_stall() -> None:
    stalled = Stalled[str](WITHIN)
    for second in range(0, 60, 5):
        assert stalled.look({"a": 1}, second) == []
        assert stalled.look({}, second + 1) == []


async def test_a_socket_that_takes_nothing_is_cut(
    shared_valkey: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.WITHIN", 0.2)
    monkeypatch.setattr(engine, "LOOK_EVERY", 0.05)
    async with gateway(shared_valkey.url, tmp_path) as node:
        polling = await node.polling()
        await polling.sign_in()
        await polling.post("3")  # is there, and never polls again
        async with asyncio.timeout(20):
            for number in range(100):
                if await polling.ended():
                    return
                await polling.post(f'42{number}["presence",{{"state":"active"}}]')
                await asyncio.sleep(0.05)
    raise AssertionError("it wasn't cut")
