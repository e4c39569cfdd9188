"""``@pipeline``: declares a job type that is made of other jobs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from pydantic import ValidationError

from ringback.catalog import JobType
from ringback.declare import (
    DeclaredJob,
    check_name,
    check_one_of,
    milliseconds,
    schema_of,
)
from ringback.errors import InvalidParams, JobError, PlanError
from ringback.job import Policy
from ringback.plan import Course, Plan, Task
from ringback.spec import OnFailure, Severity

PlanFunction = Callable[..., Plan]

NO_PLAN = "The steps of this job couldn't be planned; your input isn't the cause."
TOLD = "Nothing was started. Our team gets this failure with its reference."


class DeclaredPipeline(DeclaredJob):
    """A pipeline and the function that plans it; calling it calls the function."""

    def course(self, params: dict[str, Any]) -> Course:
        """What the function plans. Raises PlanError where that can't work, and the function's
        own JobErrors."""
        try:
            return Course.of(self.function(**params))
        except JobError:
            raise
        except (InvalidParams, ValidationError, TypeError, ValueError) as error:
            raise PlanError(NO_PLAN, action=TOLD) from error

    def task(self, **_: Any) -> Task:
        """Pipelines aren't steps: TypeError."""
        raise TypeError(f"{self.kind.name} is a pipeline; use its sequence as a part, not itself")

    def compensate(self, _: Callable[..., Any]) -> DeclaredJob:
        """Its steps are undone one by one: TypeError."""
        raise TypeError(f"{self.kind.name} is a pipeline; its steps have their own compensation")


def pipeline(
    name: str,
    *,
    title: str | None = None,
    on_failure: OnFailure = "stop",
    idempotent: bool = False,
    timeout: float | None = None,
    start_within: float = 7 * 86_400,
    cancellable: bool = True,
    cancel_warning: str | None = None,
    cancel_within: float = 30,
    unique_key: str | None = None,
    receipt: Literal["pong", "seen"] = "pong",
    severity: Severity = "normal",
    grace_absent: float | None = None,
    grace_present: float | None = None,
) -> Callable[[PlanFunction], DeclaredPipeline]:
    """Declares a pipeline: ``def onboard(*, file: File, table: str) -> Plan``, a function that only
    says which jobs there are to do, as ``sequence(a.task(…), parallel(b.task(…), c.task(…)))``.

    To its user it is one job: one view, one notice. Its steps are jobs, with the retries, the
    resuming and the deadlines of their types; a step that ends ``partial`` counts as done. The
    function may be called again after a crash, and holds up a worker only while it plans.

    ``on_failure``: what a step means that failed for good. ``"stop"``: what runs is let finish, and
    nothing more is started. ``"continue"``: the other steps are done all the same.
    ``"compensate"``: as ``stop``; then what was done is undone, the last first, by the functions
    declared with ``@my_job.compensate``; a step without one is kept, and the user is told so. Where
    undoing fails, the rest is left as it is, and the job is for the operators.

    ``idempotent``: the user may do the whole again. ``timeout``: seconds from the first start to
    the end; then running steps are stopped. The rest is as for ``@job``. Raises what ``@job``
    raises, and TypeError for an ``async`` function.
    """
    check_name(name)
    check_one_of(Severity, "severity", severity)

    def declare(function: PlanFunction) -> DeclaredPipeline:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} only makes a plan, so it can't be async")
        kind = JobType(
            name=name,
            title=title or name,
            description=inspect.getdoc(function) or "",
            params=schema_of(name, function),
            unique_key=unique_key,
            policy=Policy(
                unit="steps", on_failure=on_failure, idempotent=idempotent, resume=False,
                timeout=milliseconds(timeout), start_within=round(start_within * 1000),
                cancellable=cancellable, cancel_warning=cancel_warning,
                cancel_within=round(cancel_within * 1000), receipt=receipt,
                severity=severity,
                grace_absent=milliseconds(grace_absent),
                grace_present=milliseconds(grace_present),
            ),
        )  # fmt: skip
        return DeclaredPipeline(kind, function)

    return declare
