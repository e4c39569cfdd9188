"""What the ``ringback templates`` commands work with: units in force, drafts, and their letters."""

from __future__ import annotations

import getpass
import json
import socket
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import PurePath
from typing import Any, Self

from babel import Locale, UnknownLocaleError

from letters import desk
from letters.fixture import TYPICAL, fixtures_of, sample_of
from letters.letter import posted
from letters.people import Reader, Sender
from letters.press import Press
from letters.published import layer
from letters.render import Parts
from letters.sandbox import did_you_mean
from letters.shelf import LAYOUT, NOTHING, Layer, Shelf
from letters.unit import TemplateError, Unit
from letters.writer import Draft
from ringback import mailbox, preferences, store, suppression
from ringback.cli_base import checked_id
from ringback.codec import view_json
from ringback.connection import Store
from ringback.errors import BadAddress, RingbackError, SettingsError
from ringback.job import Job
from ringback.library import Library as Published
from ringback.settings import Settings

Row = dict[str, Any]
PATIENCE = 10  #: seconds for the store


class Library:
    """The units of an installation, with a press for them. ``published``: with what authors
    published, where a store is set. Close it, or use it in a ``with``."""

    def __init__(self, settings: Settings, *, published: bool = False) -> None:
        self.settings = settings
        self.shelf = Shelf(settings.templates)
        # of `ringback up`, its emails lead to its own pages
        self.sender = Sender(settings.email_from, settings.gateway_url, settings.support)
        self.store = _store_of(settings) if published else None
        self.published: Layer = NOTHING
        if self.store is not None:
            shown = self.store.do(Published().at(), patience=PATIENCE)
            self.published = layer(shown.values())
        self.press = Press(self.shelf, self.sender)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.press.close()
        if self.store is not None:
            self.store.close()

    def names(self) -> list[str]:
        """All messages, each with those for types of jobs behind it."""
        return desk.names(self.shelf, self.published)

    def unit(self, name: str) -> Unit:
        """The whole unit of this name, or what would count for it. Raises RingbackError."""
        if why := desk.no_name(name):
            raise RingbackError(why)
        found = desk.in_force(self.shelf, name, self.published)
        return found or desk.below(self.shelf, name, self.published)

    def findings(self, names: Iterable[str], *, troubles: bool) -> list[Row]:
        """What lint says, with paths; ``troubles``: of the own folder, too."""
        found = [
            _row(error.path, error.line, "error", "folder", error.reason)
            for error in (self.shelf.troubles if troubles else ())
        ]
        for name in names:
            found += self.lint(self.unit(name))
        return found

    def lint(self, unit: Unit) -> list[Row]:
        """What lint says of one unit."""
        try:
            return [
                {**each, "message": unit.name, "file": str(self._path(unit, each["file"]))}
                for each in self.press.lint(unit)
            ]
        except TemplateError as error:
            return [_row(error.path, error.line, "error", "render", error.reason, unit.name)]

    def row(self, name: str) -> Row:
        """One line of the list."""
        unit = self.unit(name)
        found = self.lint(unit)
        try:
            purpose = unit.message.purpose
        except TemplateError as error:
            purpose = str(error)
        levels = [each["level"] for each in found]
        return {
            "name": name, "origin": unit.origin, "revision": unit.revision or None,
            "purpose": purpose, "errors": levels.count("error"),
            "warnings": levels.count("warning"),
        }  # fmt: skip

    def _path(self, unit: Unit, file: str) -> PurePath:
        """Where a file lies that a finding is about; it may be one of the layer below."""
        if file.startswith(f"{LAYOUT}/"):
            own = self.shelf.own_root
            return (own if own and (own / file).is_file() else self.shelf.root) / file
        mine = [self.shelf.own, self.shelf.built_in]
        for name in dict.fromkeys((unit.name, unit.about)):
            for layer_ in mine:
                if name in layer_ and layer_[name].files.get(file) == unit.files.get(file, ""):
                    return layer_[name].at(file)
        return unit.at(file)


def pieces_of(
    settings: Settings, name: str, fixture: str | None, job: str | None, locale: str | None
) -> dict[str, str]:
    """All that a letter has, by its kind. Raises RingbackError, TemplateError among them."""
    with Library(settings, published=True) as library:
        draft = _draft(library, name, fixture, job, locale)
        parts = library.press.parts(draft)
        letter = _letter(library, draft, parts)
    return {
        "subject": parts.subject, "preheader": parts.preheader, "text": parts.text,
        "html": parts.html, "eml": letter.as_bytes().decode(),
    }  # fmt: skip


