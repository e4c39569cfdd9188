"""The desk: the messages as their authors see them, and drafts of what they change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal

from letters.shelf import MESSAGES, NOTHING, Layer, Shelf, no_message
from letters.unit import Unit, keeps, most_of
from letters.vocabulary import DIGEST, TEST
from ringback.declare import NAME

#: Messages that aren't about one job, so that there is none for a type of jobs.
FOR_ALL = (DIGEST, TEST)
DRAFT = PurePath("draft")


def no_name(name: str) -> str | None:
    """Why there can be no unit of this name ("failed-input.csv.import"); None: there can."""
    about, dot, kind = name.partition(".")
    if about not in MESSAGES:
        return no_message(about[:80])
    if dot and about in FOR_ALL:
        return f"“{about}” is one message for all types of jobs."
    if dot and not NAME.fullmatch(kind):
        return f"“{kind[:80]}” can't be the name of a job type."
    return None


def no_file(file: str, text: str) -> str | None:
    """Why a unit can't have this file; None: it can."""
    if not keeps(file):
        return (
            "isn't a file of a message. Those are message.toml, subject.txt, preheader.txt, "
            "body.md, body.txt, fixtures/….json, and body.de.md for German, say"
        )
    most = most_of(file)
    if len(text) > most:
        return f"has {len(text):,} characters; at most {most:,} may be"
    return None


def names(shelf: Shelf, published: Layer = NOTHING) -> list[str]:
    """Every unit there is: the messages in the order in which they are told, each with those for
    types of jobs behind it."""
    order = list(MESSAGES)
    there = {*shelf.built_in, *shelf.own, *published}
    return sorted(there, key=lambda name: (order.index(name.partition(".")[0]), name))


def in_force(shelf: Shelf, name: str, published: Layer = NOTHING) -> Unit | None:
    """The whole unit of exactly this name; None where a more general one serves."""
    for layer in (published, shelf.own, shelf.built_in):
        if name in layer:
            return shelf.whole(layer[name], published)
    return None


def below(shelf: Shelf, name: str, published: Layer = NOTHING) -> Unit:
    """What counts where nothing of this name is published: files for a draft to begin with."""
    return drafted(shelf, name, {}, published)


def drafted(
    shelf: Shelf,
    name: str,
    files: Mapping[str, str],
    published: Layer = NOTHING,
    origin: Literal["folder", "published"] = "published",
) -> Unit:
    """A draft with ``files``, and what it leaves out: as it would be in that layer."""
    return shelf.whole(Unit(name, files, origin, DRAFT), published)


def own_of(
    shelf: Shelf, name: str, files: Mapping[str, str], published: Layer = NOTHING
) -> Mapping[str, str]:
    """Those of ``files`` that differ from what is below: what is left out comes from there, today's
    and later versions."""
    draft = Unit(name, files, "published", DRAFT)
    return draft.beyond(below(shelf, name, published)).files
