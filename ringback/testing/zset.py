"""A sorted set: members by score, equal scores by the member's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redis.exceptions import ResponseError

Pair = tuple[bytes, float]


class ZSet(dict[bytes, float]):
    """Scores by member."""

    def ordered(self) -> list[Pair]:
        """The members, lowest score first."""
        return sorted(self.items(), key=lambda pair: (pair[1], pair[0]))

    def between(self, low: bytes, high: bytes) -> list[Pair]:
        """The members with scores between two bounds, lowest first; ``(5`` leaves out 5."""
        least, most = Bound.of(low), Bound.of(high)
        return [pair for pair in self.ordered() if least.below(pair[1]) and most.above(pair[1])]

    def ranked(self, first: bytes, last: bytes, *, rev: bool) -> list[Pair]:
        """The members from one place to another, both included; places below 0 count from the
        end."""
        pairs = self.ordered()[::-1] if rev else self.ordered()
        return pairs[slice(*span(first, last, len(pairs)))]


class Bound(NamedTuple):
    """One end of a range of scores."""

    score: float
    included: bool

    @classmethod
    def of(cls, text: bytes) -> Bound:
        """``5``, ``(5``, ``-inf``, ``+inf``."""
        return cls(number(text.removeprefix(b"(")), not text.startswith(b"("))

    def below(self, score: float) -> bool:
        """Whether a score is within this lower end."""
        return self.score < score or (self.included and self.score == score)

    def above(self, score: float) -> bool:
        """Whether a score is within this upper end."""
        return self.score > score or (self.included and self.score == score)


def number(text: bytes) -> float:
    """A score. Raises ResponseError."""
    try:
        return float(text)
    except ValueError:
        raise ResponseError(f"value is not a valid float: {text!r}") from None


def span(first: bytes, last: bytes, length: int) -> tuple[int, int]:
    """The slice for two places, both included, counted from the end below 0."""
    start, stop = (at + length if at < 0 else at for at in (int(first), int(last)))
    return max(start, 0), max(stop + 1, 0)


def flags(words: Sequence[bytes], known: str) -> tuple[set[str], list[bytes]]:
    """The leading words that are among ``known``, and the rest."""
    found: set[str] = set()
    rest = list(words)
    while rest and rest[0].upper().decode(errors="replace") in known.split():
        found.add(rest.pop(0).upper().decode())
    return found, rest
