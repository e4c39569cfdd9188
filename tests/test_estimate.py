"""What is said of durations, and when nothing is."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.estimate import (
    EN_DASH,
    HOUR,
    MINUTE,
    SECOND,
    Estimate,
    about,
    ahead,
    estimate_of,
    remaining,
    rounded,
    usually,
)

DAY = 24 * HOUR
durations = st.integers(0, 3 * DAY)


def between(low: int, high: int) -> Estimate:
    return Estimate(runs=20, low=low, high=high, late=high)


# -- from runs


def test_nothing_is_estimated_before_twenty_runs() -> None:
    assert estimate_of([1_000] * 19) is None
    assert estimate_of([1_000] * 20) == Estimate(runs=20, low=1_000, high=1_000, late=1_000)


def test_half_of_the_runs_lie_in_the_usual_range_and_one_in_ten_is_late() -> None:
    runs = [n * SECOND for n in range(101)]
    Random(1).shuffle(runs)
    usual = Estimate(runs=101, low=25 * SECOND, high=75 * SECOND, late=90 * SECOND)
    assert estimate_of(runs) == usual
    assert usual.middle == 50 * SECOND


def test_only_the_latest_two_hundred_runs_count() -> None:
    estimate = estimate_of([HOUR] * 500 + [MINUTE] * 200)
    assert estimate == Estimate(runs=200, low=MINUTE, high=MINUTE, late=MINUTE)


@given(st.lists(durations, min_size=20, max_size=250))
def test_low_high_and_late_come_in_this_order(runs: list[int]) -> None:
    estimate = estimate_of(runs)
    assert estimate is not None
    assert min(runs) <= estimate.low <= estimate.middle <= estimate.high <= estimate.late
    assert estimate.late <= max(runs)


# -- the usual range in words


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 0, "a few seconds"),
        (2 * SECOND, 9 * SECOND, "a few seconds"),
        (2 * SECOND, 10 * SECOND, "less than a minute"),
        (2 * SECOND, 59 * SECOND, "less than a minute"),
        (5 * SECOND, 3 * MINUTE, "up to 3 minutes"),
        (40 * SECOND, 70 * SECOND, "about 1 minute"),
        (64 * SECOND, 115 * SECOND, "1-2 minutes"),
        (291 * SECOND, 312 * SECOND, "about 5 minutes"),
        (8 * MINUTE, 23 * MINUTE, "8-25 minutes"),
        (40 * MINUTE, 58 * MINUTE, "40 minutes to 1 hour"),
        (58 * MINUTE, 62 * MINUTE, "about 1 hour"),
        (70 * MINUTE, 100 * MINUTE, "1-1½ hours"),
        (HOUR, 2 * HOUR, "1-2 hours"),
        (20 * MINUTE, 3 * HOUR, "20 minutes to 3 hours"),
        (11 * HOUR, 30 * HOUR, "11-30 hours"),
    ],
)
def test_the_usual_range_is_said_as_people_say_it(low: int, high: int, said: str) -> None:
    assert usually(between(low, high)) == f"This usually takes {said.replace('-', EN_DASH)}."


@given(durations, durations)
def test_a_range_never_has_equal_ends_nor_seconds(one: int, other: int) -> None:
    said = usually(between(min(one, other), max(one, other)))
    least, dash, most = said.removeprefix("This usually takes ").partition(EN_DASH)
    assert not dash or least != most.split()[0]
    assert "second" not in said or "a few seconds" in said


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "a few seconds"),
        (10 * SECOND, "less than a minute"),
        (MINUTE, "about 1 minute"),
        (130 * SECOND, "about 2 minutes"),
        (17 * MINUTE, "about 15 minutes"),
        (59 * MINUTE, "about 1 hour"),
        (95 * MINUTE, "about 1½ hours"),
        (26 * HOUR, "about 26 hours"),
    ],
)
def test_a_duration_is_said_roughly(ms: int, said: str) -> None:
    assert about(ms) == said


# -- how many are ahead


def test_a_few_jobs_ahead_are_counted_and_many_are_not() -> None:
    assert ahead(0) is None
    assert [ahead(n) for n in range(1, 6)] == ["1", "2", "3", "4", "5"]
    assert [ahead(n) for n in (6, 11, 20, 60, 110, 190, 600, 1_000)] == [
        "about 10", "about 10", "about 20", "about 50", "about 100", "about 200", "about 500",
        "about 1,000",
    ]  # fmt: skip
    assert ahead(1_201) == ahead(10**9) == "more than 1,000"


@given(st.integers(6, 1_200))
def test_about_n_jobs_ahead_is_never_off_by_half(count: int) -> None:
    said = int((ahead(count) or "").removeprefix("about ").replace(",", ""))
    assert count / 2 < said < count * 2


# -- what is left


def test_nothing_is_said_of_the_end_without_an_estimate() -> None:
    assert remaining(50, 100, MINUTE, None) is None


def test_a_job_is_judged_by_its_own_pace_once_a_twentieth_is_done() -> None:
    usual = between(HOUR, HOUR)
    assert remaining(4, 100, MINUTE, usual) == HOUR - MINUTE
    assert remaining(5, 100, MINUTE, usual) == 19 * MINUTE
    assert remaining(75, 100, MINUTE, usual) == 20 * SECOND


def test_a_job_of_unknown_size_takes_what_such_jobs_usually_take() -> None:
    usual = between(MINUTE, 3 * MINUTE)
    assert remaining(1_000, None, MINUTE, usual) == MINUTE
    assert remaining(0, 0, MINUTE, usual) == MINUTE


def test_nothing_is_said_of_the_end_once_it_is_overdue() -> None:
    usual = between(MINUTE, MINUTE)
    assert remaining(0, None, MINUTE, usual) is None
    assert remaining(0, 100, 2 * MINUTE, usual) is None
    assert remaining(100, 100, 2 * MINUTE, usual) is None


@given(st.integers(0, 10**7), st.none() | st.integers(0, 10**7), durations, durations, durations)
def test_what_is_left_is_nothing_or_more_than_nothing(
    done: int, total: int | None, elapsed: int, one: int, other: int
) -> None:
    left = remaining(done, total, elapsed, between(min(one, other), max(one, other)))
    assert left is None or left > 0


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (1, 5 * SECOND),
        (13 * SECOND, 15 * SECOND),
        (58 * SECOND, MINUTE),
        (100 * SECOND, 90 * SECOND),
        (7 * MINUTE + 40 * SECOND, 8 * MINUTE),
        (43 * MINUTE, 45 * MINUTE),
        (130 * MINUTE, 135 * MINUTE),
    ],
)
def test_a_remaining_time_is_rounded_the_more_the_longer_it_is(ms: int, shown: int) -> None:
    assert rounded(ms) == shown


@given(durations, durations)
def test_rounding_keeps_the_order_and_is_done_once(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert 0 < rounded(less) <= rounded(more)
    assert rounded(rounded(more)) == rounded(more)
