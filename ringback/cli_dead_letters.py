"""``ringback dead-letters``: jobs, and emails, that failed by no fault of their users."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated

import typer

from ringback import audit, control, dead_letters, show, store, unsent
from ringback.cli_base import Reason, checked_id, console, moment, new_store, user_id, who
from ringback.client import ring
from ringback.connection import Store
from ringback.dead_letters import DeadLetter, Filter
from ringback.doorbell import Doorbells, new_broker
from ringback.errors import RingbackError
from ringback.job import Job
from ringback.keys import partitions
from ringback.settings import load_settings

app = typer.Typer(
    help="Jobs that failed by no fault of their users: look at them, do them again.",
    no_args_is_help=True,
)

MOST = 10_000  #: letters of one command

Type = Annotated[str | None, typer.Option("--type", help="only this job type")]
Code = Annotated[str | None, typer.Option(help="only this error code, say worker_lost")]
Of = Annotated[str | None, typer.Option("--user", help="only this user: an address or an id")]
Since = Annotated[str | None, typer.Option(help="only later ones: 90m, 24h, 7d, or 2026-01-31")]
Emails = Annotated[bool, typer.Option("--emails", help="not jobs: emails that weren't sent")]
Limit = Annotated[int, typer.Option(min=1, max=MOST, help="at most so many, latest first")]


@app.command("list")
def list_letters(
    job_type: Type = None,
    code: Code = None,
    user: Of = None,
    since: Since = None,
    limit: Limit = 50,
    replayed: Annotated[bool, typer.Option("--replayed", help="the replayed ones, too")] = False,
    emails: Emails = False,
) -> None:
    """The dead letters, latest first."""
    if emails:
        _no_such_filter(job_type, code, since, replayed=replayed)
        show.unsent(_unsent(user, limit), console)
        return
    wanted = _filter(job_type, code, user, since, replayed)
    found = new_store().do(dead_letters.search(partitions(), wanted, limit))
    show.dead_letters(found, console)


@app.command("show")
def show_letter(job_id: str) -> None:
    """One dead letter with all its attempts and their errors."""
    db = new_store()
    job = db.do(store.load(checked_id(job_id)))
    show.attempts(job, db.do(store.history(job.id)), console)


@app.command("replay")
def replay(
    job_ids: Annotated[list[str] | None, typer.Argument(help="these; else all that fit")] = None,
    job_type: Type = None,
    code: Code = None,
    user: Of = None,
    since: Since = None,
    limit: Limit = MOST,
    rate: Annotated[float, typer.Option(min=0.1, max=1_000, help="jobs a second")] = 10,
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="don't ask")] = False,
    emails: Emails = False,
) -> None:
    """Do dead letters again, as new jobs linked to them: first a count, then the question."""
    if emails:
        _no_such_filter(job_type, code, since)
        ids = job_ids or [job.id for job in _unsent(user, limit)]
        _send_again(ids, reason, dry_run=dry_run, yes=yes)
        return
    db, wanted = new_store(), _filter(job_type, code, user, since, replayed=False)
    found = _named(db, job_ids) if job_ids else None
    if found is None:
        found = db.do(dead_letters.search(partitions(), wanted, limit))
    able = [letter for letter in found if letter.job.scopes]
    show.preview(able, len(found) - len(able), console)
    if dry_run or not able:
        return
    if not yes and not typer.confirm(f"Replay {len(able):,} at {rate:g} a second?"):
        raise typer.Exit(1)
    ids = [letter.job.id for letter in able]
    db.do(audit.record(who(), "replay", reason, ids))
    _replay(db, ids, rate)


def _replay(db: Store, ids: Iterable[str], rate: float) -> None:
    doorbells, done, pause = Doorbells(new_broker(load_settings().broker)), 0, 1 / rate
    for job_id in ids:
        if done:
            time.sleep(pause)
        try:
            again = db.do(control.retry(job_id), patience=10)
        except RingbackError as error:
            console.print(f"  {error}", style="red", markup=False)
            continue
        if again.created:
            ring(doorbells, again.job)
        done += 1
        console.print(f"  {job_id} → {again.job.id}", markup=False)
    console.print(f"{done:,} replayed.")


def _unsent(user: str | None, limit: int) -> list[Job]:
    of = None if user is None else user_id(user)
    return new_store().do(unsent.search(partitions(), limit, of))


def _send_again(ids: list[str], reason: str, *, dry_run: bool, yes: bool) -> None:
    count = f"{len(ids):,} email{'' if len(ids) == 1 else 's'}"
    console.print(f"{count} can be sent again.")
    if dry_run or not ids:
        return
    if not yes and not typer.confirm(f"Send {count} again?"):
        raise typer.Exit(1)
    db, done = new_store(), 0
    db.do(audit.record(who(), "send again the emails of", reason, ids))
    for job_id in ids:
        try:
            db.do(unsent.send_again(checked_id(job_id)), patience=10)
        except RingbackError as error:
            console.print(f"  {error}", style="red", markup=False)
        else:
            done += 1
    console.print(f"{done:,} on the way again.")


def _no_such_filter(
    job_type: str | None, code: str | None, since: str | None, *, replayed: bool = False
) -> None:
    given = {"--type": job_type, "--code": code, "--since": since, "--replayed": replayed}
    for option, value in given.items():
        if value:
            raise RingbackError(f"{option}: leave it out. With --emails there is --user alone.")


def _named(db: Store, job_ids: Iterable[str]) -> list[DeadLetter]:
    found = []
    for job_id in job_ids:
        job = db.do(store.load(checked_id(job_id)))
        if not job.dead:
            raise RingbackError(
                f"{job_id} is no dead letter: it is {job.state.value}. "
                f"`ringback jobs retry {job_id}` does other ended jobs again."
            )
        found.append(DeadLetter(job, db.do(store.retried_as(job))))
    return found


def _filter(
    job_type: str | None, code: str | None, user: str | None, since: str | None, replayed: bool
) -> Filter:
    return Filter(
        type=job_type, code=code, user=None if user is None else user_id(user),
        since=0 if since is None else moment(since), replayed=replayed,
    )  # fmt: skip
