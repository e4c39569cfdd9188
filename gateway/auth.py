"""Who a client is: JSON Web Tokens with pinned algorithm, audience and issuer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jwt

from gateway import kinds
from gateway.problems import Problem
from ringback.job import Owner
from ringback.settings import Settings

ALGORITHM = "HS256"
LEEWAY = 5  #: seconds by which clocks may differ


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified client: whose jobs it sees, in which roles, until when (seconds since 1970)."""

    owner: Owner
    roles: frozenset[str]
    expires: int


#: Who asks where nobody has to sign in.
NOBODY = Identity(Owner(id=""), frozenset(), 0)


class Tokens:
    """Verifies tokens, and issues them for the dev sign-in and the command line."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.secret
        self._audience = settings.jwt_audience
        self._issuer = settings.jwt_issuer

    def verify(self, token: object) -> Identity:
        """The identity. Raises a 401 Problem that says what is wrong with the token."""
        if not isinstance(token, str) or not token:
            raise unauthorized("There is no token. Send one as `Authorization: Bearer …`.")
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], audience=self._audience,
                issuer=self._issuer, leeway=LEEWAY,
                options={"require": ["exp", "sub", "aud", "iss"]},
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise unauthorized("The token has expired. Sign in again.") from None
        except jwt.InvalidTokenError as error:
            raise unauthorized(f"The token isn't valid: {error}.") from None
        return _identity(claims)

    def issue(self, owner: Owner, *, roles: list[str] | None = None, lifetime: int = 86_400) -> str:
        """A token for ``lifetime`` seconds."""
        now = int(time.time())
        claims = {
            "sub": owner.id, "email": owner.email, "name": owner.name, "locale": owner.locale,
            "zoneinfo": owner.timezone, "roles": roles or ["user"], "aud": self._audience,
            "iss": self._issuer, "iat": now, "exp": now + lifetime,
        }  # fmt: skip
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)


def unauthorized(detail: str) -> Problem:
    """401 with the challenge of RFC 6750."""
    return Problem(kinds.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


def _identity(claims: dict[str, Any]) -> Identity:
    def text(name: str, default: str | None) -> Any:
        value = claims.get(name)
        return value if isinstance(value, str) and value and _encodable(value) else default

    if not text("sub", None):
        raise unauthorized("The token's `sub` must be a non-empty string.")
    owner = Owner(
        id=claims["sub"], email=text("email", None), name=text("name", None),
        locale=text("locale", "en"), timezone=text("zoneinfo", "UTC"),
    )  # fmt: skip
    roles = claims.get("roles")
    named = [r for r in roles if isinstance(r, str)] if isinstance(roles, list) else ["user"]
    return Identity(owner, frozenset(named), claims["exp"])


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell
        return False
    return True
