"""Jobs in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ringback.audit import Entry
from ringback.dead_letters import DeadLetter
from ringback.explain import explain, is_about_email
from ringback.grid import Grid
from ringback.job import Job
from ringback.view import JobView

STYLE = {"succeeded": "green", "partial": "yellow", "failed": "red", "cancelled": "dim"}


async def follow(views: AsyncIterator[JobView], console: Console) -> JobView:
    """A progress bar until the job ends; its last view."""
    view: JobView = {}
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
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
    console.print(
        f"[{STYLE.get(state, 'bold')}]{state}[/]  {escape(view['title'])}  {escape(told)}"
    )
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
    grid = Grid()
    for name in ("id", "state", "title", "done", "changed", "email"):
        grid.add_column(name, no_wrap=True, min_width=39 if name == "id" else None)
    for view in views:
        progress, email = view["progress"], view["email"] or {}
        grid.row(
            view["id"], view["state"], view["title"],
            f"{progress['done']:,}/{progress['total'] or '?'}",
            view["updated_at"][:19].replace("T", " "), email.get("state", ""),
        )  # fmt: skip
    console.print(grid)


def history(job: Job, entries: Sequence[dict[str, Any]], console: Console) -> None:
    """The whole story of a job: each change, and why an email was or wasn't sent."""
    console.print(f"{job.spec.title}  ({job.id}, {job.spec.type})", markup=False)
    for entry in entries:
        if is_about_email(entry):
            continue
        attempt = f"  attempt {entry['attempt']}" if entry["attempt"] else ""
        console.print(
            f"  {entry['at']}  {entry['state']:<10}{attempt}  {entry['what']}", markup=False
        )
        _why(entry, console)
    told = explain(job, entries)
    for line in told.lines:
        console.print(f"  {line.at}  {line.text}", markup=False)
    if job.notice is not None and job.notice.answer:
        console.print(f"  The mail server's last answer: {job.notice.answer}", markup=False)
    if job.notice is None:
        console.print(f"  Email: not decided. {told.summary}")
        return
    notice = job.notice
    console.print(f"  Email: {notice.state}. {told.summary} ({notice.at})", markup=False)


def _why(entry: dict[str, Any], console: Console) -> None:
    if "error" in entry:
        told = f"      {entry['error']['message']} ({entry['error']['ref']})"
        console.print(told, markup=False)
    if "reason" in entry:
        console.print(f"      {entry['reason']}", markup=False)


def dead_letters(letters: Sequence[DeadLetter], console: Console) -> None:
    """Dead letters, one a line; those that were replayed say as what."""
    grid = Grid()
    for name in ("id", "ended", "type", "user", "attempts", "code"):
        grid.add_column(name, no_wrap=True, min_width=39 if name == "id" else None)
    for letter in letters:
        job = letter.job
        ended = str(job.finished_at)[:19].replace("T", " ")
        grid.row(
            job.id, ended, job.spec.type, job.spec.owner.email or job.spec.owner.id,
            f"{job.attempt}/{job.spec.policy.max_attempts}", _code(job),
        )  # fmt: skip
        if letter.replayed_as:
            grid.row(f"  → {letter.replayed_as}")
    console.print(grid if letters else "No dead letters.")


def unsent(jobs: Sequence[Job], console: Console) -> None:
    """Emails that failed by no fault of their users: the job, and what the mail server said."""
    for job in jobs:
        assert job.notice is not None
        at = str(job.notice.at)[:19].replace("T", " ")
        whom = job.spec.owner.email or job.spec.owner.id
        console.print(f"{job.id}  {at}  {job.spec.type}  {whom}", markup=False)
        console.print(f"  {job.notice.answer or job.notice.reason}", markup=False)
    if not jobs:
        console.print("No emails to be sent again.")


def attempts(job: Job, entries: Iterable[dict[str, Any]], console: Console) -> None:
    """All attempts of a job, each with how it ended."""
    console.print(f"{job.spec.title}  ({job.id}, {job.spec.type})", markup=False)
    console.print(f"  params: {orjson.dumps(job.spec.params).decode()}", markup=False)
    for entry in entries:
        number = f"attempt {entry['attempt']}  " if entry["attempt"] else ""
        console.print(f"  {entry['at']}  {number}{entry['what']}", markup=False)
        _why(entry, console)
    if not job.dead:
        console.print("  Not a dead letter.")
    elif not job.scopes:
        console.print("  It can't be replayed: running jobs of its kind twice isn't safe.")


def preview(letters: Sequence[DeadLetter], unable: int, console: Console) -> None:
    """What a replay would do."""
    kinds = Counter((letter.job.spec.type, _code(letter.job)) for letter in letters)
    users = len({letter.job.spec.owner.id for letter in letters})
    console.print(f"{len(letters):,} dead letters of {users:,} users can be replayed.")
    for (kind, code), count in kinds.most_common():
        console.print(f"  {count:>6,}  {kind}  {code}", markup=False)
    if unable:
        console.print(f"  {unable:>6,}  can't: running them twice isn't safe")


def _code(job: Job) -> str:
    return job.error.code if job.error else ""


def audit(entries: Iterable[Entry], console: Console) -> None:
    """The audit trail."""
    for entry in entries:
        jobs = entry.jobs[0] if entry.count == 1 else f"{entry.count:,} jobs" if entry.count else ""
        told = (entry.at, entry.who, entry.what, entry.user, jobs, entry.why)
        console.print("  ".join(filter(None, told)), markup=False)
