"""The table of what was broken and what held, at the end of pytest's report."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.case import Row, configure
from tests.rig import Rig

ROWS = pytest.StashKey[list[Row]]()
COLUMNS = ("case", "seed", "jobs", "kills", "tries", "effects", "lost", "doubled")


@pytest.fixture
def swift_rig(own_rig: Rig) -> Rig:
    """``own_rig`` with a Valkey that writes to disk at once: submissions don't wait for the
    second's fsync. Restarted, it is as slow as before."""
    configure(own_rig, "appendfsync", "always")
    return own_rig


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Puts a row into the table, then fails the test unless all held."""

    def tell(row: Row) -> None:
        request.config.stash.setdefault(ROWS, []).append(row)
        assert row.ok, row

    return tell


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Prints the table."""
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("what was broken on purpose")
    for line in _table(rows):
        terminalreporter.write_line(line)


def _table(rows: list[Row]) -> list[str]:
    cells = [(*COLUMNS, "ok"), *(_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    notes = ["", *(row.note for row in rows)]
    return [
        "  ".join((_line(row, widths), note)).rstrip()
        for row, note in zip(cells, notes, strict=True)
    ]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers = cells
    aligned = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))
    return "  ".join((name.ljust(widths[0]), *aligned))


def _cells(row: Row) -> tuple[str, ...]:
    return (*(str(getattr(row, column)) for column in COLUMNS), "yes" if row.ok else "NO")
