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
from babel.core import get_global, parse_locale
from babel.lists import format_list
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal

SOURCE = "en"  #: the language of the built-in copy
LOCALES = "_locales"
#: A Markdown mark that a line begins with; and the rest, which is what a translator gets.
_LINE = re.compile(r"(?P<mark>\s*(?:(?:#{1,6}|[-*+>]|\d+\.)\s+)*)(?P<text>.*?)(?P<end>\s*)")
#: What shows every plural form of every language.
_NUMBERS = (*range(200), 1000, 10**6)
_TAGS = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One translatable line of a template, and its number."""

    number: int
    text: str


@lru_cache(maxsize=256)  # each letter asks, of the same few files
def translatable(source: str) -> tuple[Line, ...]:
    """The lines of a template that have words of their own."""
    return tuple(_with_words(source))


def _with_words(source: str) -> Iterator[Line]:
    # not splitlines: to Jinja, U+2028 and the like end no line
    for number, line in enumerate(source.split("\n"), 1):
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
    return _locale(tag) or Locale(SOURCE)


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return None


@lru_cache(maxsize=256)
def formats_of(language: str, reader: str) -> Locale:
    """The locale of the times in a letter: the reader's; in a letter that isn't in the reader's
    language, that language as their country writes it, so "12 Mar 2026" for a German."""
    wanted = locale_of(reader)
    if wanted.language == locale_of(language).language:
        return wanted
    whole = str(get_global("likely_subtags").get(wanted.language, ""))
    territory = wanted.territory or whole.rpartition("_")[2]
    return _locale(f"{language}-{territory}") or locale_of(language)


@dataclass(frozen=True)
class Language:
    """One language: its ``tag`` ("de"), and its catalog with what that has, where it isn't the
    source's."""

    tag: str
    catalog: gettext.NullTranslations = field(default_factory=gettext.NullTranslations)
    known: frozenset[str] = frozenset()

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return str(locale_of(self.tag).text_direction)

    def say(self, message: str) -> str:
        """``message`` in this language; as it is where nobody translated it."""
        return self.catalog.gettext(message) if message in self.known else message

    def count(self, one: str, many: str, number: int) -> str:
        """The plural form that fits ``number``, with its ``{n}`` still in it."""
        return self.catalog.ngettext(one, many, number)

    def knows(self, message: str) -> bool:
        """Whether ``message`` (of a pair, the first) is translated; always in the source's
        language."""
        return self.tag == SOURCE or not message or message in self.known

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


class Languages:
    """The languages of one set of templates: the source's, and one for each catalog.

    Catalogs of a later folder add to those of an earlier one. Raises ``ValueError`` naming file
    and line for a catalog that can't be read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        merged: dict[str, Catalog] = {}
        for folder in folders:
            for path in sorted((folder / LOCALES).glob("*.po")):
                tag = path.stem.replace("_", "-")
                catalog = read_catalog(path)
                _merge(merged.setdefault(tag, Catalog(catalog.locale)), catalog)
        self.all: Mapping[str, Language] = {SOURCE: Language(SOURCE)} | {
            tag: Language(tag, _translations(catalog), _known(catalog))
            for tag, catalog in merged.items()
        }

    def best(self, tag: str) -> Language:
        """The language for a reader's locale: "de-AT" is served by "de", "pt-BR" by "pt", "zh-TW"
        by "zh-Hant", as CLDR has it; else the source's."""
        by_tag = {known.lower(): language for known, language in self.all.items()}
        wanted = (by_tag.get(name.lower()) for name in _nearest(tag))
        return next((language for language in wanted if language), self.all[SOURCE])


def _nearest(tag: str) -> Iterator[str]:
    """The tag, and what CLDR puts above it, the nearest first. A script that isn't the language's
    usual one leads to no other: who reads 繁體 isn't given 简体."""
    yield tag.replace("_", "-")
    try:
        language, territory, script = parse_locale(tag.replace("-", "_"))[:3]
    except ValueError:
        return
    usual, local = _script(language), _script(f"{language}_{territory}")
    script = script or local or usual
    if territory:
        yield f"{language}-{script}-{territory}"
        if script == (local or usual):
            yield f"{language}-{territory}"
        parents = get_global("parent_exceptions")
        for name in (f"{language}_{script}_{territory}", f"{language}_{territory}"):
            yield str(parents.get(name, "")).replace("_", "-")
    yield f"{language}-{script}"
    if script == usual:
        yield language


def _script(name: str) -> str:
    """The script that is usual for a language, or for its speakers in a territory."""
    parts = str(get_global("likely_subtags").get(name, "")).split("_")
    return parts[1] if len(parts) > 1 else ""


def read_catalog(path: Path) -> Catalog:
    """A catalog from its ``.po``. Raises ``ValueError`` naming file and line."""
    try:
        with path.open("rb") as file:
            catalog = read_po(file, locale=path.stem.replace("-", "_"), abort_invalid=True)
    except (PoFileError, ValueError, UnknownLocaleError) as error:
        line = getattr(error, "lineno", 0) + 1  # Babel counts from 0, in its words too
        reason = re.sub(r" on \d+$", "", str(error))
        raise ValueError(f"{path}:{line}: {reason}") from error
    return catalog


def _merge(into: Catalog, more: Catalog) -> None:
    """Puts what is translated into a catalog. Its plural forms may be numbered in another order:
    translators' tools and Babel don't agree on each language's."""
    mine, theirs = gettext.c2py(into.plural_expr), gettext.c2py(more.plural_expr)
    places = {mine(number): theirs(number) for number in reversed(_NUMBERS)}
    for message in more:
        if not message.id or message.fuzzy or not is_translated(message, more.num_plurals):
            continue
        told = message.string
        if isinstance(told, tuple | list):
            told = tuple(str(told[places[form]]) for form in range(into.num_plurals))
        into.add(message.id, told)


def is_translated(message: Message, forms: int) -> bool:
    """Whether there is a translation; of a pair, one for each of the language's ``forms``."""
    told = message.string
    if isinstance(message.id, str):
        return bool(told)
    return isinstance(told, tuple | list) and len(told) == forms and all(told)


def _known(catalog: Catalog) -> frozenset[str]:
    ids = (message.id for message in catalog if message.id)
    return frozenset(it if isinstance(it, str) else it[0] for it in ids)


def _translations(catalog: Catalog) -> gettext.GNUTranslations:
    file = io.BytesIO()
    write_mo(file, catalog)
    file.seek(0)
    return gettext.GNUTranslations(file)


@lru_cache(maxsize=4096)  # one number stands in several places of a letter
def number_of(value: float, locale: Locale) -> str:
    """1204 as people of the locale write it: "1,204", "1.204"."""
    return str(format_decimal(value, locale=locale))


def listed(values: Sequence[str], locale: str = "en-GB") -> str:
    """ "a", "a and b", "a, b and c", as people of the locale join them."""
    return str(format_list(list(values), locale=locale_of(locale)))
