"""Press: writes what authors changed, in a child process with limits.

Copy can't call anything (``letters.sandbox``), but it can still loop in loops. So it is written by
a child that may use little memory, may open no file, and is ended when it takes too long; it lives
on from draft to draft, so that a letter costs no start of Python.
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
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import IO, Any

from letters.people import Sender
from letters.render import Parts
from letters.shelf import Shelf
from letters.unit import TemplateError, Unit
from letters.writer import Draft

PATIENCE = 5.0  #: seconds for one draft
START = 30.0  #: seconds for the child's first answer: it loads the layout and the languages
LARGEST = 8 * 1024 * 1024  #: bytes of one answer
_SIZE = struct.Struct("!I")


class Overrun(TemplateError):
    """The copy met a limit of time or memory."""


class Press:
    """A child that writes; started at the first draft. Safe for several threads, one draft at a
    time."""

    def __init__(self, shelf: Shelf, sender: Sender, patience: float = PATIENCE) -> None:
        self._args = {
            "root": str(shelf.root),
            "own": str(shelf.own_root) if shelf.own_root else None,
            "sender": asdict(sender),
        }
        self._patience = patience
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def parts(self, draft: Draft) -> Parts:
        """The draft, written. Raises ``TemplateError`` naming file and line, or which limit the
        copy met."""
        return Parts(**self._ask("parts", draft.unit, {"views": draft.views, **_about(draft)}))

    def lint(self, unit: Unit) -> list[dict[str, Any]]:
        """What is wrong with the unit (``letters.lint``). Raises ``TemplateError`` where it can't
        be looked at within the limits."""
        found: list[dict[str, Any]] = self._ask("lint", unit, {})
        return found

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._end()

    def _ask(self, what: str, unit: Unit, more: dict[str, Any]) -> Any:
        asked = {"what": what, "unit": _unit_json(unit), **more}
        with self._lock:
            try:
                reply = self._exchange(json.dumps(asked).encode())
            except TimeoutError:
                self._end()
                raise Overrun(
                    unit.at("body.md"), 1,
                    f"this takes longer than {self._patience:g} s; look for a loop in a loop",
                ) from None  # fmt: skip
            except (OSError, EOFError, ValueError):
                self._end()
                raise Overrun(
                    unit.at("body.md"), 1, "this takes too much memory; look for what doubles"
                ) from None
        if "error" in reply:
            raise TemplateError(PurePath(reply["path"]), reply["line"], reply["error"])
        return reply["answer"]

    def _exchange(self, request: bytes) -> dict[str, Any]:
        child = self._running()
        assert child.stdin
        assert child.stdout
        child.stdin.write(_SIZE.pack(len(request)) + request)
        child.stdin.flush()
        reply: dict[str, Any] = json.loads(_framed(child.stdout, self._patience))
        return reply

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "letters.pressed", json.dumps(self._args)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1], env=_environment(), start_new_session=True,
            )  # fmt: skip
            assert self._child.stdout
            _framed(self._child.stdout, START)
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        child.wait()


def _environment() -> dict[str, str]:
    """No secret is given on."""
    kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TZDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _about(draft: Draft) -> dict[str, Any]:
    return {"reader": asdict(draft.reader)}


def _unit_json(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name, "files": dict(unit.files), "origin": unit.origin,
        "home": str(unit.home), "revision": unit.revision,
    }  # fmt: skip


def _framed(pipe: IO[bytes], patience: float) -> bytes:
    """One answer. Raises TimeoutError, EOFError, and ValueError for one that is too long."""
    deadline = time.monotonic() + patience
    size = _SIZE.unpack(_exactly(pipe, _SIZE.size, deadline))[0]
    if size > LARGEST:
        raise ValueError(size)
    return _exactly(pipe, size, deadline)


def _exactly(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    got = b""
    while len(got) < size:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        piece = os.read(pipe.fileno(), size - len(got))
        if not piece:
            raise EOFError
        got += piece
    return got
