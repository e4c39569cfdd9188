"""What commands print in columns."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text


class Grid(Table):
    """Columns without lines. Cells are shown as they are: a title, a reason or a note may hold
    ``[/]``, which Rich would take for markup."""

    def __init__(self) -> None:
        super().__init__(box=None, pad_edge=False)

    def row(self, *cells: str) -> None:
        """One row; the cells that are left out are empty."""
        self.add_row(*map(Text, cells))
