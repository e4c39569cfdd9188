"""Phrases: what a letter says about one job, in the reader's language.

These are the variables that copy is written with (``letters.vocabulary`` lists them). Each is a
whole phrase, sentence or block, so that no author puts a sentence together from fragments and
each language has its own order and plurals. Texts are inert; blocks are Markdown made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from letters.facts import Facts, Failure, Link, Problem, Tally
from letters.language import Language, listed, number_of
from letters.prose import inert, plain
from letters.speech import sentence, short, units

HEADLINE = 160
_ENDS = {
    "failed": ("{n} failed", "{n} failed"),
    "partial": ("{n} partly done", "{n} partly done"),
    "cancelled": ("{n} cancelled", "{n} cancelled"),
    "succeeded": ("{n} done", "{n} done"),
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose words: ``language`` of the letter, ``locale`` of its numbers."""

    language: Language
    locale: str

    def say(self, message: str, **values: str) -> str:
        """A sentence of ours with inert ``values``."""
        return _filled(self.language.say(message), values)

    def count(self, one: str, many: str, number: int, **values: str) -> str:
        """A sentence of ours about ``number`` things."""
        form = self.language.count(one, many, number)
        return _filled(form, {"n": inert(number_of(number, self.locale)), **values})

    def join(self, phrases: Sequence[str]) -> str:
        """ "a, b and c"."""
        return inert(listed(phrases, self.language.tag))

    def row(self, phrases: Sequence[str]) -> str:
        """ "a, b, c": for headlines."""
        return inert(self.language.say(", ")).join(phrases)


def _filled(sentence_: str, values: dict[str, str]) -> str:
    """The values in their places. What isn't one of them stays: words.toml is people's."""
    for name, value in values.items():
        sentence_ = sentence_.replace(f"{{{name}}}", value)
    return inert(sentence_)


