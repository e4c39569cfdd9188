"""A herd of clients that comes back all at once: ``python -m bench.herd PLAN``.

Says ``ready`` once all are in. After SIGUSR1 all that were dropped come back in the same moment;
in the end one line of JSON tells how that went.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop

from tests.herd import Client

CONNECTING = 64  #: at once, the first time


async def run(plan: dict[str, Any]) -> None:
    """In, out, and in again."""
    herd = [Client(plan["url"], token) for token in plan["tokens"]]
    called = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, called.set)
    turn = asyncio.Semaphore(CONNECTING)

    async def first(client: Client) -> None:
        async with turn:
            await client.come()

    await asyncio.gather(*map(first, herd))
    print("ready", flush=True)
    await called.wait()
    await asyncio.gather(*(client.lost() for client in herd))
    start = time.monotonic()
    back = await asyncio.wait_for(asyncio.gather(*(c.come() for c in herd)), plan["within"])
    report = {
        "took": [moment - start for moment in back],
        "recovered": sum(client.recovered for client in herd),
        "again": sum(client.tries - 1 for client in herd),
    }
    print(orjson.dumps(report).decode(), flush=True)


def main() -> None:
    """Reads the plan, runs the herd."""
    uvloop.run(run(orjson.loads(Path(sys.argv[1]).read_bytes())))


if __name__ == "__main__":
    main()
