"""One whole installation for all tests of this folder; they leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig import Rig

UPLOADS = 100_000  #: bytes of the largest upload


@pytest.fixture(scope="package")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An installation with one of each part."""
    whole = Rig(tmp_path_factory.mktemp("e2e"))
    whole.own["MAX_UPLOAD"] = str(UPLOADS)
    try:
        whole.all()
        yield whole
    finally:  # also where a part didn't start: nothing of it may stay
        whole.close()
