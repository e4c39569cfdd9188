"""Running one part of the product as a process: the gateway, the supervisor, the dev inbox."""

from __future__ import annotations

import asyncio
import errno
import signal
from typing import Any

import structlog
import uvloop
from aiohttp import web

from gateway.app import DRAIN, make_app
from gateway.patience import patient
from gateway.unreadable import told_plainly
from ringback import floor, signals
from ringback.errors import SettingsError
from ringback.settings import Settings
from ringback.values import LOOPBACK
from tasks.inbox import Inbox
from tasks.supervisor import supervise

log = structlog.get_logger(__name__)

OPEN_DOOR = "RINGBACK_DEV is on and RINGBACK_HOST is {host}: whoever reaches it signs in as anybody"
KEEP_IDLE = 75.0  #: seconds; nginx keeps them for 60
FIRST_LOOK = 1.0  #: seconds that the store has to answer; then we listen, and say 503
CLOSE_WITHIN = 5.0  #: seconds for open requests when the gateway stops


def run_gateway(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises SettingsError where it can't listen."""
    uvloop.run(_serve(settings))


def run_supervisor(settings: Settings) -> None:
    """Supervises until SIGTERM or SIGINT."""
    asyncio.run(floor.check(settings))
    signals.block()
    supervise(settings, signals.wait_for)


def run_inbox(settings: Settings, port: int) -> None:
    """Catches mail on a loopback port until SIGTERM or SIGINT."""
    asyncio.run(_catch(settings, port))


async def _serve(settings: Settings) -> None:
    app = make_app(settings)
    looking = asyncio.ensure_future(floor.check(settings))
    await asyncio.wait({looking}, timeout=FIRST_LOOK)
    if looking.done():
        looking.result()  # refused: we don't even listen
    runner = web.AppRunner(app, shutdown_timeout=CLOSE_WITHIN, **serving())
    await runner.setup()
    told_plainly(runner)
    site = web.TCPSite(runner, settings.host, settings.port, backlog=2048)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise cant_listen(settings, error) from None
    if settings.dev and settings.host not in LOOPBACK:
        log.warning("gateway.dev_sign_in", reason=OPEN_DOOR.format(host=settings.host))
    log.info("gateway.ready", url=f"http://{settings.host}:{settings.port}")
    try:
        async with patient(runner):
            await _asked_to_stop_after(looking)
            await app[DRAIN].run()
    finally:
        looking.cancel()
        await runner.cleanup()
    log.info("gateway.stopped")


def serving() -> dict[str, Any]:
    """How HTTP is served: without a log of each request, which would tell who asked for what, and
    without unpacking bodies, which could be bombs; idle connections are kept longer than a proxy
    keeps them, or it would send requests into closed ones."""
    return {"access_log": None, "auto_decompress": False, "keepalive_timeout": KEEP_IDLE}


async def _catch(settings: Settings, port: int) -> None:
    async with Inbox(settings.data_dir / "inbox", port):
        log.info("inbox.ready", port=port)
        await _asked_to_stop()


async def _asked_to_stop_after(looking: asyncio.Future[None]) -> None:
    """As ``_asked_to_stop``. Raises what the look at the store finds, should it end badly first."""
    asked = asyncio.ensure_future(_asked_to_stop())
    await asyncio.wait({looking, asked}, return_when=asyncio.FIRST_COMPLETED)
    if looking.done():
        looking.result()
    await asked


async def _asked_to_stop() -> None:
    """Returns at the first signal; the next one ends the process at once."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signals.STOP:
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
    for number in signals.STOP:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


def cant_listen(settings: Settings, error: OSError) -> SettingsError:
    """Says which setting is to blame, and what to do."""
    why = error.strerror or str(error)
    tried = f"can't listen on {settings.host}:{settings.port} ({why})"
    if error.errno == errno.EADDRINUSE:
        name, fix = "PORT", "Stop the program that uses it, or choose another port: RINGBACK_PORT="
        return SettingsError(f"RINGBACK_{name}={settings.port}: {tried}. {fix}{settings.port + 1}")
    if error.errno in (errno.EACCES, errno.EPERM):
        fix = "Choose a port above 1023, behind a proxy: RINGBACK_PORT=8000"
        return SettingsError(f"RINGBACK_PORT={settings.port}: {tried}. {fix}")
    fix = "Give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them"
    return SettingsError(f"RINGBACK_HOST={settings.host}: {tried}. {fix}.")
