"""Contrast: whether the words of a rendered page can be read on what lies behind them.

The ratio of WCAG 2.2 (1.4.3, and "relative luminance"), of each text against the nearest background
around it: once with the inlined styles, and once with the rules for dark mode over them. Only what
mail programs are known to do is looked at: colours as ``#rrggbb`` or ``#rgb`` or a few names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

LEAST = 4.5  #: AA, for text of any size
_NAMES = {"white": "#ffffff", "black": "#000000"}
_VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "wbr",
}
_DARK = re.compile(r"@media[^{]*prefers-color-scheme:\s*dark[^{]*\{((?:[^{}]*\{[^{}]*\})*)\s*\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_PART = re.compile(r"(\.?[\w-]+)")

Style = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pale:
    """Words that are hard to read: their colour, what lies behind, the ratio, and the mode."""

    words: str
    colour: str
    background: str
    ratio: float
    dark: bool


def pale(page: str) -> list[Pale]:
    """The words of an HTML page that have less than ``LEAST``."""
    dark = _dark_rules(page)
    return [
        *_Reader(page, ()).found,
        *(replace(each, dark=True) for each in (_Reader(page, dark).found if dark else ())),
    ]


def ratio(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    light, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colour(value: str) -> str | None:
    """The first colour of a CSS value, as #rrggbb."""
    for word in value.replace("!important", "").lower().split():
        named = _NAMES.get(word, word)
        if re.fullmatch(r"#[0-9a-f]{6}", named):
            return named
        if re.fullmatch(r"#[0-9a-f]{3}", named):
            return "#" + "".join(digit * 2 for digit in named[1:])
    return None


def _style(text: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in text.split(";") if ":" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class _Rule:
    """One selector (its parts from the outermost, each a set of "tag" and ".class"), and what it
    sets."""

    parts: tuple[frozenset[str], ...]
    style: Style

    @property
    def weight(self) -> tuple[int, int]:
        """How special it is: classes, then tags (CSS, "specificity")."""
        names = [name for part in self.parts for name in part]
        classes = sum(name.startswith(".") for name in names)
        return classes, len(names) - classes


def _dark_rules(page: str) -> Sequence[_Rule]:
    found = [
        _Rule(tuple(frozenset(_PART.findall(part)) for part in selector.split()), _style(body))
        for block in _DARK.findall(page)
        for selectors, body in _RULE.findall(block)
        for selector in selectors.split(",")
    ]
    return sorted(found, key=lambda rule: rule.weight)


@dataclass
class _Element:
    tag: str
    names: frozenset[str]
    colour: str = "#000000"
    background: str = "#ffffff"
    hidden: bool = False


@dataclass
class _Reader(HTMLParser):
    """Goes through a page with the styles that are in force at each word."""

    page: str
    dark: Sequence[_Rule]
    found: list[Pale] = field(default_factory=list)
    stack: list[_Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        given = {name: value or "" for name, value in attrs}
        names = frozenset([tag, *(f".{name}" for name in given.get("class", "").split())])
        above = self.stack[-1] if self.stack else _Element("", frozenset())
        element = _Element(tag, names, above.colour, above.background, above.hidden)
        self.stack.append(element)
        for style in (_style(given.get("style", "")), *self._dark_styles()):
            element.colour = _colour(style.get("color", "")) or element.colour
            for name in ("background", "background-color"):
                element.background = _colour(style.get(name, "")) or element.background
            element.hidden |= style.get("display") == "none" or tag in ("head", "style", "title")

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self.stack):
            while self.stack.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not data.strip() or not self.stack or self.stack[-1].hidden:
            return
        at = self.stack[-1]
        shown = ratio(at.colour, at.background)
        if shown < LEAST:
            words = " ".join(data.split())[:40]
            self.found.append(Pale(words, at.colour, at.background, shown, dark=False))

    def _dark_styles(self) -> Iterator[Style]:
        for rule in self.dark:
            if _matches(rule.parts, [element.names for element in self.stack]):
                yield rule.style


def _matches(parts: Sequence[frozenset[str]], path: Sequence[frozenset[str]]) -> bool:
    """Whether the last element is what the last part names, inside of what the others name."""
    if not parts[-1] <= path[-1]:
        return False
    above = iter(path[-2::-1])
    return all(any(part <= names for names in above) for part in parts[-2::-1])
