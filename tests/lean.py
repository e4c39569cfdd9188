"""A WebSocket client of few lines, to have thousands of them in one process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

TEXT, CLOSE = 1, 8  #: opcodes (RFC 6455, 5.2)
HELLO = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Wire(asyncio.Protocol):
    """One connection: whole text messages in, short ones out. ``lost`` is set at its end."""

    def __init__(self, host: str, heard: Callable[[Wire, str], None]) -> None:
        self._host, self._heard = host, heard
        self._rest, self._upgraded = b"", False
        self.lost = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Asks for the upgrade."""
        self._transport = transport
        transport.write(HELLO.format(host=self._host).encode())

    def data_received(self, data: bytes) -> None:
        """Cuts messages out of the stream."""
        self._rest += data
        if self._upgraded or self._upgrade():
            while (frame := self._frame()) is not None:
                opcode, payload = frame
                if opcode == TEXT:
                    self._heard(self, payload.decode())
                elif opcode == CLOSE:
                    self.close()

    def connection_lost(self, _: Exception | None) -> None:
        """The end, whoever wanted it."""
        self.lost.set()

    def close(self) -> None:
        """Ends it without a word, as when a network breaks."""
        self._transport.abort()

    def deafen(self, buffer: int) -> None:
        """Takes nothing any more but ``buffer`` bytes, which the operating system takes for it."""
        wire = self._transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._transport.pause_reading()

    def send(self, text: str) -> None:
        """One text message, masked with zeros."""
        payload = text.encode()
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._transport.write(b"\x81" + length + bytes(4) + payload)

    def _upgrade(self) -> bool:
        head, end, rest = self._rest.partition(b"\r\n\r\n")
        if end:
            self._upgraded, self._rest = True, rest
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.close()
        return bool(end)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole one; a server's frames aren't masked."""
        if len(self._rest) < 2:
            return None
        length, start = self._rest[1] & 127, 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(self._rest[2:start], "big")
        end = start + length
        if len(self._rest) < end:
            return None
        opcode, payload, self._rest = self._rest[0] & 15, self._rest[start:end], self._rest[end:]
        return opcode, payload
