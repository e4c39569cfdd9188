"""Job functions that do what they shouldn't: the user hears of it at once, and in true words."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ringback import ExternalError, ItemError, Link, Result, Run, job
from ringback.testing import Outcome, retry_job, run_job


async def _numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def _leave(_: Run) -> None:
    sys.exit(3)


def _cancel(_: Run) -> None:
    raise asyncio.CancelledError


def _group(_: Run) -> None:
    raise BaseExceptionGroup("several", [SystemExit(1), ValueError("x")])


def _half_a_result(run: Run) -> Result:
    for _ in run.items(range(3)):
        pass
    return Result(None, [1])  # type: ignore[arg-type]  # as a careless author would


def _words_as_total(run: Run) -> None:
    for _ in run.items(range(3), total="three"):  # type: ignore[arg-type]
        pass


def _too_far(run: Run) -> None:
    run.progress(10**30)


def _trap(run: Run) -> Result:
    return run.result("Done", [Link("Look", "javascript:alert(1)")])


ROUGH = [_leave, _cancel, _group, _half_a_result, _words_as_total, _too_far, _trap]


@pytest.mark.parametrize("function", ROUGH)
def test_a_fault_of_the_function_ends_the_attempt_at_once(function: Callable[[Run], Any]) -> None:
    declared = job("test.rough", idempotent=True, max_attempts=2, backoff=(0, 0))(function)
    done = run_job(declared, raising=False)
    assert (done.state, done.attempts) == ("failed", 2)
    assert done.view["error"]["code"] == "internal"
    assert "worker_lost" not in str(done.history)


def test_a_service_may_say_when_in_the_words_of_a_header() -> None:
    @job("test.busy", idempotent=True)
    def busy(_: Run) -> None:
        raise ExternalError("Busy.", retry_after="60")  # type: ignore[arg-type]

    done = run_job(busy, attempts=1)
    assert done.job.next_at is not None
    assert done.job.next_at.ms - done.job.updated_at.ms >= 60_000


def test_an_item_error_that_no_item_meets_is_the_jobs_own() -> None:
    @job("test.bare")
    def bare(_: Run) -> None:
        raise ItemError("bad", "{count} rows are bad")

    assert run_job(bare).view["error"]["message"] == "1 rows are bad"


def test_what_is_told_is_cut_to_what_can_be_shown() -> None:
    @job("test.talker", idempotent=True)
    def talker(run: Run) -> Result:
        with run.step("s" * 9_999):
            run.message("m" * 9_999)
            for item in run.items(["k" * 9_999], key=str):
                item.fail("c" * 999, "p" * 9_999, action="a" * 9_999, example="e" * 9_999)
        return run.result("r" * 99_999, [Link("l" * 999, "https://example.com/")])

    assert len(str(run_job(talker).view)) < 20_000


def _keys(run: Run) -> list[str]:
    first = list(run.items("ab", key=str))
    for _ in run.items("ab", key=str):
        pass
    return [item.idempotency_key for item in first]


def test_an_items_key_stays_its_own_when_another_loop_has_begun() -> None:
    seen: list[str] = []

    @job("test.keys", idempotent=True)
    def keys(run: Run) -> None:
        seen.extend(_keys(run))

    done = run_job(keys)
    assert seen == [f"{done.job.id}/0/a", f"{done.job.id}/0/b"]


def test_an_item_that_is_behind_cant_be_counted_again() -> None:
    @job("test.late", idempotent=True)
    def late(run: Run) -> None:
        for item in list(run.items("ab", key=str)):
            item.fail("late", "{count} were late")

    counts = run_job(late).counts
    assert (counts.succeeded, counts.failed) == (2, 0)


def test_async_loops_may_not_lie_within_each_other_but_follow_one_another() -> None:
    @job("test.nested")
    async def nested(run: Run) -> None:
        async for _ in run.aitems(_numbers(2)):
            async for _ in run.aitems(_numbers(2)):
                pass

    with pytest.raises(RuntimeError, match=r"run\.items within run\.items"):
        run_job(nested)

    @job("test.left")
    async def left(run: Run) -> None:
        async for item in run.aitems(_numbers(5)):
            if item.value == 2:
                break
        async for _ in run.aitems(_numbers(3)):
            pass

    assert run_job(left).counts.succeeded == 5


def test_a_step_within_one_that_cant_be_interrupted_cant_be_either() -> None:
    reached: list[str] = []

    @job("test.steps", idempotent=True)
    def steps(run: Run) -> None:
        for item in run.items(range(3)):
            if item.value == 1:
                with run.step("outer", cancellable=False):
                    with run.step("inner"):
                        run.checkpoint()
                    run.checkpoint()
                    reached.append("after the inner step")

    run_job(steps, events={1: "cancel"})
    assert reached in ([], ["after the inner step"])
    again = run_job(steps)
    assert again.state == "succeeded"


def test_all_of_a_retry_of_failed_items_is_those_items() -> None:
    tried: list[int] = []

    @job("test.some", idempotent=True)
    def some(run: Run) -> None:
        for item in run.items(range(10), total=10):
            tried.append(item.value)
            if item.value in (3, 7):
                item.fail("bad", "{count} are bad")

    first = run_job(some)
    second = retry_job(first, "failed")
    tried.clear()
    third: Outcome = retry_job(second, "all")
    assert tried == [3, 7]
    assert third.view["progress"]["done"] == third.view["progress"]["total"] == 2
    assert third.counts.failed == 2


@pytest.mark.parametrize("events", [{3: "bogus"}, {-1: "cancel"}, {"3": "stop"}, {"x": "stop"}])
def test_the_kit_refuses_events_that_cant_come(events: Any) -> None:
    @job("test.plain")
    def plain(_: Run) -> None:
        pass

    with pytest.raises((ValueError, AssertionError)):
        run_job(plain, events=events)
