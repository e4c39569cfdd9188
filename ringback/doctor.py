"""``ringback doctor``: whether what Ringback needs is there, and what isn't well, in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from ringback import alert, breaker, floor
from ringback.breaker import Breaker, State
from ringback.connection import AsyncStore
from ringback.errors import SettingsError, StoreUnavailable
from ringback.settings import Settings

SIGNS = {"ok": "[green]ok    [/]", "risk": "[yellow]risk  [/]", "wrong": "[red]wrong [/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing. ``risk``: works, and may cost something one day;
    ``wrong``: has to be mended."""

    sign: Literal["ok", "risk", "wrong"]
    about: str
    text: str


Check = Callable[[Settings], Awaitable[Sequence[Finding]]]


async def examine(settings: Settings, checks: Sequence[Check]) -> list[Finding]:
    """What all checks find, in their order."""
    return [finding for check in checks for finding in await check(settings)]


async def store(settings: Settings) -> list[Finding]:
    """Whether store and broker answer, are new enough and lose nothing."""
    try:
        risks = await floor.look(settings)
    except (SettingsError, StoreUnavailable) as error:
        return [Finding("wrong", "store", str(error))]
    return [Finding("risk", "store", risk) for risk in risks] or [
        Finding("ok", "store", "It answers, and keeps what it is given.")
    ]


async def troubles(settings: Settings) -> list[Finding]:
    """Open alerts, and services that don't answer."""
    db = AsyncStore(settings.store)
    try:
        alerts = await db.do(alert.open_ones())
        breakers = await db.do(breaker.everything())
    except StoreUnavailable:
        return []  # told already
    finally:
        await db.close()
    told = [Finding("wrong", one.key, f"{one.text} (since {one.since})") for one in alerts]
    return told + [_down(one) for one in breakers if one.state is not State.CLOSED]


def _down(one: Breaker) -> Finding:
    return Finding("wrong", one.label, f"It isn't answering since {one.since}: {one.error}")


def show(findings: Sequence[Finding], console: Console) -> None:
    """One line each."""
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        console.print(SIGNS[finding.sign], end="")
        console.print(f"{finding.about:<{width}}  {finding.text}", markup=False, soft_wrap=True)
