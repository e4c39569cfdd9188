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
from functools import cached_property, lru_cache
from pathlib import Path, PurePath
from typing import Any, Literal

from letters.language import Language
from letters.vocabulary import Variable
from ringback.errors import RingbackError

WRITTEN = ("subject.txt", "preheader.txt", "body.md")
REQUIRED = ("message.toml", *WRITTEN, "fixtures/typical.json")
TONES = ("good", "mixed", "bad", "calm")
_TEXTS = ("purpose", "sent_when", "badge", "tone")
LARGEST = 64 * 1024  #: characters of one file; of a fixture, four times as many
_MOST_READ = 16 * LARGEST + 8  #: bytes: four for each character of the longest fixture
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


class Overrun(TemplateError):
    """A template takes more time or memory than a letter may."""


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
        most = most_of(file)
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


def most_of(file: str) -> int:
    """How many characters the file may have."""
    return LARGEST * (4 if file.startswith("fixtures/") else 1)


def _read(path: Path) -> str:
    """The file's text, and of one that is too long only so much that this can be told."""
    with path.open("rb") as file:
        found = file.read(_MOST_READ)
    try:
        return found.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        if len(found) == _MOST_READ and error.end == len(found):  # cut within a character
            return found[: error.start].decode("utf-8")
        line = found[: error.start].count(b"\n") + 1
        raise TemplateError(path, line, "this file isn't UTF-8; save it as UTF-8") from error


@lru_cache(maxsize=256)  # the whole unit is put together for each letter
def _message(path: PurePath, text: str) -> Message:
    table = toml(path, text)
    unknown = [key for key in table if key not in (*_TEXTS, "variables")]
    if unknown:
        line = line_of(text, rf"{re.escape(unknown[0])}\s*=")
        known = f"Known: {', '.join(_TEXTS)}, [variables]"
        raise TemplateError(path, line, f"“{unknown[0]}” isn't known here. {known}")
    for key in _TEXTS:
        if not isinstance(table.get(key), str):
            line = line_of(text, rf"{key}\s*=")
            raise TemplateError(path, line, f'{key} is missing or no text: {key} = "…"')
    if table["tone"] not in TONES:
        line = line_of(text, r"tone\s*=")
        raise TemplateError(path, line, f"tone “{table['tone']}” isn't one of {', '.join(TONES)}")
    declared = table.pop("variables", {})
    if not isinstance(declared, dict):
        raise TemplateError(path, line_of(text, "variables"), "variables must be a table")
    variables = tuple(_variable(path, text, name, row) for name, row in declared.items())
    return Message(variables=variables, **table)


def _variable(path: PurePath, text: str, name: str, row: object) -> Variable:
    told = row if isinstance(row, dict) else {}
    for key in ("type", "meaning", "example", "required"):
        if not isinstance(told.get(key), bool if key == "required" else str):
            line = line_of(text, rf'\[variables\."?{re.escape(name)}"?\]')
            shape = "true or false" if key == "required" else '"…"'
            raise TemplateError(path, line, f"“{name}” needs {key} = {shape}")
    return Variable(name, told["type"], told["meaning"], told["example"], required=told["required"])


def line_of(text: str, pattern: str) -> int:
    """The number of the first line that begins with ``pattern``, a regular expression; else 1."""
    lines = enumerate(text.split("\n"), 1)
    return next((number for number, line in lines if re.match(rf"\s*{pattern}", line)), 1)


def toml(path: PurePath, text: str) -> dict[str, Any]:
    """A TOML file's table. Raises ``TemplateError``."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # of its own kind, or a number of thousands of digits
        # Before Python 3.14 the line stands in the text only.
        line = re.search(r"line (\d+)", str(error))
        raise TemplateError(path, int(line[1]) if line else 1, str(error)) from error
    except RecursionError as error:
        raise TemplateError(path, 1, "this is nested too deeply") from error
