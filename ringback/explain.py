"""Why an email about a job's end was or wasn't sent, in words and in order: pure, from the job and
its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ringback.instant import duration
from ringback.job import Job, Notice, State
from ringback.notice import FOLLOWS, SEEN, UNSURE

#: How a notice ended. ``none``: the job hasn't; ``open``: something is still to be done;
#: ``unknown``: the mail server's answer got lost, so the email may have come twice or not at all.
End = Literal["none", "open", "receipt", "accepted", "unknown", "skipped", "failed"]

NOT_ENDED = "The job hasn't ended, so nothing is to be told yet."
CHANGED = "The email preferences changed, so it waits for an open page once more."
GRAVE = (
    "It has consequences that can't wait: nothing but this holds the email, and it is alone in it."
)
ONLY_SEEN = "Jobs of this type count as seen once the app says so."
_ENDED = {
    State.SUCCEEDED: "The job was done.",
    State.PARTIAL: "The job was partly done.",
    State.FAILED: "The job failed.",
    State.CANCELLED: "The job was cancelled.",
}
_EMAIL = "email "


@dataclass(frozen=True, slots=True)
class Line:
    """What happened at a moment (RFC 3339)."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """How the notice ended, in a sentence, and what led there."""

    end: End
    summary: str
    lines: tuple[Line, ...]


def explain(job: Job, entries: Sequence[Mapping[str, Any]]) -> Explanation:
    """The way of a job's notice; ``entries`` is the job's history, oldest first."""
    if job.notice is None:
        return Explanation("none", NOT_ENDED, ())
    return Explanation(_end(job.notice), job.notice.reason, tuple(_lines(job, job.notice, entries)))


def is_about_email(entry: Mapping[str, Any]) -> bool:
    """Whether a history entry tells of the notice alone."""
    return str(entry["what"]).startswith(_EMAIL)


def _end(notice: Notice) -> End:
    if notice.open:
        return "open"
    if notice.state == "sent":
        return "unknown" if notice.reason in UNSURE else "accepted"
    if notice.state == "failed":
        return "failed"
    return "receipt" if notice.reason == SEEN else "skipped"


def _lines(job: Job, notice: Notice, entries: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    ended = str(job.finished_at)
    yield Line(ended, _ENDED[job.state])
    for entry in entries:
        if entry.get("due"):
            yield from (Line(ended, text) for text in _grace(job, entry))
    told = [entry for entry in entries if is_about_email(entry)]
    tries = 0
    for entry in told:
        state, _, reason = str(entry["what"]).removeprefix(_EMAIL).partition(": ")
        tries += state == "sending"
        yield Line(str(entry["at"]), _step(state, reason, tries))
    if not told and not notice.open:  # decided with the job's end
        yield Line(str(notice.at), notice.reason)


def _step(state: str, reason: str, tries: int) -> str:
    if state == "sending":
        return reason if tries == 1 else f"Try {tries}: {reason[:1].lower()}{reason[1:]}"
    return CHANGED if reason == FOLLOWS else reason


def _grace(job: Job, entry: Mapping[str, Any]) -> Iterator[str]:
    """How long the notice waited for a receipt, and why so long."""
    policy = job.spec.policy
    grace = _ms(str(entry["due"])) - _ms(str(entry["at"]))
    if policy.grace_present == policy.grace_absent:
        there = "Whether a page was open or not, "
    else:
        present = grace == policy.grace_present
        there = "A page was open, so " if present else "No page was open, so "
    if grace:
        yield f"{there}the email had to wait {duration(grace)} for a page to show the end."
    else:
        yield f"{there}the email was due at once."
    if policy.receipt == "seen":
        yield ONLY_SEEN
    if job.grave:
        yield GRAVE


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
