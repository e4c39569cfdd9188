"""Items of a job: how each went, and the tally of them all with equal problems as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypedDict, TypeVar, Unpack

from ringback.errors import InputError, ItemError, whole
from ringback.job import Counts, Outcome, Problem

T = TypeVar("T")
Key = str | Callable[[T], object] | None

EXAMPLES = 5  #: shown per problem
PROBLEMS = 50  #: different problems kept per job; the rest is counted under "other"
OTHER = ItemError("other", "{count} more had other problems", one="1 more had another problem")


class Words(TypedDict, total=False):
    """The words of a problem besides code and message; see ItemError."""

    one: str | None
    action: str
    example: str


@dataclass(slots=True)
class _Group:
    """Equal problems."""

    flaw: ItemError
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def problem(self, code: str, outcome: Outcome) -> Problem:
        return Problem(
            code=code, outcome=outcome, count=self.count, many=self.flaw.message,
            one=self.flaw.one, action=self.flaw.action, examples=tuple(self.examples),
        )  # fmt: skip


class Tally:
    """Item outcomes so far. One thread counts; another may take snapshots."""

    def __init__(self) -> None:
        self.succeeded = self.failed = self.skipped = 0
        self._groups: dict[tuple[str, Outcome], _Group] = {}

    def add(self, outcome: Outcome, flaw: ItemError, example: str) -> None:
        """Counts a failed or skipped item under its problem."""
        if outcome == "failed":
            self.failed += 1
        else:
            self.skipped += 1
        if (flaw.code, outcome) not in self._groups and len(self._groups) >= PROBLEMS:
            flaw = OTHER
        group = self._groups.setdefault((flaw.code, outcome), _Group(flaw))
        group.count += 1
        if example and len(group.examples) < EXAMPLES:
            group.examples.append(example)

    def counts(self) -> Counts:
        """A snapshot."""
        return Counts(self.succeeded, self.failed, self.skipped)

    def problems(self) -> tuple[Problem, ...]:
        """A snapshot, failed ones first, then by how many."""
        groups = list(self._groups.items())
        found = [group.problem(code, outcome) for (code, outcome), group in groups]
        return tuple(sorted(found, key=lambda p: (p.outcome != "failed", -p.count)))


class Item(Generic[T]):
    """One item: ``value``, and ways to say how it went. Unmarked items count as succeeded."""

    __slots__ = ("_key", "_tally", "marked", "value")

    def __init__(self, tally: Tally, value: T, key: Key[T]) -> None:
        self._tally = tally
        self._key = key
        self.value = value
        self.marked = False

    def __getitem__(self, name: Any) -> Any:
        return self.value[name]  # type: ignore[index]  # delegates to whatever the value is

    def attempt(self) -> Self:
        """``with item.attempt(): …`` turns ItemError and InputError into a failed item."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if isinstance(error, ItemError):
            self._mark("failed", error)
            return True
        if isinstance(error, InputError):
            self.fail(error.code, error.message, action=error.action)
            return True
        return False

    def fail(self, code: str, message: str, **words: Unpack[Words]) -> None:
        """This item failed; equal codes are shown as one problem (see ItemError for the words)."""
        self._mark("failed", ItemError(code, message, **words))

    def skip(self, code: str, message: str, **words: Unpack[Words]) -> None:
        """This item needed no work."""
        self._mark("skipped", ItemError(code, message, **words))

    def _mark(self, outcome: Outcome, flaw: ItemError) -> None:
        if not self.marked:
            self.marked = True
            self._tally.add(outcome, flaw, flaw.example or whole(self._named()))

    def _named(self) -> str:
        if self._key is None:
            return ""
        return str(self._key(self.value) if callable(self._key) else self[self._key])
