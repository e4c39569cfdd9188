"""Letters: what it costs to write one, from a view to the bytes of an email."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import psutil

from bench.figures import Figure
from letters.fixture import sample_of
from letters.letter import Letters
from letters.people import Sender
from letters.shelf import NOTHING, Layer, Shelf
from letters.writer import Draft

TIMES = 300
UNIT = "partial.csv.import"


def measure() -> list[Figure]:
    """A built-in letter in English and in German, a digest, and a letter of an own folder: the
    same copy, but written by the press."""
    shelf = Shelf()
    letters = Letters(shelf, Sender("Ringback <no-reply@example.com>", "https://jobs.example.com"))
    drafts = [sample_of(shelf.whole(shelf.built_in[name])) for name in (UNIT, "digest")]
    own = {UNIT: replace(drafts[0].unit, origin="folder")}
    try:
        return [
            _cpu("built in", letters, drafts[0]),
            _cpu("built in, German", letters, _german(drafts[0])),
            _cpu("built in, a digest", letters, drafts[1]),
            _cpu("own folder, by the press (both processes)", letters, drafts[0], own),
        ]
    finally:
        letters.close()


def _german(draft: Draft) -> Draft:
    return replace(draft, reader=replace(draft.reader, locale="de"))


def _cpu(name: str, letters: Letters, draft: Draft, published: Layer = NOTHING) -> Figure:
    now = datetime.now(UTC)

    def write() -> None:
        letter = letters.compose(
            draft.views, draft.reader, message_id="<1@example.com>", date=now, reason="fallback",
            published=published,
        )  # fmt: skip
        letter.as_bytes()

    write()  # what is made once
    return Figure(f"letter, {name}: CPU", _taken(write) / TIMES * 1e3, "ms")


def _taken(work: Callable[[], None]) -> float:
    before = _seconds()
    for _ in range(TIMES):
        work()
    return _seconds() - before


def _seconds() -> float:
    """CPU of this process and its children."""
    mine = psutil.Process()
    times = [process.cpu_times() for process in mine.children()]
    return time.process_time() + sum(at.user + at.system for at in times)
