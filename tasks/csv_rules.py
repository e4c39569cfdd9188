"""What a row must be: its width, its required values, and its whole numbers, addresses, dates.

Pure: a rule turns the values of a row into what the table stores, or into a ``Rejection``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from email_validator import EmailNotValidError, validate_email

from ringback.errors import InputError
from tasks.csv_file import shown

Kind = Literal["text", "integer", "number", "email", "date"]
#: A value as SQLite gets it; None: the row has none.
Cell = str | int | float | None
#: The line number, then one cell a column: what the table's writer stores.
Row = list[Cell]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why rows are turned away, told for many rows (``{count}``) and for one."""

    code: str
    outcome: Literal["failed", "skipped"]
    message: str
    one: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that isn't imported: the problem it counts under (its first), and all reasons."""

    line: int
    problem: Problem
    reason: str
    action: str

    @property
    def example(self) -> str:
        """The row in one phrase, for the problem's examples."""
        return f"line {self.line:,}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Fault:
    problem: Problem
    reason: str


EMPTY_ROW = Problem(
    "empty_row", "skipped", "{count} rows have no values at all", "1 row has no values at all"
)
TOO_FEW = Problem(
    "too_few_values",
    "failed",
    "{count} rows have fewer values than there are columns",
    "1 row has fewer values than there are columns",
    "Add the missing values (or empty ones) and import the rejected rows again",
)
TOO_MANY = Problem(
    "too_many_values",
    "failed",
    "{count} rows have more values than there are columns",
    "1 row has more values than there are columns",
    "Remove the extra values, or put quotes around a value that has the delimiter in it, "
    "and import the rejected rows again",
)

_WORDS: Mapping[Kind, tuple[str, str]] = {
    "text": ("text", "text"),
    "integer": ("a whole number", "a whole number like 42"),
    "number": ("a number", "a number with a decimal point, like 1234.5"),
    "email": ("an email address", "one email address like ann@example.com"),
    "date": ("a date", "year-month-day, like 2026-01-31"),
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER_RANGE = range(-(2**63), 2**63)  # what SQLite's INTEGER holds
# Addresses that email-validator accepts for certain; it costs 50 µs a row, this one 1 µs.
_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9_+]+(?:[.-][A-Za-z0-9_+]+)*@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+"
    r"(?:com|org|net|edu|gov|io|[A-Za-z]{2})"
)
_PLAIN_LENGTH = 63  # so neither a label nor the local part can be too long


def _text(value: str) -> Cell:
    if value[0].isspace() or value[-1].isspace():
        raise ValueError(value)
    return value


def _integer(value: str) -> Cell:
    if not _INTEGER.fullmatch(value):
        raise ValueError(value)
    number = int(value)
    if number not in _INTEGER_RANGE:
        raise ValueError(value)
    return number


