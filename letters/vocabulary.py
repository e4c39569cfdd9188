"""Vocabulary: every variable that copy can be written with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """What a template may use. ``required``: it always has a value; else test it with
    ``{% if … %}`` first."""

    name: str
    type: str
    meaning: str
    example: str
    required: bool = True


_JOB = (
    Variable("headline", "text", "How the job ended: outcome, what it was, and numbers",
             "Import of customers.csv: 1,204 added, 3 rejected"),
    Variable("subject", "text", "The headline for subjects: a long title cut, and why it failed",
             "Import of customers.csv: 1,204 added, 3 rejected"),
    Variable("title", "text", "What the job is called", "Import of customers.csv"),
    Variable("account", "text", "What happened to the items, in a sentence without its full stop",
             "1,204 rows were added and 3 rows were rejected", required=False),
    Variable("tally", "text", "The same in a few words", "1,204 added, 3 rejected", required=False),
    Variable("summary", "sentence", "What the job itself says about its result",
             "1,204 rows added to the table customers.", required=False),
    Variable("kept", "sentence", "What was saved, and whether trying again is safe",
             "The added rows are saved.", required=False),
    Variable("button", "block", "The one thing to do, as a button with its own words",
             "[Download the 3 failed rows](https://…)"),
    Variable("action", "block", "The same as a link, for where several jobs have one",
             "[Download the 3 failed rows](https://…)"),
    Variable("problems", "block", "What failed and what to do, grouped, with examples",
             "- 3 rows have no ID. Give each row a unique ID.", required=False),
    Variable("first_problems", "block", "The first two of these kinds",
             "- 3 rows have no ID. Give each row a unique ID.", required=False),
    Variable("problem_line", "text", "The first of these kinds on one line, for preheaders",
             "3 rows have no ID. Give each row a unique ID.", required=False),
    Variable("skips", "block", "What was skipped, grouped, with examples",
             "- 1 row is already in the table.", required=False),
    Variable("unlisted", "block", "How many more kinds of problems the job's page lists",
             "2 more kinds of problems are listed on the job's page: …", required=False),
    Variable("links", "block", "The links that aren't the button", "- [Table customers](https://…)",
             required=False),
    Variable("expiry", "sentence", "How long links to files work that need no sign-in",
             "Links to files work for 7 days, for anyone who has this email.", required=False),
    Variable("error.message", "text", "Why the whole job failed", "The file has no column “price”",
             required=False),
    Variable("error.action", "text", "What to do about it", "Rename the column “amount” to “price”",
             required=False),
    Variable("todo", "sentence", "The same as a sentence, unless the problems say it already",
             "Rename the column “amount” to “price”.", required=False),
    Variable("error.category", "word", "Whose turn it is: input, permission, external or system",
             "input", required=False),
    Variable("reference", "text", "What to quote to support, where they are needed", "r-7f3a",
             required=False),
    Variable("url", "URL", "The job's own page, behind the sign-in",
             "https://jobs.example.com/?job=1f-0197…"),
    Variable("finished_at", "time", "When the job ended; write it with |datetime",
             "12 Mar 2026, 14:03 GMT", required=False),
    Variable("succeeded", "number", "How many items are done; write it with |number", "1204"),
    Variable("failed", "number", "How many items failed", "3"),
    Variable("skipped", "number", "How many items were skipped", "1"),
    Variable("not_attempted", "number", "How many items were never reached", "0"),
    Variable("attempt", "number", "Which attempt this was", "2"),
    Variable("max_attempts", "number", "How many attempts such a job gets", "5"),
    Variable("can_retry", "list of words", "What can be started again: all, failed", "all, failed",
             required=False),
    Variable("retry_of", "text", "The id of the job that this one did again",
             "1f-01974c5e-8a70-7cc3-9d1e-5b0f3a6c2d11", required=False),
    Variable("id", "text", "The job's id", "1f-01974c5e-8a70-7cc3-9d1e-5b0f3a6c2d12"),
    Variable("type", "word", "The kind of job", "csv.import"),
    Variable("state", "word", "How it ended: succeeded, partial, failed or cancelled", "partial"),
)  # fmt: skip

_SHARED = (
    Variable("reader.name", "text", "Who reads this", "Ada Lovelace", required=False),
    Variable("reader.email", "text", "The address it goes to", "ada@example.com"),
    Variable("reader.locale", "word", "The reader's language and region", "en-GB"),
    Variable("reader.timezone", "word", "The reader's time zone", "Europe/London"),
    Variable("reader.asked", "yes/no", "Whether the reader wants an email each time", "no"),
    Variable("reader.stop", "URL", "Where such emails are turned off", "https://…/unsubscribe/…",
             required=False),
    Variable("public_url", "URL", "The page with all jobs of the reader",
             "https://jobs.example.com/"),
    Variable("support", "text", "Where people get help", "help@example.com", required=False),
    Variable("support_url", "URL", "The same as a link", "mailto:help@example.com", required=False),
    Variable("count", "number", "How many jobs the letter tells of", "1"),
    Variable("job_ids", "text", "Their ids", "1f-01974c5e-8a70-7cc3-9d1e-5b0f3a6c2d12"),
)  # fmt: skip

_SEVERAL = (
    Variable("jobs", "list of jobs", "The ended jobs, failures first, at most 20; each has what "
             "`job` has elsewhere", "Import of customers.csv, Check of links"),
    Variable("more", "number", "How many jobs are left out of jobs", "0"),
    Variable("endings", "text", "How many ended in which way", "1 failed, 2 done"),
)  # fmt: skip

DIGEST = "digest"
TEST = "test"


def vocabulary(message: str) -> Mapping[str, Variable]:
    """What the copy of a message can use, by name: one job's words, several jobs', or, for the
    test message, none."""
    if message == TEST:
        own: tuple[Variable, ...] = ()
    elif message == DIGEST:
        own = _SEVERAL
    else:
        own = tuple(_of("job", variable) for variable in _JOB)
    return {variable.name: variable for variable in (*own, *_SHARED)}


#: What one job of ``jobs`` has, by the name behind the dot.
JOB: Mapping[str, Variable] = {variable.name: variable for variable in _JOB}


def _of(owner: str, it: Variable) -> Variable:
    return Variable(f"{owner}.{it.name}", it.type, it.meaning, it.example, it.required)
