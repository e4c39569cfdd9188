"""``ringback up``: every part on one machine, started in order, watched, stopped in order."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
from rich.console import Console

from ringback import credentials, valkey
from ringback.errors import SettingsError
from ringback.parts import cant_listen
from ringback.settings import ADDRESSES, PREFIX, Settings

JOBS = ("tasks.csv_import", "tasks.links_check")
TELLING = ("tasks.deliver", "tasks.webhooks")  #: neither waits for the other
READY_WITHIN = 60.0  #: seconds for all parts to answer
STOP_WITHIN = 30.0  #: seconds for one part to end after SIGTERM
RESTART_AFTER = 1.0  #: seconds
LOUD = ("warning", "error", "critical")
PR_SET_PDEATHSIG = 1
PRIVATE = 0o077  #: the umask of all parts: no other account reads files, logs, the store
FOLDERS = ("files", "inbox", "logs", "tables", "valkey", "work")

console = Console(stderr=True, highlight=False)


@dataclass(slots=True)
class Part:
    """One child process."""

    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None


class Everything:
    """The parts, in the order in which they are started; they stop in the reverse order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data_dir = settings.data_dir.resolve()
        self.store_port, self.smtp_port = free_port(), free_port()
        self._stopping = False
        self._watchers: list[asyncio.Task[None]] = []
        self.parts = self._parts()

    def _parts(self) -> list[Part]:
        env, parts = self._env(), []
        if self.settings.store_url is None:
            command = valkey.command(self.store_port, self._folder("valkey"), fsync="always")
            parts.append(Part("store", command, env))
        if self.settings.smtp_url is None:
            parts.append(self._own("inbox", env, "inbox", "--port", str(self.smtp_port)))
        return [
            *parts,
            self._own("worker", env, "worker", *JOBS),
            self._own("mailer", env, "worker", *TELLING),
            self._own("supervisor", env, "supervisor"),
            self._own("gateway", env, "gateway"),
        ]

    def _own(self, name: str, env: dict[str, str], *args: str) -> Part:
        return Part(name, [sys.executable, "-m", "ringback.cli", *args], env)

    def _env(self) -> dict[str, str]:
        settings = self.settings
        own = {
            "STORE_URL": settings.store_url or valkey.url(self.store_port),
            "SMTP_URL": settings.smtp_url or f"smtp://127.0.0.1:{self.smtp_port}",
            "DATA_DIR": str(self.data_dir),
            "PUBLIC_URL": self.url,
            "DEV": "1",
            # there is no other node, and whoever stops this one waits
            "DRAIN": str(settings.drain if "drain" in settings.model_fields_set else 0),
        }
        # what `up` read from a file of the environment's is told as a value
        files = {PREFIX + name + credentials.SUFFIX for name in own}
        rest = {name: value for name, value in os.environ.items() if name not in files}
        return {**rest, **{PREFIX + name: value for name, value in own.items()}}

    @property
    def url(self) -> str:
        """Where the pages are."""
        if "public_url" in self.settings.model_fields_set:
            return self.settings.public_url.rstrip("/")
        return f"http://{self.settings.host}:{self.settings.port}"

    async def start(self) -> None:
        """Starts all parts and returns when the gateway is ready. Raises SettingsError."""
        env = self.parts[0].env
        note = {"store_url": env[PREFIX + "STORE_URL"], "url": self.url}
        if self.settings.smtp_url is None:  # our inbox: no server that has a password, or sends
            note["smtp_url"] = env[PREFIX + "SMTP_URL"]
        (self.data_dir / ADDRESSES).write_bytes(orjson.dumps(note))
        for part in self.parts:
            await self._start(part)
            self._watchers.append(asyncio.ensure_future(self._watch(part)))
        await self._ready()

    async def stop(self) -> None:
        """Stops all parts, last started first, and waits for them."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        for part in reversed(self.parts):
            await stop_process(part.process)
        (self.data_dir / ADDRESSES).unlink(missing_ok=True)

    async def _start(self, part: Part) -> None:
        log = (self._folder("logs") / f"{part.name}.log").open("ab")
        with log:
            part.process = await asyncio.create_subprocess_exec(
                *part.argv, env=part.env, stdin=asyncio.subprocess.DEVNULL, stdout=log,
                stderr=asyncio.subprocess.PIPE, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        asyncio.ensure_future(self._tee(part.name, part.process))  # noqa: RUF006 (ends with its pipe)

    async def _tee(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with (self._folder("logs") / f"{name}.log").open("ab", buffering=0) as log:
            async for line in process.stderr:
                log.write(line)
                self._say(name, line)

    def _say(self, name: str, line: bytes) -> None:
        """Shows warnings; all else is in the log file."""
        try:
            entry = orjson.loads(line)
            level, text = entry.get("level"), f"{entry.get('event')} {entry.get('reason', '')}"
        except (orjson.JSONDecodeError, AttributeError):
            level, text = "warning", line.decode(errors="replace").rstrip()
        if level in LOUD and not self._stopping:
            console.print(f"[dim]{name}[/] {text}", markup=True)

    async def _watch(self, part: Part) -> None:
        """Starts a part again that ends by itself."""
        while True:
            assert part.process is not None
            status = await part.process.wait()
            if self._stopping:
                return
            console.print(f"[yellow]{part.name} ended ({_words(status)}); starting it again[/]")
            await asyncio.sleep(RESTART_AFTER)
            await self._start(part)

    async def _ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        async with aiohttp.ClientSession() as http:
            while time.monotonic() < deadline:
                if await _answers(http, f"{self._local}/readyz"):
                    return
                await asyncio.sleep(0.1)
        raise SettingsError(
            f"Not everything was ready within {READY_WITHIN:.0f} seconds. "
            f"The logs are in {self.data_dir / 'logs'}."
        )

    @property
    def _local(self) -> str:
        return f"http://{self.settings.host}:{self.settings.port}"

    def _folder(self, name: str) -> Path:
        path = self.data_dir / name
        path.mkdir(parents=True, exist_ok=True)
        return path


async def run(settings: Settings, then: Callable[[Everything], Awaitable[None]]) -> None:
    """Starts everything, calls ``then``, and waits for Ctrl-C or SIGTERM; leaves no process.

    Raises SettingsError where the port is taken, or where it already runs here.
    """
    data_dir = settings.data_dir.resolve()
    os.umask(PRIVATE)
    data_dir.mkdir(parents=True, exist_ok=True)
    _close_to_others(data_dir)
    with _only_one(data_dir):
        check_port(settings)
        make_secret(data_dir)
        asked = _signals()
        everything = Everything(settings)
        try:
            console.print("Starting …")
            if await _unless(asked, everything.start()):
                await _unless(asked, then(everything))
                await asked.wait()
        finally:
            console.print("Stopping …")
            await everything.stop()
            console.print("Stopped.")


async def _unless(asked: asyncio.Event, work: Awaitable[None]) -> bool:
    """Awaits ``work`` unless Ctrl-C comes first; whether it was done."""
    task, waiting = asyncio.ensure_future(work), asyncio.ensure_future(asked.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait({task})
    return False


def _signals() -> asyncio.Event:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


async def stop_process(process: asyncio.subprocess.Process | None) -> None:
    """SIGTERM, and SIGKILL for one that doesn't end in time."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


def check_port(settings: Settings) -> None:
    """Raises SettingsError while the cause is still easy to tell."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise cant_listen(settings, error) from None


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_secret(data_dir: Path) -> None:
    """The secret of this machine's tokens, made once."""
    path = data_dir / "jwt_secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))


def _close_to_others(data_dir: Path) -> None:
    """What an earlier version left open to all accounts."""
    for folder in filter(Path.is_dir, map(data_dir.joinpath, FOLDERS)):
        folder.chmod(0o700)


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    with (data_dir / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"Ringback already runs with {data_dir}. Stop it there (Ctrl-C), or choose another "
                "folder: RINGBACK_DATA_DIR=…"
            ) from None
        yield


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def _words(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _die_with_parent() -> None:
    # without this, a `kill -9` of `ringback up` would leave the parts running (Linux only)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
