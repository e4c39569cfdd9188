"""``ringback templates published`` and ``… rollback``: what authors published, from a shell."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from ringback import editions
from ringback.cli_base import Reason, console, new_store, who
from ringback.editions import Edition
from ringback.errors import RingbackError
from ringback.grid import Grid

Named = Annotated[
    str | None, typer.Argument(help="all revisions of this message; else: what is in force")
]
Name = Annotated[str, typer.Argument(help="failed-input, or failed-input.csv.import for one type")]
Number = Annotated[
    int, typer.Argument(min=0, help="the revision to go back to; 0: withdraw what is published")
]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("published")(published)
    app.command("rollback")(roll_back)


def published(name: Named = None) -> None:
    """What authors published: by whom, when and what for; a message's newest first."""
    db = new_store()
    if name is None:
        in_force = db.do(editions.in_force(db.do(editions.serial())))
        found = sorted(in_force, key=lambda it: it.name)
    else:
        found = db.do(editions.history(name))
    if not found:
        console.print("Nothing is published." if name is None else f"{name} was never published.")
        return
    console.print(_table(found))


def roll_back(name: Name, revision: Number, reason: Reason) -> None:
    """Go back to an older revision of published copy, for jobs that end from now on."""
    db = new_store()
    newest = db.do(editions.newest(name))
    if not newest:
        raise RingbackError(f"{name} was never published; see `ringback templates published`.")
    op = secrets.token_hex(16)
    made = db.do(editions.roll_back(name, revision, who(), reason, newest, op))
    what = "is withdrawn" if made.withdrawn else f"is as in revision {revision} again"
    told = f"{name} {what}; that is revision {made.revision}."
    console.print(told, markup=False)


def _table(found: Sequence[Edition]) -> Grid:
    grid = Grid()
    for title in ("message", "revision", "published", "by", "note"):
        grid.add_column(title, no_wrap=title == "message")
    for it in found:
        note = it.note if it.restored is None else f"as revision {it.restored}. {it.note}"
        told = f"withdrawn. {it.note}" if it.withdrawn else note
        grid.row(it.name, str(it.revision), str(it.at), it.who, told.rstrip())
    return grid
