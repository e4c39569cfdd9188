"""The keys that an issuer publishes: a JSON Web Key Set, fetched, kept and renewed.

Guarantees, with the constants below:

- a key that the issuer withdraws is refused at the latest ``FRESH`` later, while it answers;
- a new key is known with its first token, or ``UNKNOWN_EVERY`` later: tokens with invented key ids
  can't make us ask more often than that;
- while the issuer doesn't answer, known keys are good for ``KEPT``; then nobody gets in (503).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import aiohttp
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway import kinds
from gateway.claims import BadToken, json_object, shown
from gateway.problems import Problem
from gateway.signing import Key

log = structlog.get_logger(__name__)

FRESH = 300.0  #: seconds after which the keys are fetched again
UNKNOWN_EVERY = 10.0  #: seconds between two fetches, whatever asks for them
KEPT = 86_400.0  #: seconds for which keys are good that can't be fetched again
FETCH_WITHIN = 3.0  #: seconds
LARGEST = 65_536  #: bytes of a key set
MOST = 50  #: keys that are read of it
LONGEST_KID = 200  #: characters
RSA_BITS = 2_048  #: the least (RFC 7518, 3.3)
#: What a key may be used for, by its type and curve. Symmetric keys aren't published.
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}

PLAINLY = {"Accept": "application/json", "Accept-Encoding": "identity"}

Fetch = Callable[[], Awaitable[bytes]]


class KeySetError(Exception):
    """The key set couldn't be had; the text says why."""


class Jwks:
    """The issuer's keys. ``fetch`` gets the document, ``now`` tells seconds that never go back."""

    def __init__(self, fetch: Fetch, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, Key] = {}
        self._fetched: float | None = None
        self._asked: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, header: dict[str, Any]) -> Key:
        """The key that the header's ``kid`` names. Raises BadToken where the issuer has none, and a
        503 Problem while its keys aren't known. All else in the header that names or brings a
        key (``jku``, ``jwk``, ``x5u``, ``x5c``) is left alone."""
        kid = header.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
            raise BadToken("its header must have the `kid` of the key that signed it")
        if kid not in self._keys or self._age() >= KEPT:
            await self._renew()
        if self._age() >= KEPT:
            raise _unavailable()
        if kid not in self._keys:
            raise BadToken(f"its issuer has no key with the `kid` {shown(kid)}")
        self._keys[kid].check(header)
        return self._keys[kid]

    async def run(self) -> None:
        """Fetches the keys before they are stale, until cancelled."""
        try:
            while True:
                await self._renew()
                await asyncio.sleep(max(UNKNOWN_EVERY, FRESH - self._age()))
        finally:
            if self._fetching is not None:
                self._fetching.cancel()

    async def _renew(self) -> None:
        """One fetch for all who ask meanwhile, and none shortly after another."""
        if self._fetching is None:
            if self._asked is not None and self._now() - self._asked < UNKNOWN_EVERY:
                return
            self._asked = self._now()
            self._fetching = asyncio.ensure_future(self._read())
        # shielded: who no longer waits mustn't stop it for the others
        await asyncio.shield(self._fetching)

    async def _read(self) -> None:
        try:
            self._keys = keys_of(await self._fetch())
            self._fetched = self._now()
        except KeySetError as error:
            log.warning("jwks.not_fetched", reason=str(error))
        finally:
            self._fetching = None

    def _age(self) -> float:
        return math.inf if self._fetched is None else self._now() - self._fetched


def keys_of(document: bytes) -> dict[str, Key]:
    """The usable keys of a key set, by ``kid``. What we can't use is left out (RFC 7517, 5); an
    issuer may also have withdrawn all. Raises KeySetError for what is no key set."""
    try:
        listed = json_object(document, "key set").get("keys")
    except BadToken as error:
        raise KeySetError(str(error)) from None
    if not isinstance(listed, list):
        raise KeySetError("its key set has no list of `keys`")
    found: dict[str, Key] = {}
    for kid, key in _usable(listed[:MOST]):
        found.setdefault(kid, key)
    return found


def _usable(listed: Iterable[Any]) -> Iterable[tuple[str, Key]]:
    for described in listed:
        try:
            yield described["kid"], _key(described)
        except KeyError as error:
            log.warning("jwks.key_left_out", reason=f"it has no {error}")
        except (KeySetError, jwt.PyJWTError, TypeError, ValueError) as error:
            log.warning("jwks.key_left_out", reason=str(error))


def _key(described: dict[str, Any]) -> Key:
    algorithm = ALGORITHMS.get((described["kty"], described.get("crv")))
    if algorithm is None or described.get("alg", algorithm) != algorithm:
        raise KeySetError("it is for none of " + ", ".join(ALGORITHMS.values()))
    if described.get("use", "sig") != "sig" or "verify" not in described.get("key_ops", "verify"):
        raise KeySetError("it isn't for signatures")
    if "d" in described:
        raise KeySetError("its private part is published, so anybody may sign with it")
    if not isinstance(described["kid"], str) or len(described["kid"]) > LONGEST_KID:
        raise KeySetError("its `kid` must be text")
    key = jwt.PyJWK(described, algorithm)
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < RSA_BITS:
        raise KeySetError(f"it has {key.key.key_size} bits; RSA needs {RSA_BITS}")
    return Key(algorithm, key)


def fetcher(url: str) -> Fetch:
    """Fetches ``url``: bounded in time and size, and never from where a redirect leads."""

    async def fetch() -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_WITHIN)
        try:
            async with (
                # undecompressed: a few bytes may unpack to gigabytes
                aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as http,
                http.get(url, allow_redirects=False, headers=PLAINLY) as response,
            ):
                if response.status != 200:
                    raise KeySetError(f"{url} answered with status {response.status}")
                document = await _bounded(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KeySetError(
                f"{url} didn't answer: {str(error) or type(error).__name__}"
            ) from None
        if len(document) > LARGEST:
            raise KeySetError(f"{url} sent more than {LARGEST:,} bytes")
        return document

    return fetch


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    found = b""
    while len(found) <= LARGEST and (chunk := await content.read(LARGEST)):
        found += chunk
    return found


def _unavailable() -> Problem:
    return Problem(
        kinds.UNAVAILABLE,
        "The keys that sign-ins are verified with can't be fetched now. Repeat the request in "
        f"{UNKNOWN_EVERY:.0f} seconds; your token may well be good.",
        headers={"Retry-After": f"{UNKNOWN_EVERY:.0f}"},
    )
