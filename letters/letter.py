"""Letter: the email that tells one user how their jobs ended.

One view makes the message of its end, two or more make a digest. What an author changed runs in a
child process with limits (``letters.press``). Copy that fails never costs the user the news: a
plain built-in text takes its place, and whoever runs this is told which file and line failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage

from letters.facts import View
from letters.fixture import sample_of
from letters.headers import addressed, explain, feedback, offer_stop
from letters.people import Reader, Sender
from letters.press import Press
from letters.render import Parts
from letters.shelf import NOTHING, Layer, Shelf, mark_of
from letters.unit import TemplateError, Unit
from letters.writer import Draft, Writer
from ringback.errors import RingbackError

__all__ = ["Letters", "Reader", "Sender", "TemplateError"]

log = logging.getLogger(__name__)
#: Told of each unit that isn't built in: how it failed, or that it was written (None).
Report = Callable[[Unit, TemplateError | None], None]


def _noted(unit: Unit, error: TemplateError | None) -> None:
    if error is not None:
        told = "The copy of %s failed, so a plain letter goes out instead: %s"
        log.warning(told, unit.name, error)


class Letters:
    """Composes letters from a shelf's units; ``report`` is told how the installation's own do.

    Tries every built-in unit once, with its typical fixture; raises ``TemplateError`` naming file
    and line. What is wrong with the installation's own copy is found when it is used, or before,
    by ``ringback templates lint``. ``live``: the installation's folder is read again when it has
    changed, for development.
    """

    def __init__(
        self, shelf: Shelf, sender: Sender, report: Report = _noted, *, live: bool = False
    ) -> None:
        self.sender = sender
        self._report = report
        self._live = live
        self._mark = mark_of(shelf.own_root) if live else None
        self._writer = Writer(shelf, sender)
        self._press = Press(shelf, sender)
        for unit in shelf.built_in.values():
            self._writer.parts(sample_of(unit))

    def compose(
        self,
        views: Sequence[View],
        reader: Reader,
        *,
        message_id: str,
        date: datetime,
        reason: str,
        published: Layer = NOTHING,
    ) -> EmailMessage:
        """The letter about these terminal views, for ``reader`` alone.

        ``message_id`` ("<…@host>") and ``date`` (aware) are kept as given; ``reason`` says for
        support why an email was due; ``published`` are the units that authors published. Raises
        ``ValueError`` without views, for a job that hasn't ended, and for an address that isn't
        one.
        """
        if not views:
            raise ValueError("A letter needs at least one view.")
        if self._live:
            self._look()
        draft = self._writer.draft(views, reader, published)
        return self.letter(draft, message_id=message_id, date=date, reason=reason)

    def letter(self, draft: Draft, *, message_id: str, date: datetime, reason: str) -> EmailMessage:
        """The letter that a draft makes."""
        letter = posted(draft, self._parts(draft), self.sender, reason)
        letter["Date"] = date
        letter["Message-ID"] = message_id
        return letter

    def close(self) -> None:
        """Ends the child process, if there is one."""
        self._press.close()

    def _look(self) -> None:
        """Reads the folder again where it has changed; as it was where that can't be read."""
        shelf = self._writer.shelf
        mark = mark_of(shelf.own_root)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            fresh = Shelf(shelf.own_root, shelf.root)
        except RingbackError as error:
            log.warning("The folder of templates can't be read: %s", error)
            return
        self._press.close()
        self._writer, self._press = Writer(fresh, self.sender), Press(fresh, self.sender)

    def _parts(self, draft: Draft) -> Parts:
        if draft.unit.origin == "built-in":
            return self._writer.parts(draft)
        try:
            parts = self._press.parts(draft)
        except TemplateError as error:
            self._report(draft.unit, error)
            return self._writer.plain_parts(draft)
        self._report(draft.unit, None)
        return parts


def posted(draft: Draft, parts: Parts, sender: Sender, reason: str) -> EmailMessage:
    """The parts of a draft as an email, without date and Message-ID. Raises ``ValueError`` for an
    address that isn't one."""
    letter = addressed(sender, draft.reader)
    letter["Subject"] = parts.subject
    explain(letter, sender, draft.views, reason)
    letter["X-Ringback-Message"] = _version(draft.unit)
    feedback(letter, sender, draft.views, draft.unit.name)
    offer_stop(letter, draft.reader)
    letter.set_content(parts.text, cte="quoted-printable")
    if parts.html:
        letter.add_alternative(parts.html, subtype="html", cte="quoted-printable")
    return letter


def _version(unit: Unit) -> str:
    return f"{unit.name}@{unit.revision}" if unit.revision else unit.name
