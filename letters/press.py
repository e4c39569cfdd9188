"""Press: writes what authors changed, in a child process with limits.

Copy can't call anything (``letters.sandbox``), but it can still loop in loops. So it is written by
a child that may use little memory, may write no file, knows no secret, and is ended when it takes
too long. It lives on from draft to draft, so that a letter costs no start of Python, and ends with
us: its standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import Any

from letters.people import Sender
from letters.render import Parts
from letters.shelf import Shelf
from letters.unit import Overrun, TemplateError, Unit
from letters.writer import Draft

PATIENCE = 5.0  #: seconds for one draft
LONGER = 2.0  #: seconds that the child gets beyond these to say which line took them
START = 30.0  #: seconds for the child's first answer: it loads the layout and the languages
LARGEST = 8 * 1024 * 1024  #: bytes of one answer
SIZE = struct.Struct("!I")  #: of what follows, before each request and answer


class Gone(Exception):
    """The child ended, or said what no child says."""


class Press:
    """A child that writes; started at the first draft. Safe for several threads, one draft at a
    time. A child that dies is replaced; a draft is tried twice, so that whoever ends a child from
    outside costs nobody a letter."""

    def __init__(self, shelf: Shelf, sender: Sender, patience: float = PATIENCE) -> None:
        self._args = {
            "root": str(shelf.root),
            "own": str(shelf.own_root) if shelf.own_root else None,
            "sender": asdict(sender),
            "patience": patience,
        }
        self._patience = patience
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def parts(self, draft: Draft) -> Parts:
        """The draft, written. Raises ``TemplateError`` naming file and line, or which limit the
        copy met."""
        more = {"views": draft.views, "reader": asdict(draft.reader)}
        answer = self._ask("parts", _lean(draft.unit), more, self._patience)
        return Parts(**answer)

    def lint(self, unit: Unit) -> list[dict[str, Any]]:
        """What is wrong with the unit (``letters.lint``). Raises ``TemplateError`` where it can't
        be looked at within the limits."""
        # one draft may take all its time, after which no other is tried; each rule reads on
        found: list[dict[str, Any]] = self._ask("lint", unit, {}, 3 * self._patience)
        return found

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._end()

    def _ask(self, what: str, unit: Unit, more: dict[str, Any], patience: float) -> Any:
        request = json.dumps({"what": what, "unit": _unit_json(unit), **more}).encode()
        with self._lock:
            reply = self._reply(request, unit, patience)
            if reply.get("tired"):
                self._end()
        if "error" in reply:
            kind = Overrun if reply.get("over") else TemplateError
            raise kind(PurePath(reply["path"]), reply["line"], reply["error"])
        return reply["answer"]

    def _reply(self, request: bytes, unit: Unit, patience: float) -> dict[str, Any]:
        why = ""
        for _ in range(2):
            try:
                return self._running().exchange(request, patience + LONGER)
            except TimeoutError:
                self._end()
                why = f"this takes longer than {patience:g} s; look for a loop in a loop"
                break
            except Gone:
                why = "this takes too much memory; look for what doubles"
            except OSError as error:
                why = f"the process that writes copy can't be started: {error}"
            self._end()
        raise Overrun(unit.at("body.md"), 1, why)

    def _running(self) -> _Child:
        if self._child is None or not self._child.lives():
            self._end()
            self._child = _Child(self._args)
            self._child.ready()
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()


class _Child:
    """The process, and the pipes to it. Its pipes never block us."""

    def __init__(self, args: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "letters.pressed", json.dumps(args)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1], env=_environment(), start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    def lives(self) -> bool:
        return self._process.poll() is None

    def ready(self) -> None:
        """Waits until it can write. Raises as ``exchange``."""
        self._read(time.monotonic() + START)

    def exchange(self, request: bytes, patience: float) -> dict[str, Any]:
        """Its reply. Raises TimeoutError, and ``Gone`` where it ended or said nothing sensible."""
        deadline = time.monotonic() + patience
        self._write(SIZE.pack(len(request)) + request, deadline)
        reply = self._read(deadline)
        if "answer" not in reply and not {"error", "path", "line"} <= set(reply):
            raise Gone
        return reply

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        self._process.wait()

    def _write(self, request: bytes, deadline: float) -> None:
        waiting = memoryview(request)
        while waiting:
            _wait(self._to, select.POLLOUT, deadline)
            try:
                waiting = waiting[os.write(self._to, waiting) :]
            except BlockingIOError:
                continue
            except OSError as error:  # it is dead
                raise Gone from error

    def _read(self, deadline: float) -> dict[str, Any]:
        size = SIZE.unpack(self._exactly(SIZE.size, deadline))[0]
        if size > LARGEST:
            raise Gone
        try:
            reply = json.loads(self._exactly(size, deadline))
        except (ValueError, RecursionError) as error:
            raise Gone from error
        if not isinstance(reply, dict):
            raise Gone
        return reply

    def _exactly(self, size: int, deadline: float) -> bytes:
        got = bytearray()
        while len(got) < size:
            _wait(self._from, select.POLLIN, deadline)
            try:
                piece = os.read(self._from, size - len(got))
            except BlockingIOError:
                continue
            if not piece:
                raise Gone
            got += piece
        return bytes(got)


def _wait(pipe: int, event: int, deadline: float) -> None:
    """Until the pipe can be used. (Not ``select.select``, which takes no file number from 1024 up:
    a gateway has many.)"""
    poll = select.poll()
    poll.register(pipe, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


def _environment() -> dict[str, str]:
    """No secret is given on."""
    kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TZDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _lean(unit: Unit) -> Unit:
    """The unit without its fixtures, which are most of it."""
    files = {file: text for file, text in unit.files.items() if not file.startswith("fixtures/")}
    return replace(unit, files=files)


def _unit_json(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name, "files": dict(unit.files), "origin": unit.origin,
        "home": str(unit.home), "revision": unit.revision,
    }  # fmt: skip
