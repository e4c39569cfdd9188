"""Rules of the fixtures: the made-up jobs that a unit is tried with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from letters.facts import STATES
from letters.fixture import KINDS, TYPICAL, fixtures_of, sample_of
from letters.look import MOST_FIXTURES, Level, Look, Rule, Spot
from letters.shelf import names_for
from letters.unit import TemplateError, Unit
from letters.vocabulary import DIGEST, TEST

_FOR = {
    TYPICAL: "a job as most are",
    "long": "long titles and large numbers",
    "zero": "nothing to count",
    "partial": "some items done and some not",
    "rtl": "words that are written from right to left",
    "hostile": "words that try to become links and HTML",
}


def kinds(look: Look) -> Iterator[Spot]:
    """Whether it is tried with every kind of job."""
    there = fixtures_of(look.unit)
    for kind in KINDS:
        if kind not in there:
            text = f"fixtures/{kind}.json is missing: {_FOR[kind]}"
            yield Spot(f"fixtures/{kind}.json", 1, text, "error" if kind == TYPICAL else "warning")
    if len(there) > MOST_FIXTURES:
        text = f"{len(there)} fixtures; only the first {MOST_FIXTURES} are looked at"
        yield Spot(f"fixtures/{there[-1]}.json", 1, text)


def jobs(look: Look) -> Iterator[Spot]:
    """Whether the jobs are ones that this message could tell of."""
    for name in fixtures_of(look.unit)[:MOST_FIXTURES]:
        if look.inherits(f"fixtures/{name}.json"):
            continue  # a general message's jobs do for the copy for one type
        try:
            views = sample_of(look.unit, name).views
        except TemplateError:
            continue  # a letter of it can't be written either, which is told
        for fault, level in _faults(look, views):
            yield Spot(f"fixtures/{name}.json", 1, fault, level)


def _faults(look: Look, views: Any) -> Iterator[tuple[str, Level]]:
    if not isinstance(views, list) or not all(isinstance(view, dict) for view in views):
        yield "views must be a list of jobs", "error"
        return
    for view in views:
        if view.get("state") not in STATES:
            yield f"state “{view.get('state')}” isn't one of {', '.join(STATES)}", "error"
            return
        if not str(view.get("id") or ""):
            yield "a job has no id", "error"
            return
    about = look.unit.about
    wanted = {TEST: "no job", DIGEST: "two jobs or more"}.get(about, "one job")
    fits = {TEST: not views, DIGEST: len(views) > 1}.get(about, len(views) == 1)
    if not fits:
        yield f"{len(views)} jobs; this message tells of {wanted}", "error"
    elif about not in (TEST, DIGEST):
        yield from _another(look.unit, views[0])


def _another(unit: Unit, view: Mapping[str, Any]) -> Iterator[tuple[str, Level]]:
    try:
        names = names_for(view)
    except (ValueError, TypeError, AttributeError) as error:
        yield f"this isn't a job: {error}", "error"
        return
    if unit.about not in names:
        told = [name for name in names if "." not in name]
        yield f"this job would get “{told[0]}”, not “{unit.about}”", "error"
    elif unit.name not in names:
        kind = unit.name.partition(".")[2]
        yield f"this job is a “{view.get('type')}”, and the copy is for “{kind}”", "warning"


RULES = (Rule("fixtures", "warning", kinds), Rule("fixture", "warning", jobs))
