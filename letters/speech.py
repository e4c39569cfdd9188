"""Speech: the filters that templates speak with.

Numbers and times follow the reader's locale and zone; times are in the letter's language. What a
filter returns is inert, so "12. März" at the start of a line doesn't begin a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from babel import Locale
from babel.dates import format_datetime, get_timezone_gmt, get_timezone_name
from jinja2 import pass_context
from jinja2.runtime import Context

from letters.language import formats_of, listed, locale_of, number_of
from letters.prose import ISOLATE, POP, inert, is_cjk, isolated, plain, said
from ringback.quiet import zone_of

_FULL = (".", "!", "?", "…", ":", "。", "\uff01", "\uff1f", "؟", "؛", "।")
_CLOSING = "\u201d\u2019\"'»」』\uff09)"
_IRREGULAR = {"people": "person", "indices": "index", "series": "series", "data": "data"}


@pass_context
def plural(context: Context, count: float, one: str = "", many: str = "", **forms: str) -> str:
    """The word that fits ``count``; the number itself isn't printed.

    Two words do for English. A language with more forms names them by CLDR's categories:
    ``count|plural(one="…", few="…", many="…", other="…")``. Raises ``ValueError`` without a word
    for ``count``.
    """
    named = {"one": one, "many": many, "other": many} | forms
    form = context["language"].form(count)
    word = named.get(form) or named["other"]
    if not word:
        raise ValueError(f"plural has no word for {count} (its form here is “{form}”)")
    return word


def units(count: int, unit: str) -> str:
    """A plural English unit as fits ``count``: 1, "rows" is "row"."""
    return _singular(unit) if count == 1 else unit


def _singular(unit: str) -> str:
    if unit in _IRREGULAR:
        return _IRREGULAR[unit]
    if unit.endswith("ies"):
        return unit.removesuffix("ies") + "y"
    if unit.endswith(("sses", "xes", "ches", "shes")):
        return unit.removesuffix("es")
    return unit.removesuffix("s")


@pass_context
def number(context: Context, value: float) -> str:
    """1204 as the reader writes it: "1,204", "1.204"."""
    return inert(number_of(value, locale_of(context["reader"].locale)))


@pass_context
def moment(context: Context, value: datetime) -> str:
    """An aware time in the reader's zone, with the zone's name: "Mar 12, 2025, 2:03 PM UTC"."""
    reader = context["reader"]
    locale, zone = formats_of(context["language"].tag, reader.locale), zone_of(reader.timezone)
    local = value.astimezone(zone)
    shown = format_datetime(local, _pattern(locale), locale=locale)
    return inert(f"{shown} {_zone_name(local, locale)}")


def _pattern(locale: Locale) -> str:
    """A medium date and a time without seconds, in the locale's order."""
    joined = str(locale.datetime_formats["medium"])
    date, time = locale.date_formats["medium"].pattern, locale.time_formats["short"].pattern
    return joined.replace("{1}", date).replace("{0}", time)


def _zone_name(local: datetime, locale: Locale) -> str:
    if local.tzinfo is UTC or str(local.tzinfo) == "UTC":
        return "UTC"
    name = str(get_timezone_name(local, width="short", locale=locale))
    if name[:1] not in "+-":
        return name
    # Without a short name, CLDR has "+0200", which tells few people anything; "GMT+02:00" does.
    return str(get_timezone_gmt(local, locale=locale)).removesuffix("+00:00")


@pass_context
def joined(context: Context, values: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c", the way the letter's language does."""
    return listed(values, context["language"].tag)


def short(text: str, longest: int) -> str:
    """At most ``longest`` characters; the middle goes, so a file's ending stays."""
    if len(plain(text)) <= longest:
        return text
    tail = longest // 4
    return _within(
        text, lambda words: f"{words[: longest - tail - 1].rstrip()}…{words[-tail:].lstrip()}"
    )


def _within(text: str, change: Callable[[str], str]) -> str:
    """The words changed, inside of the marks that isolate them."""
    words = plain(text)
    if words.startswith(ISOLATE) and words.endswith(POP):
        return isolated(said(change(words[1:-1])))
    return said(change(words))


def sentence(text: str) -> str:
    """With a full stop, if it ends in no mark of its own, and a capital."""
    words = text.strip().removesuffix(POP)
    if not words:
        return ""
    end = text.strip()[len(words) :]
    done = plain(words).rstrip(_CLOSING).endswith(_FULL)
    stop = "" if done else "。" if is_cjk(words[-1]) else "."
    return f"{words[:1].upper()}{words[1:]}{stop}{end}"


def clause(text: str) -> str:
    """Without its full stop, to stand inside a sentence or a subject."""
    return _within(text, lambda words: words.rstrip(". 。"))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "plural": plural,
    "units": units,
    "number": number,
    "datetime": moment,
    "list": joined,
    "short": short,
    "sentence": sentence,
    "clause": clause,
}
