"""The press's child: reads drafts from its standard input and writes their parts, within limits."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePath
from types import FrameType
from typing import IO, Any

from letters import sandbox
from letters.fixture import TYPICAL
from letters.lint import Finding, lint
from letters.people import Reader, Sender
from letters.press import SIZE
from letters.render import Parts
from letters.shelf import Shelf
from letters.unit import Overrun, TemplateError, Unit
from letters.writer import Draft, Writer

MEMORY = 512 * 1024 * 1024  #: bytes beyond what it has once all is loaded
TIRED = MEMORY // 4  #: bytes more, after which a fresh child shall go on
PROCESSOR = 20  #: seconds of one request after which it is killed, whatever it is in
FILES = 16  #: open at once: its pipes, and what Babel and the time zones are read from


def main(args: dict[str, Any], requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answers until there are no more requests; the first answer says that it is ready."""
    own = Path(args["own"]) if args["own"] else None
    shelf = Shelf(own, Path(args["root"]))
    writer = _InTime(shelf, Sender(**args["sender"]), args["patience"])
    _limit()
    _put(answers, {"answer": "ready"})
    while size := requests.read(SIZE.size):
        asked = json.loads(requests.read(SIZE.unpack(size)[0]))
        # what no Python code can end, such as one long search of an expression, the kernel does
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR)
        reply = _answer(writer, asked)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _put(answers, {**reply, "tired": _size() > _START + TIRED})


class _InTime(Writer):
    """A writer that stops after ``patience`` seconds, at the line that it has got to; lint stops
    after twice as many."""

    def __init__(self, shelf: Shelf, sender: Sender, patience: float) -> None:
        super().__init__(shelf, sender)
        self._patience = patience
        self._over = 0.0
        signal.signal(signal.SIGALRM, self._stop)

    def parts(self, draft: Draft) -> Parts:
        try:
            with self._within(self._patience):
                return super().parts(draft)
        except sandbox.TookTooLong as error:  # in no template: in Markdown, say
            raise Overrun(draft.unit.at("body.md"), 1, str(error)) from error
        except (MemoryError, RecursionError) as error:
            reason = "this takes too much memory; look for what doubles or nests"
            raise Overrun(draft.unit.at("body.md"), 1, reason) from error

    def lint(self, unit: Unit) -> list[Finding]:
        """Raises Overrun where one of the rules takes too long."""
        try:
            with self._within(2 * self._patience):
                return lint(unit, self)
        except sandbox.TookTooLong as error:
            raise Overrun(unit.at("body.md"), 1, str(error)) from error

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Raises TookTooLong inside, at the latest when the time of what is around it is over."""
        outer, now = self._over, time.monotonic()
        self._over = min(now + seconds, outer or math.inf)
        try:
            # again and again, should somebody have caught the first
            signal.setitimer(signal.ITIMER_REAL, max(self._over - now, 0.001), 0.5)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._over = outer
            if outer:
                left = max(outer - time.monotonic(), 0.001)
                signal.setitimer(signal.ITIMER_REAL, left, 0.5)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        raise sandbox.TookTooLong(f"this takes longer than {self._patience:g} s")


def _answer(writer: _InTime, asked: dict[str, Any]) -> dict[str, Any]:
    unit = _unit(asked["unit"])
    try:
        if asked["what"] == "lint":
            return {"answer": [asdict(finding) for finding in writer.lint(unit)]}
        draft = Draft(unit, asked["views"], Reader(**asked["reader"]))
        return {"answer": asdict(writer.parts(draft))}
    except TemplateError as error:
        over = isinstance(error, Overrun)
        return {
            "error": error.reason, "path": str(error.path), "line": error.line, "over": over,
        }  # fmt: skip
    except (MemoryError, RecursionError):
        reason = "this takes too much memory; look for what doubles or nests"
        return {"error": reason, "path": str(unit.at("body.md")), "line": 1, "over": True}
    except (TypeError, KeyError, AttributeError) as error:  # jobs of a fixture may be anything
        reason = f"its jobs aren't what jobs are: {error!r}"
        return {"error": reason, "path": str(unit.at(f"fixtures/{TYPICAL}.json")), "line": 1}
    except Exception as error:  # a view that isn't one, say: the next draft shall be written
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return {"error": reason, "path": str(unit.home), "line": 1}


def _unit(fields: dict[str, Any]) -> Unit:
    return Unit(**{**fields, "home": PurePath(fields["home"])})


def _put(answers: IO[bytes], reply: dict[str, Any]) -> None:
    text = json.dumps(reply).encode()
    answers.write(SIZE.pack(len(text)) + text)
    answers.flush()


def _size() -> int:
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


_START = _size()


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _size() + MEMORY), (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    # what a library may print is no answer
    own_answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    main(json.loads(sys.argv[1]), sys.stdin.buffer, own_answers)
