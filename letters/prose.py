"""Prose: words written once in Markdown, read as HTML or as plain text.

What people and files say (titles, values, names) is made *inert* before a template sees it:
every ASCII punctuation mark is moved to a private code point (plane 16) that no Markdown rule
knows, and ``plain`` moves it back after parsing. So data stays data through any filter, join or
slice of a template, which backslash escaping can't promise.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from letters.lines import broken, columns

WIDTH = 72
BUTTON = "button"
NBSP = "\u00a0"
SCHEMES = {"https", "http", "mailto"}

_MOVED = 0x100000
_INERT = {ord(mark): chr(_MOVED + ord(mark)) for mark in string.punctuation}
_BACK = {_MOVED + ord(mark): mark for mark in string.punctuation}
# Left-over overrides could turn the text around them (Unicode TR9, UAX #9 "Trojan Source").
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ISOLATE, _POP = "\u2068", "\u2069"

_TAGS = {"a", "blockquote", "br", "em", "h1", "h2", "h3", "hr", "li", "ol", "p", "strong", "ul"}
_OFF = ["image", "autolink", "html_block", "html_inline", "backticks", "fence", "code", "entity"]


def said(value: object) -> str:
    """Somebody's words as one inert line: no control characters, no Markdown, no HTML.

    Right-to-left words are isolated (UAX #9), so the numbers after them stay in place.
    """
    return inert(_isolated(_one_line(str(value))))


def inert(text: str) -> str:
    """``text`` with its punctuation moved out of Markdown's sight."""
    return text.translate(_INERT)


def plain(text: str) -> str:
    """The opposite of ``inert``."""
    return text.translate(_BACK)


def _one_line(text: str) -> str:
    shown = "".join(char if _printable(char) else " " for char in _BIDI_CONTROLS.sub("", text))
    return " ".join(shown.split())


def _printable(char: str) -> bool:
    # Cc: controls, Cs: lone surrogates (not encodable), plane 16: our own marks.
    return unicodedata.category(char) not in ("Cc", "Cs") and ord(char) < _MOVED


def _isolated(text: str) -> str:
    rtl = any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text)
    return f"{_ISOLATE}{text}{_POP}" if rtl else text


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).disable(_OFF)
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]  # it would encode our marks
    parser.validateLink = lambda url: _scheme(url) in SCHEMES  # type: ignore[method-assign]
    return parser


def _scheme(url: str) -> str:
    return plain(url).partition(":")[0].lower()


class Prose:
    """One parsed Markdown text. A link titled "button" is the primary action."""

    def __init__(self, source: str) -> None:
        self._tokens = _parser().parse(source)
        for token in _flat(self._tokens):
            _settle(token)

    def html(self) -> str:
        """Sanitised HTML of a few plain tags; the button has ``class="button"``."""
        page = RendererHTML().render(self._tokens, _parser().options, {})
        return nh3.clean(
            page,
            tags=_TAGS,
            attributes={"a": {"href", "class"}},
            url_schemes=SCHEMES,
            link_rel=None,
        )

    def text(self) -> str:
        """Plain text in lines of at most 72 characters (longer only for a URL)."""
        return _Page().write(self._tokens)


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or ())


def _settle(token: Token) -> None:
    """Move the marks back, now that no rule will look at them again."""
    token.content = plain(token.content)
    if token.type == "link_open":
        is_button = token.attrs.pop("title", None) == BUTTON
        token.attrs["href"] = plain(str(token.attrs["href"]))
        if is_button:
            token.attrs["class"] = BUTTON


@dataclass
class _Page:
    """Writes block tokens as plain text."""

    blocks: list[str] = field(default_factory=list)
    margins: list[tuple[str, str]] = field(default_factory=list)
    counters: list[int | None] = field(default_factory=list)
    rule: str = ""
    tight: bool = False

    def write(self, tokens: Sequence[Token]) -> str:
        for token in tokens:
            handle = getattr(self, f"_{token.type}", None)
            if handle:
                handle(token)
        return "\n".join(self.blocks).replace(NBSP, " ").strip("\n") + "\n"

    def _heading_open(self, token: Token) -> None:
        self.rule = {"h1": "=", "h2": "-"}.get(token.tag, "")
        self.tight = False

    def _heading_close(self, _: Token) -> None:
        self.rule = ""

    def _paragraph_open(self, token: Token) -> None:
        self.tight = token.hidden

    def _bullet_list_open(self, _: Token) -> None:
        self.counters.append(None)

    def _ordered_list_open(self, token: Token) -> None:
        self.counters.append(int(token.attrs.get("start", 1)))

    def _bullet_list_close(self, _: Token) -> None:
        self.counters.pop()
        self._gap()

    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, _: Token) -> None:
        mark = "- "
        if (number := self.counters[-1]) is not None:
            mark, self.counters[-1] = f"{number}. ", number + 1
        self.margins.append((mark, " " * len(mark)))

    def _list_item_close(self, _: Token) -> None:
        self.margins.pop()

    def _blockquote_open(self, _: Token) -> None:
        self.margins.append(("> ", "> "))

    def _blockquote_close(self, _: Token) -> None:
        self.margins.pop()

    def _hr(self, _: Token) -> None:
        self.blocks += ["-" * WIDTH, ""]

    def _inline(self, token: Token) -> None:
        lines = [self._wrapped(line) for line in _words(token.children or ()).split("\n")]
        self.blocks += lines
        if self.rule:
            longest = max(columns(row) for line in lines for row in line.split("\n"))
            self.blocks.append(self.rule * min(longest, WIDTH))
        if not self.tight:
            self._gap()

    def _gap(self) -> None:
        if self.blocks and self.blocks[-1]:
            self.blocks.append("")

    def _wrapped(self, line: str) -> str:
        first = "".join(mark for mark, _ in self.margins)
        rest = "".join(blank for _, blank in self.margins)
        self.margins = [(blank, blank) for _, blank in self.margins]
        return "\n".join(broken(line, WIDTH, first, rest))


def _words(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    start, href = 0, ""
    for token in tokens:
        if token.type == "link_open":
            start, href = len(out), str(token.attrs["href"])
        elif token.type == "link_close":
            out[start:] = [_link("".join(out[start:]), href)]
        else:
            out.append("\n" if token.type == "hardbreak" else token.content)
            if token.type == "softbreak":
                out[-1] = " "
    return "".join(out)


def _link(label: str, href: str) -> str:
    if href.removeprefix("mailto:") == label:
        return label
    return f"“{label}”: {href}" if ":" in label else f"{label}: {href}"
