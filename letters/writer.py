"""Writer: finds the unit that fits, and the words for it. Pure: no clock, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from letters.facts import STATES, Facts, View, facts_of, reworded
from letters.language import SOURCE, Language
from letters.people import Reader, Sender
from letters.phrases import JobWords, Speaker, closing, states_told, told_plainly
from letters.prose import inert, isolated, plain, said
from letters.render import Parts, Renderer
from letters.sentences import Count, Sentence
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
        jobs = self._facts(draft.views, language)
        return self._renderer.render(draft.unit, self._context(jobs, draft, language), language)

    def plain_parts(self, draft: Draft) -> Parts:
        """The letter of last resort: text only, made without any template."""
        language = self._spoken(draft, self.shelf.languages.best(draft.reader.locale))
        speaker = Speaker(language, draft.reader.locale)
        jobs = self._facts(draft.views, language)
        words = [JobWords(job, speaker) for job in jobs]
        told = [told_plainly(word, job, speaker) for word, job in zip(words, jobs, strict=True)]
        headline = words[0].headline if words else speaker.say(Sentence.TEST)
        if len(words) > 1:
            headline = speaker.count(Count.JOBS_ENDED, len(words), headline=headline)
        text = "\n\n".join([*told, closing(draft.reader, self.sender, speaker)]) + "\n"
        return Parts(
            plain(headline), preheader="", text=plain(text), html="", language=language.tag
        )

    def language(self, draft: Draft) -> Language:
        """The reader's, where all of the unit is there in it: no letter speaks two."""
        best = self.shelf.languages.best(draft.reader.locale)
        return self._spoken(draft, best if draft.unit.speaks(best) else self._english)

    def _spoken(self, draft: Draft, best: Language) -> Language:
        """``best``, where it knows the words of the jobs' types too."""
        words = self.shelf.words
        spoken = [words.get(str(view.get("type")), words["default"]) for view in draft.views]
        told = [it for word in spoken for it in (*(one for one, _ in word.pairs), *word.sentences)]
        return best if all(map(best.knows, told)) else self._english

    @property
    def _english(self) -> Language:
        return self.shelf.languages.all[SOURCE]

    def _facts(self, views: Sequence[View], language: Language) -> list[Facts]:
        jobs = [facts_of(view, self.shelf.words, self.sender.public_url) for view in views]
        jobs = [reworded(job, lambda text: _heard(text, language)) for job in jobs]
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
        told.append(speaker.count(Count.MORE_IDS, more))
    return speaker.row(told)


def _heard(text: str, language: Language) -> str:
    """What a job says: translated where a catalog has just that, and kept apart from a letter
    that runs the other way."""
    told = inert(language.say(plain(text)))
    return isolated(told) if language.direction == "rtl" else told
