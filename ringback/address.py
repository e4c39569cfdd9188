"""What a webhook's address must be: public, https, and nothing that leads into our own network.

Checked when it is registered, to tell its owner at once, and when something is sent to it, since
names may lead elsewhere by then: there the gate is the socket itself (``ringback.guard``).
"""

from __future__ import annotations

import asyncio
import re

from aiohttp.abc import AbstractResolver
from yarl import URL

from ringback.errors import BadAddress
from ringback.guard import is_public

LONGEST = 2_000  #: characters
LOOKUP_WITHIN = 5.0  #: seconds
PRIVILEGED = 1024  #: ports below it are other services', but for https's own
#: None, or plain digits at the end of the authority: what else `int` takes, others don't.
PORT = re.compile(r"^[^:]*(:[1-9][0-9]*)?([?#].*)?$")
EXAMPLE = "https://example.com/ringback"


def parse(text: str, *, private: bool) -> URL:
    """The address. Raises BadAddress with what it must be; ``private``: http and any port will do,
    as in development."""
    if len(text) > LONGEST:
        raise BadAddress(f"must have at most {LONGEST:,} characters")
    if any(character <= " " for character in text):
        raise BadAddress("must have no spaces or control characters")
    try:
        url, schemes = URL(text), ("https", "http") if private else ("https",)
        host, port = url.host, url.port  # both are read now only
    except ValueError:  # UnicodeError, too: an IDNA name that is none
        raise BadAddress(f"must be an address such as {EXAMPLE}") from None
    if url.scheme not in schemes or not host:
        raise BadAddress(f"must start with https:// and a host, as in {EXAMPLE}")
    if url.user is not None or url.password is not None:
        raise BadAddress("must have no user or password before the host; the signature proves us")
    if url.raw_fragment:
        raise BadAddress("must have no fragment (#…): it would never be sent")
    if not PORT.search(text.split("/")[2].rpartition("]")[2]):
        raise BadAddress("must have a port of digits alone, as in https://example.com:8443/")
    if not private and port != 443 and (port or 0) < PRIVILEGED:
        raise BadAddress(f"must have the port 443, or one from {PRIVILEGED} on")
    return url


async def check(text: str, resolver: AbstractResolver, *, private: bool) -> None:
    """Raises BadAddress for what nothing may be sent to. The text is the same for names that
    don't exist and names that lead into a private network: neither is anybody's business."""
    url = parse(text, private=private)
    if private:
        return
    try:
        async with asyncio.timeout(LOOKUP_WITHIN):
            found = await resolver.resolve(url.host or "", url.port or 0)
    except OSError:  # TimeoutError, too
        found = []
    if not found or not all(is_public(each["host"]) for each in found):
        raise BadAddress("must have a host that leads to a public address")
