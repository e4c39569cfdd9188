"""What an import turns away: the totals by problem, and the file of rejected rows to correct."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ringback.job import Link
from tasks.csv_file import MARKERS, CsvFile
from tasks.csv_rules import Problem, Rejection

EXAMPLES = 5
# A spreadsheet runs a cell that starts so: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(slots=True)
class Group:
    """Equal problems: how many rows, and the first few of them."""

    problem: Problem
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, rejection: Rejection) -> None:
        """Counts one row more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(rejection.example)


@dataclass(frozen=True, slots=True)
class Report:
    """What was turned away, in a form that can be kept with the import and told again."""

    groups: tuple[Group, ...] = ()
    links: tuple[Link, ...] = ()

    def count(self, outcome: str) -> int:
        """Rows with this outcome: ``failed`` or ``skipped``."""
        return sum(g.count for g in self.groups if g.problem.outcome == outcome)

    def retold(self) -> Iterator[tuple[Problem, str]]:
        """Each row turned away again: its problem, and its example as far as there is one."""
        for group in self.groups:
            for index in range(group.count):
                known = index < len(group.examples)
                yield group.problem, group.examples[index] if known else ""

    def to_json(self) -> str:
        """The reverse of ``from_json``."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The reverse of ``to_json``."""
        stored: dict[str, Any] = json.loads(text)
        groups = (
            Group(Problem(**g["problem"]), g["count"], g["examples"]) for g in stored["groups"]
        )
        return cls(tuple(groups), tuple(Link(**link) for link in stored["links"]))


class Rejections:
    """Takes rows turned away one by one: counts all, writes the failed ones to ``path``.

    The file can be imported again as it is: UTF-8 with a byte order mark (which Excel needs), the
    source's delimiter, its columns as they came, then the columns of ``MARKERS``. It exists only
    if a row failed. Use it as a context manager; ``close`` completes the file.
    """

    def __init__(self, path: Path, source: CsvFile) -> None:
        self.path = path
        self._source = source
        self._groups: dict[Problem, Group] = {}
        self._file: TextIO | None = None
        self._writer: Any = None

    def __enter__(self) -> Rejections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, rejection: Rejection, values: list[str]) -> None:
        """Counts a row with its values as they came, and writes it if it failed."""
        group = self._groups.get(rejection.problem)
        if not group:
            group = self._groups[rejection.problem] = Group(rejection.problem)
        group.add(rejection)
        if rejection.problem.outcome == "failed":
            self._write(rejection, values)

    def report(self) -> Report:
        """What was turned away so far."""
        return Report(tuple(self._groups.values()))

    def close(self) -> None:
        """Completes the file; more rows can't be written after it."""
        if self._file:
            self._file.close()

    def _write(self, rejection: Rejection, values: list[str]) -> None:
        if not self._writer:
            self._open()
        gap = [""] * (len(self._source.columns) - len(values))
        notes = (str(rejection.line), harmless(rejection.reason), harmless(rejection.action))
        self._writer.writerow([*values, *gap, *notes])

    def _open(self) -> None:
        self._file = self.path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file, delimiter=self._source.delimiter)
        self._writer.writerow([*self._source.header, *MARKERS])


def harmless(text: str) -> str:
    """Our own words with a column's name or a value in them, so that no spreadsheet takes them
    for a formula. Original values stay as they are: the file must be importable again."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
