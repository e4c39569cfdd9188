"""Phrases: what a letter says about one job, in the reader's language.

These are the variables that copy is written with (``letters.vocabulary`` lists them). Each is a
whole phrase, sentence or block, so that no author puts a sentence together from fragments and
each language has its own order and plurals. Texts are inert; blocks are Markdown made here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from letters.facts import Facts, Failure, Link, Problem, Tally
from letters.language import Language, listed, locale_of, number_of
from letters.people import Reader, Sender
from letters.prose import ISOLATE, bare, inert, isolated, plain
from letters.sentences import Count, Sentence
from letters.speech import clause, sentence, short, units
from ringback.handout import GOOD_FOR

HEADLINE = 160
#: Characters of a subject, of its title, and of the cause in it.
SUBJECT, TITLE, CAUSE = 140, 60, 70
_ENDS = {
    "failed": Count.FAILED,
    "partial": Count.PARTIAL,
    "cancelled": Count.CANCELLED,
    "succeeded": Count.SUCCEEDED,
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose words: ``language`` of the letter, ``locale`` of its reader."""

    language: Language
    locale: str

    def say(self, message: Sentence, **values: str) -> str:
        """A sentence of ours with inert ``values``."""
        return _filled(self.language.say(message), values)

    def link(self, label: str, url: str) -> str:
        """Where a label leads, in plain text."""
        pattern = Sentence.QUOTED_LINK if ":" in label else Sentence.LINK
        return plain(self.say(pattern, label=label, url=url))

    def repeat(self, words: str) -> str:
        """Words of a job type, from words.toml."""
        return inert(self.language.say(words))

    def count(self, message: Count, number: int, **values: str) -> str:
        """A sentence of ours about ``number`` things."""
        return self.counted(*message.value, number, **values)

    def counted(self, one: str, many: str, number: int, **values: str) -> str:
        """The words of a job type for ``number`` items."""
        form = self.language.count(one, many, number)
        shown = number_of(number, locale_of(self.locale))
        return _filled(form, {"n": inert(shown), **values})

    def join(self, phrases: Sequence[str]) -> str:
        """ "a, b and c"."""
        return inert(listed(phrases, self.language.tag))

    def row(self, phrases: Sequence[str], between: Sentence = Sentence.COMMA) -> str:
        """ "a, b, c": for headlines."""
        return self.say(between).join(phrases)


