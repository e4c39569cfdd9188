"""What lies between a writer and the wire: as little as events need, since a client that doesn't
read leaves all of it full."""

from __future__ import annotations

import asyncio
import socket

BUFFER = 32_768  #: bytes that the operating system hasn't taken, above which a writer waits
KERNEL = 32_768  #: bytes that the operating system takes (Linux doubles it); else up to megabytes


def narrow(transport: asyncio.WriteTransport) -> None:
    """For a transport that carries events from here on."""
    transport.set_write_buffer_limits(high=BUFFER)
    wire = transport.get_extra_info("socket")
    if wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)