def _number(value: str) -> Cell:
    if not _NUMBER.fullmatch(value):
        raise ValueError(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def looks_plain(address: str) -> bool:
    """Whether an address is so plain that email-validator would accept it for certain."""
    return len(address) <= _PLAIN_LENGTH and _PLAIN_EMAIL.fullmatch(address) is not None


def _email(value: str) -> Cell:
    if looks_plain(value):
        return value
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(value) from error
    return value


def _date(value: str) -> Cell:
    if not _DATE.fullmatch(value):
        raise ValueError(value)
    date.fromisoformat(value)
    return value


#: From a trimmed value; ValueError for any other, so that trimming costs nothing where it isn't
#: needed.
_CONVERT: Mapping[Kind, Callable[[Any], Cell]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "email": _email,
    "date": _date,
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one column demands."""

    index: int
    required: bool
    convert: Callable[[Any], Cell]
    missing: Problem
    malformed: Problem
    column: str
    noun: str

    def fault(self, value: str) -> _Fault | None:
        trimmed = value.strip()
        if not trimmed:
            return _Fault(self.missing, f"{self.column} is empty") if self.required else None
        try:
            self.convert(trimmed)
        except ValueError:
            reason = f"{self.column} “{shown(value)}” isn't {self.noun}"
            return _Fault(self.malformed, reason)
        return None


class Rules:
    """All demands on the rows of one import. ``key``, ``required`` and ``types`` name columns of
    the file (upper and lower case don't matter, as in SQLite); a key is always required."""

    def __init__(
        self,
        columns: Sequence[str],
        *,
        key: str | None = None,
        required: Iterable[str] = (),
        types: Mapping[str, Kind] | None = None,
    ) -> None:
        """Raises InputError for a column that the file hasn't."""
        self.columns = tuple(columns)
        self.key = None if key is None else self._index(key, "key")
        demanded = {self._index(name, "required") for name in required}
        if self.key is not None:
            demanded.add(self.key)
        kinds = {self._index(name, "types"): kind for name, kind in (types or {}).items()}
        self.kinds: tuple[Kind, ...] = tuple(kinds.get(i, "text") for i in range(len(self.columns)))
        constrained = sorted(demanded | {i for i, kind in kinds.items() if kind != "text"})
        slugs = _slugs(self.columns)
        self._rules = [self._rule(i, i in demanded, slugs[i]) for i in constrained]
        self._width = len(self.columns)
        self._checks = [(rule.index + 1, rule.required, rule.convert) for rule in self._rules]

    def check(self, line: int, values: list[str]) -> Row | Rejection:
        """The row as the table stores it (line number first), or why it is turned away.

        An empty value is stored as NULL. Keys, required and typed values are trimmed, other text
        stays as it is.
        """
        if len(values) != self._width or not any(values):
            return self._rejection(line, values)
        row: Row = [line, *[value or None for value in values]]
        try:
            for position, required, convert in self._checks:
                value = row[position]
                if value is not None:
                    row[position] = convert(value)
                elif required:
                    return self._rejection(line, values)
        except ValueError:
            return self._checked_with_spaces(line, values)
        return row

    def _checked_with_spaces(self, line: int, values: list[str]) -> Row | Rejection:
        """The slow path: a value is wrong, or only has spaces around it."""
        trimmed = list(values)
        for rule in self._rules:
            trimmed[rule.index] = values[rule.index].strip()
        if trimmed == values or self._faults(values):
            return self._rejection(line, values)
        return self.check(line, trimmed)

    def _rejection(self, line: int, values: list[str]) -> Rejection:
        faults = self._faults(values)
        reason = "; ".join(fault.reason for fault in faults)
        action = ". ".join(dict.fromkeys(fault.problem.action for fault in faults))
        return Rejection(line, faults[0].problem, reason, action)

    def _faults(self, values: list[str]) -> list[_Fault]:
        if not any(value.strip() for value in values):
            return [_Fault(EMPTY_ROW, "every value is empty")]
        width, expected = len(values), len(self.columns)
        if width != expected:
            problem = TOO_FEW if width < expected else TOO_MANY
            said = f"{width:,} {'value' if width == 1 else 'values'} instead of {expected:,}"
            return [_Fault(problem, said)]
        found = (rule.fault(values[rule.index]) for rule in self._rules)
        return [fault for fault in found if fault]

    def _rule(self, index: int, required: bool, slug: str) -> _Rule:
        kind = self.kinds[index]
        column = shown(self.columns[index])
        noun, example = _WORDS[kind]
        return _Rule(
            index, required, _CONVERT[kind],
            Problem(
                f"missing_{slug}", "failed",
                f"{{count}} rows have no {column}", f"1 row has no {column}",
                f"Fill in {column} and import the rejected rows again",
            ),
            Problem(
                f"bad_{slug}", "failed",
                f"In {{count}} rows, {column} isn't {noun}",
                f"In 1 row, {column} isn't {noun}",
                f"Write {column} as {example}, and import the rejected rows again",
            ),
            column, noun,
        )  # fmt: skip

    def _index(self, name: str, field: str) -> int:
        for index, column in enumerate(self.columns):
            if column.lower() == name.strip().lower():
                return index
        close = difflib.get_close_matches(name, self.columns, n=1)
        hint = f"Did you mean “{shown(close[0])}”? " if close else ""
        raise InputError(
            f"The file has no column “{shown(name)}”.",
            code="unknown_column",
            action=f"{hint}Its columns are {listed(self.columns)}.",
            field=field,
            value=name,
        )


def listed(names: Sequence[str], limit: int = 20) -> str:
    """Names for a sentence: the first ``limit``, and how many more there are."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + more


def _slugs(columns: Sequence[str]) -> list[str]:
    """A part of a code for each column, no two alike: ``E-mail 1`` -> ``e_mail_1``."""
    plain = [re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_") for column in columns]
    return [
        slug if slug and plain.count(slug) == 1 else f"{slug or 'column'}_{index}"
        for index, slug in enumerate(plain, 1)
    ]
