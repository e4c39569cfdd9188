"""Items of a job: how each went."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypedDict, TypeVar, Unpack

from ringback.errors import SHORT, InputError, ItemError, whole
from ringback.job import Outcome
from ringback.tally import Tally

T = TypeVar("T")
Key = str | Callable[[T], object] | None


class Words(TypedDict, total=False):
    """The words of a problem besides code and message; see ItemError."""

    one: str | None
    action: str
    example: str


class Item(Generic[T]):
    """One item: ``value``, and ways to say how it went. Unmarked items count as succeeded.

    After a crash, an item that was worked on but not yet written down is worked on
    again: hand ``idempotency_key`` to whatever must not do it twice.
    """

    __slots__ = ("_key", "_loop", "_place", "_root", "_tally", "marked", "value")

    def __init__(self, tally: Tally, value: T, key: Key[T], place: int, root: str) -> None:
        self._tally = tally
        self._loop = tally.loop
        self._key = key
        self._place = place
        self._root = root
        self.value = value
        self.marked = False

    @property
    def key(self) -> str:
        """Names it among the items of its job: what `run.items(key=…)` makes of its value, or its
        place, from 1."""
        if self._key is None:
            return str(self._place + 1)
        named = self._key(self.value) if callable(self._key) else self[self._key]
        return whole(str(named), SHORT)

    @property
    def idempotency_key(self) -> str:
        """The same in every attempt of the job and in its retries, and in nothing else."""
        return f"{self._root}/{self._loop}/{self.key}"

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
            key = self.key
            example = flaw.example or ("" if self._key is None else key)
            self._tally.add(outcome, flaw, key, example)
