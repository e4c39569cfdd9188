"""The view against its published model: whatever happens to a job, no more and no less."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.models import WHEN, EmailView, JobView
from ringback.codec import view_json
from ringback.estimate import Estimate
from ringback.instant import Instant
from ringback.job import Counts, Job, Place, Problem, Progress, State, Step
from ringback.plan import Course, Part, Task, sequence
from tests.eye import DONE
from tests.rig import new_spec
from tests.test_job import BROKE, CHANGES, REFUSALS, committed, finished, queued, running

MOMENT = re.compile(rb"\x01t[^\x02]*\x02")  #: what only a commit knows
STEP = Task(type="t", title="Reading")
PLACE = Place("about 10", "All workers are busy", "in about 2 minutes")
FLAWS = (
    Problem(code="no_id", outcome="failed", count=2, many="{count} rows have no ID"),
    Problem(code="old", outcome="skipped", count=1, many="{count} are old", examples=("row 17",)),
)


def busy(job: Job) -> Job:
    return job.advanced(
        message="Checking", step=Step(2, 4, "Checking", cancellable=False),
        progress=Progress(3, 10, Instant(1_000)), counts=Counts(1, 2, 1), problems=FLAWS,
    )  # fmt: skip


def planned(job: Job) -> Job:
    return job.planned(Course.of(sequence(STEP, replace(STEP, title="Writing"))))


def moved(job: Job) -> Job:
    """A pipeline's first step waits for another attempt, and something is undone."""
    if job.course is None:
        return job
    course = job.course.begun((Part(0), Part(0, undo=True)), job.id)
    child = course.at(Part(0))
    assert child is not None
    later = replace(
        child, state=State.RETRYING, version=4, attempt=1, attempts=3, next_at=Instant(5_000),
        reason="No answer.", error=BROKE, message="Reading",
    )  # fmt: skip
    return job.advanced(course=course.told({Part(0): later}))


MORE: Mapping[str, Callable[[Job], Job]] = {
    "busy": busy,
    "in a step of an unknown number": lambda job: job.advanced(step=Step(1, None, "Reading")),
    "planned": planned,
    "moved": moved,
    "broken": lambda job: job.failed(replace(BROKE, action="", ref=job.id, retryable=True)),
    "ended with a link": lambda job: job.ended(DONE),
    "ended without a word": lambda job: job.ended(None),
    "placed": lambda job: job.positioned(PLACE),
    "placed, next": lambda job: job.positioned(Place(None, "Waiting for a free worker")),
    "no emails": lambda job: job.chosen("never"),
    "email skipped": lambda job: job.email_skipped("You turned off emails."),
    "email held": lambda job: job.email_held("Your quiet hours.", 9_000),
}  # fmt: skip
EVERYTHING = {**CHANGES, **MORE}

#: One job each, by what is special about it.
CASES: Mapping[str, Callable[[], Job]] = {
    "queued": queued,
    "positioned": lambda: queued().positioned(PLACE),
    "running": running,
    "with step, progress and problems": lambda: busy(running(cancel_warning="Half is left.")),
    "stalled": lambda: running().fell_silent(),
    "slow": lambda: promised(running()).took_long(),
    "retrying": lambda: running(idempotent=True).retry_later(BROKE, 1_000),
    "paused": lambda: running(idempotent=True).paused("Stripe", 1_000),
    "cancelling": lambda: running().cancel_requested(),
    "cancelling, late": lambda: committed(running().cancel_requested()).fell_silent(),
    "cancelled": lambda: queued().cancel_requested(),
    "forced": lambda: running().cancel_requested().forced("sue", "it hangs"),
    "succeeded": lambda: running().ended(DONE),
    "partial": finished,
    "failed": lambda: busy(running(idempotent=True)).failed(BROKE),
    "seen": lambda: seen(committed(running().ended(DONE))),
    "email under way": lambda: finished().email_started("<1@x>"),
    "email sent": lambda: finished().email_sent("250 OK"),
    "email delayed": lambda: finished().email_delayed("451 busy", 5_000),
    "email failed": lambda: finished().email_failed("550 no such user"),
    "email held": lambda: finished().email_held("Your quiet hours.", 9_000),
    "retry of another": lambda: related(queued(), retry_of="1f-1"),
    "step of a pipeline": lambda: related(queued(), parent="1f-1"),
    "pipeline without plan": lambda: running(on_failure="stop"),
    "pipeline": lambda: moved(planned(running(on_failure="compensate"))),
}


def promised(job: Job) -> Job:
    return related(job, estimate=Estimate(runs=50, low=60_000, high=120_000, late=300_000))


def related(job: Job, **spec: Any) -> Job:
    return replace(job, spec=replace(job.spec, **spec))


def seen(job: Job) -> Job:
    return job.received(job.version, "seen")


def checked(job: Job) -> dict[str, Any]:
    """The view, which the model takes as it is, unknown fields at any depth refused."""
    view = MOMENT.sub(orjson.dumps(WHEN), view_json(committed(job)))
    whole = JobView.model_validate_json(view, strict=True, extra="forbid")
    return whole.model_dump()


@pytest.mark.parametrize("case", CASES)
def test_the_view_is_what_the_model_says(case: str) -> None:
    assert checked(CASES[case]())["version"] >= 1


def test_these_cases_show_every_state_and_every_field() -> None:
    views = [checked(make()) for make in CASES.values()]
    assert {view["state"] for view in views} == set(State)
    emails = {view["email"]["state"] for view in views if view["email"]}
    assert emails == set(get_args(EmailView.model_fields["state"].annotation))
    filled = {path for view in views for path in paths(view)}
    assert filled == {path for view in views for path in paths(view, empty=True)}
    assert JobView.model_fields.keys() <= filled


def paths(value: Any, at: str = "", *, empty: bool = False) -> Iterator[str]:
    """The names of all fields that are filled, at any depth; or of the empty ones, too."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from paths(part, f"{at}.{name}".lstrip("."), empty=empty)
    elif isinstance(value, list):
        for part in value:
            yield from paths(part, at, empty=empty)
    if at and (empty or value not in (None, [])):
        yield at


def test_an_unknown_field_is_refused_at_any_depth() -> None:
    view = checked(CASES["pipeline"]())
    for part in (view, view["can"], view["children"][0], view["children"][0]["error"]):
        part["surprise"] = True
        with pytest.raises(ValueError, match="surprise"):
            JobView.model_validate(view, strict=True, extra="forbid")
        del part["surprise"]


@given(
    st.lists(st.sampled_from(sorted(EVERYTHING)), max_size=25),
    st.sampled_from([None, "stop", "continue", "compensate"]),
    st.booleans(),
    st.sampled_from(["", None]),
)
def test_whatever_happens_in_whatever_order_the_view_is_what_the_model_says(
    names: list[str], on_failure: str | None, idempotent: bool, email: str | None
) -> None:
    job = committed(Job(spec=new_spec(email=email, on_failure=on_failure, idempotent=idempotent)))
    for name in names:
        try:
            job = committed(EVERYTHING[name](job))
        except REFUSALS:
            continue
        checked(job)
