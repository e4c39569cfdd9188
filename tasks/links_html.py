"""The anchors of an HTML text.

Not ``html.parser``: in older Pythons a page of ``<a <a <a …`` takes it cubic time (CVE-2025-6069),
and pages come from strangers. Here each character is looked at a bounded number of times: no
pattern scans ahead and fails. The rules, as far as anchors need them, are those of
https://html.spec.whatwg.org/multipage/parsing.html#tokenization.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

#: Characters kept of an anchor's text, or a little more.
TEXT_LENGTH = 200

#: Elements whose content is text, whatever it looks like.
_RAW = frozenset(("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"))
_SPACE = r"[ \t\n\f\r]"
_ATTRIBUTE = (
    r"(?P<name>[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    rf"(?:{_SPACE}*+={_SPACE}*+"
    r"(?:\"(?P<double>[^\"]*+)\"?+|'(?P<single>[^']*+)'?+|(?P<bare>[^ \t\n\f\r>]*+)))?"
)
_ANONYMOUS = re.sub(r"\?P<\w+>", "?:", _ATTRIBUTE)
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_MARKUP = re.compile(
    r"<(?:"
    r"!--(?:-?+>|.*?(?:--!?+>|\Z))"
    r"|(?P<end>/?+)(?P<tag>[a-zA-Z][^ \t\n\f\r/>]*+)"
    rf"(?P<attributes>(?:[ \t\n\f\r/]++|{_ANONYMOUS})*+)(?:>|\Z)"
    r"|[!?/][^>]*+"  # declarations and the like
    r")",
    re.DOTALL,
)


@dataclass(slots=True)
class Anchor:
    """A link as it is written: its address, the text that leads there, and what is said of it
    where there is no text. Of the text only the beginning."""

    href: str
    label: str = ""
    text: str = ""

    def add(self, text: str) -> None:
        """Text between the anchor's tags."""
        if len(self.text) < TEXT_LENGTH:  # an anchor may be left open for the rest of the page
            self.text = f"{self.text}{text[:TEXT_LENGTH]}".lstrip()

    @property
    def words(self) -> str:
        """What a reader of the page sees, on one line."""
        return " ".join(self.text.split()) or " ".join(self.label.split())


@dataclass(slots=True)
class Anchors:
    """The ``<a>`` and ``<area>`` elements of a page, and its ``<base>`` address if it has one."""

    base: str | None = None
    found: list[Anchor] = field(default_factory=list)

    def open(self, attributes: str) -> Anchor | None:
        """A further anchor, unless it has no address."""
        pairs = _pairs(attributes)
        if "href" not in pairs:
            return None
        label = pairs.get("aria-label") or pairs.get("title") or pairs.get("alt", "")
        self.found.append(Anchor(pairs["href"], label))
        return self.found[-1]


def anchors(html: str) -> Anchors:
    """All anchors with an address, in the page's order. Never fails: whatever isn't markup is
    text, as in a browser."""
    page = Anchors()
    inside: Anchor | None = None
    for text, end, tag, attributes in _tokens(html):
        if inside is not None:
            inside.add(unescape(text))
        if tag == "a":
            inside = None if end else page.open(attributes)
        elif tag == "area" and not end:
            page.open(attributes)
        elif tag == "img" and inside is not None:
            inside.add(_pairs(attributes).get("alt", ""))
        elif tag == "base" and page.base is None:
            page.base = _pairs(attributes).get("href")
    return page


def _tokens(html: str) -> Iterator[tuple[str, bool, str, str]]:
    """The text before each piece of markup; whether that is an end tag, its name (empty for what
    isn't a tag) and its attributes."""
    at = 0
    while (match := _MARKUP.search(html, at)) is not None:
        tag, end = (match["tag"] or "").lower(), bool(match["end"])
        yield html[at : match.start()], end, tag, match["attributes"] or ""
        at = match.end()
        if tag in _RAW and not end:
            at = _end_of_raw(html, at, tag)
    yield html[at:], False, "", ""


def _end_of_raw(html: str, at: int, tag: str) -> int:
    closing = re.compile(rf"</{tag}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(html, at)
    return len(html) if closing is None else closing.start()


def _pairs(attributes: str) -> dict[str, str]:
    """Names in small letters; the first of equal ones counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTES.finditer(attributes):
        value = match["double"] or match["single"] or match["bare"] or ""
        found.setdefault(match["name"].lower(), unescape(value))
    return found
