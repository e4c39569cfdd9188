"""Facts: what a terminal view says, checked, counted and made inert for a letter.

Every text of a ``Facts`` is inert (see ``letters.prose``): a title can't become a link. A view
may lack optional fields; a letter is still right without them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from letters.prose import inert, plain, said
from letters.sentences import Sentence
from ringback.handout import PATH

View = Mapping[str, Any]

#: The order of a digest: what needs somebody first.
STATES = ("failed", "partial", "cancelled", "succeeded")
#: Kinds of problems told in a letter; the job's page has them all.
PROBLEMS_TOLD = 6
EXAMPLES_TOLD = 3
LONGEST = 400

_VERBS = r"(?i)(download|open|see|view|review|show|read|check|fix|get|compare|approve)\b"


@dataclass(frozen=True, slots=True)
class Link:
    """A label and an absolute URL; ``signed``: to a file, without a sign-in, for some days."""

    label: str
    url: str
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """How a job type tells how many items met one end: for headlines ("{n} added"), and in
    sentences ("{n} row was added", "{n} rows were added"). ``{unit}`` is what the job counts."""

    short: str
    one: str
    many: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items met one end, and how to say it."""

    number: int
    wording: Wording


@dataclass(frozen=True, slots=True)
class Problem:
    """Equal problems of items, told once."""

    outcome: str
    count: int
    message: str
    action: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the whole job failed; ``category``: input, permission, external or system."""

    category: str
    message: str
    action: str
    ref: str


_DONE = Wording("{n} done", "{n} {unit} was done", "{n} {unit} were done")
_FAILED = Wording("{n} failed", "{n} {unit} failed", "{n} {unit} failed")
_SKIPPED = Wording("{n} skipped", "{n} {unit} was skipped", "{n} {unit} were skipped")
_UNTRIED = Wording(
    "{n} not attempted", "{n} {unit} was not attempted", "{n} {unit} were not attempted"
)


@dataclass(frozen=True, slots=True)
class Words:
    """How a job type speaks: of items by their outcome, and of what an end leaves behind.

    ``halted`` replaces ``succeeded`` when the job stopped early; ``kept_*`` are sentences.
    """

    succeeded: Wording = _DONE
    failed: Wording = _FAILED
    skipped: Wording = _SKIPPED
    halted: Wording = _DONE
    untried: Wording = _UNTRIED
    kept_partial: str = ""
    kept_failed: str = ""
    kept_cancelled: str = ""
    kept_unknown: str = ""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What is said of a number of items: for one, and for several."""
        ends = (self.succeeded, self.failed, self.skipped, self.halted, self.untried)
        return tuple(pair for end in ends for pair in ((end.short, end.short), (end.one, end.many)))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said of what was left behind."""
        kept = (self.kept_partial, self.kept_failed, self.kept_cancelled, self.kept_unknown)
        return tuple(filter(None, kept))


@dataclass(frozen=True, slots=True)
class Facts:
    """One ended job as letters tell it. Times are aware; texts are inert."""

    id: str
    type: str
    state: str
    title: str
    url: str
    unit: str
    counts: Mapping[str, int]
    not_attempted: int
    tally: tuple[Tally, ...]
    problems: tuple[Problem, ...]
    more_problems: int
    error: Failure | None
    summary: str
    kept: str
    action: Link | None
    links: tuple[Link, ...]
    attempt: int
    max_attempts: int
    can_retry: tuple[str, ...]
    retry_of: str
    finished_at: datetime | None

    @property
    def seen(self) -> int:
        """Items that have an outcome."""
        return sum(self.counts.values())

    @property
    def failures(self) -> tuple[Problem, ...]:
        """Problems that left items failed."""
        return tuple(problem for problem in self.problems if problem.outcome == "failed")

    @property
    def skips(self) -> tuple[Problem, ...]:
        """Problems that left items skipped."""
        return tuple(problem for problem in self.problems if problem.outcome == "skipped")


def words_from(text: str) -> dict[str, Words]:
    """Words by job type, from TOML; ``default`` serves every other type.

    Raises ``ValueError`` for a key that no letter uses and for a wording without its three parts,
    ``tomllib.TOMLDecodeError`` for bad TOML.
    """
    tables = tomllib.loads(text)
    return {"default": Words()} | {name: _words(name, table) for name, table in tables.items()}


def _words(name: str, table: Mapping[str, object]) -> Words:
    kinds = {field.name: field.type for field in fields(Words)}
    if extra := sorted(set(table) - set(kinds)):
        raise ValueError(f"[{name}] has unknown words {', '.join(extra)}")
    return Words(**{key: _word(f"[{name}] {key}", kinds[key], it) for key, it in table.items()})


def _word(where: str, kind: object, value: object) -> Any:
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "Wording" and isinstance(value, list) and len(value) == 3:
        return Wording(*(str(form) for form in value))
    three = 'like ["{n} added", "{n} row was added", "{n} rows were added"]'
    shape = "a sentence" if kind == "str" else three
    raise ValueError(f"{where} must be {shape}")


def facts_of(view: View, words: Mapping[str, Words], public_url: str) -> Facts:
    """The facts of a terminal view; its links that need a sign-in lead to the job's page.

    Raises ``ValueError`` for a job that hasn't ended.
    """
    if view["state"] not in STATES:
        raise ValueError(f"Job {view['id']} is {view['state']}; letters tell of ended jobs only.")
    spoken = words.get(str(view.get("type")), words["default"])
    state, counts, url = str(view["state"]), _counts(view), job_url(view, public_url)
    problems, links = _problems(view), _links(view, url)
    error, attempt = _failure(view), _section(view, "attempt")
    idle = _not_attempted(view, counts)
    return Facts(
        id=said(view["id"]),
        type=said(view.get("type", "")),
        state=state,
        title=_short(view.get("title") or Sentence.NAMELESS),
        url=inert(url),
        unit=_unit(view),
        counts=counts,
        not_attempted=idle,
        tally=_tally(counts, idle, spoken, state),
        problems=problems[:PROBLEMS_TOLD],
        more_problems=len(problems[PROBLEMS_TOLD:]),
        error=error,
        summary=_short(_section(view, "result").get("summary") or ""),
        kept=_kept(spoken, state, error),
        action=_action(links, counts["failed"]),
        links=links,
        attempt=int(attempt.get("number") or 1),
        max_attempts=int(attempt.get("max") or 1),
        can_retry=tuple(_section(view, "can").get("retry") or ()),
        retry_of=said(view.get("retry_of") or ""),
        finished_at=_moment(view.get("finished_at")),
    )


def reworded(facts: Facts, word: Callable[[str], str]) -> Facts:
    """The facts with ``word`` done to each text that the job wrote, and to its ids."""
    error, action = facts.error, facts.action
    return replace(
        facts,
        id=word(facts.id),
        title=word(facts.title),
        problems=tuple(_reworded(problem, word) for problem in facts.problems),
        error=error
        and replace(
            error, message=word(error.message), action=word(error.action), ref=word(error.ref)
        ),
        summary=word(facts.summary),
        action=action and replace(action, label=word(action.label)),
        links=tuple(replace(link, label=word(link.label)) for link in facts.links),
        retry_of=word(facts.retry_of),
    )


def _reworded(problem: Problem, word: Callable[[str], str]) -> Problem:
    return replace(
        problem,
        message=word(problem.message),
        action=word(problem.action),
        examples=tuple(word(example) for example in problem.examples),
    )


def job_url(view: View, public_url: str) -> str:
    """The job's own page."""
    return f"{public_url.rstrip('/')}/?job={quote(str(view['id']), safe='')}"


