"""Real parts for tests: a Valkey of one's own and the product's processes, killed at will."""

from __future__ import annotations

import mailbox
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import redis

from gateway.auth import Tokens
from ringback import presence, valkey
from ringback.connection import Op, Store
from ringback.job import Owner, Policy, Spec
from ringback.keys import new_job_id
from ringback.presence import Connection, State
from ringback.settings import PREFIX, Settings

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
WITHIN = 60.0  #: seconds that a test waits for a condition; the machine may be slow, never stuck


def until(condition: Callable[[], T], within: float = WITHIN, what: str = "") -> T:
    """Waits for a condition to become true, and gives its value."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or condition}")
        time.sleep(0.02)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_spec(
    user: str = "ann", title: str = "Import", *, email: str | None = "", **policy: Any
) -> Spec:
    """A job to submit; ``email`` "": made from the user's id."""
    owner = Owner(id=user, email=f"{user}@example.com" if email == "" else email)
    return Spec(
        id=new_job_id(user), type="csv.import", title=title, owner=owner, policy=Policy(**policy)
    )


def come(user: str, *ids: str, state: State = "active") -> Op[list[int]]:
    """Connections of a user, or the renewal of their leases; how many the user has."""
    connections = [Connection(name, "socket", "node", state) for name in ids]
    return presence.renew({user: connections})


class Process:
    """A child process with its output in a file."""

    def __init__(self, argv: list[str], env: dict[str, str], log: Path) -> None:
        self.argv, self.env, self.log_path = argv, env, log
        self.start()

    def start(self) -> None:
        """Starts it (again)."""
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                self.argv, env=self.env, stdout=log, stderr=log, cwd=ROOT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.log_path.read_text(errors="replace")

    def says(self, text: str, within: float = WITHIN) -> None:
        """Waits until the log has ``text``; fails at once where the process has ended."""

        def said() -> bool:
            if self.popen.poll() is not None and text not in self.log:
                raise AssertionError(f"{self.argv} ended with {self.popen.returncode}:\n{self.log}")
            return text in self.log

        until(said, within, f"{text!r} in {self.log_path}")

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def freeze(self) -> None:
        """SIGSTOP; returns once each of its threads has stopped, which takes a moment."""
        self._signal(signal.SIGSTOP)
        until(self._stands_still, what=f"{self.argv} stands still")

    def _stands_still(self) -> bool:
        tasks = Path(f"/proc/{self.popen.pid}/task").glob("*/stat")
        return all(task.read_text().rpartition(")")[2].split()[0] in "TZ" for task in tasks)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def stop(self, within: float = WITHIN) -> int:
        """SIGTERM; the exit status."""
        self._signal(signal.SIGTERM)
        return self.popen.wait(within)

    def _signal(self, number: int) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)


class Valkey(Process):
    """A real server with an append-only file, on a port and in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = valkey.url(self.port)
        directory.mkdir(parents=True, exist_ok=True)
        log = directory / "valkey.log"
        super().__init__(valkey.command(self.port, directory), dict(os.environ), log)

    def start(self) -> None:
        """Starts it (again, with its data) and waits until it answers."""
        super().start()
        with redis.Redis.from_url(self.url) as client:
            until(lambda: _answers(client), what="Valkey answers")


class Rig:
    """One installation below a directory. ``env`` may be changed before a part is started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.data_dir.mkdir(parents=True)
        self.valkey = Valkey(directory / "valkey")
        self.smtp_port, self.port = free_port(), free_port()
        self.own = {
            "STORE_URL": self.valkey.url, "DATA_DIR": str(self.data_dir),
            "SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}", "PORT": str(self.port),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}", "JWT_SECRET": secrets.token_hex(32),
            "DEV": "1", "GRACE_ABSENT": "1", "GRACE_PRESENT": "3", "EMAIL_WINDOW": "0",
            "LIMIT_SUBMITS": "60000", "LIMIT_EVENTS": "60000", "DRAIN": "0",
        }  # fmt: skip
        self.path: list[str] = []  # further folders with job modules
        self.processes: list[Process] = []
        self._store: Store | None = None

    # -- parts

    def gateway(self, port: int | None = None) -> Process:
        """Starts a node and waits until it is ready."""
        port = port or self.port
        process = self._spawn("gateway", {"PORT": str(port)}, "gateway")
        until(lambda: _ready(f"http://127.0.0.1:{port}/readyz", process), what="gateway ready")
        return process

    def worker(self, *modules: str) -> Process:
        """Starts a worker for ``modules`` (default: the tests' own jobs)."""
        process = self._spawn("worker", {}, "worker", *(modules or ("tests.jobs",)))
        process.says("worker.ready")
        return process

    def mailer(self) -> Process:
        """Starts a worker that only tells: by email and to webhooks."""
        process = self._spawn("mailer", {}, "worker", "tasks.deliver", "tasks.webhooks")
        process.says("worker.ready")
        return process

    def supervisor(self) -> Process:
        """Starts a supervisor."""
        process = self._spawn("supervisor", {}, "supervisor")
        process.says("supervisor.ready")
        return process

    def inbox(self) -> Process:
        """Starts the dev inbox, a real SMTP server."""
        process = self._spawn("inbox", {}, "inbox", "--port", str(self.smtp_port))
        process.says("inbox.ready")
        return process

    def all(self) -> None:
        """Starts one of each."""
        self.inbox()
        self.worker()
        self.mailer()
        self.supervisor()
        self.gateway()

    def cli(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a ``ringback`` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "ringback.cli", *args], env=self.env(**env), cwd=ROOT,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a part."""
        own = {PREFIX + k: v for k, v in {**self.own, **more}.items()}
        return {**os.environ, "PYTHONPATH": os.pathsep.join(self.path), **own}

    def _spawn(self, name: str, env: dict[str, str], *args: str) -> Process:
        log = self.directory / f"{name}-{len(self.processes)}.log"
        argv = [sys.executable, "-m", "ringback.cli", *args]
        self.processes.append(Process(argv, self.env(**env), log))
        return self.processes[-1]

    def close(self) -> None:
        """Kills what still runs."""
        for process in [*self.processes, self.valkey]:
            process.thaw()
            process.kill()
        if self._store is not None:
            self._store.close()

    # -- what tests look at

    @property
    def settings(self) -> Settings:
        """The installation's settings."""
        fields: dict[str, Any] = {name.lower(): value for name, value in self.own.items()}
        return Settings(**fields)

    def do(self, op: Op[T]) -> T:
        """Runs a store operation."""
        if self._store is None:
            self._store = Store(self.valkey.url)
        return self._store.do(op, patience=WITHIN)

    def token(self, user: str, email: str | None = None) -> str:
        """A token of a user."""
        return Tokens(self.settings).issue(Owner(id=user, email=email or f"{user}@example.com"))

    @property
    def url(self) -> str:
        """The first gateway node."""
        return f"http://127.0.0.1:{self.port}"

    def emails(self, to: str | None = None) -> list[EmailMessage]:
        """What the inbox has caught, oldest first."""
        path = self.data_dir / "inbox"
        if not path.is_dir():
            return []
        box = mailbox.Maildir(path, create=False)
        parser = BytesParser(EmailMessage, policy=policy.default)
        found = [parser.parsebytes(box.get_bytes(key)) for key in sorted(box.keys())]
        return [m for m in found if to is None or str(m["To"]) == to]


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _ready(url: str, process: Process) -> bool:
    if process.popen.poll() is not None:
        raise AssertionError(f"the gateway ended:\n{process.log}")
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
