"""Writer: finds the unit that fits, and the words for it. Pure: no clock, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from letters.facts import STATES, Facts, View, facts_of
from letters.language import Language
from letters.people import Reader, Sender
from letters.phrases import JobWords, Speaker, states_told, told_plainly
from letters.prose import inert, plain, said
from letters.render import Parts, Renderer
from letters.shelf import NOTHING, Layer, Shelf, names_for
from letters.unit import Unit
from letters.vocabulary import DIGEST, TEST

#: Jobs told one by one in a digest; the rest are counted. Keeps the HTML under 100 kB, where
#: Gmail clips.
DIGEST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """A unit, and what it is to tell: terminal views to a reader. No view: the test message."""

    unit: Unit
    views: Sequence[View]
    reader: Reader


class Writer:
    """Writes drafts with the layout, words and languages of one shelf."""

    def __init__(self, shelf: Shelf, sender: Sender) -> None:
        self.shelf = shelf
        self.sender = sender
        self._renderer = Renderer(shelf.layout, shelf.root)

    def draft(self, views: Sequence[View], reader: Reader, published: Layer = NOTHING) -> Draft:
        """The unit for these views: a single job's by its end and type, else the digest."""
        if not views:
            names = [TEST]
        else:
            names = names_for(views[0]) if len(views) == 1 else [DIGEST]
        return Draft(self.shelf.find(names, published), views, reader)

    def parts(self, draft: Draft) -> Parts:
        """The draft, written. Raises ``TemplateError`` naming file and line, and ``ValueError``
        for a job that hasn't ended."""
        language = self.language(draft)
        jobs = self._facts(draft.views)
        return self._renderer.render(draft.unit, self._context(jobs, draft, language), language)

    def plain_parts(self, draft: Draft) -> Parts:
        """The letter of last resort: text only, made without any template."""
        speaker = Speaker(self.shelf.languages.all["en"], draft.reader.locale)
        jobs = self._facts(draft.views)
        words = [JobWords(job, speaker) for job in jobs]
        told = [told_plainly(word, job) for word, job in zip(words, jobs, strict=True)]
        headline = words[0].headline if words else "Test"
        if len(words) > 1:
            headline = f"{len(words)} jobs ended; first: {headline}"
        text = "\n\n".join([*told, _closing(draft.reader, self.sender)]) + "\n"
        return Parts(subject=plain(headline), preheader="", text=plain(text), html="")

    def language(self, draft: Draft) -> Language:
        """The reader's, where all of the unit is there in it: no letter speaks two."""
        languages = self.shelf.languages
        best = languages.best(draft.reader.locale)
        return best if draft.unit.speaks(best) else languages.best("en")

    def _facts(self, views: Sequence[View]) -> list[Facts]:
        jobs = [facts_of(view, self.shelf.words, self.sender.public_url) for view in views]
        return sorted(jobs, key=lambda job: STATES.index(job.state))

    def _context(
        self, jobs: Sequence[Facts], draft: Draft, language: Language
    ) -> Mapping[str, object]:
        speaker = Speaker(language, draft.reader.locale)
        words = [JobWords(job, speaker) for job in jobs]
        return {
            **_about(jobs, words, speaker),
            "reader": draft.reader.inert,
            "count": len(jobs),
            "job_ids": _ids(jobs, speaker),
            "public_url": inert(self.sender.page),
            "support": said(self.sender.support or ""),
            "support_url": inert(self.sender.support_url),
        }


def _about(jobs: Sequence[Facts], words: Sequence[JobWords], speaker: Speaker) -> dict[str, object]:
    if len(words) == 1:
        return {"job": words[0]}
    by_state = Counter(job.state for job in jobs)
    states = [(state, by_state[state]) for state in STATES if by_state[state]]
    return {
        "jobs": words[:DIGEST_TOLD],
        "more": len(words[DIGEST_TOLD:]),
        "endings": states_told(states, speaker),
    }


def _ids(jobs: Sequence[Facts], speaker: Speaker) -> str:
    told, more = [job.id for job in jobs[:DIGEST_TOLD]], len(jobs[DIGEST_TOLD:])
    if more:
        told.append(speaker.count("and {n} more", "and {n} more", more))
    return inert(", ").join(told)


def _closing(reader: Reader, sender: Sender) -> str:
    why = "you want an email each time" if reader.asked else "no open page of yours showed its end"
    lines = [f"You get this because you started it and {why}."]
    if reader.stop:
        lines.append(f"Stop these emails: {reader.stop}")
    if sender.support:
        lines.append(f"Questions: {sender.support}")
    return "\n".join(lines)
