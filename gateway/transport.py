"""An Engine.IO session where engineio is laxer than the protocol asks.

What is mended: a body that comes in pieces was read in part; a malformed one was answered with OK;
two polls at once both hung; a WebSocket that closed before its probe, or never finished it, left
the session deaf, and itself open for good.
"""

from __future__ import annotations

from typing import Any, NoReturn

from engineio import async_socket, exceptions
from engineio import packet as eio

END = "\x1e"  #: between the packets of one body
UPGRADE_WITHIN = 10.0  #: seconds from a WebSocket's opening to the end of its probe


class Transport(async_socket.AsyncSocket):  # type: ignore[misc]  # engineio ships no types
    """One client's session. engineio has no hook for the class, so ``adopt`` swaps it."""

    _polls = False  #: a poll is waiting
    _probing = False  #: a WebSocket wants to take over

    @classmethod
    def adopt(cls, socket: async_socket.AsyncSocket) -> Transport:
        """Makes a session of engineio's one of ours, before anything has been read or written."""
        socket.__class__ = cls
        adopted: Transport = socket
        return adopted

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """A poll, or a WebSocket. A second poll at once ends the session (protocol, "HTTP
        long-polling"): nobody could tell which of the two gets the next packet."""
        if "HTTP_UPGRADE" in environ:
            return await super().handle_get_request(environ)
        if self._polls:
            await self._refuse("two polls at once")
        self._polls = True
        try:
            return await super().handle_get_request(environ)
        finally:
            self._polls = False

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """A body of packets. Raises EngineIOError, which becomes a 400, where it is malformed."""
        try:
            for packet in (await self._read(environ["wsgi.input"])).split(END):
                await self.receive(eio.Packet(encoded_packet=packet))
        except (ValueError, exceptions.EngineIOError) as error:
            await self._refuse(type(error).__name__)

    async def _refuse(self, why: str) -> NoReturn:
        # engineio would end the session, too, but only once somebody has read all that waits
        self.end()
        await self.close(wait=False, abort=True)
        raise exceptions.EngineIOError(why)

    async def _read(self, body: Any) -> str:
        whole = bytearray()
        async for chunk in body.iter_any():  # `read(n)` would give what has come so far
            whole += chunk
            if len(whole) > self.server.max_http_buffer_size:
                raise exceptions.ContentTooLongError
        return whole.decode()

    def end(self) -> None:
        """Wakes whoever writes to the client: a poll is answered (with "noop", as the protocol
        asks), a WebSocket is closed."""
        if not self.upgraded:
            self.queue.put_nowait(eio.Packet(eio.NOOP))
        self.queue.put_nowait(None)

    async def _upgrade_websocket(self, environ: dict[str, Any]) -> Any:
        if self._probing:
            return self.server._bad_request("Another WebSocket is taking over already")
        return await super()._upgrade_websocket(environ)

    async def _websocket_handler(self, wire: Any) -> None:
        self._probing = self.connected
        wire.within = UPGRADE_WITHIN if self._probing else None
        try:
            await super()._websocket_handler(wire)
        finally:
            # a WebSocket that closed before its probe leaves `upgrading` on: polls would get
            # nothing but "noop" for ever
            self.upgrading = self._probing = False
