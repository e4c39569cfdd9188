"""What a token says, read strictly: nothing here knows keys or time.

JSON has room for more than RFC 7519 means: names given twice, NaN, numbers as text. What parsers
understand differently is refused, so that nobody can show one token to two readers.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ringback import mailbox
from ringback.errors import BadAddress, RingbackError
from ringback.job import Owner

LONGEST_TOKEN = 8_192  #: characters; as much as a header of HTTP holds
LONGEST_LIFE = 366 * 86_400  #: seconds from `iat` to `exp`; revocations are remembered for as long
USER = frozenset({"user"})  #: the roles of a token that names none
LATEST = 1 << 53  #: seconds since 1970; beyond, numbers of JSON aren't whole any more
TYPES = ("jwt", "at+jwt")  #: RFC 9068; a logout token of the same issuer, say, is no sign-in


class BadToken(RingbackError):
    """The token is refused; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified client: whose jobs it sees, in which roles, until when (seconds since 1970).

    ``issued``: its token's ``iat``, 0 where it has none. ``token_id``: its ``jti``.
    """

    owner: Owner
    roles: frozenset[str]
    expires: int
    issued: int = 0
    token_id: str | None = None


def header_of(token: str) -> dict[str, Any]:
    """The token's header, of which nothing is proven yet. Raises BadToken."""
    if len(token) > LONGEST_TOKEN:
        raise BadToken(f"it has {len(token):,} characters, and {LONGEST_TOKEN:,} are allowed")
    segments = token.split(".")
    if len(segments) != 3 or not token.isascii():
        raise BadToken("a signed JWT has three segments of base64url, joined by dots")
    header = json_object(_decoded(segments[0]), "header")
    # RFC 7515, 4.1.11: we know no extension, so there is none that we may take as understood
    if "crit" in header or "b64" in header:
        raise BadToken("its header asks for an extension (`crit`, `b64`); we support none")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise BadToken(f"its `typ` is {shown(kind)}; a sign-in is a JWT or at+jwt")
    return header


def json_object(text: bytes, name: str) -> dict[str, Any]:
    """The object that ``text`` is. Raises BadToken."""
    try:
        found = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadToken(f"its {name} isn't JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise BadToken(f"its {name} must be a JSON object")
    return found


def identity_of(claims: dict[str, Any], now: float) -> Identity:
    """The identity that claims give, once their signature is proven. Raises BadToken."""
    subject = _text(claims, "sub")
    if not subject:
        raise BadToken("its `sub` must be a non-empty string")
    expires, issued = _date(claims, "exp"), _date(claims, "iat")
    _date(claims, "nbf")
    if expires - (issued or now) > LONGEST_LIFE:
        raise BadToken("its `exp` must be at most 366 days after its `iat`")
    owner = Owner(
        id=subject, email=_email(claims), name=_text(claims, "name"),
        locale=_text(claims, "locale") or "en", timezone=_text(claims, "zoneinfo") or "UTC",
    )  # fmt: skip
    return Identity(owner, _roles(claims), expires, issued, _text(claims, "jti"))


def shown(value: object) -> str:
    """A wrong value, short enough for a sentence."""
    return ascii(value) if len(str(value)) <= 40 else f"{str(value)[:40]!a}…"


def _decoded(segment: str) -> bytes:
    try:
        return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (ValueError, binascii.Error):
        raise BadToken("its header isn't base64url") from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadToken("it gives a name twice, which readers understand differently")
    return found


def _no_number(text: str) -> NoReturn:
    raise BadToken(f"{text} is no number in JSON")


def _date(claims: dict[str, Any], name: str) -> int:
    """A NumericDate (RFC 7519, 2), in whole seconds; 0 where there is none."""
    value = claims.get(name, 0)
    # (the comparison is false for NaN, too)
    if not (type(value) in (int, float) and abs(value) < LATEST):
        raise BadToken(f"its `{name}` is {shown(value)}; it must be seconds since 1970, a number")
    return int(value)


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value and _encodable(value) else None


def _email(claims: dict[str, Any]) -> str | None:
    """Where to write to; None for what is no address: its user signs in, and gets no emails."""
    text = _text(claims, "email")
    try:
        return None if text is None else mailbox.checked(text)
    except BadAddress:
        return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell
        return False
    return True


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    roles = claims.get("roles")
    return frozenset(r for r in roles if isinstance(r, str)) if isinstance(roles, list) else USER
