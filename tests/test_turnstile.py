"""The turnstile: few at a time, first come first served, once for all who want the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ringback.turnstile import Turnstile


class Work:
    """Work that ends when it is told to, and notes who began it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.inside = self.most = 0
        self.may_end = asyncio.Event()

    def of(self, name: str) -> Callable[[], Awaitable[str]]:
        """Some of it."""

        async def work() -> str:
            self.begun.append(name)
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.may_end.wait()
            self.inside -= 1
            return name

        return work


async def asked(turns: Turnstile, work: Work, *names: str) -> list[asyncio.Task[str]]:
    """Each asks for what bears its name, up to the first dot."""
    tasks = [
        asyncio.create_task(turns.take(name.partition(".")[0], work.of(name))) for name in names
    ]
    for _ in range(3):  # turns of the loop until those who may have begun
        await asyncio.sleep(0)
    return tasks


async def test_few_are_inside_at_once_and_all_come_through_in_their_order() -> None:
    turns, work = Turnstile(width=3), Work()
    names = [f"n{number}" for number in range(20)]
    tasks = await asked(turns, work, *names)
    assert (work.begun, turns.waiting) == (names[:3], 17)
    work.may_end.set()
    assert await asyncio.gather(*tasks) == work.begun == names
    assert work.most == 3


async def test_who_wants_the_same_shares_a_turn_that_has_not_come() -> None:
    turns, work = Turnstile(width=1), Work()
    tasks = await asked(turns, work, "first", "same.1", "same.2", "other", "same.3")
    work.may_end.set()
    results = await asyncio.gather(*tasks)
    assert results == ["first", "same.1", "same.1", "other", "same.1"]
    assert work.begun == ["first", "same.1", "other"]


async def test_a_turn_that_has_begun_is_not_shared() -> None:
    turns, work = Turnstile(width=1), Work()
    early = await asked(turns, work, "same.early")
    late = await asked(turns, work, "same.late")
    work.may_end.set()
    assert await asyncio.gather(*early, *late) == ["same.early", "same.late"]


async def test_who_leaves_while_waiting_costs_nothing() -> None:
    turns, work = Turnstile(width=1), Work()
    _, gone, half_gone, stays = await asked(turns, work, "first", "gone", "half.1", "half.2")
    gone.cancel()
    half_gone.cancel()
    work.may_end.set()
    assert await stays == "half.1"
    assert work.begun == ["first", "half.1"]


async def test_an_error_reaches_all_who_share_it_and_harms_nobody_else() -> None:
    turns = Turnstile(width=1)

    async def fails() -> str:
        raise ConnectionError("away")

    async def works() -> str:
        return "fine"

    first, second = (asyncio.create_task(turns.take("same", fails)) for _ in range(2))
    third = asyncio.create_task(turns.take("other", works))
    for task in (first, second):
        with pytest.raises(ConnectionError, match="away"):
            await task
    assert await third == "fine"
    assert await turns.take("same", works) == "fine"
