"""Content negotiation: whether a client takes what an endpoint can give (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway import kinds
from gateway.problems import Problem


def check_accept(header: str | None, produced: Sequence[str]) -> None:
    """Raises a 406 Problem where the header excludes all that is produced."""
    if not header or not produced:
        return
    if not any(_quality(header, kind) for kind in produced):
        told = f"This answers with {' or '.join(produced)}, which the header Accept excludes."
        raise Problem(kinds.NOT_ACCEPTABLE, told)


def check_coding(header: str | None) -> None:
    """Raises a 415 Problem for a compressed body: nobody here unpacks one (RFC 9110, 15.5.16)."""
    if header and header.strip().lower() != "identity":
        told = f"The body is said to be compressed ({header[:40]}). Send it as it is."
        raise Problem(kinds.UNSUPPORTED_MEDIA_TYPE, told, headers={"Accept-Encoding": "identity"})


def _quality(header: str, kind: str) -> float:
    """How much the client wants it: what its most specific range that fits says; 0: not at all."""
    found = (-1, 0.0)
    for item in header.split(","):
        taken, *params = (part.strip().lower() for part in item.split(";"))
        fit = _fit(taken, kind)
        if fit is not None:
            found = max(found, (fit, _weight(params)))
    return found[1]


def _fit(taken: str, kind: str) -> int | None:
    if taken == kind:
        return 2
    if taken == f"{kind.partition('/')[0]}/*":
        return 1
    return 0 if taken == "*/*" else None


def _weight(params: Sequence[str]) -> float:
    for param in params:
        name, _, value = param.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
