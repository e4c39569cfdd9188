"""Lint: what is wrong with a unit, said beside the line that has it.

Three steps, each only where the one before found nothing that keeps it from being taken: the files
are read, the source is looked at, and letters are written with each of the fixtures. The rules are
small functions in one table (``RULES``); what each means is in docs/authors.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from letters import lint_copy, lint_fixture, lint_page, lint_source
from letters.look import Finding, Level, Look, Rule, Spot, Written, letters_of, located
from letters.sandbox import parse
from letters.unit import WRITTEN, TemplateError, Unit
from letters.writer import Writer

__all__ = ["RULES", "Finding", "Level", "lint"]

#: Rules by their id, in the order of the steps.
RULES: tuple[Rule, ...] = (
    *lint_source.RULES,
    *lint_fixture.RULES,
    *lint_copy.RULES,
    *lint_page.RULES,
)


def lint(unit: Unit, writer: Writer) -> list[Finding]:
    """All findings, by file and line. Raises nothing: what can't be read is a finding."""
    found = list(_read(unit))
    if not found:
        trees = {file: parse(unit.text(file), unit.at(file)) for file in _templates(unit)}
        look = Look(unit, writer, trees)
        found = [*_of_source(look), *_of_letters(look)]
        found = [finding for finding in found if not _inherited(look, finding)]
    return sorted(set(found), key=lambda at: (at.file, at.line, at.rule, at.text))


def _templates(unit: Unit) -> list[str]:
    return [file for file in unit.files if file.endswith((".md", ".txt"))]


def _read(unit: Unit) -> Iterator[Finding]:
    """Whether every file is there and can be read."""
    try:
        for file in ("message.toml", *WRITTEN, *unit.files):
            unit.text(file)
        _ = unit.message
    except TemplateError as error:
        yield located(unit, error, "message")
        return
    for file in _templates(unit):
        try:
            parse(unit.text(file), unit.at(file))
        except TemplateError as error:
            yield located(unit, error, "syntax")


def _of_source(look: Look) -> Iterator[Finding]:
    for rule in RULES:
        if rule.source is not None:
            yield from (_finding(rule, spot) for spot in rule.source(look))


def _of_letters(look: Look) -> Iterator[Finding]:
    """One finding of a rule and line, however many letters have it."""
    found: dict[tuple[str, str, int], Finding] = {}
    for written in letters_of(look):
        if isinstance(written, Finding):
            found.setdefault((written.rule, written.file, written.line), written)
            continue
        for rule in RULES:
            for spot in rule.letter(look, written) if rule.letter is not None else ():
                finding = _finding(rule, spot, written)
                found.setdefault((finding.rule, finding.file, finding.line), finding)
    yield from found.values()


def _finding(rule: Rule, spot: Spot, written: Written | None = None) -> Finding:
    where = written.where if written is not None else ""
    return Finding(spot.file, spot.line, spot.level or rule.level, rule.id, f"{spot.text}{where}")


def _inherited(look: Look, finding: Finding) -> bool:
    """What may be meant, in a file that isn't this unit's own."""
    return finding.level == "warning" and look.inherits(finding.file)
