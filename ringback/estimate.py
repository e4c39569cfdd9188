"""How long jobs take, from real runs, and how that is said without false precision.

All durations are milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import quantiles

ENOUGH = 20  #: runs before which nothing is promised
KEPT = 200  #: latest runs that count
OWN_RATE = 20  #: a job's own pace counts once a 20th of it is done

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

EN_DASH = "\N{EN DASH}"

#: What is honest: below the first figure, a multiple of the second.
Grid = tuple[tuple[float, int], ...]
_LEFT: Grid = (
    (MINUTE, 5 * SECOND),
    (5 * MINUTE, 30 * SECOND),
    (30 * MINUTE, MINUTE),
    (2 * HOUR, 5 * MINUTE),
    (inf, 15 * MINUTE),
)
_SAID: Grid = ((10 * MINUTE, MINUTE), (HOUR, 5 * MINUTE), (10 * HOUR, HOUR // 2), (inf, HOUR))

#: A count of jobs, up to the figure, and how it is said.
_AHEAD = (
    (15, "about 10"), (35, "about 20"), (75, "about 50"), (150, "about 100"), (350, "about 200"),
    (750, "about 500"), (1_200, "about 1,000"), (inf, "more than 1,000"),
)  # fmt: skip
_EXACT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What ``runs`` runs took: half of them between ``low`` and ``high``, one in ten longer than
    ``late``."""

    runs: int
    low: int
    high: int
    late: int

    @property
    def middle(self) -> int:
        """Between low and high."""
        return (self.low + self.high) // 2


def estimate_of(durations_ms: Sequence[int]) -> Estimate | None:
    """The estimate from durations, latest last; None before there are 20."""
    latest = durations_ms[-KEPT:]
    if len(latest) < ENOUGH:
        return None
    twentieths = [round(cut) for cut in quantiles(latest, n=20, method="inclusive")]
    low, high, late = twentieths[4], twentieths[14], twentieths[17]
    return Estimate(runs=len(latest), low=low, high=high, late=late)


def remaining(
    done: int, total: int | None, elapsed_ms: int, estimate: Estimate | None
) -> int | None:
    """How long a job still takes that did ``done`` of ``total`` in ``elapsed_ms``.

    By its own pace once 5 % are done, before that by what such jobs usually take. None without an
    estimate, and where the job takes longer than expected.
    """
    if estimate is None:
        return None
    if total and done * OWN_RATE >= total:
        left = elapsed_ms * (total - done) // done
    else:
        left = estimate.middle - elapsed_ms
    return left if left > 0 else None


def rounded(ms: int) -> int:
    """A remaining time as it may be shown: steps of 5 s below a minute, up to 15 min above two
    hours; never nothing. Countdowns made of it don't flicker."""
    return _nearest(ms, _LEFT)


# -- words


def usually(estimate: Estimate) -> str:
    """``This usually takes about 5 minutes.``"""
    return f"This usually takes {_between(estimate.low, estimate.high)}."


def about(ms: int) -> str:
    """``about 2 minutes``; below a minute ``a few seconds`` or ``less than a minute``."""
    if ms < 10 * SECOND:
        return "a few seconds"
    if ms < MINUTE:
        return "less than a minute"
    return f"about {_said(ms)}"


def ahead(count: int) -> str | None:
    """How many jobs are ahead, in bands (``3``, ``about 20``); None: none is."""
    if count <= _EXACT:
        return str(count) if count > 0 else None
    return next(text for most, text in _AHEAD if count <= most)


def _between(low: int, high: int) -> str:
    if high < MINUTE:
        return about(high)
    if low < MINUTE // 2:
        return f"up to {_said(high)}"
    (least, small), (most, large) = _measured(low), _measured(high)
    if (least, small) == (most, large):
        return f"about {_said(high)}"
    if small == large:
        return f"{least}{EN_DASH}{most} {large}s"
    return f"{_said(low)} to {_said(high)}"


def _said(ms: int) -> str:
    number, unit = _measured(ms)
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def _measured(ms: int) -> tuple[str, str]:
    ms = _nearest(ms, _SAID)
    if ms < HOUR:
        return str(ms // MINUTE), "minute"
    whole, rest = divmod(ms, HOUR)
    return f"{whole}½" if rest else str(whole), "hour"


def _nearest(ms: int, grid: Grid) -> int:
    step = next(step for below, step in grid if ms < below)
    return max(step, (ms + step // 2) // step * step)
