"""Proofs: drafts of emails, written and checked for authors in the press, a child process.

One draft at a time, and a few that wait: copy that takes long keeps other authors waiting, and
nobody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from gateway import kinds
from gateway.models import FindingView
from gateway.problems import Problem
from letters.people import Sender
from letters.press import Press
from letters.render import Parts
from letters.shelf import Shelf, mark_of
from letters.unit import Overrun, TemplateError, Unit
from letters.writer import Draft
from ringback.errors import RingbackError

log = structlog.get_logger(__name__)

T = TypeVar("T")
QUEUE = 8  #: drafts under way; whoever comes then is told when to come again
BUSY = 5  #: seconds after which to come again; most drafts take less than one
REMEMBERED = 500  #: units whose findings are known


@dataclass(frozen=True, slots=True)
class Proof:
    """A draft as it would be sent, None where it can't be written, and what is wrong with it."""

    parts: Parts | None
    findings: Sequence[FindingView]


class Proofs:
    """Writes with the templates of one installation: ``own`` is its folder, looked at again where
    it is edited (``live``)."""

    def __init__(self, own: Path | None, sender: Sender, *, live: bool) -> None:
        self.own = own
        self.sender = sender
        self._live = live and own is not None
        self._mark: object = None
        self._shelf: Shelf | None = None
        self._press: Press | None = None
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._known: dict[str, list[FindingView]] = {}

    async def shelf(self) -> Shelf:
        """The templates. Raises a 503 Problem where they can't be read."""
        if self._shelf is None or self._live:
            return await self._turn(self._fresh)
        return self._shelf

    async def lint(self, unit: Unit) -> list[FindingView]:
        """What is wrong with a unit, whole. Raises a 503 Problem where too many wait."""
        await self.shelf()
        mark = _digest(unit)
        if mark not in self._known:
            found = await self._turn(lambda: self._checked(unit))
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[mark] = found
        return self._known[mark]

    async def proof(self, draft: Draft) -> Proof:
        """The draft, written and checked. Raises a 503 Problem where too many wait."""
        await self.shelf()
        try:
            parts = await self._turn(lambda: self._pressed.parts(draft))
        except Overrun as error:
            return Proof(None, [finding_of(draft.unit, error)])
        except TemplateError as error:
            found, fault = await self.lint(draft.unit), finding_of(draft.unit, error)
            told = any((it.file, it.line) == (fault.file, fault.line) for it in found)
            return Proof(None, found if told else [*found, fault])
        return Proof(parts, await self.lint(draft.unit))

    async def close(self) -> None:
        """Ends the child, and with it what it writes."""
        if self._press is not None:
            await asyncio.to_thread(self._press.close)

    @property
    def _pressed(self) -> Press:
        assert self._press is not None
        return self._press

    async def _turn(self, work: Callable[[], T]) -> T:
        if self._waiting >= QUEUE:
            told = f"{QUEUE} drafts are being written already. Ask again in {BUSY} seconds."
            raise Problem(kinds.UNAVAILABLE, told, headers={"Retry-After": str(BUSY)})
        self._waiting += 1
        try:
            async with self._lock:  # one thread at most: others have work, too
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    def _fresh(self) -> Shelf:
        mark = mark_of(self.own) if self._live else None
        if self._shelf is None or mark != self._mark:
            try:
                shelf = Shelf(self.own)
            except RingbackError as error:
                raise Problem(kinds.UNAVAILABLE, f"The templates can't be read: {error}") from None
            if self._press is not None:
                self._press.close()
            self._shelf, self._press, self._mark = shelf, Press(shelf, self.sender), mark
            self._known.clear()
        return self._shelf

    def _checked(self, unit: Unit) -> list[FindingView]:
        try:
            return [_view(found) for found in self._pressed.lint(unit)]
        except TemplateError as error:
            return [finding_of(unit, error)]


def finding_of(unit: Unit, error: TemplateError, rule: str = "render") -> FindingView:
    """An error as a finding beside its line."""
    path = error.path
    inside = path.relative_to(unit.home) if path.is_relative_to(unit.home) else path
    file = inside.as_posix() if inside != path or inside.name in unit.files else path.name
    return FindingView(file=file, line=error.line, level="error", rule=rule, text=error.reason)


def _view(found: Mapping[str, Any]) -> FindingView:
    return FindingView(**{name: found[name] for name in FindingView.model_fields})


def _digest(unit: Unit) -> str:
    return hashlib.sha256(json.dumps([unit.name, dict(unit.files)]).encode()).hexdigest()
