"""Declaring pipelines: what is wrong is said where it is written, or where it is planned."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from ringback import File, InputError, Plan, Result, Run, job, pipeline, sequence
from ringback.errors import InvalidParams, PlanError
from ringback.plan import Task
from ringback.testing import run_job
from ringback.worker import Declared


@job("p.load", title="Loading {file.name}", idempotent=True, max_attempts=3, unit="rows")
def load(run: Run, *, file: File, day: date, share: Annotated[int, Field(le=100)] = 50) -> Result:
    """Loads."""
    return run.result(f"{file.name} {day} {share}")


@load.compensate
def unload(run: Run, *, file: File, day: date, share: int = 50) -> None:
    """Unloads."""


@job("p.tell", cancellable=False)
def tell(run: Run, *, whom: str | None = None) -> Result:
    """Tells."""
    return run.result(f"{whom}")


@pipeline("p.whole", title="Whole {file.name}", on_failure="compensate", timeout=60)
def whole(*, file: File, day: str) -> Plan:
    """Loads and tells."""
    if day == "never":
        raise InputError("There is no such day.", action="Choose another.")
    return sequence(load.task(file=file, day=day), tell.task())


FILE = File(
    id="73-f", name="a.csv", size=1, content_type="text/csv", path=Path("/tmp/a.csv")
)  # fmt: skip


def test_a_step_has_its_params_as_json_its_title_and_the_policy_of_its_type() -> None:
    step = load.task(file=FILE, day=date(2026, 1, 31))
    assert isinstance(step, Task)
    assert (step.type, step.title) == ("p.load", "Loading a.csv")
    assert step.params == {"file": "73-f", "day": "2026-01-31"}
    assert (step.policy.max_attempts, step.policy.unit) == (3, "rows")


def test_a_step_knows_how_it_is_undone() -> None:
    undo = load.task(file=FILE, day="2026-01-31").undo
    assert undo is not None
    assert (undo.idempotent, undo.cancellable, undo.max_attempts) == (True, False, 3)
    assert tell.task().undo is None


@pytest.mark.parametrize(("params", "field", "fault"), [
    ({}, "params.file", "is missing"),
    ({"file": FILE, "day": "x"}, "params.day", "valid date"),
    ({"file": FILE, "day": "2026-01-31", "share": 101}, "params.share", "or equal to 100"),
    ({"file": FILE, "day": "2026-01-31", "tabel": 1}, "params.tabel", "is unknown"),
    ({"file": 5, "day": "2026-01-31"}, "params.file", "must be text"),
])  # fmt: skip
def test_a_step_with_wrong_params_is_refused_by_field(
    params: dict[str, Any], field: str, fault: str
) -> None:
    with pytest.raises(InvalidParams) as caught:
        load.task(**params)
    told = {error.field: error.message for error in caught.value.errors}
    assert fault in told[field]


def test_a_plan_that_cannot_work_is_ours_and_a_refusal_of_the_function_is_the_users() -> None:
    assert len(whole.course({"file": FILE, "day": "2026-01-31"}).tasks) == 2
    with pytest.raises(PlanError, match="your input isn't the cause"):
        whole.course({"file": FILE, "day": "x"})
    with pytest.raises(InputError, match="no such day"):
        whole.course({"file": FILE, "day": "never"})


def test_a_pipeline_is_a_job_type_of_steps() -> None:
    assert whole.file_params == ["file"]
    assert set(whole.kind.params["properties"]) == {"file", "day"}
    policy = whole.kind.policy
    assert (policy.unit, policy.on_failure, policy.timeout) == ("steps", "compensate", 60_000)


def test_a_worker_of_a_job_type_does_its_undoing_too_and_offers_it_to_nobody() -> None:
    declared = Declared()
    declared.collect(__import__(__name__, fromlist=["load"]))
    assert sorted(declared.jobs) == ["p.load", "p.load.undo", "p.tell", "p.whole"]
    offered = {name for name, declared_job in declared.jobs.items() if declared_job.offered}
    assert offered == {"p.load", "p.tell", "p.whole"}


def test_what_cannot_be_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"must take the params of p\.load"):

        @load.compensate
        def forgets(run: Run, *, file: File) -> None:
            """Takes fewer."""

    with pytest.raises(TypeError, match="can't be async"):

        @pipeline("p.async")  # type: ignore[arg-type]  # that is the point
        async def planned(*, whom: str) -> Plan:
            return tell.task(whom=whom)

    with pytest.raises(TypeError, match="is a pipeline"):
        sequence(whole.task(file=FILE, day="x"))
    with pytest.raises(TypeError, match="own compensation"):
        whole.compensate(unload)
    with pytest.raises(TypeError, match="run its steps"):
        run_job(whole, params={"file": "x", "day": "y"})
    with pytest.raises(ValueError, match="can't be a job type's name"):
        pipeline("no name")
