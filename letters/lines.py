"""Lines: plain text broken to a width, in columns of a terminal.

Most scripts break at blanks. Chinese and Japanese have none: their letters, two columns wide, may
part anywhere but before a closing mark or behind an opening one (JIS X 4051; UAX #14).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_ISOLATE = "\u2068"  #: UAX #9; belongs to what follows


def broken(line: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """``line`` in lines of at most ``width`` columns; a longer word, such as a URL, stays whole.
    The first one begins with ``first``, the others with ``rest``."""
    out: list[str] = []
    shown, used, fresh = first, columns(first), True
    for gap, piece in _pieces(line):
        size = columns(piece)
        if not fresh and used + len(gap) + size > width:
            out.append(shown)
            shown, used, fresh = rest, columns(rest), True
        between = "" if fresh else gap
        shown, used, fresh = f"{shown}{between}{piece}", used + len(between) + size, False
    return [*out, shown]


def columns(text: str) -> int:
    """How wide a text is shown."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if _wide(char) else 1


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """What may not be broken, each with the blank before it."""
    for word in line.split(" "):
        if not word:
            continue
        if word.isascii():
            yield " ", word
            continue
        begin, gap = 0, " "
        for at in range(1, len(word)):
            if _parts(word[at - 1], word[at]):
                yield gap, word[begin:at]
                begin, gap = at, ""
        yield gap, word[begin:]


def _parts(before: str, after: str) -> bool:
    """Whether a line may end between two letters."""
    if not (_wide(before) or _wide(after)):
        return False
    return not (_opens(before) or _closes(after))


def _opens(char: str) -> bool:
    return char == _ISOLATE or unicodedata.category(char) in ("Ps", "Pi")


def _closes(char: str) -> bool:
    """Marks, what sounds the letter before on, small kana, and what takes no column."""
    if char == _ISOLATE:
        return False
    marks = unicodedata.category(char) in ("Pe", "Pf", "Po", "Lm")
    return marks or not _columns(char) or "LETTER SMALL" in unicodedata.name(char, "")
