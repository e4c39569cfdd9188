"""The press's child: reads drafts from its standard input and writes their parts, within limits."""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import IO, Any

from letters.fixture import TYPICAL
from letters.people import Reader, Sender
from letters.press import _SIZE
from letters.shelf import Shelf
from letters.unit import TemplateError, Unit
from letters.writer import Draft, Writer

MEMORY = 512 * 1024 * 1024  #: bytes beyond what it has once all is loaded
ALARM = 10  #: seconds after which a draft ends the child, should nobody be left to end it
FILES = 16  #: open at once: its pipes, and what Babel and the time zones are read from


def main(args: dict[str, Any], requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answers until there are no more requests; the first answer says that it is ready."""
    own = Path(args["own"]) if args["own"] else None
    shelf = Shelf(own, Path(args["root"]))
    writer = Writer(shelf, Sender(**args["sender"]))
    _limit()
    _put(answers, {"ready": True})
    while size := requests.read(_SIZE.size):
        asked = json.loads(requests.read(_SIZE.unpack(size)[0]))
        signal.alarm(ALARM)
        _put(answers, _answer(writer, asked))
        signal.alarm(0)


def _answer(writer: Writer, asked: dict[str, Any]) -> dict[str, Any]:
    unit = _unit(asked["unit"])
    try:
        if asked["what"] == "lint":
            from letters.lint import lint

            return {"answer": [asdict(finding) for finding in lint(unit, writer)]}
        draft = Draft(unit, asked["views"], Reader(**asked["reader"]))
        return {"answer": asdict(writer.parts(draft))}
    except TemplateError as error:
        return {"error": error.reason, "path": str(error.path), "line": error.line}
    except ValueError as error:
        return {"error": str(error), "path": str(unit.home), "line": 1}
    except (MemoryError, RecursionError):
        reason = "this takes too much memory; look for what doubles or nests"
        return {"error": reason, "path": str(unit.at("body.md")), "line": 1}
    except (TypeError, KeyError, AttributeError) as error:  # jobs of a fixture may be anything
        reason = f"its jobs aren't what jobs are: {error!r}"
        return {"error": reason, "path": str(unit.at(f"fixtures/{TYPICAL}.json")), "line": 1}


def _unit(fields: dict[str, Any]) -> Unit:
    return Unit(**{**fields, "home": PurePath(fields["home"])})


def _put(answers: IO[bytes], reply: dict[str, Any]) -> None:
    text = json.dumps(reply).encode()
    answers.write(_SIZE.pack(len(text)) + text)
    answers.flush()


def _limit() -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_AS, taken + MEMORY), (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
