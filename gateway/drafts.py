"""What authors send to the studio, checked, and what they get of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

from gateway import kinds
from gateway.models import EditionView, FindingView
from gateway.problems import Problem, bad_request
from gateway.proofs import Proof, finding_of
from gateway.studio_models import Origin, ProofView, RenderRequest
from letters import desk
from letters.fixture import TYPICAL, fixtures_of, sample_of
from letters.letter import posted
from letters.people import Sender
from letters.unit import TemplateError, Unit, most_of
from letters.writer import Draft
from ringback.editions import WHOLE, Edition
from ringback.errors import FieldError, StaleCopy

WHY = "A draft in the studio"


def known_name(name: str) -> str:
    """``name``, if there can be a message of this name. Raises a 404 Problem."""
    why = desk.no_name(name)
    if why is not None:
        raise Problem(kinds.NOT_FOUND, why)
    return name


def checked(files: Mapping[str, str | None]) -> None:
    """Raises a Problem that names each file that no message has (422) or that is too long (413)."""
    faults = [(file, text or "", desk.no_file(file, text or "")) for file, text in files.items()]
    errors = [FieldError(f"files.{file}", None, why) for file, _, why in faults if why]
    if errors:
        large = any(len(text) > most_of(file) for file, text, why in faults if why)
        kind = kinds.TOO_LARGE if large else kinds.WRONG_COPY
        told = "; ".join(f"{error.field} {error.message}" for error in errors)
        raise Problem(kind, told, errors)
    size = sum(len(text.encode()) for _, text, _ in faults)
    if size > WHOLE:
        message = f"have {size:,} bytes together; at most {WHOLE:,} may be"
        error = FieldError("files", None, message)
        raise Problem(kinds.TOO_LARGE, f"files {message}", [error])


def refuse(findings: Sequence[FindingView]) -> None:
    """Raises a 422 Problem with the findings if errors are among them."""
    errors = [it for it in findings if it.level == "error"]
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        told = "; ".join(f"{it.file}:{it.line}: {it.text}" for it in errors[:3])
        more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
        raise Problem(
            kinds.WRONG_COPY, f"The copy has {count}, so it wasn't published: {told}{more}",
            [FieldError(f"files.{it.file}", None, f"line {it.line}: {it.text}") for it in errors],
            findings=[it.model_dump() for it in findings],
        )  # fmt: skip


def sample(unit: Unit, wanted: RenderRequest) -> Draft:
    """The draft with a fixture. Raises a 400 Problem for one that isn't there, TemplateError for
    one that is none."""
    name = wanted.fixture or TYPICAL
    if f"fixtures/{name}.json" not in unit.files:
        raise bad_request("fixture", name, f"must be one of {', '.join(fixtures_of(unit))}")
    draft = sample_of(unit, name)
    own = draft.reader
    reader = replace(
        own, locale=wanted.locale or own.locale, timezone=wanted.timezone or own.timezone
    )  # fmt: skip
    return replace(draft, reader=reader)


def proof_view(draft: Draft, proof: Proof, sender: Sender) -> ProofView:
    """What the page shows of a draft."""
    parts = proof.parts
    if parts is None:
        return unwritten(proof.findings)
    try:
        source = _source(posted(draft, parts, sender, WHY))
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # a fixture may be anything
        path = draft.unit.at(f"fixtures/{TYPICAL}.json")
        fault = TemplateError(path, 1, f"this makes no email: {error}")
        return unwritten([*proof.findings, finding_of(draft.unit, fault, "fixture")])
    return ProofView(
        subject=parts.subject, preheader=parts.preheader, html=parts.html, text=parts.text,
        source=source, language=parts.language, size=len(parts.html.encode()),
        findings=list(proof.findings),
    )  # fmt: skip


def unwritten(findings: Sequence[FindingView]) -> ProofView:
    """No parts, and why."""
    return ProofView(
        subject=None, preheader=None, html=None, text=None, source=None, language=None, size=None,
        findings=list(findings),
    )  # fmt: skip


def _source(letter: EmailMessage) -> str:
    return letter.as_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def origin_of(unit: Unit | None) -> Origin:
    """Whose copy it is; None: there is none of its own."""
    return "inherited" if unit is None else unit.origin


def edition_view(edition: Edition) -> EditionView:
    """A revision as authors see it."""
    return EditionView(**edition_fields(edition))


def edition_fields(edition: Edition) -> dict[str, Any]:
    """The members of an ``EditionView``."""
    return {
        "revision": edition.revision, "at": str(edition.at), "who": edition.who,
        "called": edition.author, "note": edition.note,
        "withdrawn": edition.withdrawn, "restored": edition.restored,
    }  # fmt: skip


def stale(error: StaleCopy, history: Sequence[Edition]) -> Problem:
    """The 409 Problem that tells who was first."""
    newest = edition_view(history[0]).model_dump() if history else None
    return Problem(kinds.STALE_COPY, str(error), newest=newest)
