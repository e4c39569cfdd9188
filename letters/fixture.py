"""Fixture: made-up jobs that a unit is tried with."""

from __future__ import annotations

import json
from typing import Any

from letters.people import Reader
from letters.unit import TemplateError, Unit
from letters.writer import Draft

TYPICAL = "typical"
#: What a unit is tried with: nothing special, long texts and large numbers, nothing to count, some
#: done and some not, right-to-left words, and words that try to break out.
KINDS = (TYPICAL, "long", "zero", "partial", "rtl", "hostile")


def fixtures_of(unit: Unit) -> list[str]:
    """The names of a unit's fixtures, in the order they are shown."""
    names = [file[len("fixtures/") : -len(".json")] for file in unit.files if _is(file)]
    return sorted(names, key=lambda name: ([*KINDS, name].index(name), name))


def sample_of(unit: Unit, name: str = TYPICAL) -> Draft:
    """The unit with the jobs and the reader of a fixture. Raises ``TemplateError`` naming the file
    and line where it isn't one."""
    file = f"fixtures/{name}.json"
    text, path = unit.text(file), unit.at(file)
    try:
        sample: dict[str, Any] = json.loads(text)
        return Draft(unit, sample["views"], Reader(**sample["reader"]))
    except json.JSONDecodeError as error:
        raise TemplateError(path, error.lineno, error.msg) from error
    except ValueError as error:  # a number of thousands of digits
        raise TemplateError(path, 1, str(error)) from error
    except RecursionError as error:
        raise TemplateError(path, 1, "this is nested too deeply") from error
    except (KeyError, TypeError) as error:
        raise TemplateError(path, 1, f"not a fixture: {error!r}") from error


def _is(file: str) -> bool:
    return file.startswith("fixtures/") and file.endswith(".json")
