"""A user's preferences over HTTP: read, and changed by a JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import orjson
from aiohttp import web
from babel.localedata import locale_identifiers
from pydantic import AfterValidator, ConfigDict, Field

from gateway import kinds
from gateway.decode import decode
from gateway.endpoint import Asked, Endpoint, json
from gateway.models import Answer, Request, TypeName
from ringback import catalog, choose, preferences, suppression
from ringback.connection import AsyncStore
from ringback.errors import UnknownJobType
from ringback.preferences import LONGEST_WINDOW, Preferences, TypePreferences
from ringback.quiet import QuietHours

PATH = "/api/v1/me/preferences"
#: In the same folders as the zones: the machine's own, the rules of others, none, other trees.
NO_ZONE = re.compile(r"(localtime|posixrules|Factory)$|(posix|right)/")
MERGE_PATCH = "application/merge-patch+json"


def _clock(text: str) -> str:
    try:
        whole = time.fromisoformat(text)
    except ValueError:
        whole = None
    if whole is None or text != f"{whole:%H:%M}":
        raise ValueError('must be a time from "00:00" to "23:59"')
    return text


def _zone(name: str) -> str:
    if name not in _zones():
        told = "must be a time zone's IANA name, such as Europe/Berlin."
        raise ValueError(f"{told} {_nearest(name, _zones())}".strip())
    return name


def _locale(tag: str) -> str:
    known = _locales().get(tag.replace("_", "-").lower())
    if known is None:
        told = "must be a locale, such as en-GB."
        raise ValueError(f"{told} {_nearest(tag, _locales().values())}".strip())
    return known


@cache
def _zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not NO_ZONE.match(name))


@cache
def _locales() -> dict[str, str]:
    tags = [name.replace("_", "-") for name in locale_identifiers()]
    return {tag.lower(): tag for tag in tags}


def _nearest(given: str, known: Iterable[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    # who types "berlin" means Europe/Berlin
    ends = [name for low, name in by_lower.items() if low.rpartition("/")[2] == given.lower()]
    close = difflib.get_close_matches(given.lower(), by_lower, 3)
    names = sorted(ends)[:3] or [by_lower[low] for low in close]
    return f"Did you mean {' or '.join(names)}?" if names else ""


EmailName = Annotated[
    Literal["fallback", "always", "never"],
    Field(description="an email where no open page showed the end, in any case, or not at all"),
]
Clock = Annotated[str, AfterValidator(_clock), Field(examples=["22:00"])]
Zone = Annotated[str, AfterValidator(_zone), Field(examples=["Europe/Berlin"])]
Locale = Annotated[str, AfterValidator(_locale), Field(examples=["en-GB"])]
Window = Annotated[
    int,
    Field(
        ge=0, le=LONGEST_WINDOW, description="seconds that an email collects for", examples=[3_600]
    ),
]


class HoursView(Answer):
    """Within these no email is sent; past midnight where `to` comes first. In the zone
    `timezone`."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to", examples=["08:00"])


class TypeView(Answer):
    """What differs for the jobs of one type; null: as for all."""

    email: EmailName | None = None
    quiet_hours: HoursView | None = None


class DefaultsView(Answer):
    """What counts where a preference is null."""

    digest_window: float
    locale: str
    timezone: str


class PreferencesView(Answer):
    """What you want of emails."""

    email: EmailName = "fallback"
    digest_window: Window | None = None
    quiet_hours: HoursView | None = None
    locale: Locale | None = None
    timezone: Zone | None = None
    types: dict[TypeName, TypeView] = Field(default={}, description="by job type")
    defaults: DefaultsView
    stopped: str | None = Field(
        default=None, description="why your address gets no emails, whatever you want; null: it may"
    )


def _some_time(hours: HoursView) -> HoursView:
    if hours.start == hours.end:
        raise ValueError("must begin and end at different times")
    return hours


Hours = Annotated[HoursView, AfterValidator(_some_time)]


class WholeType(Answer):
    """The same for one type."""

    email: EmailName | None = None
    quiet_hours: Hours | None = None


