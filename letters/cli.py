"""``ringback templates``: the copy of emails, for its authors and for their checks.

What takes long to load is imported by the command that needs it: every ``ringback`` command loads
this module.
"""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Callable
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.error import URLError
from urllib.request import urlopen

import typer
from rich.console import Console

from ringback.cli_base import console
from ringback.errors import RingbackError
from ringback.grid import Grid
from ringback.settings import Settings, load_settings

Post = Callable[[Settings, EmailMessage], str]


class Part(StrEnum):
    """What of a letter is shown."""

    TEXT = "text"
    HTML = "html"
    SUBJECT = "subject"
    EML = "eml"


Name = Annotated[str, typer.Argument(help="failed-input, or failed-input.csv.import for one type")]
Fixture = Annotated[str | None, typer.Option(help="made-up jobs to tell of; else: typical")]
JobId = Annotated[str | None, typer.Option("--job", help="a real job's id, instead of a fixture")]
Locale = Annotated[str | None, typer.Option(help="the reader's, such as de or en-GB")]


def commands(post: Post) -> typer.Typer:
    """The commands; ``post`` sends a letter and tells what the mail server said."""
    app = typer.Typer(
        help="The copy of emails: write it, check it, look at it (docs/authors.md).",
        no_args_is_help=True,
    )

    @app.command("send")
    def send(
        name: Name,
        to: Annotated[str, typer.Option(help="one of RINGBACK_TEST_RECIPIENTS")],
        fixture: Fixture = None,
        job: JobId = None,
        locale: Locale = None,
    ) -> None:
        """Send a message as a test, to one of your own addresses."""
        from letters.cli_draft import trial_of

        settings = load_settings()
        letter = trial_of(settings, name, to, fixture, job, locale)
        answer = post(settings, letter)
        console.print(f"Sent to {to}: {letter['Subject']}\n{answer}", markup=False)

    for command_name, command in (
        ("list", list_messages), ("new", new), ("lint", lint), ("render", render),
        ("preview", preview),
    ):  # fmt: skip
        app.command(command_name)(command)
    return app


def list_messages(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Each message: whose copy counts, and what lint finds in it."""
    from letters.cli_draft import Library

    with Library(load_settings(), published=True) as library:
        rows = [library.row(name) for name in library.names()]
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    grid = Grid()
    for title in ("message", "origin", "findings", "purpose"):
        grid.add_column(title, no_wrap=title == "message")
    for row in rows:
        revision = f" {row['revision']}" if row["revision"] else ""
        found = _counted(int(row["errors"]), int(row["warnings"]))
        grid.row(row["name"], f"{row['origin']}{revision}", found, row["purpose"])
    console.print(grid)


def new(
    message: Annotated[str, typer.Argument(help="one of `ringback templates list`")],
    job_type: Annotated[
        str | None, typer.Option("--type", help="only for jobs of this type, such as csv.import")
    ] = None,
) -> None:
    """Begin your own copy of a message, in the folder RINGBACK_TEMPLATES."""
    from letters.scaffold import begin

    settings = load_settings()
    folder = begin(settings, message if job_type is None else f"{message}.{job_type}")
    told = f"""\
{folder} has your own copy now. All emails of this kind are written with it.

  Write      {folder / "body.md"}, subject.txt and preheader.txt
  Look       ringback templates render {folder.name}
             ringback templates preview
  Check      ringback templates lint {folder.name}

Remove what you don't change: what isn't there is built in, today's and later versions."""
    console.print(told, markup=False, soft_wrap=True)


def lint(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help="only these; else: all")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    strict: Annotated[bool, typer.Option(help="exit status 1 for warnings, too")] = False,
) -> None:
    """Check copy, built in and of RINGBACK_TEMPLATES; exit status 1 where it has errors."""
    from letters.cli_draft import Library

    with Library(load_settings()) as library:
        rows = library.findings(names or library.names(), troubles=not names)
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            print(f"{row['file']}:{row['line']}: {row['level']}: {row['text']} [{row['rule']}]")
    errors = sum(row["level"] == "error" for row in rows)
    if not as_json:
        print(_counted(errors, len(rows) - errors).capitalize() + ".", file=sys.stderr)
    if errors or (strict and rows):
        raise typer.Exit(1)


def render(
    name: Name,
    fixture: Fixture = None,
    job: JobId = None,
    locale: Locale = None,
    part: Annotated[Part, typer.Option(help="what to print")] = Part.TEXT,
    out: Annotated[
        Path | None, typer.Option(help="a folder to write all parts to, instead")
    ] = None,
) -> None:
    """Write a letter, about made-up jobs or a real one, without sending it."""
    from letters.cli_draft import pieces_of

    pieces = pieces_of(load_settings(), name, fixture, job, locale)
    if out is None:
        sys.stdout.write(pieces[part.value].rstrip("\n") + "\n")
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind, text in pieces.items():
            path = out / (f"letter.{kind}" if kind in ("html", "eml") else f"{kind}.txt")
            path.write_text(text, "utf-8", newline="")
            console.print(str(path), markup=False, soft_wrap=True)
    except OSError as error:
        raise RingbackError(f"--out {out}: can't be written to ({error.strerror}).") from None


def preview() -> None:
    """Open the studio, where copy is tried in the browser."""
    url = load_settings().gateway_url.rstrip("/")
    try:
        with urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 (settings are http or https)
            pass
    except (URLError, OSError) as error:
        why = getattr(error, "reason", error)
        told = f"Nobody answers at {url} ({why}). Start it with `ringback up`, or name it in "
        raise RingbackError(f"{told}RINGBACK_PUBLIC_URL.") from None
    print(f"{url}/studio")
    if not webbrowser.open(f"{url}/studio"):
        Console(stderr=True).print("No browser could be opened here; open the address in yours.")


def _counted(errors: int, warnings: int) -> str:
    counts = ((errors, "error", "errors"), (warnings, "warning", "warnings"))
    told = [f"{n} {one if n == 1 else many}" for n, one, many in counts if n]
    return ", ".join(told) or "nothing found"
