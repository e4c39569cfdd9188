"""``ringback webhooks``: the app's webhooks, and, with ``--user``, a user's."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ringback import address, audit, catalog, deliveries, webhooks
from ringback.cli_base import Reason, console, moment, new_store, user_id, who
from ringback.delivery import Delivery
from ringback.errors import RingbackError, UnknownJobType
from ringback.grid import Grid
from ringback.guard import Resolver
from ringback.settings import load_settings
from ringback.webhook import APP, Webhook, is_webhook_id

app = typer.Typer(
    help="Addresses that are told how jobs end (docs/webhooks.md).", no_args_is_help=True
)

Of = Annotated[
    str | None, typer.Option("--user", help="a user's: an address or an id; else the app's")
]


@app.command("list")
def list_webhooks(user: Of = None) -> None:
    """Webhooks, oldest first, and how they do."""
    found = new_store().do(webhooks.listed(_owner(user)))
    if not found:
        console.print("No webhooks.")
        return
    grid = _grid("id", "state", "types", "address")
    for webhook in found:
        types = ", ".join(webhook.types) or "all"
        grid.row(webhook.id, _state(webhook), types, webhook.url)
    console.print(grid)


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="https, and public")],
    job_type: Annotated[
        list[str] | None, typer.Option("--type", help="only of this job type; may be repeated")
    ] = None,
    description: Annotated[str, typer.Option()] = "",
    user: Of = None,
    reason: Reason = "",
) -> None:
    """Register a webhook; prints its secret, this once."""
    asyncio.run(_check(url))
    db, types = new_store(), job_type or []
    known = [kind.name for kind in db.do(catalog.everything())]
    for name in types:
        if name not in known:
            raise UnknownJobType(name, known)
    making = webhooks.register(_owner(user), url, types, description)
    made = db.do(audit.audited(who(), f"webhook to {url} added", reason, [], making))
    console.print(f"{made.id}\nsecret: {made.secrets[0].value}", markup=False, soft_wrap=True)


@app.command("remove")
def remove(webhook_id: str, reason: Reason = "") -> None:
    """Forget a webhook with its deliveries."""
    removing = webhooks.remove(webhook_id, None)
    new_store().do(audit.audited(who(), f"webhook {webhook_id} removed", reason, [], removing))
    console.print(f"{webhook_id} is removed.", markup=False)


@app.command("deliveries")
def list_deliveries(
    webhook_id: str,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000, help="at most so many, newest first")
    ] = 20,
) -> None:
    """What a webhook was sent, and what became of it."""
    found = new_store().do(deliveries.latest(webhook_id, None, limit))
    if not found:
        console.print("No deliveries.")
        return
    grid = _grid("delivery", "state", "tries", "last answer, next try")
    for each in found:
        grid.row(each.id, each.state, str(each.attempts), _told(each))
    console.print(grid, soft_wrap=True)


@app.command("replay")
def replay(
    name: Annotated[str, typer.Argument(metavar="ID", help="a delivery's id, or a webhook's")],
    since: Annotated[
        str | None, typer.Option(help="of a webhook: 90m, 24h, 7d, or 2026-01-31")
    ] = None,
    delivered: Annotated[
        bool, typer.Option("--delivered", help="not only dead letters, the delivered ones, too")
    ] = False,
    reason: Reason = "",
) -> None:
    """Send a delivery again; or a webhook's dead letters since a moment."""
    db = new_store()
    if not is_webhook_id(name):
        again = deliveries.replay(name)
        db.do(audit.audited(who(), f"delivery {name} replayed", reason, [], again))
        console.print(f"{name} is sent again.", markup=False, soft_wrap=True)
        return
    if since is None:
        raise RingbackError(f"--since is missing: since when is {name} to be sent again? Say 24h.")
    names = db.do(deliveries.replayable(name, moment(since), delivered=delivered))
    told = f"webhook {name}: {len(names)} deliveries replayed"
    count = db.do(
        audit.audited(who(), told, reason, [], deliveries.replay_all(name, names))
    )  # fmt: skip
    console.print(f"{count:,} deliveries are sent again.")


async def _check(url: str) -> None:
    resolver = Resolver()
    try:
        await address.check(url, resolver, private=load_settings().private)
    except RingbackError as error:
        raise RingbackError(f"{url!r}: an address {error}.") from None
    finally:
        await resolver.close()


def _owner(user: str | None) -> str:
    return APP if user is None else user_id(user)


def _state(webhook: Webhook) -> str:
    if not webhook.enabled:
        return f"off: {webhook.disabled}" if webhook.disabled else "off"
    return "on" if webhook.failing_since is None else f"failing since {webhook.failing_since}"


def _told(delivery: Delivery) -> str:
    after = "" if delivery.next_at is None else f", next at {delivery.next_at}"
    return f"{delivery.reason}{after}".removeprefix(", ")


def _grid(*names: str) -> Grid:
    grid = Grid()
    for name in names:
        whole = name in ("id", "delivery")
        grid.add_column(name, no_wrap=whole, overflow="fold")
    return grid
