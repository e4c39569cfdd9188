"""Writes the templates' messages for translators: messages.pot, and each language's .po brought up
to date with it. `make messages`; docs/languages.md tells more."""

from __future__ import annotations

import sys

from letters.extract import faults, messages, template, updated, written
from letters.language import LOCALES
from letters.shelf import Shelf


def main() -> int:
    shelf = Shelf()
    wanted = template(list(messages(shelf)))
    folder = shelf.root / LOCALES
    folder.mkdir(exist_ok=True)
    (folder / "messages.pot").write_text(written(wanted), "utf-8")
    todo = 0
    for path in sorted(folder.glob("*.po")):
        path.write_text(updated(path, template(list(messages(shelf)))), "utf-8")
        for fault in faults(path, wanted):
            print(fault)
            todo += 1
    print(f"{len(wanted)} messages; {todo} to translate or to mend.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
