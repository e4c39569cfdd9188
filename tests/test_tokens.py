"""Tokens that somebody bent, and in which words each is refused: with the secret, and with an
issuer's keys."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.auth import LEEWAY, Tokens
from gateway.claims import LONGEST_LIFE, LONGEST_TOKEN
from gateway.jwks import Jwks
from gateway.problems import Problem
from ringback.job import Owner
from ringback.settings import load_settings

SECRET = "s" * 32
RSA = rsa.generate_private_key(65_537, 2_048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
KEYS: dict[str, Any] = {"rsa": RSA, "ec": EC, "ed": ED}

Bend = Callable[[dict[str, Any], dict[str, Any]], object]


def public(kid: str) -> dict[str, Any]:
    """The key as an issuer publishes it."""
    algorithm: Any = jwt.get_algorithm_by_name(ALGORITHMS[kid])
    shown = algorithm.to_jwk(KEYS[kid].public_key(), as_dict=True)
    return {**shown, "kid": kid, "alg": ALGORITHMS[kid], "use": "sig"}


async def _published() -> bytes:
    return json.dumps({"keys": [public(kid) for kid in KEYS]}).encode()


def claims() -> dict[str, Any]:
    """Good ones."""
    now = int(time.time())
    return {"sub": "ann", "aud": "ringback", "iss": "ringback", "iat": now, "exp": now + 60}


def part(value: object) -> str:
    """A segment: JSON in base64url, or text as it is."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def signed(header: object, payload: object, key: Any = SECRET, algorithm: str = "HS256") -> str:
    """A token whose signature is right, whatever its header and claims say."""
    signing = jwt.get_algorithm_by_name(algorithm)
    message = f"{part(header)}.{part(payload)}"
    signature = signing.sign(message.encode(), signing.prepare_key(key))
    return f"{message}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.fixture(params=["secret", "rsa", "ec", "ed"])
def way(request: pytest.FixtureRequest) -> str:
    """How tokens are signed."""
    return str(request.param)


@pytest.fixture
def tokens(way: str) -> Tokens:
    """What verifies them."""
    return with_secret() if way == "secret" else with_keys()


def with_secret() -> Tokens:
    return Tokens(load_settings(jwt_secret=SECRET))


def with_keys() -> Tokens:
    tokens = Tokens(load_settings(jwks_url="https://issuer.example/keys"))
    tokens.keys = Jwks(_published)
    return tokens


def header(way: str) -> dict[str, Any]:
    """A good one."""
    return {"typ": "JWT", "alg": "HS256"} if way == "secret" else {
        "typ": "JWT", "alg": ALGORITHMS[way], "kid": way
    }  # fmt: skip


def sign(way: str, head: object, payload: object) -> str:
    """Signs with the key that belongs to the way."""
    return (
        signed(head, payload) if way == "secret" else
        signed(head, payload, KEYS[way], ALGORITHMS[way])
    )  # fmt: skip


async def user(tokens: Tokens, token: str) -> str:
    """Whose token it is."""
    return (await tokens.verify(token)).owner.id


async def refusal(tokens: Tokens, token: object) -> str:
    """In which words a token is refused."""
    with pytest.raises(Problem) as caught:
        await tokens.verify(token)
    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"] == "Bearer"
    return str(caught.value)


@pytest.mark.parametrize("email", ["no at", "a@b.c\r\nBcc: x@y.z", "@", 7])
async def test_an_email_claim_that_is_no_address_counts_as_none(
    tokens: Tokens, way: str, email: object
) -> None:
    identity = await tokens.verify(sign(way, header(way), {**claims(), "email": email}))
    assert identity.owner == Owner(id="ann")


