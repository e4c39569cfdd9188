"""Examples of what goes over sockets, streams and HTTP, for ``/asyncapi.json`` and
``/openapi.json``. They are made of the models, so they have the shape of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from gateway.kinds import NOT_FOUND
from gateway.models import (
    FILE_ID,
    JOB_ID,
    WHEN,
    AttemptView,
    CancelEvent,
    CanView,
    CountsView,
    ExpiringEvent,
    ItemProblemView,
    JobAck,
    JobsEvent,
    JobView,
    Ok,
    PresenceEvent,
    ProblemView,
    ProgressView,
    RefreshAck,
    RefreshEvent,
    Refused,
    RetryEvent,
    SeenEvent,
    StepView,
    SubmitRequest,
    WatchAck,
    WatchEvent,
)

CURSOR = "5f3a01bc:42"


@dataclass(frozen=True, slots=True)
class Example:
    """A payload, the cursor that comes with it, and what it shows."""

    payload: BaseModel
    cursor: str | None = None
    summary: str | None = None


VIEW = JobView(
    id=JOB_ID, version=17, type="csv.import", title="Import of customers.csv",
    severity="normal", state="running",
    message="Checking 500 rows",
    promise="You can leave this page: we'll email a…@example.com when it ends.",
    queue=None, step=StepView(index=2, count=4, name="Checking rows"),
    progress=ProgressView(done=124, total=500, unit="rows", eta=None),
    counts=CountsView(succeeded=120, failed=3, skipped=1),
    problems=[
        ItemProblemView(
            code="missing_id", outcome="failed", count=3, message="3 rows have no ID",
            action="Give each row a unique ID and import the file again", examples=["row 17"],
        )
    ],
    error=None, result=None, attempt=AttemptView(number=1, max=5, next_at=None, reason=None),
    can=CanView(cancel=True, retry=[]), cancel_warning=None, stalled=False, email=None,
    retry_of=None, parent=None, children=None, created_at=WHEN, started_at=WHEN, updated_at=WHEN,
    finished_at=None,
)  # fmt: skip
PROBLEM = ProblemView(
    type=NOT_FOUND.type, title=NOT_FOUND.title, status=NOT_FOUND.status,
    detail=f"There is no job {JOB_ID}.",
)  # fmt: skip
EXAMPLES = (
    Example(JobsEvent(jobs=[VIEW], reset=True), CURSOR),
    Example(JobsEvent(jobs=[VIEW], reset=True, user="ada"), None, "During a watch"),
    Example(VIEW, CURSOR),
    Example(VIEW, None, "During a watch"),
    Example(ExpiringEvent(expires_at=WHEN, expires_in=60)),
    Example(
        SubmitRequest(
            type="csv.import", params={"file": FILE_ID, "table": "customers", "key": "id"},
            idempotency_key="import-of-monday",
        )
    ),
    Example(CancelEvent(id=JOB_ID)),
    Example(RetryEvent(id=JOB_ID, scope="failed")),
    Example(SeenEvent(id=JOB_ID, version=18)),
    Example(PresenceEvent(state="away")),
    Example(RefreshEvent(token="eyJhbGciOiJ…")),  # noqa: S106 (it opens nothing)
    Example(WatchEvent(user="ada", reason="She asked why her import failed")),
    Example(WatchEvent(user=None), None, "Back to the own page"),
    Example(Ok(ok=True)),
    Example(JobAck(ok=True, job=VIEW)),
    Example(RefreshAck(ok=True, expires_at=WHEN)),
    Example(WatchAck(ok=True, user="ada")),
    Example(Refused(ok=False, problem=PROBLEM)),
)  # fmt: skip


def examples_of(model: type[BaseModel]) -> Sequence[Example]:
    """What a message of this payload looks like."""
    return [example for example in EXAMPLES if type(example.payload) is model]
