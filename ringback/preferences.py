"""What a user wants of emails, for all jobs and for jobs of one type, and what follows from it.

The mailer decides when a notice is due, by the preferences as they are then. A job carries a copy
of the choice between fallback, always and never, for the words of its promise, and so that a
receipt knows whether it ends the duty (``ringback.choose`` keeps the copies true).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

import orjson

from ringback.keys import Call, key, partition_of, plain
from ringback.notice import SEEN, TURNED_OFF, EmailChoice
from ringback.quiet import QuietHours, zone_of
from ringback.spec import Spec

LONGEST_WINDOW = 86_400  #: seconds that a digest may collect for


@dataclass(frozen=True, slots=True, kw_only=True)
class TypePreferences:
    """For the jobs of one type; None: as for all jobs."""

    email: EmailChoice | None = None
    quiet_hours: QuietHours | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Of one user. ``digest_window``: seconds for which an email collects what ends. None: the
    installation's window, the token's locale and zone. An email may tell of several jobs, so these
    three don't depend on the type."""

    email: EmailChoice = "fallback"
    digest_window: int | None = None
    quiet_hours: QuietHours | None = None
    locale: str | None = None
    timezone: str | None = None
    types: Mapping[str, TypePreferences] = field(default_factory=dict)

    def choice(self, job_type: str) -> EmailChoice:
        """When an email about a job of this type is wanted."""
        own = self.types.get(job_type)
        return self.email if own is None or own.email is None else own.email

    def quiet(self, job_type: str) -> QuietHours | None:
        """When no email about a job of this type is wanted."""
        own = self.types.get(job_type)
        return self.quiet_hours if own is None or own.quiet_hours is None else own.quiet_hours


@dataclass(frozen=True, slots=True)
class Skip:
    """No email, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """No email before ``until`` (ms since 1970), and why."""

    reason: str
    until: int


def obstacle(
    wanted: Preferences,
    spec: Spec,
    now: int,
    *,
    seen: bool = False,
    grave: bool = False,
    pace: Hold | None = None,
) -> Skip | Hold | None:
    """What keeps an email about a job from being sent ``now`` (ms since 1970).

    ``seen``: a client proved receipt of the end. ``pace``: what holds all emails to this user but
    those about ``grave`` failures, which nothing holds. Of several, the one that lasts longest is
    told: then nothing else is in the way.
    """
    choice = wanted.choice(spec.type)
    if choice == "never":
        return Skip(TURNED_OFF)
    if seen and choice != "always":
        return Skip(SEEN)
    if grave:
        return None
    return latest(pace, _night(wanted, spec, now))


def latest(*holds: Hold | None) -> Hold | None:
    """The one that lasts longest; of equal ones, the first."""
    return max(filter(None, holds), key=lambda hold: hold.until, default=None)


def _night(wanted: Preferences, spec: Spec, now: int) -> Hold | None:
    zone = zone_of(wanted.timezone or spec.owner.timezone)
    hours = wanted.quiet(spec.type)
    until = None if hours is None else hours.ends(now, zone)
    if until is None:
        return None
    shown = datetime.fromtimestamp(until / 1000, zone)
    return Hold(f"Waiting until {shown:%H:%M} because of your quiet hours.", until)


# -- in the store


def load(user: str) -> Generator[Call, Any, Preferences]:
    """The user's preferences; the defaults where they never chose any."""
    return decode((yield from text_of(user)))


def text_of(user: str) -> Generator[Call, Any, bytes]:
    """The user's preferences as they are written; nothing where they never chose any."""
    return (yield plain("GET", _key(user))) or b""


def choice(spec: Spec) -> Generator[Call, Any, EmailChoice]:
    """When the job's owner wants an email about it."""
    return (yield from load(spec.owner.id)).choice(spec.type)


def replace(user: str, before: bytes, after: Preferences) -> Generator[Call, Any, bool]:
    """Writes preferences, durably; False where they aren't written as ``before`` any more."""
    text = b"" if after == Preferences() else encode(after)
    reply = yield Call("replace", (_key(user),), (before, text), durable=True)
    return bool(reply)


def encode(wanted: Preferences) -> bytes:
    """As JSON."""
    return orjson.dumps(wanted)


def decode(text: bytes) -> Preferences:
    """The inverse of ``encode``; nothing means the defaults."""
    if not text:
        return Preferences()
    fields = orjson.loads(text)
    types = {name: TypePreferences(**_hours(own)) for name, own in fields.pop("types").items()}
    return Preferences(types=types, **_hours(fields))


def _hours(fields: dict[str, Any]) -> dict[str, Any]:
    hours = fields.pop("quiet_hours")
    quiet = hours and QuietHours(*(time.fromisoformat(hours[name]) for name in ("start", "end")))
    return {**fields, "quiet_hours": quiet}


def _key(user: str) -> str:
    return key(partition_of(user), "preferences", user)
