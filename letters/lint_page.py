"""Rules of the two parts as mail programs get them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from letters.contrast import LEAST, pale
from letters.lines import columns
from letters.look import LONGEST, Look, Rule, Spot, Written

LARGEST = 100_000  #: bytes of HTML; Gmail clips at 102 KB
_LAYOUT, _STYLE = "_layout/layout.html", "_layout/style.css"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _may_break(word: str) -> bool:
    """Whether the text part breaks lines within it: where letters are two columns wide."""
    return columns(word) > len(word)


def text_part(look: Look, it: Written) -> Iterator[Spot]:
    """The text part has every fact and link of the HTML part."""
    tag = it.language.tag
    file = look.unit.file_for("body.txt", tag) if "body.txt" in look.unit.files else "body.md"
    # the badge over the headline says in a word what the headline says
    there = _words(it.parts.text) | _words(it.language.say(look.unit.message.badge))
    text = "".join(it.parts.text.split())
    lost = [
        word for word in re.findall(r"\w+", it.page.text)
        if word.lower() not in there and not (_may_break(word) and word in text)
    ]  # fmt: skip
    if lost:
        told = ", ".join(f"“{word}”" for word in dict.fromkeys(lost[:5]))
        yield Spot(file, 1, f"the text part lacks what the HTML part says: {told}")
    for _, href, _ in it.page.links:
        if "".join(href.removeprefix("mailto:").split()) not in text:
            yield Spot(file, 1, f"the text part lacks the link {href}")


def job_id(_: Look, it: Written) -> Iterator[Spot]:
    """Both parts name the job, for support."""
    for view in it.draft.views[:1]:
        for name, part in (("text", it.parts.text), ("HTML", it.page.text)):
            if str(view["id"]) not in part:
                yield Spot("_layout/footer.md", 1, f"the {name} part doesn't name the job's id")


def contrast(_: Look, it: Written) -> Iterator[Spot]:
    """All words can be read, in light and dark mode."""
    for each in pale(it.parts.html):
        mode = "dark" if each.dark else "light"
        text = (
            f"“{each.words}” has {each.colour} on {each.background} in {mode} mode: contrast "
            f"{each.ratio:.1f}:1, and {LEAST}:1 is the least"
        )
        yield Spot(_STYLE, 1, text)


def root(_: Look, it: Written) -> Iterator[Spot]:
    """Screen readers know the language and the direction."""
    given = it.page.root
    if given.get("lang") != it.language.tag:
        yield Spot(
            _LAYOUT, 1, f'<html> needs lang="{{{{ lang }}}}"; it has “{given.get("lang", "")}”'
        )
    if given.get("dir") != it.language.direction:
        yield Spot(_LAYOUT, 1, f'<html> needs dir="{{{{ dir }}}}"; it has “{given.get("dir", "")}”')


def remote(_: Look, it: Written) -> Iterator[Spot]:
    """Nothing is loaded from elsewhere, and nothing runs."""
    for each in it.page.remote:
        yield Spot(
            _LAYOUT, 1, f"{each[:80]}: mail programs block it, and it tells who reads; leave it out"
        )


def size(_: Look, it: Written) -> Iterator[Spot]:
    """Gmail shows all of it."""
    taken = len(it.parts.html.encode())
    if taken > LARGEST:
        text = (
            f"the HTML part has {taken // 1000} KB; Gmail cuts after {LARGEST // 1000} KB. Say less"
        )
        yield Spot("body.md", 1, text)


def slow(_: Look, it: Written) -> Iterator[Spot]:
    """No letter keeps those behind it."""
    if it.took > LONGEST:
        text = (
            f"one such email takes {it.took:.1f} s to write, and all behind it wait; at most "
            f"{LONGEST:g} s. Look for thousands of brackets or stars, or a loop in a loop"
        )
        yield Spot("body.md", 1, text)


RULES = (
    Rule("text-part", "error", letter=text_part),
    Rule("job-id", "error", letter=job_id),
    Rule("contrast", "error", letter=contrast),
    Rule("lang", "error", letter=root),
    Rule("remote", "error", letter=remote),
    Rule("size", "error", letter=size),
    Rule("slow", "error", letter=slow),
)
