"""Quiet hours: when somebody doesn't want to be written to, by the clock on their wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end``, each day; past midnight where ``end`` comes first. Equal times
    are no hours at all."""

    start: time
    end: time

    def ends(self, now: int, zone: tzinfo) -> int | None:
        """When the quiet that lies over ``now`` ends (ms since 1970); None: nothing is quiet.

        The hours of a day are a span between two moments, so that none is longer or shorter than
        the wall's clock says but where that is put forward or back: a time that is skipped counts
        from before the change, one that comes twice means the first (PEP 495).
        """
        moment = datetime.fromtimestamp(now / 1000, UTC)
        today = moment.astimezone(zone).date()
        for day in (today - DAY, today, today + DAY):
            start = datetime.combine(day, self.start, zone)
            end = datetime.combine(day + DAY if self.end < self.start else day, self.end, zone)
            if start.astimezone(UTC) <= moment < end.astimezone(UTC):
                return round(end.timestamp() * 1000)
        return None


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """The IANA time zone; UTC if there is none of this name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a name like ".." or a folder
        return UTC
