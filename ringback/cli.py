"""The ``ringback`` command: decodes arguments, wires the parts. Nothing imports this module."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import uuid
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import typer
from rich.console import Console
from rich.markup import escape

from letters import cli as cli_templates
from ringback import (
    audit,
    cli_bounces,
    cli_copy,
    cli_dead_letters,
    cli_jobs,
    cli_suppressions,
    cli_tokens,
    cli_webhooks,
    doctor,
)
from ringback.cli_base import DEMO, User, console, new_store, owner_of
from ringback.errors import RingbackError
from ringback.logs import set_up
from ringback.settings import Settings, load_settings

app = typer.Typer(
    help="Long jobs that tell how they ended, on the page or by email.",
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
)  # fmt: skip
app.add_typer(cli_jobs.app, name="jobs")
app.add_typer(cli_suppressions.app, name="suppressions")
app.command("bounces")(cli_bounces.bounces)
app.add_typer(cli_dead_letters.app, name="dead-letters")
app.add_typer(cli_tokens.app, name="tokens")
app.add_typer(cli_webhooks.app, name="webhooks")
templates = cli_templates.commands(lambda *sent: _post(*sent))
cli_copy.add_to(templates)
app.add_typer(templates, name="templates")


class Role(StrEnum):
    """What a token's owner may do."""

    USER = "user"
    SUPPORT = "support"
    OPERATOR = "operator"
    AUTHOR = "author"
    SERVICE = "service"


@app.command()
def up(demo: Annotated[bool, typer.Option(help="run the main job at once")] = False) -> None:
    """Run everything on this machine: store, workers, supervisor, gateway, dev inbox."""
    from ringback import up as whole

    settings = load_settings()

    async def then(everything: whole.Everything) -> None:
        _welcome(everything.url, settings.data_dir, _relay(settings.smtp_url))
        if demo:
            await _demo(everything.url, settings)

    asyncio.run(whole.run(settings, then))


@app.command()
def gateway() -> None:
    """Serve the pages, the API and the sockets."""
    from ringback.parts import run_gateway

    set_up()
    run_gateway(load_settings())


@app.command()
def worker(
    modules: Annotated[list[str], typer.Argument(help="modules with @job functions")],
) -> None:
    """Run jobs."""
    from ringback import worker as process

    set_up()
    sys.path.insert(0, str(Path.cwd()))
    process.work(load_settings(), modules)
    process.exit_now(0)


@app.command()
def supervisor() -> None:
    """Set going again what is overdue. Any number may run."""
    from ringback.parts import run_supervisor

    set_up()
    run_supervisor(load_settings())


@app.command(hidden=True)
def inbox(port: Annotated[int, typer.Option(min=1, max=65535)]) -> None:
    """Catch mail for development."""
    from ringback.parts import run_inbox

    set_up()
    run_inbox(load_settings(), port)


@app.command()
def token(
    user: User = DEMO,
    role: Annotated[list[Role] | None, typer.Option(help="may be repeated")] = None,
    hours: Annotated[int, typer.Option(min=1, help="how long it is good for")] = 24,
) -> None:
    """Print a token for a user."""
    print(_token(load_settings(), user, [r.value for r in role or []], hours))


@app.command()
def submit(
    job_type: Annotated[str, typer.Argument(metavar="TYPE")],
    param: Annotated[list[str] | None, typer.Option(help="k=v; v is JSON, or else text")] = None,
    file: Annotated[Path | None, typer.Option(help="uploaded as the param `file`")] = None,
    user: User = DEMO,
    key: Annotated[str | None, typer.Option(help="Idempotency-Key")] = None,
    watch: Annotated[bool, typer.Option(help="show progress until it ends")] = False,
) -> None:
    """Submit a job over the API; exit status 1 where it fails."""
    settings = load_settings()
    params = dict(_param(text) for text in param or [])
    bearer = os.environ.get("RINGBACK_TOKEN") or _token(settings, user)
    view = asyncio.run(_submit(settings.gateway_url, bearer, job_type, params, file, key, watch))
    if view["state"] == "failed":
        raise typer.Exit(1)


