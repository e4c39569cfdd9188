"""Rules of what readers get: subject, preheader, the one thing to do, links."""

from __future__ import annotations

import re
from collections.abc import Iterator

from letters.banned import nothings
from letters.language import SOURCE
from letters.lint_source import on_loopback
from letters.look import Look, Rule, Spot, Written
from letters.vocabulary import DIGEST

SUBJECT = 78  #: characters of a usual subject; a phone shows half of them
LONGEST_SUBJECT = 150  #: of any subject
EARLY = 60  #: within how many characters a subject says a number
PREHEADER = (30, 150)  #: what makes sense beside the subject, and what is shown of it

#: What a button's label begins with, in English: what it does.
VERBS = frozenset(
    """
    add answer approve ask change check choose compare confirm continue correct download edit find
    fix get go import invite look make open pay read rename renew repair replace request restore
    resume retry review run save see send set show sign start stop try update upload use verify
    view visit watch write
    """.split()  # noqa: SIM905 (a word list is read as one)
)
_EMPTY_LABELS = ("click here", "here", "link", "more", "read more", "ok", "go", "details")


def _subject_file(look: Look, it: Written, file: str = "subject.txt") -> str:
    return look.unit.file_for(file, it.language.tag)


def subject(look: Look, it: Written) -> Iterator[Spot]:
    """One line that an inbox shows whole, with its number early."""
    line, file = it.parts.subject, _subject_file(look, it)
    where = look.line_of(file, r"\S")
    if not line:
        yield Spot(file, where, "the subject is empty", "error")
        return
    if len(line) > LONGEST_SUBJECT:
        text = f"the subject has {len(line)} characters, more than {LONGEST_SUBJECT}; use |short(…)"
        yield Spot(file, where, text, "error")
    elif it.typical and it.language.tag == SOURCE and len(line) > SUBJECT:
        text = f"the subject has {len(line)} characters; inboxes show {SUBJECT} at most: “{line}”"
        yield Spot(file, where, text)
    if it.typical and line.endswith((".", "。")) and not line.endswith("..."):
        yield Spot(file, where, "a subject ends without a full stop")


def subject_number(look: Look, it: Written) -> Iterator[Spot]:
    """Where there are items, the subject counts them, and not at its far end."""
    counted = any(
        number for view in it.draft.views for number in (view.get("counts") or {}).values()
    )
    if it.typical and counted and not re.search(r"\d", it.parts.subject[:EARLY]):
        file = _subject_file(look, it)
        text = (
            f"no number in the first {EARLY} characters of “{it.parts.subject}”; job.subject has it"
        )
        yield Spot(file, look.line_of(file, r"\S"), text)


def preheader(look: Look, it: Written) -> Iterator[Spot]:
    """What the inbox row shows behind the subject: there, and something new."""
    line, file = it.parts.preheader, _subject_file(look, it, "preheader.txt")
    where = look.line_of(file, r"\S")
    if not line:
        text = "the preheader is empty; say what comes next, as “You don't need to do anything.”"
        yield Spot(file, where, text, "error")
    elif line.rstrip(".") == it.parts.subject.rstrip("."):
        yield Spot(
            file, where, "the preheader repeats the subject; say what it leaves out", "error"
        )
    elif it.typical and it.language.tag == SOURCE and len(line) < PREHEADER[0]:
        text = f"the preheader has {len(line)} characters, fewer than {PREHEADER[0]}; say more"
        yield Spot(file, where, text)
    elif it.typical and it.language.tag == SOURCE and len(line) > PREHEADER[1]:
        text = f"the preheader has {len(line)} characters; inboxes show {PREHEADER[1]} at most"
        yield Spot(file, where, text)


def button(look: Look, it: Written) -> Iterator[Spot]:
    """One primary action, or, in a digest, none and a link for each job."""
    file = _subject_file(look, it, "body.md")
    where = look.line_of(file, r"\"button\"\s*\)|\.button\b")
    labels = [label for label, _ in it.page.buttons]
    if look.unit.about == DIGEST:
        if labels:
            yield Spot(file, where, f"a digest has no button, but “{labels[0]}”; use job.action")
        targets = {href for _, href, _ in it.page.links}
        if len(targets) < min(len(it.draft.views), 2):
            yield Spot(file, where, "not each job has its link; print job.action in the loop")
    elif not labels:
        text = 'there is no button; print {{ job.button }}, or write [Open it](https://… "button")'
        yield Spot(file, where, text)
    elif len(labels) > 1:
        told = ", ".join(f"“{label}”" for label in labels)
        yield Spot(file, where, f"{len(labels)} buttons: {told}. Leave the most important one")


def label(look: Look, it: Written) -> Iterator[Spot]:
    """A link says what it does: verb and object."""
    file = _subject_file(look, it, "body.md")
    buttons = {text for text, _ in it.page.buttons}
    for text, _, _ in it.page.links:
        where = look.line_of(file, re.escape(f"[{text}]"), r"\"button\"\s*\)|\.button\b")
        if not text:
            yield Spot(file, where, "a link without words can't be read", "error")
        elif text.strip(" .!").lower() in _EMPTY_LABELS:
            yield Spot(
                file,
                where,
                f"“{text}” doesn't say what the link does; write verb + object",
                "error",
            )
        elif text in buttons and it.language.tag == SOURCE and it.typical:
            first, _, rest = text.partition(" ")
            if first.lower() not in VERBS or not rest:
                told = f"“{text}”: begin a button with what it does, as “Download the 3 rows”"
                yield Spot(file, where, told)


def target(look: Look, it: Written) -> Iterator[Spot]:
    """Every link is absolute, and encrypted."""
    file = _subject_file(look, it, "body.md")
    for text, href, _ in it.page.links:
        where = look.line_of(file, re.escape(f"[{text}]"))
        if href.startswith(("https://", "mailto:")):
            continue
        if not (on_loopback(href) and href.startswith(look.writer.sender.page)):
            yield Spot(file, where, f"“{text}” leads to {href}; links begin with https://")
    if it.typical and (broken := re.search(r"\[[^\[\]]*\]\([^)]*\)?", it.page.text)):
        where = look.line_of(file, r"\]\(")
        yield Spot(
            file,
            where,
            f"“{broken[0][:60]}” didn't become a link; its address has a blank or is none",
        )


def nothing(look: Look, it: Written) -> Iterator[Spot]:
    """No count of nothing."""
    if it.fixture == "hostile":
        return
    for file, text in (
        ("subject.txt", it.parts.subject),
        ("preheader.txt", it.parts.preheader),
        ("body.md", it.page.text),
    ):
        for phrase in nothings(text):
            name = _subject_file(look, it, file)
            where = look.line_of(
                name, r"\|\s*number.*(failed|rejected|skipped|broken)", r"\|\s*number"
            )
            yield Spot(
                name, where, f"“{phrase}”: what didn't happen is no news; test the number first"
            )


RULES = (
    Rule("subject", "warning", letter=subject),
    Rule("subject-number", "warning", letter=subject_number),
    Rule("preheader", "warning", letter=preheader),
    Rule("button", "error", letter=button),
    Rule("label", "warning", letter=label),
    Rule("target", "error", letter=target),
    Rule("nothing", "error", letter=nothing),
)
