"""The alarm about copy that can't be written: operators are told which line of whose copy fails,
and that it is over once it is written again."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from letters.unit import TemplateError, Unit
from ringback import alert, editions
from ringback.connection import Store
from ringback.editions import alert_key
from ringback.errors import RevisionNotFound, StoreUnavailable

log = structlog.get_logger(__name__)

FOLDER = "copy folder"  #: the alert's name; no message is called so


class CopyAlarm:
    """Hears of a process's letters (``letters.letter.Report``); costs them nothing but time."""

    def __init__(self, db: Store) -> None:
        self._db = db
        self._open: set[str] | None = None  #: alerts that may be open; None: not asked yet

    def __call__(self, unit: Unit, error: TemplateError | None) -> None:
        """The unit was written, or failed."""
        try:
            if error is None:
                self._settle(alert_key(unit.name))
            else:
                self._sound(unit, error)
        except StoreUnavailable as away:  # the letter goes out all the same
            log.warning("copy.alert_lost", unit=unit.name, reason=str(away))

    def look(self, troubles: Sequence[TemplateError]) -> None:
        """What of the folder can't be read at all, as a mailer starts; nothing: it is over."""
        try:
            if troubles:
                log.warning("copy.unreadable", reason=str(troubles[0]), count=len(troubles))
                self._db.do(alert.sound(FOLDER, _unreadable(troubles)))
            else:
                self._db.do(alert.settle(FOLDER))
        except StoreUnavailable as away:
            log.warning("copy.alert_lost", unit=FOLDER, reason=str(away))

    def _sound(self, unit: Unit, error: TemplateError) -> None:
        log.warning("copy.failed", unit=unit.name, revision=unit.revision, reason=str(error))
        if unit.revision and unit.revision != self._db.do(editions.newest(unit.name)):
            return  # it has been replaced; what came due with it still goes out
        key = alert_key(unit.name)
        self._db.do(alert.sound(key, self._told(unit, error)))
        if self._open is not None:
            self._open.add(key)

    def _settle(self, key: str) -> None:
        if self._open is None:  # another process may have sounded it, or this one before it ended
            self._open = {it.key for it in self._db.do(alert.open_ones())}
        if key in self._open:
            self._db.do(alert.settle(key))
            self._open.discard(key)

    def _told(self, unit: Unit, error: TemplateError) -> str:
        path = error.path
        inside = path.relative_to(unit.home) if path.is_relative_to(unit.home) else path
        what = f"failed at {inside}:{error.line}: {error.reason.rstrip('.')}"
        if not unit.revision:
            return (
                f"The copy of “{unit.name}” in the folder of templates {what}; plain letters go "
                "out instead. Correct it there, check it with `ringback templates lint`, and "
                "start the mailers again."
            )
        return (
            f"The copy of “{unit.name}” (revision {unit.revision}, published by "
            f"{self._author(unit)}) {what}; plain letters go out instead. Roll it back on /studio."
        )

    def _author(self, unit: Unit) -> str:
        try:
            return self._db.do(editions.revision(unit.name, unit.revision)).author
        except RevisionNotFound:
            return "somebody"


def _unreadable(troubles: Sequence[TemplateError]) -> str:
    more = f" and {len(troubles) - 1} more" if troubles[1:] else ""
    return (
        f"Copy in the folder of templates can't be used: {str(troubles[0]).rstrip('.')}{more}. "
        "Emails go out with what is built in. Correct it (`ringback templates lint` lists all), "
        "and start the mailers again."
    )
