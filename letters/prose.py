"""Prose: words written once in Markdown, read as HTML or as plain text.

What people and files say (titles, values, names) is made *inert* before a template sees it:
every ASCII punctuation mark is moved to a private code point (plane 16) that no Markdown rule
knows, and ``plain`` moves it back after parsing. So data stays data through any filter, join or
slice of a template, which backslash escaping can't promise.
"""

from __future__ import annotations

import itertools
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from letters.lines import broken, columns

WIDTH = 72
Link = Callable[[str, str], str]
BUTTON = "button"
NBSP = "\u00a0"
SCHEMES = {"https", "http", "mailto"}

_MOVED = 0x100000
_INERT = {ord(mark): chr(_MOVED + ord(mark)) for mark in string.punctuation}
_BACK = {_MOVED + ord(mark): mark for mark in string.punctuation}
# Left-over overrides could turn the text around them (Unicode TR9, UAX #9 "Trojan Source").
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ISOLATE, POP = "\u2068", "\u2069"  #: UAX #9: the words between don't turn those around them

#: A button alone in its paragraph; and the cell that Outlook draws with its padding and colour.
_BUTTON = re.compile(r'<p>(<a (?=[^>]*class="button")[^>]*>[^<]*</a>)</p>')
_CELL = (
    r'<table role="presentation" class="action" cellspacing="0" cellpadding="0" border="0">'
    r'<tr><td class="action" bgcolor="#1d5c56">\1</td></tr></table>'
)

_TAGS = {"a", "blockquote", "br", "em", "h1", "h2", "h3", "hr", "li", "ol", "p", "strong", "ul"}
_OFF = ["image", "autolink", "html_block", "html_inline", "backticks", "fence", "code", "entity"]


def said(value: object) -> str:
    """Somebody's words as one inert line: no control characters, no Markdown, no HTML.

    Right-to-left words are isolated (UAX #9), so the numbers after them stay in place.
    """
    return inert(_kept_in_place(_one_line(str(value))))


def inert(text: str) -> str:
    """``text`` with its punctuation moved out of Markdown's sight."""
    return text.translate(_INERT)


def plain(text: str) -> str:
    """The opposite of ``inert``."""
    return text.translate(_BACK)


def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():  # as most are
        return " ".join(text.split())
    shown = "".join(char if _printable(char) else " " for char in _BIDI_CONTROLS.sub("", text))
    return " ".join(shown.split())


def _printable(char: str) -> bool:
    # Cc: controls, Cs: lone surrogates (not encodable), plane 16: our own marks.
    return unicodedata.category(char) not in ("Cc", "Cs") and ord(char) < _MOVED


def _kept_in_place(text: str) -> str:
    if text.isascii():
        return text
    rtl = any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text)
    return isolated(text) if rtl else text


def isolated(text: str) -> str:
    """``text`` apart from the direction of what stands around it."""
    return text if not text or text.startswith(ISOLATE) else f"{ISOLATE}{text}{POP}"


def bare(text: str) -> str:
    """``text`` without the marks that isolate it."""
    return text.removeprefix(ISOLATE).removesuffix(POP)


def is_cjk(char: str) -> bool:
    """Whether a character is of a script that is written without spaces: Chinese or Japanese, or
    one of their marks."""
    return (
        "\u3000" <= char <= "\u30ff"
        or "\u3400" <= char <= "\u9fff"
        or ("\uff00" <= char <= "\uffef")
    )


@cache  # to make one takes longer than to parse a letter
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
            _close_up(token.children or [])

    def html(self) -> str:
        """Sanitised HTML of a few plain tags; the button, ``class="button"``, is a table cell."""
        page = nh3.clean(
            _parser().renderer.render(self._tokens, _parser().options, {}),
            tags=_TAGS,
            attributes={"a": {"href", "class"}},
            url_schemes=SCHEMES,
            link_rel=None,
        )
        return _BUTTON.sub(_CELL, page)

    def text(self, link: Link | None = None) -> str:
        """Plain text in lines of at most 72 characters (longer only for a URL, or where there is
        no blank). ``link`` writes a label and where it leads."""
        return _Page(link or _link).write(self._tokens)


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


def _close_up(tokens: Sequence[Token]) -> None:
    """Where a line ends with a CJK mark or letter, the next one follows without a blank."""
    for before, token in itertools.pairwise(tokens):
        if token.type == "softbreak" and is_cjk(before.content[-1:] or " "):
            token.type, token.content = "text", ""


@dataclass
class _Page:
    """Writes block tokens as plain text."""

    link: Link
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
        lines = [
            self._wrapped(line) for line in _words(token.children or (), self.link).split("\n")
        ]
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


def _words(tokens: Sequence[Token], link: Link) -> str:
    out: list[str] = []
    start, href = 0, ""
    for token in tokens:
        if token.type == "link_open":
            start, href = len(out), str(token.attrs["href"])
        elif token.type == "link_close":
            label = "".join(out[start:])
            same = href.removeprefix("mailto:") == label
            out[start:] = [label if same else link(label, href)]
        else:
            out.append("\n" if token.type == "hardbreak" else token.content)
            if token.type == "softbreak":
                out[-1] = " "
    return "".join(out)


def _link(label: str, href: str) -> str:
    return f"“{label}”: {href}" if ":" in label else f"{label}: {href}"
