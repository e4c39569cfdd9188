"""Tasks that nobody awaits: kept alive, and their errors logged instead of lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_running: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Starts a task and holds it until it is done: the loop itself holds only a weak reference."""
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_done)
    return task


async def finish(within: float) -> None:
    """Waits for the tasks of this loop, those too that they start, up to so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while mine := {task for task in _running if task.get_loop() is loop}:
        left = deadline - loop.time()
        if left <= 0:
            log.warning("background.unfinished", tasks=len(mine))
            return
        await asyncio.wait(mine, timeout=left)


def _done(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.error("background.failed", exc_info=task.exception())
