"""Unit: one message as its author owns it, a folder of a few files.

::

    <message>[.<job type>]/  message.toml subject.txt preheader.txt body.md [body.txt]
                             fixtures/typical.json …

``body.md`` is Jinja over Markdown, written once: the HTML and the text part are both made from
it; ``body.txt`` replaces the text part. ``body.de.md`` is the German one, of any file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Literal

from letters.language import Language
from letters.vocabulary import Variable
from ringback.errors import RingbackError

WRITTEN = ("subject.txt", "preheader.txt", "body.md")
REQUIRED = ("message.toml", *WRITTEN, "fixtures/typical.json")
TONES = ("good", "mixed", "bad", "calm")
LARGEST = 64 * 1024  #: characters of one file; of a fixture, four times as many
_KEPT = re.compile(
    r"message\.toml|(subject|preheader|body)(\.[A-Za-z-]{2,12})?\.txt"
    r"|body(\.[A-Za-z-]{2,12})?\.md|fixtures/[\w-]+\.json"
)

Origin = Literal["built-in", "folder", "published"]


class TemplateError(RingbackError):
    """A template is wrong. The text starts with ``file:line:`` (line 1 if none is known)."""

    def __init__(self, path: PurePath, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """``message.toml``: what the message is for. ``badge`` and ``tone`` head the HTML part."""

    purpose: str
    sent_when: str
    badge: str
    tone: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class Unit:
    """The files of one message by their path in its folder, and where they come from: ``home`` is
    a folder, or tells which ``revision`` was published."""

    name: str
    files: Mapping[str, str]
    origin: Origin
    home: PurePath
    revision: int = 0

    @property
    def about(self) -> str:
        """The message's name without the job type."""
        return self.name.partition(".")[0]

    @cached_property
    def message(self) -> Message:
        """What ``message.toml`` says. Raises ``TemplateError``."""
        return _message(self.at("message.toml"), self.text("message.toml"))

    def at(self, file: str) -> PurePath:
        """The file's path, for people."""
        return self.home / file

    def text(self, file: str) -> str:
        """A file's text. Raises ``TemplateError`` where it is missing or too long."""
        if file not in self.files:
            raise TemplateError(self.at(file), 1, "this file is missing")
        most = LARGEST * (4 if file.startswith("fixtures/") else 1)
        if len(self.files[file]) > most:
            raise TemplateError(self.at(file), 1, f"more than {most // 1024} KB of text")
        return self.files[file]

    def file_for(self, file: str, tag: str) -> str:
        """The name of the file in a language's own version, or ``file``."""
        stem, _, ending = file.rpartition(".")
        own = f"{stem}.{tag}.{ending}"
        return own if own in self.files else file

    def speaks(self, language: Language) -> bool:
        """Whether all that is written is there in ``language``: as files or in its catalog."""
        return all(
            self.file_for(file, language.tag) != file or not language.missing(self.text(file))
            for file in WRITTEN
        )

    def over(self, base: Unit | None) -> Unit:
        """With the files of ``base`` that this unit leaves out.

        A file of its own replaces the base's in all languages, and a ``body.md`` its
        ``body.txt``: nobody gets old words beside new ones.
        """
        if base is None:
            return self
        mine = {_stem(file) for file in self.files}
        files = {file: text for file, text in base.files.items() if _stem(file) not in mine}
        return Unit(self.name, {**files, **self.files}, self.origin, self.home, self.revision)

    def beyond(self, base: Unit) -> Unit:
        """Without the files that ``base`` has the same: ``over`` brings these back."""
        same = {stem for stem in map(_stem, self.files) if self._all(stem) == base._all(stem)}
        files = {file: text for file, text in self.files.items() if _stem(file) not in same}
        return Unit(self.name, files, self.origin, self.home, self.revision)

    def _all(self, stem: str) -> dict[str, str]:
        return {file: text for file, text in self.files.items() if _stem(file) == stem}


def _stem(file: str) -> str:
    """What replaces each other: all of ``body.md body.de.md body.txt`` are one."""
    name = PurePath(file)
    return file if file.startswith("fixtures/") else name.name.partition(".")[0]


def read_unit(folder: Path) -> Unit:
    """A unit from its folder; files that no unit has are left alone. Raises ``TemplateError`` for
    a file that isn't UTF-8."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    files = {name: _read(path) for name, path in named.items() if _KEPT.fullmatch(name)}
    return Unit(folder.name, files, "folder", folder)


def keeps(file: str) -> bool:
    """Whether a unit has files of this name."""
    return _KEPT.fullmatch(file) is not None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise TemplateError(path, line, "this file isn't UTF-8; save it as UTF-8") from error


def _message(path: PurePath, text: str) -> Message:
    table = toml(path, text)
    try:
        variables = tuple(
            Variable(
                name, str(row["type"]), str(row["meaning"]), str(row["example"]),
                required=row["required"] is True,
            )
            for name, row in table.pop("variables").items()
        )  # fmt: skip
        message = Message(variables=variables, **table)
    except (KeyError, TypeError, AttributeError) as error:
        raise TemplateError(path, 1, f"{error} is missing or not known here") from error
    if message.tone not in TONES:
        raise TemplateError(path, 1, f"tone “{message.tone}” isn't one of {', '.join(TONES)}")
    return message


def toml(path: PurePath, text: str) -> dict[str, Any]:
    """A TOML file's table. Raises ``TemplateError``."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Before Python 3.14 the line stands in the text only.
        line = re.search(r"line (\d+)", str(error))
        raise TemplateError(path, int(line[1]) if line else 1, str(error)) from error
    except RecursionError as error:
        raise TemplateError(path, 1, "this is nested too deeply") from error
