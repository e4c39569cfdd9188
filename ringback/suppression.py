"""Addresses that nobody is written to any more, and why: the mailbox is no more, or its reader
called our emails spam, or an operator said so.

Addresses are compared by their normal form (``normal``). Guarantee: an address has one entry; the
first reason stands, but for a complaint, which outranks what isn't one, since its reader spoke.
All is bounded: the latest ``KEPT`` addresses, and soft bounces for two weeks. An address that is
forgotten is written to once more, and comes back by the same way.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import orjson
from email_validator import validate_email

from ringback import audit
from ringback.errors import whole
from ringback.instant import Instant
from ringback.keys import Call, plain
from ringback.view import masked

WHEN, WHY = "rb:{suppressed}:when", "rb:{suppressed}:why"
KEPT = 200_000  #: addresses, the latest; some 60 MB
SOFT_LIMIT = 3  #: days with a soft bounce that stop an address
SOFT_WITHIN = 14 * 86_400_000  #: ms in which these days must lie
LONGEST_REASON = 500  #: characters
PAGE = 1_000  #: entries looked at in one go for those of one source

BACK = "If the address is right and works, ask our support to let us write to it again."

#: Who said so: the mail server to our face, an email that came back, its reader, one of ours, or
#: the provider that sends for us.
Source = Literal["smtp", "bounce", "complaint", "operator", "provider"]
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One address, in its normal form. ``reason``: a sentence for its user's eyes; ``who``: the
    operator, if it was one. ``seq`` orders the entries, for pages."""

    address: str
    reason: str
    source: Source
    at: Instant
    who: str | None = None
    seq: int = 0


def normal(address: str) -> str:
    """How addresses are compared. The domain counts in lower case and as ASCII (IDNA 2008), the
    part before the @ as it is, since only its own server may say that ``Ada`` is ``ada`` (RFC 5321,
    2.4), in Unicode's form C."""
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except ValueError:  # what no server would take is kept as it came
        local, at, domain = whole(address).rpartition("@")
        return f"{local}{at}{domain.lower()}"
    return f"{found.local_part}@{found.ascii_domain.lower()}"


def look(address: str) -> Generator[Call, Any, Suppression | None]:
    """Why nobody is to be written to at ``address``; None: nothing speaks against it."""
    name = normal(address)
    text = yield plain("HGET", WHY, name)
    return None if text is None else _entry(name, text)


def suppress(
    address: str, reason: str, source: Source, who: str | None = None
) -> Generator[Call, Any, Suppression]:
    """Stops emails to ``address``, durably; the entry that holds then, which may be an older one.
    ``who`` did it, or nobody: a deed of somebody goes to the audit trail first."""
    name = normal(address)
    if who is not None:
        yield from audit.record(who, f"suppress {name}", reason)
    text = yield _call("add", name, _record(reason, source, who), KEPT, int(source == "complaint"))
    return _entry(name, text)


def soft_bounce(
    address: str, reason: str, source: Source = "smtp"
) -> Generator[Call, Any, Suppression | None]:
    """Notes that an email came back that might get through another time. Days with one count once;
    at ``SOFT_LIMIT`` days within ``SOFT_WITHIN`` the address is suppressed: then the entry that
    holds, else None."""
    name = normal(address)
    told = f"{whole(reason, LONGEST_REASON)} That happened on {SOFT_LIMIT} days within two weeks."
    record = _record(told, source, None)
    text = yield _call("soft", name, record, KEPT, SOFT_LIMIT, SOFT_WITHIN, source)
    return _entry(name, text) if text else None


def accepted(address: str) -> Generator[Call, Any, None]:
    """The mail server took an email: what it said to our face before counts no more. What came back
    later still does, since a relay takes everything."""
    yield _call("clear", normal(address), 0)


def delivered(address: str) -> Generator[Call, Any, None]:
    """An email lies in the mailbox: soft bounces before it count no more."""
    yield _call("clear", normal(address), 1)


def lift(address: str, who: str, why: str) -> Generator[Call, Any, Suppression | None]:
    """Lets ``address`` be written to again, durably, and forgets its soft bounces; the entry that
    was there, or None. Goes to the audit trail first."""
    name = normal(address)
    yield from audit.record(who, f"lift suppression of {name}", why)
    text = yield _call("lift", name)
    return _entry(name, text) if text else None


def listed(
    limit: int, before: int | None = None, source: Source | None = None
) -> Generator[Call, Any, list[Suppression]]:
    """The latest entries (whose ``seq`` is below ``before``), newest first; of one source only, if
    that is given."""
    found: list[Suppression] = []
    top: str | int = "+inf" if before is None else f"({before}"
    size = limit if source is None else PAGE
    while len(found) < limit:
        page = yield plain(
            "ZRANGE", WHEN, top, "-inf", "BYSCORE", "REV", "LIMIT", 0, size, "WITHSCORES"
        )
        if not page:
            break
        names = [name for name, _ in page]
        texts = yield plain("HMGET", WHY, *names)
        for (name, seq), text in zip(page, texts, strict=True):
            if text is not None:  # lifted meanwhile
                entry = _entry(name.decode(), text, int(seq))
                found += [entry] if source in (None, entry.source) else []
        top = f"({int(page[-1][1])}"
    return found[:limit]


def count() -> Generator[Call, Any, int]:
    """How many addresses are suppressed."""
    return int((yield plain("ZCARD", WHEN)))


def told(entry: Suppression) -> str:
    """What its user reads where an email would have been sent."""
    since = datetime.fromtimestamp(entry.at.ms / 1000, UTC)
    why = f"Our support did so: {entry.reason}" if entry.source == "operator" else entry.reason
    return (
        f"Emails to {masked(entry.address)} have been stopped since {since.day} {since:%B %Y}. "
        f"{why} {BACK}"
    )


def _record(reason: str, source: Source, who: str | None) -> bytes:
    return orjson.dumps(
        {"reason": whole(reason, LONGEST_REASON + 50), "source": source, "who": who}
    )


def _call(action: str, name: str, *args: Any) -> Call:
    keys = (WHEN, WHY, f"rb:{{suppressed}}:soft:{name}", f"rb:{{suppressed}}:softback:{name}")
    return Call("suppress", keys, (action, name, *args), durable=action in ("add", "lift"))


def _entry(name: str, text: bytes, seq: int = 0) -> Suppression:
    fields = orjson.loads(text)
    return Suppression(address=name, at=Instant(fields.pop("at")), seq=seq, **fields)
