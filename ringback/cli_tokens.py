"""``ringback tokens``: sign-ins that are to end before their tokens do."""

from __future__ import annotations

from typing import Annotated

import typer

from ringback import revocation
from ringback.cli_base import Reason, console, new_store, user_id, who
from ringback.errors import RingbackError
from ringback.instant import Instant

app = typer.Typer(help="Sign-ins: end them before their tokens do.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Without it, Typer would make the only command the whole group."""


@app.command("revoke")
def revoke(
    reason: Reason,
    jti: Annotated[str | None, typer.Option(help="this token, by its `jti`")] = None,
    user: Annotated[
        str | None, typer.Option(help="all tokens of this user issued until now: `sub`, or address")
    ] = None,
    expires: Annotated[
        int | None, typer.Option(min=0, help="the token's `exp`; remembered until then")
    ] = None,
) -> None:
    """Refuse a token, or all of a user's; what is connected is closed within seconds."""
    if (jti is None) == (user is None) or "" in (jti, user):
        raise RingbackError("Give one of --jti (the token's id) and --user (a user's id).")
    if user is not None and expires is not None:
        raise RingbackError("--expires goes with --jti: a user's tokens end at different times.")
    db = new_store()
    if jti is not None:
        at = db.do(revocation.revoke(who(), reason, "jti", jti, expires))
        _told(f"The token {jti} is refused from now on", at)
        return
    # an address may be a `sub`, or stand for the id that the sign-in of development makes of it
    for name in dict.fromkeys((user or "", user_id(user or ""))):
        at = db.do(revocation.revoke(who(), reason, "user", name))
        _told(f"The tokens of {name} issued until now are refused", at)


def _told(what: str, at: Instant) -> None:
    console.print(f"{what} ({at}).", markup=False)
