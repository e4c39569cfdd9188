"""Whose signature makes a token good: one shared secret, or an issuer's published keys.

The two never mix: with a secret HS256 is the only algorithm, with published keys the only ones
are asymmetric, and each key has one. So no token can choose how it is verified (RFC 8725, 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from gateway.claims import BadToken, shown

ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Key:
    """What verifies a signature, and by which algorithm alone."""

    algorithm: str
    material: Any

    def check(self, header: dict[str, Any]) -> None:
        """Raises BadToken where a token's header names another algorithm."""
        if header.get("alg") != self.algorithm:
            told = f"its `alg` is {shown(header.get('alg'))}; its key is for {self.algorithm} alone"
            raise BadToken(told)


class Keys(Protocol):
    """Where the keys come from."""

    async def find(self, header: dict[str, Any]) -> Key:
        """The key for a token with this header. Raises BadToken where there is none, and
        KeysUnavailable where that can't be told now."""

    async def run(self) -> None:
        """Keeps the keys up to date until cancelled."""


class Secret:
    """The shared secret. ``kid``, and whatever else a header names, chooses nothing."""

    def __init__(self, secret: str) -> None:
        self._key = Key(ALGORITHM, secret)

    async def find(self, header: dict[str, Any]) -> Key:
        """The one key there is."""
        self._key.check(header)
        return self._key

    async def run(self) -> None:
        """A secret stays as it is."""
