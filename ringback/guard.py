"""Which machines an address from outside may lead us to: public ones, or it would open our own
network to whoever can make us ask: by a link to be checked, by a webhook.

The gate is where sockets are made, behind names, redirects and all spellings of an address, so
there is no second look-up between the check and the connection that could answer differently.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUPS = 16  #: at once; a slow name server must not hold up all others

_UNICAST = IPv6Network("2000::/3")  # https://www.iana.org/assignments/ipv6-address-space
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_6TO4 = IPv6Network("2002::/16")  # RFC 7526: given up, and leads to the IPv4 address within


class PrivateAddress(OSError):
    """A socket to an address that isn't public was refused."""

    def __init__(self) -> None:
        # one text for all addresses: where every one is refused, the connector raises the first
        super().__init__(errno.EACCES, "the address is private")


def is_public(address: str) -> bool:
    """Whether anyone on the internet can reach the address; False for what is none."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip in _NAT64:
            return is_public(".".join(map(str, ip.packed[-4:])))
        return ip in _UNICAST and ip not in _6TO4 and ip.is_global
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def public_socket(info: Any) -> socket.socket:
    """A socket for an entry of ``getaddrinfo``. Raises PrivateAddress."""
    if not is_public(info[4][0]):
        raise PrivateAddress
    return any_socket(info)


def any_socket(info: Any) -> socket.socket:
    """A socket for an entry of ``getaddrinfo``, wherever it leads."""
    family, kind, protocol, *_ = info
    return socket.socket(family, kind, protocol)


class Resolver(AbstractResolver):
    """The system's, in threads of its own: a check that is cancelled doesn't wait for a silent
    name server, as it would for the loop's threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, "lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name. Raises socket.gaierror."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _look_up, host, port, family
        )
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port,
                family=kind, proto=protocol, flags=numeric,
            )
            for kind, _, protocol, _, address in found
        ]  # fmt: skip

    async def close(self) -> None:
        """Leaves look-ups that still run to themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[Any]:
    try:
        return socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )  # fmt: skip
    except UnicodeError:  # a name that DNS has no room for, as of an empty or endless label
        raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from None
