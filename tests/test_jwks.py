"""An issuer's keys: which are used, when they are fetched, and what happens while they can't be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway import jwks
from gateway.claims import BadToken
from gateway.jwks import KEPT, LARGEST, UNKNOWN_EVERY, Jwks, KeySetError, fetcher, keys_of
from gateway.problems import Problem
from tests.rig import WITHIN
from tests.test_tokens import ALGORITHMS, KEYS, public


def document(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def head(kid: str, alg: str = "RS256") -> dict[str, Any]:
    return {"alg": alg, "kid": kid}


class Issuer:
    """An issuer that counts how often it is asked, and a clock."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.asked, self.away, self.now = list(kids), 0, False, 1_000.0
        self.open = asyncio.Event()
        self.open.set()
        self.keys = Jwks(self._fetch, lambda: self.now)

    async def _fetch(self) -> bytes:
        self.asked += 1
        await self.open.wait()
        if self.away:
            raise KeySetError("nobody answers")
        return document(*({**public("rsa"), "kid": kid} for kid in self.kids))

    async def knows(self, kid: str) -> bool:
        """Whether a token of this key is let in; None: that can't be told."""
        try:
            return (await self.keys.find(head(kid))).algorithm == "RS256"
        except BadToken:
            return False


async def test_known_keys_are_asked_for_once() -> None:
    issuer = Issuer("a", "b")
    for _ in range(100):
        assert await issuer.knows("a")
        assert await issuer.knows("b")
    assert issuer.asked == 1


async def test_a_new_key_is_known_with_its_first_token() -> None:
    issuer = Issuer("a")
    assert await issuer.knows("a")
    issuer.now += UNKNOWN_EVERY
    issuer.kids = ["a", "b"]
    assert await issuer.knows("b")
    assert await issuer.knows("a")
    assert issuer.asked == 2


async def test_a_flood_of_invented_keys_is_no_flood_of_fetches() -> None:
    issuer = Issuer("a")
    assert await issuer.knows("a")
    for number in range(1_000):
        assert not await issuer.knows(f"invented-{number}")
        issuer.now += UNKNOWN_EVERY / 1_000
    assert issuer.asked <= 2
    assert await issuer.knows("a")


async def test_whoever_asks_at_the_same_time_shares_one_fetch() -> None:
    issuer = Issuer("a")
    issuer.open.clear()
    asking = [asyncio.ensure_future(issuer.knows("a")) for _ in range(50)]
    await asyncio.sleep(0)
    asking.pop().cancel()  # its client has gone; the others still want to know
    await asyncio.sleep(0)
    issuer.open.set()
    assert all(await asyncio.gather(*asking))
    assert issuer.asked == 1


async def test_a_withdrawn_key_is_refused_once_the_keys_were_fetched_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jwks, "FRESH", 0.01)
    monkeypatch.setattr(jwks, "UNKNOWN_EVERY", 0.0)
    issuer = Issuer("old", "new")
    running = asyncio.ensure_future(issuer.keys.run())
    assert await issuer.knows("old")
    issuer.kids = ["new"]
    async with asyncio.timeout(WITHIN):
        while await issuer.knows("old"):  # noqa: ASYNC110 (nobody tells of a fetch)
            await asyncio.sleep(0.01)
    assert await issuer.knows("new")
    running.cancel()
    await asyncio.wait([running])


async def test_known_keys_are_good_for_a_day_while_the_issuer_is_away() -> None:
    issuer = Issuer("a")
    assert await issuer.knows("a")
    issuer.away = True
    issuer.now += KEPT - 1
    assert await issuer.knows("a")
    assert not await issuer.knows("b")

    issuer.now += UNKNOWN_EVERY
    with pytest.raises(Problem, match="can't be fetched now") as caught:
        await issuer.knows("a")
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "10")
    issuer.away = False
    issuer.now += UNKNOWN_EVERY
    assert await issuer.knows("a")


