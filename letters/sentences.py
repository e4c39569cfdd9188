"""Sentences: all that the code itself says in a letter.

Only what stands here can be said (``Speaker.say`` and ``.count`` take nothing else), so whatever
a letter says is in the catalogs: ``letters.extract`` goes through these tables. ``{…}`` are places
for values; a translation may move them.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from ringback.failure import WORKER_LOST, not_started, stopped_with_pipeline
from ringback.job import ALL_FAILED


class Sentence(StrEnum):
    """What is said of one thing, or between several."""

    COMMA = ", "
    SEMICOLON = "; "
    LINK = "{label}: {url}"
    QUOTED_LINK = "“{label}”: {url}"

    # headlines
    FAILED_BECAUSE = "{title} failed: {cause}"
    FAILED = "{title} failed"
    CANCELLED_AFTER = "{title} cancelled: {tally}"
    CANCELLED = "{title} cancelled"
    ENDED = "{title}: {tally}"
    DONE = "{title}: done"
    PARTLY_DONE = "{title}: partly done"
    NAMELESS = "Your job"

    # what the primary action is called where the job doesn't name one
    SEE_RESULT = "See the result"
    SEE_FAILED = "See what failed"
    SEE_CANCELLED = "See the cancelled job"
    SEE_CHANGE = "See what to change"
    START_AGAIN = "Open the job to start it again"
    SEE_JOB = "See the job"

    # about problems
    EVERY_PROBLEM = "The job's page lists every problem."
    EXAMPLES = "For example: {examples}"

    # the plain letter that needs no template
    REFERENCE = "Reference: {reference}"
    THIS_JOB = "See this job: {url}"
    JOB_ID = "Job id: {id}"
    TEST = "Test"
    WHY_ASKED = "You get this because you started it and want an email each time."
    WHY_AWAY = "You get this because you started it and no open page of yours showed its end."
    STOP = "Stop these emails: {url}"
    QUESTIONS = "Questions: {support}"


class Count(Enum):
    """What is said of a number of things: of one, and of several."""

    FAILED = ("{n} failed", "{n} failed")
    PARTIAL = ("{n} partly done", "{n} partly done")
    CANCELLED = ("{n} cancelled", "{n} cancelled")
    SUCCEEDED = ("{n} done", "{n} done")
    JOBS_ENDED = ("{n} job ended; first: {headline}", "{n} jobs ended; first: {headline}")
    MORE_IDS = ("and {n} more", "and {n} more")
    MORE_PROBLEMS = (
        "{n} more kind of problem is listed on the job's page:",
        "{n} more kinds of problems are listed on the job's page:",
    )
    LINKS_WORK = (
        "Links to files work for {n} day, for anyone who has this email.",
        "Links to files work for {n} days, for anyone who has this email.",
    )


#: Whole sentences that jobs themselves say, and that a catalog knows: Ringback's own failures, and
#: those of the built-in job types. What else jobs say stays in their own language.
FROM_JOBS = (
    "Cancelled before it started.",
    "Stopped before its end.",
    "Stopped before any row was added. Import the file again whenever you like.",
    *(ALL_FAILED.format(unit=unit) for unit in ("items", "rows", "links")),
    WORKER_LOST.message,
    WORKER_LOST.action,
    not_started(0, "").action,
    stopped_with_pipeline("").message,
    stopped_with_pipeline("").action,
    "A fault in our program stopped the job; your input isn't the cause.",
)
