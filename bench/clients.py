"""Many real Socket.IO clients in one process, as lean as Python allows.

``python -m bench.clients PLAN``

Says ``ready`` once all are connected, and in the end one line of JSON: how many events came, how
late each was, in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop

CONNECTING = 32  #: at once


class Crowd:
    """All clients, and what they got."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.url = plan["url"]
        self.tokens: dict[str, str] = plan["tokens"]
        self.wanted, self.warm, self.within = plan["events"], plan["warm"], plan["within"]
        self.received = 0
        self.late = array("d")
        self.all = asyncio.Event()
        self._turn = asyncio.Semaphore(CONNECTING)

    async def gather(self) -> None:
        """Connects all, waits until each event has come (or time is up), and reports."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            opened = await asyncio.gather(*(self._open(http, user) for user in self.tokens))
            listening = [asyncio.ensure_future(self._listen(ws)) for ws in opened]
            print("ready", flush=True)
            try:
                await asyncio.wait_for(self.all.wait(), self.within)
            except TimeoutError:
                pass  # the report shows what is missing
            for task in listening:
                task.cancel()
        print(orjson.dumps({"received": self.received, "late": list(self.late)}).decode())

    async def _open(
        self, http: aiohttp.ClientSession, user: str
    ) -> aiohttp.ClientWebSocketResponse:
        async with self._turn:
            ws = await http.ws_connect(f"{self.url}/socket.io/?EIO=4&transport=websocket")
            assert (await ws.receive_str()).startswith("0")
            auth = {"token": self.tokens[user], "user": user}
            await ws.send_str("40" + orjson.dumps(auth).decode())
            assert (await ws.receive_str()).startswith("40")
            return ws

    async def _listen(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            now, text = time.monotonic_ns(), message.data
            if text.startswith('42["job",'):
                self._count(text, now)
            elif text == "2":
                await ws.send_str("3")

    def _count(self, text: str, now: int) -> None:
        start = text.index('"message":"') + 11
        number, _, sent = text[start : text.index('"', start)].partition(" ")
        self.received += 1
        if int(number) >= self.warm:
            self.late.append((now - int(sent)) / 1e6)
        if self.received == self.wanted:
            self.all.set()


def main() -> None:
    """Reads the plan, runs the crowd."""
    plan = orjson.loads(Path(sys.argv[1]).read_bytes())

    async def run() -> None:
        await Crowd(plan).gather()

    uvloop.run(run())


if __name__ == "__main__":
    main()
