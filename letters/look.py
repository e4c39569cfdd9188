"""Look: what the rules of lint are given to look at, and what they answer with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from jinja2 import nodes

from letters.fixture import TYPICAL, fixtures_of, sample_of
from letters.language import SOURCE, Language
from letters.page import Page
from letters.render import Parts
from letters.shelf import LAYOUT
from letters.unit import Overrun, TemplateError, Unit
from letters.writer import Draft, Writer

Level = Literal["error", "warning"]
LONGEST = 1.0  #: seconds of the processor's time for one letter; others wait for it
MOST_FIXTURES = 24  #: that a unit is tried with
_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, in which ``file`` of the unit and on which line, and the fix. An ``error``
    would reach a reader; a ``warning`` may be meant."""

    file: str
    line: int
    level: Level
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a rule found something, and what; ``level`` where it isn't the rule's own."""

    file: str
    line: int
    text: str
    level: Level | None = None


@dataclass(frozen=True)
class Written:
    """A letter that a fixture made."""

    fixture: str
    language: Language
    draft: Draft
    parts: Parts
    took: float  #: seconds of the processor's time

    @cached_property
    def page(self) -> Page:
        return Page(self.parts.html)

    @property
    def typical(self) -> bool:
        return self.fixture == TYPICAL

    @property
    def where(self) -> str:
        """Which letter it is, for the end of a finding."""
        said = [] if self.typical else [f"with the fixture “{self.fixture}”"]
        said += [] if self.language.tag == SOURCE else [f"in the language “{self.language.tag}”"]
        return f" ({', '.join(said)})" if said else ""


@dataclass(frozen=True)
class Look:
    """A unit that can be read, with its templates as trees."""

    unit: Unit
    writer: Writer
    trees: Mapping[str, nodes.Template]

    def lines(self, file: str) -> Iterator[tuple[int, str]]:
        """The lines of a file with their numbers."""
        yield from enumerate(self.unit.text(file).split("\n"), 1)

    def words(self, file: str) -> Iterator[tuple[int, str]]:
        """The same without what Jinja makes of them: the author's own words."""
        yield from ((number, _TAG.sub("", line)) for number, line in self.lines(file))

    def line_of(self, file: str, *patterns: str) -> int:
        """The first line that has one of these, the first pattern first; else 1."""
        for pattern in patterns:
            for number, line in self.lines(file):
                if re.search(pattern, line):
                    return number
        return 1

    def inherits(self, file: str) -> bool:
        """Whether a file of an installation's unit is the built-in one."""
        built_in = self.writer.shelf.built_in
        below = [built_in[name] for name in (self.unit.name, self.unit.about) if name in built_in]
        text = self.unit.files.get(file)
        mine = self.unit.origin != "built-in"
        same = text is not None and any(unit.files.get(file) == text for unit in below)
        return mine and (same or file.startswith(f"{LAYOUT}/"))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of ``source``, or of each ``letter`` that is written."""

    id: str
    level: Level
    source: Callable[[Look], Iterator[Spot]] | None = None
    letter: Callable[[Look, Written], Iterator[Spot]] | None = None


def letters_of(look: Look) -> Iterator[Written | Finding]:
    """A letter of each fixture, and a typical one in each language of the unit; a finding where
    one can't be written."""
    for name in fixtures_of(look.unit)[:MOST_FIXTURES]:
        try:
            draft = sample_of(look.unit, name)
            for locale in _locales(look, draft, name):
                meant = replace(draft, reader=replace(draft.reader, locale=locale))
                begin = time.process_time()
                parts = look.writer.parts(meant)
                took = time.process_time() - begin
                language = look.writer.shelf.languages.all[parts.language]
                yield Written(name, language, meant, parts, took)
                if took > LONGEST:  # the others would be as slow
                    return
        except TemplateError as error:
            found = located(look.unit, error, "render")
            yield replace(found, text=f"{found.text} (with the fixture “{name}”)")
            if isinstance(error, Overrun):  # the others would meet it, too
                return
        except ValueError as error:
            yield Finding(f"fixtures/{name}.json", 1, "error", "fixture", str(error))
        except (TypeError, KeyError, AttributeError) as error:
            text = f"its jobs aren't what jobs are: {error!r}"
            yield Finding(f"fixtures/{name}.json", 1, "error", "fixture", text)


def _locales(look: Look, draft: Draft, fixture: str) -> list[str]:
    """Those that the fixture is written for: its reader's, and for a typical one each language."""
    if fixture != TYPICAL:
        return [draft.reader.locale]
    languages = look.writer.shelf.languages
    own = languages.best(draft.reader.locale)
    others = [each for each in languages.all.values() if each.tag != own.tag]
    return [draft.reader.locale, *(each.tag for each in others if look.unit.speaks(each))]


def located(unit: Unit, error: TemplateError, rule: str) -> Finding:
    """An error of a template as a finding."""
    file = str(error.path).removeprefix(str(unit.home)).lstrip("/")
    return Finding(file, error.line, "error", rule, error.reason)
