"""Each state of a notice and each event: what becomes of it, in one table. What has ended stays so,
but for an email that comes back, and one that operators send again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ringback.explain import explain
from ringback.job import Job, Result
from tests.rig import new_spec

ID = "<1@x>"

EVENTS: dict[str, Callable[[Job], Job]] = {
    "receipt": lambda job: job.received(job.version, "pong"),
    "preferences change": lambda job: job.chosen("fallback"),
    "a mailer begins": lambda job: job.email_started(ID),
    "taken": lambda job: job.email_sent("Taken."),
    "refused": lambda job: job.email_failed("Refused."),
    "put off": lambda job: job.email_delayed("Later.", 10_000),
    "server down": lambda job: job.email_paused("Down."),
    "not its turn": lambda job: job.email_queued("Many emails.", 1, ID),
    "not wanted": lambda job: job.email_skipped("Not wanted.", ID),
    "not yet wanted": lambda job: job.email_held("Quiet.", 1, ID),
    "came back": lambda job: job.email_bounced(ID, "Came back."),
    "sent again": Job.email_again,
}
OPEN = {
    "a mailer begins": "sending", "taken": "sent", "refused": "failed", "put off": "delayed",
    "server down": "delayed",
}  # fmt: skip
WAITS = {
    **OPEN, "receipt": "skipped", "not wanted": "skipped", "not its turn": "waiting",
    "not yet wanted": "waiting",
}  # fmt: skip
#: State to what each event makes of it; what isn't named changes nothing.
TABLE = {
    "waiting": WAITS,
    "sending": {**OPEN, "came back": "failed"},
    # it may be out since an earlier try
    "delayed": {**WAITS, "came back": "failed"},
    "sent": {"came back": "failed"},
    "skipped": {},
    "failed": {},
    "failed, and not by its user": {"sent again": "waiting"},
}


def ended() -> Job:
    job = replace(Job(spec=new_spec("ann")).claimed(), version=2)
    return replace(job.ended(Result("Done")), version=3)


def in_state(name: str) -> Job:
    """A job whose notice is in a state, by the way that leads there."""
    begun = ended().email_started(ID)
    return {
        "waiting": ended(), "sending": begun, "delayed": begun.email_delayed("Later.", 10_000),
        "sent": begun.email_sent("Taken."), "skipped": ended().received(3, "pong"),
        "failed": begun.email_failed("Refused."),
        "failed, and not by its user": begun.email_failed("Refused.", dead=True),
    }[name]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", TABLE)
def test_each_event_makes_of_each_state_what_the_table_says(state: str, event: str) -> None:
    before = in_state(state)
    assert before.notice is not None
    after = EVENTS[event](before)
    assert after.notice is not None
    assert after.notice.state == TABLE[state].get(event, before.notice.state)
    assert after.notice.reason, "every state has words"
    if not after.notice.open:
        told = explain(after, [])
        assert told.end in ("receipt", "accepted", "skipped", "failed")
        assert told.lines[-1].text == after.notice.reason


@pytest.mark.parametrize(
    ("event", "state"),
    [("not wanted", "skipped"), ("not yet wanted", "waiting"), ("not its turn", "waiting")],
)
def test_the_mark_of_a_mailer_that_had_lost_its_claim_stops_nobody(event: str, state: str) -> None:
    """Asleep: it marked the notice after its successor was through, and sends nothing."""
    after = EVENTS[event](ended().email_started("<asleep@x>"))
    assert after.notice is not None
    assert after.notice.state == state
