"""Jobs in the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ringback.view import JobView

STYLE = {"succeeded": "green", "partial": "yellow", "failed": "red", "cancelled": "dim"}


async def follow(views: AsyncIterator[JobView], console: Console) -> JobView:
    """A progress bar until the job ends; its last view."""
    view: JobView = {}
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("…", total=None, unit="")
        async for view in views:
            progress = view["progress"]
            bar.update(
                task, description=f"{view['title']}: {view['message'] or view['state']}",
                completed=progress["done"], total=progress["total"], unit=progress["unit"],
            )  # fmt: skip
    return view


def outcome(view: JobView, console: Console) -> None:
    """How a job ended: counts, problems with what to do, links."""
    state, counts = view["state"], view["counts"]
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    console.print(f"[{STYLE.get(state, 'bold')}]{state}[/]  {view['title']}  {told}")
    if view["result"]:
        console.print(f"  {view['result']['summary']}", markup=False)
    for problem in view["problems"]:
        console.print(f"  • {problem['message']}. {problem['action']}", markup=False)
        for example in problem["examples"]:
            console.print(f"      {example}", style="dim", markup=False)
    if view["error"]:
        told = f"  {view['error']['message']} {view['error']['action']} {view['error']['ref']}"
        console.print(told.rstrip(), markup=False)
    for link in (view["result"] or {}).get("links", []):
        console.print(f"  {link['label']}: {link['url']}", markup=False)


def table(views: Iterable[JobView], console: Console) -> None:
    """Jobs, one a line."""
    grid = Table(box=None, pad_edge=False)
    for name in ("id", "state", "title", "done", "changed", "email"):
        grid.add_column(name, no_wrap=True, min_width=39 if name == "id" else None)
    for view in views:
        progress, email = view["progress"], view["email"] or {}
        grid.add_row(
            view["id"], view["state"], view["title"],
            f"{progress['done']:,}/{progress['total'] or '?'}",
            view["updated_at"][:19].replace("T", " "), email.get("state", ""),
        )  # fmt: skip
    console.print(grid)


def history(view: JobView, entries: list[dict[str, Any]], console: Console) -> None:
    """The whole story of a job: each change, and why an email was or wasn't sent."""
    console.print(f"{view['title']}  ({view['id']}, {view['type']})", markup=False)
    for entry in entries:
        attempt = f"  attempt {entry['attempt']}" if entry["attempt"] else ""
        console.print(
            f"  {entry['at']}  {entry['state']:<10}{attempt}  {entry['what']}", markup=False
        )
        if "error" in entry:
            console.print(
                f"      {entry['error']['message']} ({entry['error']['ref']})", markup=False
            )
    email = view["email"]
    if email is None:
        console.print("  Email: not decided; the job hasn't ended.")
    else:
        console.print(f"  Email: {email['state']}. {email['reason']} ({email['at']})", markup=False)
