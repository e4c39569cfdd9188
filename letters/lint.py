"""Lint: what is wrong with a unit, said beside the line that has it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from letters.fixture import fixtures_of, sample_of
from letters.sandbox import parse
from letters.unit import WRITTEN, TemplateError, Unit
from letters.uses import EACH, Use, declared_as, of_each, uses
from letters.vocabulary import vocabulary
from letters.writer import Writer

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, in which ``file`` of the unit and on which line, and the fix. An ``error``
    would reach a reader; a ``warning`` may be meant."""

    file: str
    line: int
    level: Level
    rule: str
    text: str


def lint(unit: Unit, writer: Writer) -> list[Finding]:
    """All findings, by file and line. Raises nothing: what can't be read is a finding."""
    found = [*_read(unit)]
    if not found:
        found = [*_variables(unit), *_written(unit, writer)]
    return sorted(set(found), key=lambda at: (at.file, at.line, at.rule, at.text))


def _error(unit: Unit, error: TemplateError, rule: str) -> Finding:
    file = str(error.path).removeprefix(str(unit.home)).lstrip("/")
    return Finding(file, error.line, "error", rule, error.reason)


def _templates(unit: Unit) -> list[str]:
    return [file for file in unit.files if file.endswith((".md", ".txt"))]


def _read(unit: Unit) -> Iterator[Finding]:
    """Whether every file is there and can be read."""
    try:
        for file in ("message.toml", *WRITTEN):
            unit.text(file)
        _ = unit.message
    except TemplateError as error:
        yield _error(unit, error, "message")
        return
    for file in _templates(unit):
        try:
            parse(unit.text(file), unit.at(file))
        except TemplateError as error:
            yield _error(unit, error, "syntax")


def _variables(unit: Unit) -> Iterator[Finding]:
    """Whether each variable exists and is declared, and each declared one is used."""
    known = list(vocabulary(unit.about))
    declared = {variable.name for variable in unit.message.variables}
    used: set[str] = set()
    for file in _templates(unit):
        for use in uses(parse(unit.text(file), unit.at(file))):
            used |= {use.name, *declared_as(use.name)}
            if not _exists(use, known):
                hint = _did_you_mean(use.name, known)
                yield Finding(
                    file, use.line, "error", "unknown", f"there is no “{use.name}”. {hint}"
                )
            elif not _is_declared(use, declared):
                text = f"“{use.name}” isn't declared in message.toml"
                yield Finding(file, use.line, "warning", "undeclared", text)
    for name in sorted(declared):
        if name not in used and not any(use.startswith(f"{name}.") for use in used):
            text = f"“{name}” is declared but never used"
            yield Finding("message.toml", 1, "warning", "unused", text)


def _exists(use: Use, known: Sequence[str]) -> bool:
    if use.name.startswith(f"{EACH}."):
        return of_each(use.name)
    return use.name == EACH or any(
        name == use.name or name.startswith(f"{use.name}.") for name in known
    )


def _is_declared(use: Use, declared: set[str]) -> bool:
    named = any(name in declared for name in declared_as(use.name))
    return named or any(name.startswith(f"{use.name}.") for name in declared)


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"Did you mean “{close[0]}”?" if close else f"Known: {', '.join(known)}"


def _written(unit: Unit, writer: Writer) -> Iterator[Finding]:
    """Whether it can be written with each of its fixtures."""
    for name in fixtures_of(unit):
        try:
            writer.parts(sample_of(unit, name))
        except TemplateError as error:
            found = _error(unit, error, "render")
            text = f"{found.text} (with the fixture “{name}”)"
            yield Finding(found.file, found.line, "error", "render", text)
        except ValueError as error:
            yield Finding(f"fixtures/{name}.json", 1, "error", "fixture", str(error))
