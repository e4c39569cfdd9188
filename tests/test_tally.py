"""Items are counted once each, whatever befalls the attempts that do them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback import control, store
from ringback.connection import Store
from ringback.errors import JobError, StoreUnavailable
from ringback.estimate import MINUTE, Estimate
from ringback.external import Services
from ringback.item import Item
from ringback.job import RECORDED, Counts, Job, Progress, State
from ringback.keys import key
from ringback.run import Run
from ringback.tally import EXAMPLES, PROBLEMS, ItemRecord, Tally, record_of
from tests.eye import with_db
from tests.mishaps import Died, Fault, Wire, die
from tests.rig import Valkey, new_spec

FORMS = "list", "seek", "async"
_TITLES = count()


@dataclass
class Plan:
    """What befalls one attempt: it dies at its n-th item (None: at none); progress is written
    after some items, and answered or, though carried out, not."""

    dies: int | None = None
    answered: Mapping[int, bool] = field(default_factory=dict)
    end: str = "well"  #: or the worker dies "before" it is written, or "after"


@dataclass
class Life:
    """A job of two loops, and how it went. ``outcomes``: of the items of each loop."""

    db: Store
    wire: Wire
    outcomes: tuple[list[str], list[str]]
    form: str = "list"
    done: list[tuple[int, str]] = field(default_factory=list)  #: loop and key of what was tried
    keys: dict[tuple[int, str], set[str]] = field(default_factory=dict)

    def live(self, job: Job, plans: list[Plan]) -> Job:
        """From the first attempt to the end."""
        for plan in [*plans, Plan()]:
            job = self.db.do(store.update(job, Job.claimed))
            with suppress(Died):
                self._attempt(job, plan)
            job = self.db.do(store.load(job.id))
            if job.state.terminal:
                return job
            job = self.db.do(store.update(job, Job.lease_expired))
        raise AssertionError("the last attempt has no accident")

    def _attempt(self, job: Job, plan: Plan) -> None:
        self.wire.begin()
        run = Run(self.wire, job, Path("/nowhere"), Services(self.db))
        if self.form == "async":
            asyncio.run(self._loops_async(run, plan))
        else:
            self._loops(run, plan)
        if plan.end != "well":
            self.wire.begin(fault=Fault(0, die, late=plan.end == "after"))
        run.finish(lambda job: job.ended(None))

    def _loops(self, run: Run, plan: Plan) -> None:
        place = count()
        for loop, outcomes in enumerate(self.outcomes):
            for item in run.items(partial(_from, outcomes) if self.form == "seek" else outcomes):
                self._do(run, plan, next(place), loop, item)

    async def _loops_async(self, run: Run, plan: Plan) -> None:
        place = count()
        for loop, outcomes in enumerate(self.outcomes):
            async for item in run.aitems(_slowly(outcomes)):
                self._do(run, plan, next(place), loop, item)

    def _do(self, run: Run, plan: Plan, place: int, loop: int, item: Item[str]) -> None:
        self.done.append((loop, item.key))
        self.keys.setdefault((loop, item.key), set()).add(item.idempotency_key)
        if place == plan.dies:
            die()
        if item.value == "fails":
            item.fail("bad", "{count} are bad", example=item.key)
        elif item.value == "skipped":
            item.skip("known", "{count} are known")
        if place in plan.answered:
            lost = Fault(0, _unanswered, late=True)
            self.wire.begin(fault=None if plan.answered[place] else lost)
            run.flush()

    def records(self, job: Job, outcome: Any) -> list[tuple[int, str]]:
        """Loop and key of the items that are kept one by one."""
        found = map(record_of, self.db.do(store.items(job.id, outcome)))
        return [(record.loop, record.key) for record in found]

    def that(self, outcome: str) -> list[tuple[int, str]]:
        """Loop and key of the items with an outcome."""
        return [
            (loop, str(place))
            for loop, outcomes in enumerate(self.outcomes)
            for place, each in enumerate(outcomes, 1)
            if each == outcome
        ]


def _from(values: list[str], start: int) -> list[str]:
    return values[start:]


async def _slowly(values: list[str]) -> AsyncIterator[str]:
    for value in values:
        await asyncio.sleep(0)
        yield value


def _unanswered() -> None:
    raise StoreUnavailable("no answer")


@pytest.fixture
def wire(shared_valkey: Valkey) -> Iterator[Wire]:
    connection = Wire(shared_valkey.url, [])
    yield connection
    connection.close()


def submitted(db: Store, **policy: Any) -> Job:
    spec = new_spec(f"ann-{next(_TITLES)}", idempotent=True, max_attempts=99, **policy)
    return db.do(store.submit(spec)).job


def started(db: Store, job: Job | None = None, **policy: Any) -> Run:
    job = db.do(store.update(job or submitted(db, **policy), Job.claimed))
    return Run(db, job, Path("/nowhere"), Services(db))


def end(run: Run) -> Job:
    return run.finish(lambda job: job.ended(None))


outcomes = st.lists(st.sampled_from(["fine", "fails", "skipped"]), max_size=8)
plans = st.lists(
    st.builds(
        Plan,
        dies=st.none() | st.integers(0, 16),
        answered=st.dictionaries(st.integers(0, 16), st.booleans(), max_size=6),
        end=st.sampled_from(["before", "after"]),
    ),
    max_size=5,
)


# -- crashes


@with_db
@given(st.tuples(outcomes, outcomes), plans, st.sampled_from(FORMS))
def test_wherever_attempts_die_and_answers_get_lost_each_item_counts_once(
    db: Store, wire: Wire, outcomes: tuple[list[str], list[str]], plans: list[Plan], form: str
) -> None:
    life = Life(db, wire, outcomes, form)
    job = life.live(submitted(db), plans)
    wanted = Counter(outcomes[0]) + Counter(outcomes[1])
    assert job.counts == Counts(wanted["fine"], wanted["fails"], wanted["skipped"])
    assert {(p.outcome, p.count) for p in job.problems} == {
        (outcome, wanted[name])
        for outcome, name in (("failed", "fails"), ("skipped", "skipped"))
        if wanted[name]
    }
    assert life.records(job, "failed") == life.that("fails")
    assert life.records(job, "skipped") == life.that("skipped")
    assert all(len(keys) == 1 for keys in life.keys.values()), "one key in all attempts"
    assert len(set().union(*life.keys.values())) == len(life.keys), "and no other item has it"


@with_db
@given(st.tuples(outcomes, outcomes), plans, st.sampled_from(FORMS))
def test_a_retry_of_the_failed_items_does_these_and_counts_these_only(
    db: Store, wire: Wire, outcomes: tuple[list[str], list[str]], plans: list[Plan], form: str
) -> None:
    first = Life(db, wire, outcomes, form)
    job = first.live(submitted(db), [])
    if "failed" not in job.scopes:
        return
    again = db.do(control.retry(job.id, scope="failed")).job
    life = Life(db, wire, outcomes, form)
    ended = life.live(again, plans)

    failed = first.that("fails")
    assert set(life.done) == set(failed)
    assert (ended.counts, ended.state) == (Counts(failed=len(failed)), State.FAILED)
    assert life.records(ended, "failed") == failed
    assert all(life.keys[each] == first.keys[each] for each in failed), "services see one request"


def test_a_job_that_loses_its_work_with_its_attempt_starts_over_with_empty_lists(
    db: Store,
) -> None:
    run = started(db, resume=False)
    for item in run.items(range(3)):
        item.fail("bad", "{count} are bad")
    run.flush()
    job = db.do(store.update(run.job_id, Job.lease_expired))
    assert len(db.do(store.items(job.id, "failed"))) == 3

    run = started(db, job)
    assert db.do(store.items(job.id, "failed")) == []
    assert run.counts == Counts()
    assert [item.value for item in run.items(range(3))] == [0, 1, 2]
    assert end(run).counts == Counts(3)


def test_a_job_whose_failed_items_were_forgotten_meanwhile_says_so_and_does_nothing(
    db: Store,
) -> None:
    run = started(db)
    for item in run.items(range(3)):
        item.fail("bad", "{count} are bad")
    job = end(run)
    again = db.do(control.retry(job.id, scope="failed")).job
    db.client.delete(key(job.id[:2], "failed", job.id))
    run = started(db, again)
    with pytest.raises(JobError, match="no longer known") as caught:
        next(run.items(range(3)))
    assert not caught.value.retryable


# -- loops


def test_loops_within_each_other_are_refused(db: Store) -> None:
    run = started(db)
    outer = run.items("ab")
    next(outer)
    with pytest.raises(RuntimeError, match="one after another"):
        next(run.items("cd"))


def test_a_loop_that_is_left_early_may_be_followed_by_another(db: Store) -> None:
    run = started(db)
    for item in run.items("abc"):
        if item.value == "b":
            break
    assert [item.value for item in run.items("de")] == ["d", "e"]
    assert end(run).marks == (1, 2)


def test_progress_is_that_of_the_source_and_stays_when_the_source_is_closed(
    db: Store, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("one\ntwo\n")
    run = started(db)
    with (tmp_path / "lines").open("rb") as file:
        for _ in run.items(iter(file.readline, b""), total=8, progress=file.tell):
            run.flush()
    assert end(run).progress == Progress(8, 8)


def test_a_source_that_broke_off_does_not_keep_the_job_from_ending(
    db: Store, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("one\ntwo\n")
    run = started(db)
    file = (tmp_path / "lines").open("rb")
    lines = run.items(iter(file.readline, b""), progress=file.tell)
    next(lines)
    file.close()
    run.flush()
    assert end(run).state is State.SUCCEEDED


# -- news


def test_an_eta_that_moves_by_itself_is_no_news(db: Store) -> None:
    job = submitted(db)
    slow = Estimate(runs=20, low=60 * MINUTE, high=60 * MINUTE, late=90 * MINUTE)
    job = db.do(store.update(job, Job.claimed))
    run = Run(db, replace(job, spec=replace(job.spec, estimate=slow)), Path("/nowhere"),
              Services(db))  # fmt: skip
    items = run.items(range(1000), total=1000)
    for _ in range(60):
        next(items)
    run._began -= 60.0  # a minute has passed
    run.flush()
    before = db.do(store.load(job.id))
    assert before.progress.eta is not None
    run._began -= 600.0  # and ten more without an item
    run.flush()
    assert db.do(store.load(job.id)).version == before.version
    next(items)
    run.flush()
    after = db.do(store.load(job.id))
    assert after.progress.eta is not None
    assert after.progress.eta.ms > before.progress.eta.ms + MINUTE


# -- the lists


def test_ten_thousand_failed_items_are_kept_and_all_are_counted(db: Store) -> None:
    run = started(db)
    more = RECORDED + 50
    for item in run.items(range(more)):
        item.fail("bad", "{count} are bad", one="1 is bad")
        if item.value in (10, 9_990):
            run.flush()
    job = end(run)
    kept = [record_of(text).key for text in db.do(store.items(job.id, "failed"))]
    assert kept == [str(place) for place in range(1, RECORDED + 1)]
    assert (job.counts.failed, job.problems[0].count) == (more, more)
    assert job.scopes == ("all",)


def test_a_job_may_read_its_failed_items_those_of_earlier_attempts_too(db: Store) -> None:
    run = started(db)
    items = run.items("abcd", key=str)
    next(items).fail("bad", "{count} are bad", example="a!")
    next(items).skip("known", "{count} are known")
    next(items)  # its outcome is written with the next one's
    run.flush()
    job = db.do(store.update(run.job_id, Job.lease_expired))

    run = started(db, job)
    for item in run.items("abcd", key=str):
        item.fail("worse", "{count} are worse")
    assert list(run.failed_items()) == [
        ItemRecord("a", "bad", "a!"), ItemRecord("c", "worse", "c"), ItemRecord("d", "worse", "d"),
    ]  # fmt: skip


def test_of_very_many_problems_the_rarest_are_told_as_others() -> None:
    tally = Tally(Job(spec=new_spec()))
    tally.next_loop()
    run = [Item(tally, place, None, place, "root") for place in range(PROBLEMS + 3)]
    for item in run:
        item.fail(f"problem-{item.value}", "{count} are bad", example=item.key)
    problems = tally.snapshot()[0].problems
    assert len(problems) == PROBLEMS + 1
    assert (problems[0].code, problems[0].message) == ("other", "3 more had other problems")


def test_of_one_problem_a_few_examples_are_shown() -> None:
    tally = Tally(Job(spec=new_spec()))
    tally.next_loop()
    for place in range(EXAMPLES + 3):
        Item(tally, str(place), str, place, "root").fail("bad", "{count} are bad")
    (problem,) = tally.snapshot()[0].problems
    assert (problem.count, problem.examples) == (EXAMPLES + 3, ("0", "1", "2", "3", "4"))
