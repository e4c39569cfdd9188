"""What the values of settings have to be: types for ``ringback.settings``.

A value that isn't good raises a ValueError that says what it must be, in words that follow the
variable's name and what it was set to.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

import redis
from pydantic import AfterValidator, Field

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def parted(url: str) -> SplitResult:
    """The URL's parts. Raises ValueError where a port is none, or brackets don't match."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(
            "the port after the host must be a number from 0 to 65535, and an IPv6 address stand "
            "in brackets, as in [::1]"
        ) from None
    return parts


def _one_of(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        parts = parted(url)
        if parts.scheme not in schemes or not parts.hostname:
            wanted = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"must be a URL that starts with {wanted} and a host")
        return url

    return AfterValidator(check)


def _bare(url: str) -> str:
    """What stands behind the host would be lost, or get into each link."""
    parts = parted(url)
    if parts.path.strip("/") or "?" in url or "#" in url or "@" in parts.netloc:
        raise ValueError(
            "must end after the host and the port, as in https://jobs.example.com: no user, path, "
            "? or # (the pages need the root of their host)"
        )
    return url


def _numbered(url: str) -> str:
    parts = parted(url)
    if not re.fullmatch(r"/?\d*", parts.path) or "db" in parse_qs(parts.query):
        raise ValueError("the database after the host must be a number, as in redis://host:port/0")
    try:
        redis.ConnectionPool.from_url(url).make_connection()  # connects to nothing yet
    except (TypeError, ValueError):
        raise ValueError("an option after the ? isn't known or has a wrong value") from None
    return url


def _published(url: str) -> str:
    """Over plain HTTP anybody between could publish keys of their own."""
    parts = parted(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return url
    raise ValueError("must start with https:// (http:// is for 127.0.0.1 and localhost alone)")


def _mail_server(url: str) -> str:
    parts = parted(url)
    if parts.path.strip("/") or "?" in url or "#" in url:
        raise ValueError(
            "must end after the host and the port, as in smtp://user:password@host:587; write / "
            "? and # in a password as %2F %3F and %23"
        )
    return url


def _helpful(support: str) -> str:
    """An address, or a page. Emails link to it, so it may do nothing else."""
    address = support.removeprefix("mailto:")
    if re.fullmatch(r"[^@\s:/<>\"]+@[^@\s:/<>\"]+", address):
        return address
    parts = parted(support)
    if parts.scheme in ("http", "https") and parts.hostname and not re.search(r"\s", support):
        return support
    raise ValueError(
        "must be an address such as help@example.com, or a page such as https://example.com/help"
    )


def _author(text: str) -> str:
    if "@" not in parseaddr(text)[1]:
        raise ValueError('must be an address such as "Ringback <no-reply@example.com>"')
    return text


def _bare_address(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+", text):
        raise ValueError("must be an address without a name, such as bounces@example.com")
    return text


def _recipient(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>\"]*@[^@\s<>\"]+", text):
        raise ValueError(
            "must be addresses or @domains with commas between, such as ann@example.com, "
            "@example.org"
        )
    return text


def _dns_name(text: str) -> str:
    label = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    if not re.fullmatch(rf"{label}(\.{label})*", text):
        raise ValueError("must be a name as the DNS has them, such as ringback or 2026-01")
    return text


StoreUrl = Annotated[str, _one_of("redis", "rediss"), AfterValidator(_numbered)]
SmtpUrl = Annotated[str, _one_of("smtp", "smtps"), AfterValidator(_mail_server)]
PublicUrl = Annotated[str, _one_of("http", "https"), AfterValidator(_bare)]
KeysUrl = Annotated[str, AfterValidator(_published)]
Support = Annotated[str, AfterValidator(_helpful)]
Author = Annotated[str, AfterValidator(_author)]
Address = Annotated[str, AfterValidator(_bare_address)]
Recipient = Annotated[str, AfterValidator(_recipient)]
Selector = Annotated[str, AfterValidator(_dns_name)]
#: Whether emails may leave without TLS (``smtps://`` has it in any case).
SmtpTls = Literal["require", "offered", "none"]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: A job's notice may wait for two days; a job that is gone could tell nobody.
Days = Annotated[float, Field(ge=2, allow_inf_nan=False)]