class JobWords:
    """One ended job, as copy speaks of it."""

    def __init__(self, facts: Facts, speaker: Speaker) -> None:
        self._facts = facts
        self._speaker = speaker

    # -- as they are

    @property
    def id(self) -> str:
        return self._facts.id

    @property
    def type(self) -> str:
        return self._facts.type

    @property
    def state(self) -> str:
        return self._facts.state

    @property
    def title(self) -> str:
        return self._facts.title

    @property
    def url(self) -> str:
        return self._facts.url

    @property
    def summary(self) -> str:
        return sentence(self._facts.summary)

    @property
    def error(self) -> Failure | None:
        return self._facts.error

    @property
    def succeeded(self) -> int:
        return self._facts.counts["succeeded"]

    @property
    def failed(self) -> int:
        return self._facts.counts["failed"]

    @property
    def skipped(self) -> int:
        return self._facts.counts["skipped"]

    @property
    def not_attempted(self) -> int:
        return self._facts.not_attempted

    @property
    def attempt(self) -> int:
        return self._facts.attempt

    @property
    def max_attempts(self) -> int:
        return self._facts.max_attempts

    @property
    def can_retry(self) -> tuple[str, ...]:
        return self._facts.can_retry

    @property
    def retry_of(self) -> str:
        return self._facts.retry_of

    @property
    def finished_at(self) -> datetime | None:
        return self._facts.finished_at

    # -- phrases

    @property
    def headline(self) -> str:
        """Outcome, object and number on one line."""
        return self._headline(HEADLINE)

    @property
    def subject(self) -> str:
        """The headline with the object cut to 60 characters, so that a phone shows the number."""
        return self._headline(60)

    @property
    def tally(self) -> str:
        """ "1,204 added, 3 rejected"; "" without items."""
        told = [self._counted(end, end.wording.short) for end in self._facts.tally]
        return self._speaker.row(told)

    @property
    def account(self) -> str:
        """ "1,204 rows were added and 3 rows were rejected"; "" without items."""
        told = [self._counted(end) for end in self._facts.tally]
        return self._speaker.join(told) if told else ""

    @property
    def kept(self) -> str:
        """What the end left behind; "" where that isn't known."""
        return self._speaker.say(self._facts.kept)

    @property
    def todo(self) -> str:
        """What to do about the cause, unless a problem says it already; else ""."""
        error = self._facts.error
        said_below = {kind.action for kind in self._facts.failures}
        return sentence(error.action) if error and error.action not in said_below else ""

    @property
    def reference(self) -> str:
        """What to quote to support, where it says more than the job's id or somebody has to be
        asked; else ""."""
        error = self._facts.error
        if error is None or not error.ref:
            return ""
        asks = error.category in ("system", "external")
        return error.ref if asks or error.ref != self.id else ""

    # -- blocks

    @property
    def button(self) -> str:
        """The one primary action."""
        link = self._facts.action or Link(self._speaker.say(self._default_action()), self.url)
        return f'[{link.label}]({link.url} "button")'

    @property
    def action(self) -> str:
        """The primary action as a plain link, for where several jobs have one."""
        link = self._facts.action or Link(self._speaker.say(self._default_action()), self.url)
        return f"[{link.label}]({link.url})"

    @property
    def problems(self) -> str:
        """What failed: one bullet a kind, with what to do; "" without any."""
        return self._bullets(self._facts.failures)

    @property
    def first_problems(self) -> str:
        """The first two kinds of what failed, and how many more there are."""
        more = self._facts.failures[2:]
        told = self._bullets(self._facts.failures[:2])
        return told + self._speaker.say("The job's page lists every problem.") if more else told

    @property
    def problem_line(self) -> str:
        """The first kind of what failed on one line, with what to do: an inbox shows no more."""
        told = [
            f"{sentence(kind.message)} {sentence(kind.action)}".strip()
            for kind in self._facts.failures[:1]
        ]
        return " ".join(told)

    @property
    def skips(self) -> str:
        """What was skipped: one bullet a kind; "" without any."""
        return self._bullets(self._facts.skips)

    @property
    def unlisted(self) -> str:
        """How many more kinds of problems the job's page lists; "" if none."""
        more = self._facts.more_problems
        if not more:
            return ""
        return self._speaker.count(
            "{n} more kind of problem is listed on the job's page:",
            "{n} more kinds of problems are listed on the job's page:",
            more,
        ) + f" [{self.url}]({self.url})"  # fmt: skip

    @property
    def links(self) -> str:
        """The links that aren't the primary action, as a list; "" without any."""
        facts = self._facts
        return "".join(f"- [{at.label}]({at.url})\n" for at in facts.links if at != facts.action)

    def _headline(self, longest: int) -> str:
        title = short(self.title, longest)
        only_failed = len(self._facts.tally) == 1 and self.failed
        match self.state:
            case "failed" if only_failed:
                pattern = "{title} failed: {account}"
            case "failed":
                pattern = "{title} failed"
            case "cancelled":
                pattern = "{title} cancelled: {tally}" if self.tally else "{title} cancelled"
            case _ if self.tally:
                pattern = "{title}: {tally}"
            case "succeeded":
                pattern = "{title}: done"
            case _:
                pattern = "{title}: partly done"
        return self._speaker.say(pattern, title=title, account=self.account, tally=self.tally)

    def _counted(self, end: Tally, headline: str = "") -> str:
        one, many = (headline, headline) if headline else (end.wording.one, end.wording.many)
        unit = units(end.number, self._facts.unit)
        return self._speaker.count(one, many, end.number, unit=unit)

    def _bullets(self, kinds: Sequence[Problem]) -> str:
        return "".join(self._bullet(kind) for kind in kinds)

    def _bullet(self, kind: Problem) -> str:
        told = f"- **{sentence(kind.message)}** {sentence(kind.action)}".rstrip()
        if not kind.examples:
            return told + "\n"
        shown = inert("; ").join(kind.examples)
        if kind.count > len(kind.examples):
            shown = self._speaker.say("For example: {examples}", examples=shown)
        return f"{told}\\\n  *{shown}*\n"

    def _default_action(self) -> str:
        match self.state:
            case "succeeded":
                return "See the result"
            case "partial":
                return "See what failed"
            case "cancelled":
                return "See the cancelled job"
        if self._facts.error and self._facts.error.category == "input":
            return "See what to change"
        return "Open the job to start it again" if "all" in self.can_retry else "See the job"


def states_told(states: Sequence[tuple[str, int]], speaker: Speaker) -> str:
    """ "1 failed, 2 done": how several jobs ended, in the order given."""
    return speaker.row([speaker.count(*_ENDS[state], number) for state, number in states])


def told_plainly(job: JobWords, facts: Facts) -> str:
    """All that there is to say about a job, as plain lines."""
    error = [facts.error.message, facts.error.action] if facts.error else []
    reference = [f"Reference: {job.reference}"] if job.reference else []
    problems = [_plain_problem(problem) for problem in facts.problems]
    lines = [job.headline, facts.summary, *error, *reference, *problems, job.kept]
    links = [f"{link.label}: {link.url}" for link in facts.links if link.url != facts.url]
    lines += [*links, f"See this job: {facts.url}", f"Job id: {facts.id}"]
    return plain("\n".join(line for line in lines if line))


def _plain_problem(problem: Problem) -> str:
    examples = f"(for example: {'; '.join(problem.examples)})" if problem.examples else ""
    return " ".join(text for text in ("-", problem.message, problem.action, examples) if text)
