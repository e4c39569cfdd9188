"""``ringback suppressions``: addresses that nobody is written to any more."""

from __future__ import annotations

from typing import Annotated

import typer

from ringback import mailbox, suppression
from ringback.cli_base import Reason, console, new_store, who
from ringback.errors import BadAddress, RingbackError, SuppressionNotFound
from ringback.grid import Grid
from ringback.suppression import Source, Suppression

app = typer.Typer(
    help="Addresses that nobody is written to: look at them, stop some, write to some again.",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(help="an email address")]


@app.command("list")
def list_suppressions(
    source: Annotated[Source | None, typer.Option(help="only those that came from there")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="at most so many")] = 50,
) -> None:
    """The addresses, latest first, with who said so and why."""
    db = new_store()
    found = db.do(suppression.listed(limit, source=source))
    grid = Grid()
    for name in ("address", "since", "source", "reason"):
        grid.add_column(name, no_wrap=name != "reason")
    for entry in found:
        grid.row(entry.address, str(entry.at)[:10], entry.source, entry.reason)
    console.print(grid if found else "No address is suppressed.")


@app.command("show")
def show_suppression(address: Address) -> None:
    """Why nobody is written to at an address, and what its user is told."""
    entry = new_store().do(suppression.look(address))
    if entry is None:
        raise SuppressionNotFound(address)
    by = f" by {entry.who}" if entry.who else ""
    console.print(f"{entry.address}  {entry.source}{by}  {entry.at}", markup=False)
    console.print(f"  {suppression.told(entry)}", markup=False)


@app.command("add")
def add(address: Address, reason: Reason) -> None:
    """Write to an address no more; the reason goes to the audit trail, and its user sees it."""
    try:
        checked = mailbox.checked(address)
    except BadAddress as error:
        raise RingbackError(f"ADDRESS {address[:80]!r}: {error}") from None
    entry = new_store().do(suppression.suppress(checked, reason, "operator", who()))
    if (entry.source, entry.reason) == ("operator", reason):
        console.print(f"Nobody is written to at {entry.address} any more.", markup=False)
    else:
        _stood(entry)


@app.command("remove")
def remove(address: Address, reason: Reason) -> None:
    """Write to an address again; the reason goes to the audit trail."""
    entry = new_store().do(suppression.lift(address, who(), reason))
    if entry is None:
        raise SuppressionNotFound(address)
    console.print(f"{entry.address} is written to again.", markup=False)


def _stood(entry: Suppression) -> None:
    told = f"{entry.address} was stopped already ({entry.source}, {entry.at}): {entry.reason}"
    console.print(told, markup=False)
