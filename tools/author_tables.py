"""Write the tables of variables in docs/authors.md, from letters/vocabulary.py (`make words`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from letters.vocabulary import DIGEST, TEST, Variable, vocabulary

PAGE = Path(__file__).resolve().parent.parent / "docs" / "authors.md"
_TABLE = re.compile(r"(<!-- words: (\w+) -->\n).*?(<!-- end of words -->)", re.DOTALL)


def main() -> None:
    """Write the page again."""
    PAGE.write_text(written(PAGE.read_text()))


def written(page: str) -> str:
    """The page with its tables as the vocabulary has them."""
    return _TABLE.sub(lambda found: f"{found[1]}{_table(_SETS[found[2]])}{found[3]}", page)


def _table(variables: Iterable[Variable]) -> str:
    rows = [
        f"| `{it.name}` | {_cell(it.meaning)} | {_cell(it.example)} | "
        f"{'always' if it.required else 'test it'} |"
        for it in variables
    ]
    return "\n".join(
        ["| word | what it says | for example | there |", "|---|---|---|---|", *rows, ""]
    )


def _cell(text: str) -> str:
    """A bare ``|`` would begin another cell."""
    return text.replace("|", r"\|")


_SHARED = vocabulary(TEST)
_SETS = {
    "job": [it for name, it in vocabulary("succeeded").items() if name not in _SHARED],
    "digest": [it for name, it in vocabulary(DIGEST).items() if name not in _SHARED],
    "all": list(_SHARED.values()),
}


if __name__ == "__main__":
    main()
