"""Fixtures: real parts, each test module its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ringback.connection import Store
from ringback.testing import FakeStore
from tests.e2e.client import Client
from tests.rig import Rig, Valkey


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One server for tests that don't hurt it. It writes to disk at once, or each durable change
    would wait for the second's fsync."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendfsync", "always")
    yield server
    server.kill()


@pytest.fixture
def real(shared_valkey: Valkey) -> Iterator[Store]:
    """A store on the shared server, emptied."""
    store = Store(shared_valkey.url)
    store.client.flushall()
    yield store
    store.close()


@pytest.fixture
def db(real: Store) -> Store:
    """The store that most tests use."""
    return real


@pytest.fixture(params=["valkey", "memory"])
def either(request: pytest.FixtureRequest) -> Store:
    """The real store, then the one in memory. A module whose tests hold for both has a ``db``
    fixture that is this."""
    if request.param == "memory":
        return FakeStore()
    store: Store = request.getfixturevalue("real")
    return store


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An installation for a module whose tests leave it whole."""
    whole = Rig(tmp_path_factory.mktemp("rig"))
    yield whole
    whole.close()


@pytest.fixture
def own_rig(tmp_path: Path) -> Iterator[Rig]:
    """An installation that a test may break."""
    whole = Rig(tmp_path / "rig")
    yield whole
    whole.close()


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Callable[[], Client]]:
    """Opens browser tabs, so to speak: stock clients, closed after the test."""
    opened: list[Client] = []

    def another() -> Client:
        opened.append(Client(tmp_path / f"tab-{len(opened)}"))
        return opened[-1]

    yield another
    for client in opened:
        client.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that isn't there yet; jobs that wait for it end when the test touches it."""
    return tmp_path / "gate"