async def test_a_good_token_tells_who_it_is(tokens: Tokens, way: str) -> None:
    payload = {**claims(), "email": "ann@example.com", "roles": ["support"], "jti": "t1"}
    identity = await tokens.verify(sign(way, header(way), payload))
    assert identity.owner == Owner(id="ann", email="ann@example.com")
    assert identity.roles == {"support"}
    assert (identity.token_id, identity.issued, identity.expires) == (
        "t1", payload["iat"], payload["exp"],
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_types_of_a_sign_in_are_good(tokens: Tokens, way: str, kind: str) -> None:
    assert await user(tokens, sign(way, {**header(way), "typ": kind}, claims())) == "ann"


async def test_a_date_may_have_a_fraction_as_rfc_7519_says(tokens: Tokens, way: str) -> None:
    soon = {**claims(), "exp": time.time() + 9.5}
    assert await user(tokens, sign(way, header(way), soon)) == "ann"


def _set(**wrong: Any) -> Bend:
    return lambda _, payload: {**payload, **wrong}


def _from_now(name: str, seconds: float) -> Bend:
    # by the clock of when the test runs, which may be long after these were collected
    return lambda _, payload: {**payload, name: time.time() + seconds}


def _without(name: str) -> Bend:
    return lambda _, payload: {k: v for k, v in payload.items() if k != name}


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (_without("exp"), 'missing the "exp" claim'),
        (_without("sub"), 'missing the "sub" claim'),
        (_without("aud"), 'missing the "aud" claim'),
        (_without("iss"), 'missing the "iss" claim'),
        (_from_now("exp", -LEEWAY - 60), "has expired"),
        (_set(exp="soon"), "(exp) must be an integer"),
        (lambda _, p: {**p, "exp": str(p["exp"])}, "`exp` is '"),
        (_set(exp=True), "expired"),
        (_set(exp=[]), "(exp) must be an integer"),
        (_set(exp=float("nan")), "NaN is no number"),
        (_set(exp=float("inf")), "Infinity is no number"),
        (lambda _, p: json.dumps(p).replace(str(p["exp"]), "1e999"), "(exp) must be an integer"),
        (_set(exp=10**400), "`exp` is "),
        (_from_now("exp", LONGEST_LIFE + 600), "at most 366 days after"),
        (_from_now("nbf", 600), "not yet valid (nbf)"),
        (_set(nbf="yesterday"), "(nbf) must be an integer"),
        (_from_now("iat", 600), "not yet valid (iat)"),
        (_set(iat="1"), "`iat` is '1'"),
        (_set(aud="another-app"), "Audience doesn't match"),
        (_set(aud=["another-app"]), "Audience doesn't match"),
        (_set(aud={"ringback": 1}), "Invalid claim format"),
        (_set(iss="another-issuer"), "Invalid issuer"),
        (_set(iss=["ringback"]), "(iss) must be a string"),
        (_set(sub=""), "`sub` must be a non-empty string"),
        (_set(sub=7), "Subject must be a string"),
        (_set(sub="\ud800"), "`sub` must be a non-empty string"),
        (_set(jti=7), "JWT ID must be a string"),
        (lambda _, p: json.dumps(p)[:-1] + ', "sub": "bob"}', "gives a name twice"),
        (lambda _, p: json.dumps(p)[:-1] + ', "x": {"y": 1, "y": 2}}', "gives a name twice"),
        (lambda _, __: "[]", "payload must be a JSON object"),
        (lambda _, __: "nonsense", "payload isn't JSON"),
        (lambda _, __: "[" * 4_000, "payload isn't JSON"),
        (lambda _, __: "9" * 5_000, "payload isn't JSON"),
    ],
)
async def test_bent_claims_are_refused(tokens: Tokens, way: str, bend: Bend, told: str) -> None:
    assert told in await refusal(tokens, sign(way, header(way), bend({}, claims())))


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (_set(alg="none"), "`alg` is 'none'"),
        (_set(alg="None"), "`alg` is 'None'"),
        (_set(alg=""), "`alg` is ''"),
        (_set(alg=None), "`alg` is None"),
        (_without("alg"), "`alg` is None"),
        (_set(alg=["HS256"]), "`alg` is ["),
        (_set(alg="hs256"), "`alg` is 'hs256'"),
        (_set(alg="HS512"), "`alg` is 'HS512'"),
        (_set(alg="PS256"), "`alg` is 'PS256'"),
        (_set(alg="x" * 500), "…"),
        (_set(crit=["b64"], b64=False), "asks for an extension"),
        (_set(b64=False), "asks for an extension"),
        (_set(crit=["exp"]), "asks for an extension"),
        (_set(crit=[]), "asks for an extension"),
        (_set(typ="logout+jwt"), "`typ` is 'logout+jwt'"),
        (_set(typ="dpop+jwt"), "`typ` is 'dpop+jwt'"),
        (_set(typ=7), "`typ` is 7"),
        (lambda _, h: json.dumps(h)[:-1] + ', "alg": "none"}', "gives a name twice"),
        (lambda _, __: "[]", "header must be a JSON object"),
        (lambda _, __: "nonsense", "header isn't JSON"),
        (lambda _, __: "[" * 4_000, "header isn't JSON"),
    ],
)
async def test_bent_headers_are_refused(tokens: Tokens, way: str, bend: Bend, told: str) -> None:
    assert told in await refusal(tokens, sign(way, bend({}, header(way)), claims()))


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "There is no token"),
        ("", "There is no token"),
        (7, "There is no token"),
        (["a.b.c"], "There is no token"),
        ("nonsense", "three segments"),
        ("a.b", "three segments"),
        ("a.b.c.d.e", "three segments"),  # an encrypted one, say
        ("é.b.c", "three segments"),
        ("\ud800.b.c", "three segments"),
        ("..", "header isn't JSON"),
        ("!!!!.b.c", "header isn't"),
        ("a" * (LONGEST_TOKEN + 1), "8,192 are allowed"),
    ],
)
async def test_what_is_no_token_is_refused(tokens: Tokens, token: object, told: str) -> None:
    assert told in await refusal(tokens, token)