@app.command("audit")
def show_audit(limit: Annotated[int, typer.Option(min=1, max=audit.KEPT)] = 50) -> None:
    """What operators and support did: who, what, when, why; latest first."""
    from ringback import show

    show.audit(new_store().do(audit.entries(limit)), console)


@app.command("doctor")
def doctor_() -> None:
    """Look whether what Ringback needs is there; exit status 1 where something is wrong."""
    from tasks.smtp_check import mail_server, signature

    checks = [doctor.store, mail_server, signature, doctor.troubles]
    findings = asyncio.run(doctor.examine(load_settings(), checks))
    doctor.show(findings, console)
    if any(finding.sign == "wrong" for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Runs the command; what we raise on purpose is told without a traceback."""
    try:
        app()
    except RingbackError as error:
        stderr = Console(stderr=True, highlight=False)
        # a path that is broken in two can't be copied
        stderr.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        sys.exit(2)


def _post(settings: Settings, letter: EmailMessage) -> str:
    """Sends a test; what the server said. Raises RingbackError."""
    from tasks.envelope import Envelope
    from tasks.smtp import Transport
    from tasks.smtp_line import Server

    transport = Transport(Server.at(settings.mail_server, settings.smtp_tls))
    try:
        envelope = Envelope.of(letter, settings.bounce_address or "")
        outcome = transport.send(envelope, lambda: None)
    finally:
        transport.close()
    if outcome.kind != "accepted":
        raise RingbackError(f"The test wasn't sent. {outcome.reason} {outcome.answer}".rstrip())
    return outcome.answer


def _token(settings: Settings, user: str, roles: list[str] | None = None, hours: int = 24) -> str:
    from gateway.auth import Tokens

    return Tokens(settings).issue(owner_of(user), roles=roles, lifetime=hours * 3600)


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise RingbackError(f"--param {text!r} must look like name=value")
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


async def _submit(
    url: str, bearer: str, job_type: str, params: dict[str, Any], file: Path | None,
    key: str | None, watch: bool,
) -> dict[str, Any]:  # fmt: skip
    from ringback import remote, show

    try:
        async with remote.connect(url, bearer) as client:
            if file is not None:
                params["file"] = await client.upload(_readable(file))
            if watch:
                await client.listen()
            job = await client.submit(job_type, params, key or str(uuid.uuid4()))
            if watch:
                job = await show.follow(client.watch(job), console)
                show.outcome(job, console)
            else:
                console.print(job["id"])
            return job
    except (aiohttp.ClientError, OSError) as error:
        raise RingbackError(f"Nobody answers at {url} ({error}). Is `make up` running?") from None


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise RingbackError(f"--file {path}: there is no such file.")
    return path


def _relay(smtp_url: str | None) -> str | None:
    """The mail server without who signs in there."""
    return None if smtp_url is None else urlsplit(smtp_url).netloc.rpartition("@")[2]


def _welcome(url: str, data_dir: Path, mail: str | None) -> None:
    """``mail``: the mail server, where emails leave."""
    me = sys.argv[0] if sys.argv[0].endswith("ringback") else "ringback"
    if data_dir != Settings.model_fields["data_dir"].default:  # another shell doesn't know of it
        me = escape(f"RINGBACK_DATA_DIR={shlex.quote(str(data_dir.resolve()))} {me}")
    inbox = f"{url}/inbox  every email lands here, none is sent"
    told = f"""
[bold green]Ringback is up.[/]

  Page    {url}/       sign in with any address, say {DEMO}
  Mail    {inbox if mail is None else escape(f"emails leave by {mail}")}
  Token   {me} token --user {DEMO}
  Try     {me} submit csv.import --watch --file examples/customers.csv --param table=customers

Ctrl-C stops everything; the data stays in {escape(str(data_dir))}/.
"""
    console.print(told, soft_wrap=True)


async def _demo(url: str, settings: Settings) -> None:
    from ringback import demo

    tokens = {"watches": _token(settings, DEMO), "leaves": _token(settings, "away@example.com")}
    await demo.run(url, tokens, settings.data_dir / "demo", console)
    console.print("Both jobs are on the page too. Ctrl-C stops everything.")


if __name__ == "__main__":
    main()
