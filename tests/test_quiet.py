"""Quiet hours by the clock on the wall, on days that have no hour to spare, or one too many."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.quiet import QuietHours, zone_of

BERLIN = "Europe/Berlin"  # 2026: forward at 02:00 on March 29, back at 03:00 on October 25
NIGHT = QuietHours(time(22), time(8))
ZONES = [BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"]

moments = st.datetimes(datetime(2010, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
hours = st.builds(QuietHours, minutes, minutes).filter(lambda h: h.start != h.end)


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def ends(hours: QuietHours, zone: str, *now: int, fold: int = 0) -> str | None:
    """The end, as UTC, for a time on the wall."""
    local = datetime(*now, fold=fold, tzinfo=ZoneInfo(zone))  # type: ignore[misc, arg-type]  # mypy can't count them
    end = hours.ends(ms(local), zone_of(zone))
    return None if end is None else f"{datetime.fromtimestamp(end / 1000, UTC):%d %H:%M}"


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ((2026, 1, 10, 21, 59), None),
        ((2026, 1, 10, 22, 0), "11 07:00"),
        ((2026, 1, 10, 23, 59), "11 07:00"),
        ((2026, 1, 11, 7, 59), "11 07:00"),
        ((2026, 1, 11, 8, 0), None),
        ((2026, 7, 10, 23, 0), "11 06:00"),
    ],
)
def test_a_night_ends_in_the_morning_by_the_zone_of_its_sleeper(
    now: tuple[int, ...], end: str | None
) -> None:
    assert ends(NIGHT, BERLIN, *now) == end


def test_a_siesta_ends_on_its_day() -> None:
    siesta = QuietHours(time(12), time(14))
    assert ends(siesta, BERLIN, 2026, 7, 10, 13, 0) == "10 12:00"
    assert ends(siesta, BERLIN, 2026, 7, 10, 14, 0) is None


def test_the_night_in_which_clocks_go_forward_is_an_hour_shorter() -> None:
    assert ends(NIGHT, BERLIN, 2026, 3, 28, 23, 0) == "29 06:00"
    assert ends(NIGHT, BERLIN, 2026, 3, 27, 23, 0) == "28 07:00"


def test_the_night_in_which_clocks_go_back_is_an_hour_longer() -> None:
    assert ends(NIGHT, BERLIN, 2026, 10, 24, 23, 0) == "25 07:00"
    assert ends(NIGHT, BERLIN, 2026, 10, 23, 23, 0) == "24 06:00"


def test_an_end_that_is_skipped_comes_as_late_as_it_would_have_come() -> None:
    assert ends(QuietHours(time(22), time(2, 30)), BERLIN, 2026, 3, 29, 1, 0) == "29 01:30"


def test_an_end_that_comes_twice_comes_the_first_time() -> None:
    early = QuietHours(time(22), time(2, 30))
    assert ends(early, BERLIN, 2026, 10, 25, 2, 15) == "25 00:30"
    assert ends(early, BERLIN, 2026, 10, 25, 2, 15, fold=1) is None


@given(hours, moments, st.sampled_from(ZONES))
def test_quiet_ends_after_now_and_within_a_day_and_a_change(
    quiet: QuietHours, moment: datetime, zone: str
) -> None:
    end = quiet.ends(ms(moment), zone_of(zone))
    if end is not None:
        assert ms(moment) < end <= ms(moment + timedelta(hours=49))


@given(hours, moments, st.sampled_from(ZONES))
def test_each_moment_is_quiet_as_the_wall_tells_where_no_clock_changes(
    quiet: QuietHours, moment: datetime, zone: str
) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    offsets = {(local + timedelta(days=day)).utcoffset() for day in (-2, -1, 0, 1, 2)}
    if len(offsets) > 1:
        return
    wall, (start, end) = local.time(), (quiet.start, quiet.end)
    expected = start <= wall < end if start < end else wall >= start or wall < end
    assert (quiet.ends(ms(moment), zone_of(zone)) is not None) == expected


@given(moments, st.sampled_from(ZONES))
def test_equal_times_are_no_quiet_hours(moment: datetime, zone: str) -> None:
    assert QuietHours(time(8), time(8)).ends(ms(moment), zone_of(zone)) is None


@pytest.mark.parametrize("name", ["", "..", "Europe", "Mars/Olympus", "/etc/passwd"])
def test_a_zone_that_is_none_is_utc(name: str) -> None:
    assert zone_of(name) is UTC