def _filled(sentence_: str, values: dict[str, str]) -> str:
    """The values in their places, in one go: a value may look like a place. What isn't one of
    them stays: words.toml is people's."""
    filled = re.sub(r"\{(\w+)\}", lambda at: values.get(at[1], at[0]), sentence_)
    return inert(filled)


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
        """The headline with a long title cut, so that a phone shows the number; where there is
        none, with the cause."""
        told = self._subject(TITLE)
        over = len(plain(told)) - SUBJECT
        return self._subject(max(TITLE - over, TITLE // 3)) if over > 0 else told

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
        return self._speaker.repeat(self._facts.kept)

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
        return told + self._speaker.say(Sentence.EVERY_PROBLEM) if more else told

    @property
    def problem_line(self) -> str:
        """The first kind of what failed on one line, with what to do: an inbox shows no more."""
        told = [
            _together(sentence(kind.message), sentence(kind.action))
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
        return f"{self._speaker.count(Count.MORE_PROBLEMS, more)} [{self.url}]({self.url})"

    @property
    def links(self) -> str:
        """The links that aren't the primary action, as a list; "" without any."""
        facts = self._facts
        return "".join(f"- [{at.label}]({at.url})\n" for at in facts.links if at != facts.action)

    @property
    def expiry(self) -> str:
        """How long links to files work that need no sign-in; "" without any."""
        if not any(link.signed for link in self._facts.links):
            return ""
        return self._speaker.count(Count.LINKS_WORK, GOOD_FOR // 86_400)

    def _headline(self, longest: int) -> str:
        title, tally, account = short(self.title, longest), self.tally, self.account
        say = self._speaker.say
        match self.state:
            case "failed" if len(self._facts.tally) == 1 and self.failed:
                return say(Sentence.FAILED_BECAUSE, title=title, cause=account)
            case "failed" if tally:
                return say(Sentence.FAILED_BECAUSE, title=title, cause=tally)
            case "failed":
                return say(Sentence.FAILED, title=title)
            case "cancelled" if tally:
                return say(Sentence.CANCELLED_AFTER, title=title, tally=tally)
            case "cancelled":
                return say(Sentence.CANCELLED, title=title)
            case _ if tally:
                return say(Sentence.ENDED, title=title, tally=tally)
            case "succeeded":
                return say(Sentence.DONE, title=title)
            case _:
                return say(Sentence.PARTLY_DONE, title=title)

    def _subject(self, longest: int) -> str:
        error = self._facts.error
        if self.state != "failed" or not error or not error.message or self._facts.tally:
            return self._headline(longest)
        title, cause = short(self.title, longest), short(clause(error.message), CAUSE)
        return self._speaker.say(Sentence.FAILED_BECAUSE, title=title, cause=cause)

    def _counted(self, end: Tally, headline: str = "") -> str:
        one, many = (headline, headline) if headline else (end.wording.one, end.wording.many)
        unit = units(end.number, self._facts.unit)
        return self._speaker.counted(one, many, end.number, unit=unit)

    def _bullets(self, kinds: Sequence[Problem]) -> str:
        return "".join(self._bullet(kind) for kind in kinds)

    def _bullet(self, kind: Problem) -> str:
        told = f"- {_together(sentence(kind.message), sentence(kind.action), mark='**')}"
        if not kind.examples:
            return told + "\n"
        shown = self._speaker.row(kind.examples, Sentence.SEMICOLON)
        if kind.count > len(kind.examples):
            shown = self._speaker.say(Sentence.EXAMPLES, examples=shown)
        return f"{told}\\\n  *{shown}*\n"

    def _default_action(self) -> Sentence:
        match self.state:
            case "succeeded":
                return Sentence.SEE_RESULT
            case "partial":
                return Sentence.SEE_FAILED
            case "cancelled":
                return Sentence.SEE_CANCELLED
        error = self._facts.error
        if error.category == "input" if error else self.failed:
            return Sentence.SEE_CHANGE
        return Sentence.START_AGAIN if "all" in self.can_retry else Sentence.SEE_JOB


def _together(message: str, action: str, mark: str = "") -> str:
    """Two sentences of a job, the first in marks: as one, so that they stay in their order in a
    letter that runs the other way."""
    if action and message.startswith(ISOLATE):
        return isolated(f"{mark}{bare(message)}{mark} {bare(action)}")
    return f"{mark}{message}{mark} {action}".strip()


def states_told(states: Sequence[tuple[str, int]], speaker: Speaker) -> str:
    """ "1 failed, 2 done": how several jobs ended, in the order given."""
    return speaker.row([speaker.count(_ENDS[state], number) for state, number in states])


def told_plainly(job: JobWords, facts: Facts, speaker: Speaker) -> str:
    """All that there is to say about a job, as plain lines."""
    error = [facts.error.message, facts.error.action] if facts.error else []
    reference = job.reference and speaker.say(Sentence.REFERENCE, reference=job.reference)
    problems = [_plain_problem(problem, speaker) for problem in facts.problems]
    lines = [job.headline, facts.summary, *error, reference, *problems, job.kept]
    links = [link for link in facts.links if link.url != facts.url]
    lines += [speaker.link(plain(link.label), link.url) for link in links]
    lines += [
        job.expiry,
        speaker.say(Sentence.THIS_JOB, url=facts.url),
        speaker.say(Sentence.JOB_ID, id=facts.id),
    ]
    return "\n".join(line for line in lines if line)


def _plain_problem(problem: Problem, speaker: Speaker) -> str:
    shown = speaker.row(problem.examples, Sentence.SEMICOLON)
    examples = speaker.say(Sentence.EXAMPLES, examples=shown) if shown else ""
    told = (sentence(problem.message), sentence(problem.action), examples)
    return " ".join(text for text in ("-", *told) if text)


def closing(reader: Reader, sender: Sender, speaker: Speaker) -> str:
    """The plain letter's end: why they got it, how to stop it, whom to ask."""
    lines = [speaker.say(Sentence.WHY_ASKED if reader.asked else Sentence.WHY_AWAY)]
    if reader.stop:
        lines.append(speaker.say(Sentence.STOP, url=inert(reader.stop)))
    if sender.support:
        lines.append(speaker.say(Sentence.QUESTIONS, support=inert(sender.support)))
    return "\n".join(lines)