def trial_of(
    settings: Settings, name: str, to: str, fixture: str | None, job: str | None, locale: str | None
) -> EmailMessage:
    """A letter to ``to``, marked as a test. Raises RingbackError where that address gets none."""
    address = _allowed(settings, to)
    with Library(settings, published=True) as library:
        if library.store is not None:
            stopped = library.store.do(suppression.look(address), patience=PATIENCE)
            if stopped is not None:
                raise RingbackError(f"--to {address}: {suppression.told(stopped)}")
        draft = _draft(library, name, fixture, job, locale)
        reader = replace(draft.reader, email=address, name=None, stop="")
        draft = replace(draft, reader=reader)
        letter = _letter(library, draft, library.press.parts(draft))
    subject = str(letter["Subject"])
    letter.replace_header("Subject", f"[Test] {subject}")
    letter["X-Ringback-Test"] = f"{getpass.getuser()}@{socket.gethostname()}"
    return letter


def _allowed(settings: Settings, to: str) -> str:
    try:
        address = mailbox.checked(to)
    except BadAddress as error:
        raise RingbackError(f"--to {to[:80]!r}: {error}") from None
    if not settings.takes_tests(address):
        listed = ", ".join(settings.test_recipients) or "nobody yet"
        raise RingbackError(
            f"--to {address}: tests may not go there. Add it, or its @domain, to "
            f"RINGBACK_TEST_RECIPIENTS (now: {listed})."
        )
    return address


def _draft(
    library: Library, name: str, fixture: str | None, job: str | None, locale: str | None
) -> Draft:
    if fixture is not None and job is not None:
        raise RingbackError("--fixture and --job can't both be told of. Leave one out.")
    unit = library.unit(name)
    draft = _real(library, unit, job) if job is not None else _made_up(unit, fixture or TYPICAL)
    if locale is None:
        return draft
    return replace(draft, reader=replace(draft.reader, locale=_known(locale)))


def _made_up(unit: Unit, fixture: str) -> Draft:
    there = fixtures_of(unit)
    if fixture not in there:
        raise RingbackError(f"--fixture {fixture}: there is none. {did_you_mean(fixture, there)}")
    return sample_of(unit, fixture)


def _real(library: Library, unit: Unit, job_id: str) -> Draft:
    if library.store is None:
        library.settings.store  # noqa: B018 (says how to set it)
        raise SettingsError("RINGBACK_STORE_URL isn't set.")
    job = library.store.do(store.load(checked_id(job_id)), patience=PATIENCE)
    if not job.state.terminal:
        state = job.state.value
        raise RingbackError(f"--job {job_id}: it is {state}; letters tell of ended jobs only.")
    return Draft(unit, [json.loads(view_json(job))], _owner(library.store, job))


def _owner(db: Store, job: Job) -> Reader:
    owner = job.spec.owner
    own = db.do(preferences.load(owner.id), patience=PATIENCE)
    return Reader(
        id=owner.id, email=owner.email or "reader@example.com", name=owner.name,
        locale=own.locale or owner.locale, timezone=own.timezone or owner.timezone,
        asked=own.choice(job.spec.type) == "always",
    )  # fmt: skip


def _letter(library: Library, draft: Draft, parts: Parts) -> EmailMessage:
    letter = posted(draft, parts, library.sender, "test; somebody looks at this message")
    domain = parseaddr(library.settings.email_from)[1].rpartition("@")[2]
    letter["Date"] = datetime.now(UTC)
    letter["Message-ID"] = f"<{uuid.uuid4()}@{domain}>"
    return letter


def _known(locale: str) -> str:
    try:
        Locale.parse(locale.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise RingbackError(f"--locale {locale!r}: must be like de or en-GB ({error})") from None
    return locale


def _store_of(settings: Settings) -> Store | None:
    """The store, where one is set or ``ringback up`` is on."""
    try:
        return Store(settings.store)
    except SettingsError:
        return None


def _row(
    path: PurePath, line: int, level: str, rule: str, text: str, message: str | None = None
) -> Row:
    return {
        "message": message, "file": str(path), "line": line, "level": level, "rule": rule,
        "text": text,
    }  # fmt: skip
