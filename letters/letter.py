"""Letter: the email that tells one user how their jobs ended.

Composing is pure: no clock, no network. One view makes the message of its state, two or more
make a digest. A template that fails never costs the user the news: a plain built-in text takes
its place, and the log says which file and line failed.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from tomllib import TOMLDecodeError

from letters.facts import STATES, Facts, Problem, Tally, View, Words, facts_of, load_words
from letters.headers import addressed, explain, offer_stop, support_url
from letters.people import Reader, Sender
from letters.prose import inert, plain, said
from letters.render import LAYOUT, Parts, TemplateError, Templates

__all__ = ["Letters", "Reader", "Sender", "TemplateError"]

DIGEST = "digest"
#: Jobs told one by one in a digest; the rest are counted. Keeps the HTML under 100 kB, where
#: Gmail clips.
DIGEST_TOLD = 20

log = logging.getLogger(__name__)


class Letters:
    """Composes letters from the templates under ``root``.

    Loads and tries every template once, with its typical fixture; raises ``TemplateError``
    naming file and line.
    """

    def __init__(self, root: Path, sender: Sender) -> None:
        self.sender = sender
        self._templates = Templates(root)
        self._words = _words(root / LAYOUT / "words.toml")
        self._demand_messages()
        for name in self._templates.messages:
            self._try(root / name / "fixtures" / "typical.json", name)

    def compose(
        self,
        views: Sequence[View],
        reader: Reader,
        *,
        message_id: str,
        date: datetime,
        reason: str,
    ) -> EmailMessage:
        """The letter about these terminal views, for ``reader`` alone.

        ``message_id`` ("<…@host>") and ``date`` (aware) are kept as given; ``reason`` says for
        support why an email was due. Raises ``ValueError`` without views, for a job that hasn't
        ended, and for an address that isn't one.
        """
        if not views:
            raise ValueError("A letter needs at least one view.")
        jobs = self._facts(views)
        parts = self._parts(jobs, reader)
        letter = addressed(self.sender, reader)
        letter["Subject"] = parts.subject
        letter["Date"] = date
        letter["Message-ID"] = message_id
        explain(letter, self.sender, views, reason)
        offer_stop(letter, reader)
        letter.set_content(parts.text, cte="quoted-printable")
        if parts.html:
            letter.add_alternative(parts.html, subtype="html", cte="quoted-printable")
        return letter

    def _facts(self, views: Sequence[View]) -> list[Facts]:
        jobs = [facts_of(view, self._words, self.sender.public_url) for view in views]
        return sorted(jobs, key=lambda job: STATES.index(job.state))

    def _parts(self, jobs: Sequence[Facts], reader: Reader) -> Parts:
        name = jobs[0].state if len(jobs) == 1 else DIGEST
        try:
            return self._templates.render(name, self._context(jobs, reader))
        except TemplateError as error:
            log.warning("A template failed, so a plain letter goes out instead: %s", error)
            return plain_parts(jobs, self.sender, reader)

    def _context(self, jobs: Sequence[Facts], reader: Reader) -> Mapping[str, object]:
        about = {"job": jobs[0]} if len(jobs) == 1 else _digest(jobs)
        return {**about, "reader": _voice(reader)} | {
            "ids": [job.id for job in jobs],
            "told": DIGEST_TOLD,
            "public_url": inert(self.sender.public_url.rstrip("/") + "/"),
            "support": said(self.sender.support or ""),
            "support_url": inert(support_url(self.sender)),
        }

    def _demand_messages(self) -> None:
        for name in (*STATES, DIGEST):
            if name not in self._templates.messages:
                path = self._templates.root / name
                raise TemplateError(path, 1, "there is no folder for this message")

    def _try(self, fixture: Path, name: str) -> None:
        try:
            sample = json.loads(fixture.read_text("utf-8"))
            jobs = self._facts(sample["views"])
            context = self._context(jobs, Reader(**sample["reader"]))
        except json.JSONDecodeError as error:
            raise TemplateError(fixture, error.lineno, error.msg) from error
        except (KeyError, TypeError, ValueError) as error:
            raise TemplateError(fixture, 1, f"not a fixture: {error!r}") from error
        self._templates.render(name, context)


def plain_parts(jobs: Sequence[Facts], sender: Sender, reader: Reader) -> Parts:
    """The letter of last resort: text only, made without any template."""
    headlines = [_headline(job) for job in jobs]
    subject = headlines[0] if len(jobs) == 1 else f"{len(jobs)} jobs ended; first: {headlines[0]}"
    told = [_told(job) for job in jobs]
    why = "you want an email each time" if reader.asked else "no open page of yours showed its end"
    closing = f"You get this because you started it and {why}."
    if reader.stop:
        closing += f"\nStop these emails: {reader.stop}"
    if sender.support:
        closing += f"\nQuestions: {sender.support}"
    text = "\n\n".join([*told, closing]) + "\n"
    return Parts(subject=plain(subject), preheader="", text=plain(text), html="")


def _headline(job: Facts) -> str:
    ends = {"succeeded": "done", "partial": "partly done"}
    return f"{job.title}: {', '.join([ends.get(job.state, job.state), *_ends(job.tally)])}"


def _ends(tally: Sequence[Tally]) -> list[str]:
    return [f"{end.number:,} {end.word}" for end in tally]


def _told(job: Facts) -> str:
    error = [job.error.message, job.error.action] if job.error else []
    ref = [f"Reference: {job.error.ref}"] if job.error and job.error.ref else []
    problems = [_problem(problem) for problem in job.problems]
    lines = [_headline(job), job.summary, *error, *ref, *problems, job.kept]
    lines += [f"See this job: {job.url}", f"Job id: {job.id}"]
    return "\n".join(line for line in lines if line)


def _problem(problem: Problem) -> str:
    examples = f"(for example: {'; '.join(problem.examples)})" if problem.examples else ""
    return " ".join(text for text in ("-", problem.message, problem.action, examples) if text)


def _digest(jobs: Sequence[Facts]) -> dict[str, object]:
    by_state = Counter(job.state for job in jobs)
    return {
        "jobs": jobs[:DIGEST_TOLD],
        "more": len(jobs[DIGEST_TOLD:]),
        "count": len(jobs),
        "states": [(state, by_state[state]) for state in STATES if by_state[state]],
    }


def _voice(reader: Reader) -> Reader:
    name = said(reader.name) if reader.name else None
    return replace(reader, email=said(reader.email), name=name, stop=inert(reader.stop))


def _words(path: Path) -> dict[str, Words]:
    try:
        return load_words(path)
    except TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise TemplateError(path, int(line[1]) if line else 1, str(error)) from error
    except ValueError as error:
        raise TemplateError(path, 1, str(error)) from error