async def test_a_changed_token_is_refused(tokens: Tokens, way: str) -> None:
    good = sign(way, header(way), claims())
    head, payload, signature = good.split(".")
    bob = part({**claims(), "sub": "bob"})
    for bent in ("", signature[:-8], f"{signature[:-8]}AAAAAAAA", "!!"):
        assert "isn't valid" in await refusal(tokens, f"{head}.{payload}.{bent}")
    assert "isn't valid" in await refusal(tokens, f"{head}.{bob}.{signature}")
    assert "isn't valid" in await refusal(tokens, f"{good}\n")


async def test_no_algorithm_makes_a_secret_of_a_public_key() -> None:
    """The attack: an issuer's public key, known to all, taken for an HMAC's secret."""
    encodings = serialization.Encoding, serialization.PublicFormat
    for encoding, form in [
        (encodings[0].PEM, encodings[1].SubjectPublicKeyInfo),
        (encodings[0].PEM, encodings[1].PKCS1),
        (encodings[0].DER, encodings[1].SubjectPublicKeyInfo),
    ]:
        known = RSA.public_key().public_bytes(encoding, form)
        message = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims())}"
        mac = jwt.get_algorithm_by_name("HS256").sign(message.encode(), known)
        forged = f"{message}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        assert "its key is for RS256 alone" in await refusal(with_keys(), forged)


async def test_with_an_issuer_the_secret_makes_no_token_and_without_one_its_keys_dont() -> None:
    by_secret = sign("secret", header("secret"), claims())
    assert "must have the `kid`" in await refusal(with_keys(), by_secret)
    named = sign("secret", {**header("secret"), "kid": "rsa"}, claims())
    assert "its key is for RS256 alone" in await refusal(with_keys(), named)
    by_key = sign("rsa", header("rsa"), claims())
    assert "its key is for HS256 alone" in await refusal(with_secret(), by_key)


@pytest.mark.parametrize(
    "kid",
    [
        None, "", 7, ["rsa"], {"rsa": 1}, "unknown", "RSA", "rsa ", "rsa\0", "../../dev/null",
        "/dev/null", "' OR 1=1 --", "https://evil.example/key", "x" * 5_000,
    ],
)  # fmt: skip
async def test_a_key_id_only_chooses_among_published_keys(kid: object) -> None:
    told = await refusal(with_keys(), sign("rsa", {**header("rsa"), "kid": kid}, claims()))
    assert "`kid`" in told
    assert len(told) < 200


async def test_a_key_id_chooses_nothing_where_there_is_one_secret() -> None:
    head = {**header("secret"), "kid": "../../dev/null"}
    assert await user(with_secret(), sign("secret", head, claims())) == "ann"
    assert "isn't valid" in await refusal(with_secret(), signed(head, claims(), b"\0" * 32))


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_key_that_the_token_brings_along_is_left_alone(kid: str) -> None:
    evil = rsa.generate_private_key(65_537, 2_048)
    brought = jwt.algorithms.RSAAlgorithm.to_jwk(evil.public_key(), as_dict=True)
    head = {
        "alg": "RS256", "kid": kid, "jwk": {**brought, "kid": kid}, "x5c": ["MIIB"],
        "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert",
    }  # fmt: skip
    assert "isn't valid" in await refusal(with_keys(), signed(head, claims(), evil, "RS256"))
    good = {**head, "alg": ALGORITHMS[kid]}
    assert await user(with_keys(), signed(good, claims(), KEYS[kid], ALGORITHMS[kid])) == "ann"


async def test_a_key_of_one_algorithm_verifies_no_other() -> None:
    for kid, algorithm in (("rsa", "PS256"), ("rsa", "RS512")):
        head = {**header(kid), "alg": algorithm}
        told = await refusal(with_keys(), signed(head, claims(), KEYS[kid], algorithm))
        assert f"its key is for {ALGORITHMS[kid]} alone" in told


async def test_each_issued_token_has_an_id_and_its_time() -> None:
    tokens = with_secret()
    first, second = [await tokens.verify(tokens.issue(Owner(id="ann"))) for _ in range(2)]
    assert first.token_id
    assert first.token_id != second.token_id
    assert abs(first.issued - time.time()) < 5
