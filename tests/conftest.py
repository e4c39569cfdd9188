"""Fixtures: real parts, each test module its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.connection import Store
from tests.rig import Rig, Valkey


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One server for tests that don't hurt it."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.kill()


@pytest.fixture
def db(shared_valkey: Valkey) -> Iterator[Store]:
    """A store on the shared server, emptied."""
    store = Store(shared_valkey.url)
    store.client.flushall()
    yield store
    store.close()


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
