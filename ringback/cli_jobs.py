"""``ringback jobs``: what is going on, and changing it."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from ringback import deeds, feeds, show, store
from ringback.cli_base import DEMO, Reason, User, checked_id, console, new_store, user_id, who
from ringback.client import ring
from ringback.codec import view_json
from ringback.doorbell import Doorbells, new_broker
from ringback.errors import RingbackError
from ringback.job import Job, Scope
from ringback.settings import load_settings

app = typer.Typer(help="Look at jobs, stop them, do them again.", no_args_is_help=True)


@app.command("list")
def list_jobs(user: User = DEMO, limit: Annotated[int, typer.Option(min=1, max=500)] = 20) -> None:
    """A user's jobs, last changed first."""
    page = new_store().do(feeds.page(user_id(user), limit=limit))
    show.table([orjson.loads(view) for _, view in page.jobs], console)


@app.command("show")
def show_job(job_id: str) -> None:
    """The JobView of a job."""
    view = view_json(new_store().do(store.load(checked_id(job_id))))
    console.print_json(view.decode())


@app.command("explain")
def explain(job_id: str) -> None:
    """What happened to a job, and why an email was or wasn't sent."""
    db = new_store()
    job = db.do(store.load(checked_id(job_id)))
    show.history(job, db.do(store.history(job.id)), console)


@app.command("cancel")
def cancel(
    job_id: str,
    force: Annotated[
        bool, typer.Option(help="don't wait for a checkpoint; needs --reason")
    ] = False,
    reason: Reason = "",
) -> None:
    """Stop a job at its next checkpoint, as support; its user is told."""
    if force and not reason:
        raise RingbackError("--force needs --reason: say why the job can't wait for a checkpoint.")
    db = new_store()
    job = db.do(store.load(checked_id(job_id)))
    deed = deeds.force if force else deeds.cancel
    _told(db.do(deed(job.id, who(), reason)))


@app.command("retry")
def retry(
    job_id: str,
    failed: Annotated[bool, typer.Option("--failed", help="only the items that failed")] = False,
    reason: Reason = "",
) -> None:
    """Do an ended job again, as a new one linked to it; prints the new job's id."""
    again = new_store().do(deeds.retry(checked_id(job_id), who(), reason, _scope(failed)))
    if again.created:
        ring(Doorbells(new_broker(load_settings().broker)), again.job)
    console.print(again.job.id)


def _scope(failed: bool) -> Scope:
    return "failed" if failed else "all"


def _told(job: Job) -> None:
    told = job.result.summary if job.result else "It stops at its next checkpoint."
    console.print(f"{job.state.value}  {job.spec.title}  {told}", markup=False)
