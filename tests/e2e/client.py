"""The stock JavaScript client in a Node process, and a few lines of REST."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.rig import WITHIN, until

SCRIPT = Path(__file__).with_name("client.mjs")
TERMINAL = ("succeeded", "partial", "failed", "cancelled")

Record = dict[str, Any]


class Client:
    """One browser tab, so to speak. ``records`` is everything that it noticed, oldest first."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("w+b")
        self.popen = subprocess.Popen(
            ["node", str(SCRIPT)], stdin=subprocess.PIPE, stdout=self._log, start_new_session=True
        )
        self._noticed = log.open("rb")
        self._rest = b""
        self._records: list[Record] = []
        self._ids = itertools.count()

    # -- what it does

    def open(
        self, url: str, token: str | None, auth: Mapping[str, Any] | None = None, **options: Any
    ) -> Client:
        """Begins to connect."""
        credentials = {**({"token": token} if token else {}), **(auth or {})}
        return self._do("open", url=url, options={"auth": credentials, **options})

    def emit(self, *args: Any) -> Any:
        """Emits, and waits for the ack."""
        number = next(self._ids)
        self._do("emit", id=number, args=args)
        return self.wait(lambda r: r["kind"] == "ack" and r["id"] == number)["value"]

    def submit(self, job_type: str, **params: Any) -> str:
        """Submits a job; its id."""
        ack = self.emit("submit", {"type": job_type, "params": params})
        assert ack["ok"], ack
        return str(ack["job"]["id"])

    def move(self, url: str) -> None:
        """The next reconnect goes to another node."""
        self._do("move", url=url)

    def sign_in(self, token: str) -> None:
        """The page goes on as somebody else, on a new transport."""
        self._do("sign_in", token=token)

    def leave(self) -> None:
        """Disconnects politely."""
        self._do("close")

    def freeze(self) -> None:
        """SIGSTOP: the connection stays, nobody reads it."""
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as when a tab crashes; nothing happens if it is gone."""
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        self._log.close()

    # -- what it noticed

    @property
    def records(self) -> list[Record]:
        """Everything, oldest first."""
        self._rest += self._noticed.read()
        *lines, self._rest = self._rest.split(b"\n")
        self._records += map(json.loads, lines)
        return self._records

    def wait(self, wanted: Callable[[Record], bool], after: int = 0) -> Record:
        """The first record, from the place ``after`` on, that is wanted."""
        found = until(lambda: [r for r in self.records[after:] if wanted(r)], what=f"{wanted}")
        return found[0]

    def connected(self, after: int = 0) -> Record:
        """The ``connect`` record."""
        return self.wait(lambda r: r["kind"] in ("connect", "connect_error"), after)

    def refused(self) -> Record:
        """The ``connect_error`` record; fails where the client got in."""
        record = self.connected()
        assert record["kind"] == "connect_error", record
        return record

    def snapshot(self, after: int = 0) -> tuple[Record, str]:
        """The ``jobs`` event and its cursor."""
        args = self.wait(lambda r: r.get("name") == "jobs", after)["args"]
        return args[0], args[1]

    def views(self, job_id: str | None = None) -> list[Record]:
        """Views of a job (or all jobs), in the order in which they came."""
        found: list[Record] = []
        for record in self.records:
            if record.get("name") == "job":
                found.append(record["args"][0])
            elif record.get("name") == "jobs":
                found += record["args"][0]["jobs"]
        return [view for view in found if job_id in (None, view["id"])]

    def sees(self, job_id: str, wanted: Callable[[Record], bool]) -> Record:
        """Waits until a view of a job is as wanted; that view."""
        found = until(
            lambda: [v for v in self.views(job_id) if wanted(v)], what=f"view of {job_id}"
        )
        return found[0]

    def sees_state(self, job_id: str, *states: str) -> Record:
        """Waits for a view of a job in one of the states (default: the terminal ones)."""
        return self.sees(job_id, lambda view: view["state"] in (states or TERMINAL))

    def close(self) -> None:
        """Kills what is left."""
        self.kill()
        self._noticed.close()

    def _do(self, what: str, **details: Any) -> Client:
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
        self.popen.stdin.flush()
        return self


class Answer:
    """What a server answered."""

    def __init__(self, status: int, headers: Message, content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)


def rest(
    method: str, url: str, token: str | None = None, body: Any = None, **headers: str
) -> Answer:
    """One request; ``body`` is sent as it is if it is bytes, or else as JSON. Header names are
    written with underscores. Raises OSError where nobody answers."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if data is not None:
        headers.setdefault("Content_Type", "application/json")
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data, named, method=method)
    try:
        with urlopen(request, timeout=WITHIN) as response:
            return Answer(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())