async def test_nobody_gets_in_before_the_keys_are_known_and_the_issuer_isnt_pestered() -> None:
    issuer = Issuer("a")
    issuer.away = True
    for _ in range(100):
        with pytest.raises(Problem):
            await issuer.knows("a")
    assert issuer.asked == 1


def test_each_key_has_the_one_algorithm_of_its_type() -> None:
    found = keys_of(document(*map(public, KEYS)))
    assert {kid: key.algorithm for kid, key in found.items()} == ALGORITHMS


def _rsa(**more: Any) -> dict[str, Any]:
    return {**public("rsa"), "kid": "odd", **more}


def _of(key: Any, algorithm: str, **more: Any) -> dict[str, Any]:
    told: Any = jwt.get_algorithm_by_name(algorithm)
    return {**told.to_jwk(key, as_dict=True), "kid": "odd", **more}


ODD: dict[str, Any] = {
    "no kid": {k: v for k, v in public("rsa").items() if k != "kid"},
    "a kid that is no text": _rsa(kid=7),
    "a kid without end": _rsa(kid="x" * 5_000),
    "no type": {k: v for k, v in _rsa().items() if k != "kty"},
    "an odd type": _rsa(kty=["RSA"]),
    "a symmetric key": {"kty": "oct", "kid": "odd", "k": "c2VjcmV0" * 8, "alg": "HS256"},
    "for encryption": _rsa(use="enc"),
    "for signing alone": _rsa(key_ops=["sign"]),
    "for another algorithm": _rsa(alg="PS256"),
    "for a secret's algorithm": _rsa(alg="HS256"),
    "short": _of(rsa.generate_private_key(65_537, 1_024).public_key(), "RS256"),
    "another curve": _of(ec.generate_private_key(ec.SECP384R1()).public_key(), "ES384"),
    "private": _of(KEYS["ec"], "ES256"),
    "broken": _rsa(n="!!"),
    "half": {k: v for k, v in _rsa().items() if k != "n"},
    "no object": "RSA",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_a_key_that_isnt_to_be_used_is_left_out_and_the_others_stay(odd: Any) -> None:
    assert set(keys_of(document(odd, public("rsa")))) == {"rsa"}


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    (key,) = keys_of(document(_rsa(), {**public("ec"), "kid": "odd"})).values()
    assert key.algorithm == "RS256"


def test_an_issuer_may_withdraw_all_keys() -> None:
    assert keys_of(document()) == {}


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 9_999]
)
def test_what_is_no_key_set_is_refused(text: bytes) -> None:
    with pytest.raises(KeySetError):
        keys_of(text)


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    """A server with good and bad answers."""

    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPFound("/good")

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b" " * (LARGEST + 1))

    async def packed(_: web.Request) -> web.Response:
        packed = web.Response(body=document(public("rsa")))
        packed.enable_compression(web.ContentCoding.gzip)
        return packed

    async def good(_: web.Request) -> web.Response:
        return web.Response(body=document(public("rsa")))

    app = web.Application()
    for handler in (redirect, slow, large, packed, good):
        app.router.add_get(f"/{handler.__name__}", handler)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


async def test_keys_are_fetched(site: TestServer) -> None:
    assert set(keys_of(await fetcher(str(site.make_url("/good")))())) == {"rsa"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/redirect", "status 302"),
        ("/missing", "status 404"),
        ("/large", "more than 65,536 bytes"),
        ("/slow", "didn't answer: TimeoutError"),
    ],
)
async def test_a_fetch_is_bounded_and_follows_nobody(
    site: TestServer, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    monkeypatch.setattr(jwks, "FETCH_WITHIN", 0.3)
    with pytest.raises(KeySetError, match=told):
        await fetcher(str(site.make_url(path)))()


async def test_nothing_is_unpacked(site: TestServer) -> None:
    with pytest.raises(KeySetError, match="isn't JSON"):
        keys_of(await fetcher(str(site.make_url("/packed")))())


async def test_a_server_without_a_good_certificate_is_refused(site: TestServer) -> None:
    assert site.port
    with pytest.raises(KeySetError, match="didn't answer"):
        await fetcher(f"https://127.0.0.1:{site.port}/good")()
