"""Language: what the letters are written in, and how its numbers, lists and plurals go.

The built-in copy is English. Each *line* of a template is one message of the gettext catalogs
(``_locales/<tag>.po``): the line as it stands, its ``{{ … }}`` too, without the Markdown mark at
its start. A translator gets whole sentences, an author sees plain copy without wrappers, and line
numbers stay true. Sentences that the code makes (``phrases``) are in the same catalogs.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal

SOURCE = "en"  #: the language of the built-in copy
LOCALES = "_locales"
#: A Markdown mark that a line begins with; and the rest, which is what a translator gets.
_LINE = re.compile(r"(?P<mark>\s*(?:(?:#{1,6}|[-*+>]|\d+\.)\s+)*)(?P<text>.*?)(?P<end>\s*)")
_TAGS = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One translatable line of a template, and its number."""

    number: int
    text: str


def translatable(source: str) -> Iterator[Line]:
    """The lines of a template that have words of their own."""
    for number, line in enumerate(source.splitlines(), 1):
        text = _split(line)[1]
        if re.search(r"[^\W\d_]", _TAGS.sub("", _without_urls(text))):
            yield Line(number, text)


def _without_urls(text: str) -> str:
    return re.sub(r"\]\([^)]*\)", "]", text)


def _split(line: str) -> tuple[str, str, str]:
    found = _LINE.fullmatch(line)
    return (found["mark"], found["text"], found["end"]) if found else ("", line, "")


@lru_cache(maxsize=256)
def locale_of(tag: str) -> Locale:
    """The locale for a BCP 47 tag; English if Babel doesn't know it."""
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale(SOURCE)


@dataclass(frozen=True)
class Language:
    """One language: its ``tag`` ("de") and its catalog, where it isn't the source's."""

    tag: str
    catalog: gettext.NullTranslations = field(default_factory=gettext.NullTranslations)

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return str(locale_of(self.tag).text_direction)

    def say(self, message: str) -> str:
        """``message`` in this language; as it is where nobody translated it."""
        return self.catalog.gettext(message) if message else ""

    def count(self, one: str, many: str, number: int) -> str:
        """The plural form that fits ``number``, with its ``{n}`` still in it."""
        return self.catalog.ngettext(one, many, number)

    def knows(self, message: str) -> bool:
        """Whether ``message`` is translated; always in the source's language."""
        return self.tag == SOURCE or self.catalog.gettext(message) != message or message in _SAME

    def form(self, number: float) -> str:
        """The CLDR plural category: zero, one, two, few, many or other."""
        return str(locale_of(self.tag).plural_form(number))

    def template(self, source: str) -> str:
        """A template's source with its lines in this language."""
        if self.tag == SOURCE:
            return source
        lines = source.split("\n")
        for line in translatable(source):
            mark, _, end = _split(lines[line.number - 1])
            lines[line.number - 1] = f"{mark}{self.say(line.text)}{end}"
        return "\n".join(lines)

    def missing(self, source: str) -> list[Line]:
        """The lines of a template that nobody translated."""
        return [line for line in translatable(source) if not self.knows(line.text)]


#: Lines that may well be the same in another language.
_SAME = frozenset({", ", "{title}: {tally}"})


class Languages:
    """The languages of one set of templates: the source's, and one for each catalog.

    Catalogs of a later folder add to those of an earlier one. Raises ``ValueError`` naming file
    and line for a catalog that can't be read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        merged: dict[str, Catalog] = {}
        for folder in folders:
            for path in sorted((folder / LOCALES).glob("*.po")):
                _merge(merged.setdefault(path.stem, Catalog(path.stem)), _catalog(path))
        self.all: Mapping[str, Language] = {SOURCE: Language(SOURCE)} | {
            tag: Language(tag, _translations(catalog)) for tag, catalog in merged.items()
        }

    def best(self, tag: str) -> Language:
        """The language for a reader's locale: "de-AT" is served by "de"; else the source's."""
        wanted = tag.replace("_", "-")
        while wanted:
            if wanted in self.all:
                return self.all[wanted]
            wanted = wanted.rpartition("-")[0]
        return self.all[SOURCE]


def _catalog(path: Path) -> Catalog:
    try:
        with path.open("rb") as file:
            return read_po(file, locale=path.stem, abort_invalid=True)
    except (PoFileError, ValueError, UnknownLocaleError) as error:
        raise ValueError(f"{path}:{getattr(error, 'lineno', 1)}: {error}") from error


def _merge(into: Catalog, more: Catalog) -> None:
    for message in more:
        if message.id and not message.fuzzy:
            into.add(message.id, message.string)


def _translations(catalog: Catalog) -> gettext.GNUTranslations:
    file = io.BytesIO()
    write_mo(file, catalog)
    file.seek(0)
    return gettext.GNUTranslations(file)


def number_of(value: float, locale: str) -> str:
    """1204 as people of the locale write it: "1,204", "1.204"."""
    return str(format_decimal(value, locale=locale_of(locale)))


def listed(values: Sequence[str], locale: str = "en-GB") -> str:
    """ "a", "a and b", "a, b and c", as people of the locale join them."""
    return str(format_list(list(values), locale=locale_of(locale)))
