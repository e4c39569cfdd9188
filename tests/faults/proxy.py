"""A road to the store on which answers get lost: the server has done as it was told, and the
connection is reset before the client hears of it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

from tests.rig import free_port

RESET = struct.pack("ii", 1, 0)  #: SO_LINGER: on, no time, so that closing is a reset
Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LOST = (OSError, asyncio.IncompleteReadError, ValueError)  #: the last: a length cut in two


class Proxy:
    """Listens on ``port`` and passes everything on to Valkey, except the answers to those EVALSHA
    (counted from 1, over all connections) for which ``loses`` says so."""

    def __init__(self, target: int, loses: Callable[[int], bool]) -> None:
        self.port = free_port()
        self.seen = self.lost = 0
        self._target, self._loses = target, loses
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(ready),))
        self._thread.start()
        ready.wait()

    @property
    def url(self) -> str:
        """Where a part finds the store, by this road."""
        return f"redis://127.0.0.1:{self.port}/0"

    def close(self) -> None:
        """Ends all connections and the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self, ready: Event) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", self.port)
        ready.set()
        await self._stop.wait()
        server.close()
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted closes a turn of the loop later

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                up = await asyncio.open_connection("127.0.0.1", self._target)
                await _Link(self, (reader, writer), up).last()
        finally:
            _reset(writer)

    def loses_next(self) -> bool:
        """Whether the answer to the EVALSHA that has just come is to be lost."""
        self.seen += 1
        return self._loses(self.seen)


class _Link:
    """One connection, both ways. Clients wait for the answers to one batch before the next."""

    def __init__(self, proxy: Proxy, down: Side, up: Side) -> None:
        self._proxy = proxy
        self._reader, self._writer = down
        self._up_reader, self._up_writer = up
        self._doomed = False

    async def last(self) -> None:
        """Until one side ends it."""
        ways = [asyncio.ensure_future(self.requests()), asyncio.ensure_future(self.replies())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._up_writer.transport.abort()

    async def requests(self) -> None:
        with suppress(*LOST):
            while command := await _command(self._reader):
                parts = command.split(b"\r\n", 3)
                if parts[2].upper() == b"EVALSHA" and self._proxy.loses_next():
                    self._doomed = True
                self._up_writer.write(command)

    async def replies(self) -> None:
        with suppress(*LOST):
            while data := await self._up_reader.read(1 << 16):
                # an error (NOSCRIPT, say) means that nothing was done: it goes through
                if self._doomed and not data.startswith(b"-"):
                    self._proxy.lost += 1
                    return
                self._doomed = False
                self._writer.write(data)


async def _command(reader: asyncio.StreamReader) -> bytes:
    """One command as it came: an array of bulk strings. b"": the client has gone."""
    head = await reader.readline()
    pieces = [head]
    for _ in range(int(head[1:]) if head else 0):
        size = await reader.readline()
        pieces += [size, await reader.readexactly(int(size[1:]) + 2)]
    return b"".join(pieces)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
