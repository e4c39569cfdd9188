"""The library: what one process knows of the published copy, so that it isn't read for each
email."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from ringback import editions
from ringback.editions import Edition
from ringback.keys import Call

Shown = Mapping[str, Edition]
KEPT = 300  #: revisions whose files are remembered; more are forgotten all at once


class Library:
    """Revisions never change, so files are read once; whether there was a new publication is asked
    each time. Threads may share one."""

    def __init__(self) -> None:
        self._newest: tuple[int, Shown] = 0, {}
        self._files: dict[tuple[str, int], Mapping[str, str]] = {}

    def at(self, moment: int | None = None) -> Generator[Call, Any, Shown]:
        """The editions in force at ``moment`` (ms since 1970; None: now), by name, with their
        files; none that was withdrawn. One small command where nothing is new."""
        serial = yield from editions.serial()
        newest = self._newest  # others may put an older or a newer one there meanwhile
        if newest[0] != serial:
            newest = self._newest = serial, (yield from self._read(serial))
        known, shown = newest
        if moment is None or moment >= known:
            return shown
        return (yield from self._read(moment))

    def _read(self, moment: int) -> Generator[Call, Any, Shown]:
        found = yield from editions.in_force(moment)
        shown = {}
        for edition in found:
            if not edition.withdrawn:
                files = yield from self._files_of(edition.name, edition.revision)
                shown[edition.name] = replace(edition, files=files)
        return shown

    def _files_of(self, name: str, number: int) -> Generator[Call, Any, Mapping[str, str]]:
        files = self._files.get((name, number))
        if files is None:
            files = yield from editions.files(name, number)
            if len(self._files) >= KEPT:
                self._files.clear()
            self._files[name, number] = files
        return files