class Whole(Request):
    """Preferences after a change: what the parts of a patch make of those before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: EmailName
    digest_window: Window | None
    quiet_hours: Hours | None
    locale: str | None
    timezone: str | None
    types: dict[str, WholeType]


class HoursPatch(Request):
    """One or both ends."""

    start: Clock | None = Field(None, alias="from")
    end: Clock | None = Field(None, alias="to", examples=["08:00"])


class TypePatch(Request):
    """Null: as for all."""

    email: EmailName | None = None
    quiet_hours: HoursPatch | None = None


class PreferencesPatch(Request):
    """What is to change (RFC 7396); null: back to the default."""

    email: EmailName | None = None
    digest_window: Window | None = None
    quiet_hours: HoursPatch | None = None
    locale: Locale | None = None
    timezone: Zone | None = None
    types: dict[TypeName, TypePatch | None] | None = Field(None, description="by job type")


class PreferencesApi:
    """``/api/v1/me/preferences``. ``window``: the installation's, in seconds."""

    def __init__(self, db: AsyncStore, window: float) -> None:
        self._db = db
        self._window = window

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        return [
            Endpoint(
                method="GET", path=PATH, handler=self.show, tag="me", answer=PreferencesView,
                summary="What you want of emails",
            ),
            Endpoint(
                method="PATCH", path=PATH, handler=self.change, tag="me", answer=PreferencesView,
                summary="Change what you want of emails, by a JSON Merge Patch",
                body=PreferencesPatch, consumes=MERGE_PATCH, problems=(kinds.UNKNOWN_JOB_TYPE,),
            ),
        ]  # fmt: skip

    async def show(self, asked: Asked[None, None]) -> web.Response:
        """The preferences, whole."""
        return await self._answer(asked, await self._db.do(preferences.load(asked.user)))

    async def change(self, asked: Asked[None, PreferencesPatch]) -> web.Response:
        """The preferences as they are now, and as open notices heard of them."""
        patch = asked.body.model_dump(exclude_unset=True, by_alias=True)
        types = patch.get("types") or {}
        await self._check([name for name, own in types.items() if own is not None])
        return await self._answer(asked, await self._db.do(choose.change(asked.user, _edit(patch))))

    async def _check(self, types: Sequence[str]) -> None:
        known = [kind.name for kind in await self._db.do(catalog.everything())] if types else []
        for name in types:
            if name not in known:
                raise UnknownJobType(name, known, f"types.{name}")

    async def _answer(self, asked: Asked[Any, Any], wanted: Preferences) -> web.Response:
        owner = asked.identity.owner
        defaults = {
            "digest_window": self._window, "locale": owner.locale, "timezone": owner.timezone,
        }  # fmt: skip
        stopped = await self._db.do(suppression.look(owner.email or ""))
        told = None if stopped is None else suppression.told(stopped)
        return json(orjson.dumps({**document(wanted), "defaults": defaults, "stopped": told}))


def _edit(patch: Mapping[str, Any]) -> choose.Edit:
    def edit(wanted: Preferences) -> Preferences:
        merged = merge(document(wanted), patch)
        whole = decode(Whole, {**document(Preferences()), **merged})
        types = {
            name: TypePreferences(email=own.email, quiet_hours=_hours(own.quiet_hours))
            for name, own in whole.types.items()
        }
        return Preferences(
            email=whole.email, digest_window=whole.digest_window,
            quiet_hours=_hours(whole.quiet_hours), locale=whole.locale, timezone=whole.timezone,
            types={name: own for name, own in types.items() if own != TypePreferences()},
        )  # fmt: skip

    return edit


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else takes the place."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def document(wanted: Preferences) -> dict[str, Any]:
    """The preferences as clients see them."""
    return {
        "email": wanted.email, "digest_window": wanted.digest_window,
        "quiet_hours": _shown(wanted.quiet_hours), "locale": wanted.locale,
        "timezone": wanted.timezone,
        "types": {
            name: {"email": own.email, "quiet_hours": _shown(own.quiet_hours)}
            for name, own in wanted.types.items()
        },
    }  # fmt: skip


def _shown(hours: QuietHours | None) -> dict[str, str] | None:
    if hours is None:
        return None
    return {"from": f"{hours.start:%H:%M}", "to": f"{hours.end:%H:%M}"}


def _hours(hours: HoursView | None) -> QuietHours | None:
    if hours is None:
        return None
    return QuietHours(time.fromisoformat(hours.start), time.fromisoformat(hours.end))