def _section(view: View, name: str) -> Mapping[str, Any]:
    return view.get(name) or {}


def _short(value: object, longest: int = LONGEST) -> str:
    text = plain(said(value))
    return said(text if len(text) <= longest else text[: longest - 1].rstrip() + "…")


def _counts(view: View) -> dict[str, int]:
    counts = _section(view, "counts")
    return {end: int(counts.get(end) or 0) for end in ("succeeded", "failed", "skipped")}


def _unit(view: View) -> str:
    """What the counts count. A pipeline's progress is in steps, its counts are their items."""
    if view.get("children") is not None:
        return "items"
    return _short(_section(view, "progress").get("unit") or "items")


def _not_attempted(view: View, counts: Mapping[str, int]) -> int:
    """Items never reached; 0 if ``total`` is unknown or doesn't count items (bytes, say)."""
    if view.get("children") is not None:
        return 0
    progress, seen = _section(view, "progress"), sum(counts.values())
    total, done = progress.get("total"), progress.get("done")
    halted = view["state"] in ("failed", "cancelled")
    return int(total) - seen if halted and total and done == seen and total > seen else 0


def _tally(counts: Mapping[str, int], idle: int, words: Words, state: str) -> tuple[Tally, ...]:
    done = words.halted if state in ("failed", "cancelled") else words.succeeded
    all_ends = (
        Tally(counts["succeeded"], done),
        Tally(counts["failed"], words.failed),
        Tally(counts["skipped"], words.skipped),
        Tally(idle, words.untried),
    )
    return tuple(end for end in all_ends if end.number)


def _problems(view: View) -> tuple[Problem, ...]:
    told = [_problem(problem) for problem in view.get("problems") or ()]
    return tuple(sorted(told, key=lambda problem: (problem.outcome != "failed", -problem.count)))


def _problem(problem: Mapping[str, Any]) -> Problem:
    examples = (problem.get("examples") or ())[:EXAMPLES_TOLD]
    return Problem(
        outcome=str(problem.get("outcome") or "failed"),
        count=int(problem.get("count") or 0),
        message=_short(problem.get("message") or ""),
        action=_short(problem.get("action") or ""),
        examples=tuple(_short(text, 200) for text in examples),
    )


def _failure(view: View) -> Failure | None:
    error = view.get("error")
    if not error:
        return None
    return Failure(
        category=str(error.get("category") or "system"),
        message=_short(error.get("message") or ""),
        action=_short(error.get("action") or ""),
        ref=_short(error.get("ref") or ""),
    )


def _kept(words: Words, state: str, error: Failure | None) -> str:
    if state == "failed" and error and error.category == "system":
        return words.kept_unknown
    return str(getattr(words, f"kept_{state}", ""))


def _links(view: View, page: str) -> tuple[Link, ...]:
    links = _section(view, "result").get("links") or ()
    return tuple(_link(link["label"], link["url"], page) for link in links)


def _link(label: object, url: str, page: str) -> Link:
    """Leads to an https URL as it is, and to one that we signed (``ringback.handout``), which has
    our own host; anything else needs a sign-in, which only the job's page offers."""
    public = re.fullmatch(r"https?://[^\s\"<>\\^`{|}]+", url) is not None
    signed = public and url.startswith(f"{page.partition('?')[0].rstrip('/')}{PATH}")
    reached = url if signed or (public and url.startswith("https:")) else page
    return Link(_short(label, 120), inert(reached), signed)


def _action(links: Sequence[Link], failed: int) -> Link | None:
    """The one primary action: verb + object; with failed items, the link that counts them."""
    verbs = [link for link in links if re.match(_VERBS, link.label)]
    about = [link for link in verbs if failed and re.search(rf"\b{failed:,}\b", plain(link.label))]
    return next(iter(about or verbs), None)


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
