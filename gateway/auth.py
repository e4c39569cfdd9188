"""Who a client is: JSON Web Tokens with pinned algorithm, audience and issuer."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt

from gateway import kinds
from gateway.claims import BadToken, Identity, header_of, identity_of, json_object
from gateway.jwks import Jwks, fetcher
from gateway.problems import Problem
from gateway.revocations import Revocations
from gateway.signing import ALGORITHM, Key, Keys, Secret
from ringback.job import Owner
from ringback.settings import Settings

__all__ = ["ALGORITHM", "LEEWAY", "NOBODY", "Identity", "Tokens", "unauthorized"]

LEEWAY = 5  #: seconds by which clocks may differ
NEEDED = ["exp", "sub", "aud", "iss"]

#: Who asks where nobody has to sign in.
NOBODY = Identity(Owner(id=""), frozenset(), 0)


class _Reader(jwt.PyJWT):
    """PyJWT, with claims read as strictly as the header."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        return json_object(decoded["payload"], "payload")


class Tokens:
    """Verifies tokens, and issues them for the dev sign-in and the command line.

    ``revocations``: None for whoever only issues. ``issues``: whether tokens can be made here at
    all, or only by an issuer elsewhere.
    """

    def __init__(self, settings: Settings, revocations: Revocations | None = None) -> None:
        self._settings = settings
        self._revocations = revocations
        self._reader = _Reader()
        self.keys = _keys(settings)
        self.issues = settings.jwks_url is None

    async def verify(self, token: object) -> Identity:
        """The identity. Raises a 401 Problem that says what is wrong with the token, and a 503
        where that can't be told now."""
        if not isinstance(token, str) or not token:
            raise unauthorized("There is no token. Send one as `Authorization: Bearer …`.")
        try:
            header = header_of(token)
            claims = self._claims(token, await self.keys.find(header))
            identity = identity_of(claims, time.time())
        except jwt.ExpiredSignatureError:
            raise unauthorized("The token has expired. Sign in again.") from None
        except (BadToken, jwt.InvalidTokenError) as error:
            raise unauthorized(f"The token isn't valid: {error}.") from None
        if self._revocations is not None and self._revocations.refuses(identity):
            raise unauthorized("This sign-in was revoked. Sign in again.")
        return identity

    def issue(self, owner: Owner, *, roles: list[str] | None = None, lifetime: int = 86_400) -> str:
        """A token for ``lifetime`` seconds. Raises SettingsError where an issuer makes them."""
        now = int(time.time())
        claims = {
            "sub": owner.id, "email": owner.email, "name": owner.name, "locale": owner.locale,
            "zoneinfo": owner.timezone, "roles": roles or ["user"],
            "aud": self._settings.jwt_audience, "iss": self._settings.jwt_issuer, "iat": now,
            "exp": now + lifetime, "jti": str(uuid.uuid4()),
        }  # fmt: skip
        return jwt.encode(claims, self._settings.secret, algorithm=ALGORITHM)

    def _claims(self, token: str, key: Key) -> dict[str, Any]:
        return self._reader.decode(
            token, key.material, algorithms=[key.algorithm], leeway=LEEWAY,
            audience=self._settings.jwt_audience, issuer=self._settings.jwt_issuer,
            options={"require": NEEDED},
        )  # fmt: skip


def _keys(settings: Settings) -> Keys:
    return Jwks(fetcher(settings.jwks_url)) if settings.jwks_url else Secret(settings.secret)


def unauthorized(detail: str) -> Problem:
    """401 with the challenge of RFC 6750."""
    return Problem(kinds.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
