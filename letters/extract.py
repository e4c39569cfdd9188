"""Extract: all that the built-in letters say, as a gettext template; and whether a catalog has it.

Messages come from where they are said: the lines of the units and the layout, the badges, the
words of job types, and the sentences of the code. Nothing is listed twice, so nothing can be
forgotten.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import write_po

from letters.language import is_translated, read_catalog, translatable
from letters.sentences import FROM_JOBS, Count, Sentence
from letters.shelf import LAYOUT, Shelf
from letters.unit import Unit

#: What a translator gets: the text, or a pair for one and for several; and where it is said.
Found = tuple[str | tuple[str, str], str]

#: What the head of a file tells nobody, or says otherwise each time.
_IDLE = re.compile(
    r'^"(?:POT-Creation|PO-Revision|Report-Msgid|Last-Trans|Language-Team|Generated).*\n',
    re.MULTILINE,
)
_TEXTS = re.compile(r"\"[^\"]*\"|'[^']*'")
_PLACES = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{\w+\}")
_LINK = re.compile(r"\]\(([^)]*)\)")
#: What a language's form for one, two or none needn't repeat.
_OMITTED = {"{n}", "{unit}"}


def messages(shelf: Shelf) -> Iterator[Found]:
    """All messages of a shelf's built-in units, its layout, words and code."""
    for unit in shelf.built_in.values():
        yield from unit_messages(unit)
    for file, text in shelf.layout.items():
        if file.endswith((".md", ".txt")):
            yield from _lines(text, f"{LAYOUT}/{file}")
    for name, words in shelf.words.items():
        said: tuple[str | tuple[str, str], ...] = (*words.pairs, *words.sentences)
        yield from ((it, f"{LAYOUT}/words.toml [{name}]") for it in said)
    yield from ((str(it), "letters/sentences.py") for it in Sentence)
    yield from (((one, many), "letters/sentences.py") for one, many in (it.value for it in Count))
    yield from ((text, "what jobs say") for text in FROM_JOBS)


def unit_messages(unit: Unit) -> Iterator[Found]:
    """What one unit says in the source's language."""
    for file in ("subject.txt", "preheader.txt", "body.md", "body.txt"):
        if file in unit.files:
            yield from _lines(unit.text(file), f"{unit.name}/{file}")
    yield unit.message.badge, f"{unit.name}/message.toml"


def _lines(text: str, where: str) -> Iterator[Found]:
    return ((line.text, where) for line in translatable(text))


def template(found: Sequence[Found]) -> Catalog:
    """The gettext template of some messages. Raises ``ValueError`` where a text stands both alone
    and in a pair: gettext can't tell these apart."""
    catalog = Catalog(project="Ringback", version="1", charset="utf-8")
    seen: dict[str, str | tuple[str, str]] = {}
    for text, where in found:
        first = text if isinstance(text, str) else text[0]
        if seen.setdefault(first, text) != text:
            raise ValueError(f"{where}: “{first}” is said alone, and in a pair or in two")
        catalog.add(text, locations=[(where, 0)]).flags.clear()
    return catalog


def written(catalog: Catalog) -> str:
    """The catalog as its file: the same messages make the same text, at any time."""
    catalog.header_comment = "#"
    catalog.fuzzy = False
    for message in catalog:
        message.flags.discard("python-format")
        message.flags.discard("python-brace-format")
    file = io.BytesIO()
    write_po(file, catalog, width=0, ignore_obsolete=True, include_lineno=False)
    return _IDLE.sub("", file.getvalue().decode("utf-8"))


def updated(path: Path, wanted: Catalog) -> str:
    """A catalog's file with the messages of ``wanted``: new ones are empty, those that nobody says
    any more are gone. Raises ``ValueError`` for one that can't be read."""
    catalog = read_catalog(path)
    catalog.update(wanted, no_fuzzy_matching=True)
    return written(catalog)


def faults(path: Path, wanted: Catalog) -> list[str]:
    """What is wrong with a catalog, as ``file:line: …``: messages that nobody translated or is sure
    of, and translations with other places for values than their source. Raises ``ValueError`` for
    a file that can't be read."""
    catalog = read_catalog(path)
    lines = path.read_text("utf-8").splitlines()
    told = []
    for message in wanted:
        if message.id:
            mine = catalog.get(message.id if isinstance(message.id, str) else message.id[0])
            reason = _fault(message, mine, catalog.num_plurals)
            if reason:
                told.append(f"{path}:{_line(lines, _first(message))}: {reason}")
    return told


def _fault(source: Message, mine: Message | None, forms: int) -> str:
    text = _first(source)
    if mine is None or not any(mine.string or ()):
        return f"“{text}” isn't translated"
    if mine.id != source.id:
        return f"“{text}” isn't the same pair here; run `make messages`"
    if not is_translated(mine, forms):
        have = len(list(filter(None, mine.string or ())))
        return f"“{text}” has {have} of {forms} plural forms"
    if mine.fuzzy:
        return f"“{text}” is marked fuzzy; check it and take the mark away"
    if isinstance(mine.string, str):
        return _places_differ(text, text, mine.string, Counter())
    several = source.id[1]
    told = (_places_differ(text, several, form, _spare(several)) for form in mine.string or ())
    return next(filter(None, told), "")


def _first(message: Message) -> str:
    return message.id if isinstance(message.id, str) else str(message.id[0])


def _spare(source: str) -> Counter[str]:
    return Counter({place: count for place, count in _places(source).items() if place in _OMITTED})


def _places_differ(name: str, source: str, told: str, spare: Counter[str]) -> str:
    wanted, have = _places(source), _places(told)
    if lost := wanted - have - spare:
        return f"the translation of “{name}” lacks {', '.join(lost)}"
    if more := have - wanted:
        return f"the translation of “{name}” has {', '.join(more)} too much"
    return ""


def _places(text: str) -> Counter[str]:
    """Where values go, and where links lead. The words given to a filter are the translator's;
    a variable through ``plural`` may stand as often as they like, or not at all."""
    found = [*_PLACES.findall(text), *_LINK.findall(text)]
    bare = (re.sub(r"\s+", "", _TEXTS.sub("", place)) for place in found)
    return Counter(place for place in bare if "|plural(" not in place)


def _line(lines: Sequence[str], text: str) -> int:
    wanted = f'msgid "{text}"'.replace("\\", "\\\\")
    return next((number for number, line in enumerate(lines, 1) if line == wanted), 1)
