"""Reads what mail servers and readers send back: delivery status notifications (RFC 3464; in the
envelope of RFC 6522) and complaints (ARF, RFC 5965). Pure: bytes in, reports out.

Whoever knows our bounce address can write to it, so nothing here trusts its input: work grows
with the length and no faster, envelopes are opened to a bounded depth, and all that can't be read
raises ``Unreadable``. Reads what Postfix, Exchange, Gmail, Sendmail and newer Exims send; free text
without a report (older Exims, qmail) isn't guessed at.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ringback.errors import RingbackError

LONGEST = 1 << 20  #: bytes that are looked at; what is returned of the email may be cut off
LINES = 500  #: lines of one header or group of fields
PARTS = 20
DEPTH = 3  #: a report within a forwarding envelope or two
RECIPIENTS = 50  #: reports of one message; our emails have one recipient
VALUE = 2_000  #: characters of a field

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded", "complaint"]
ACTIONS: tuple[Action, ...] = ("failed", "delayed", "delivered", "relayed", "expanded")

_STATUSES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = (
    "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers",
    "message/global-headers",
)  # fmt: skip
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<!\d)([245])\d\d(?!\d)")
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,248}>")
_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)

Fields = Mapping[str, str]


class Unreadable(RingbackError):
    """The message isn't a report that we can read; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one recipient's email. ``recipients``: its address as the reporter knows it
    and as we wrote it, where each is told; none where a complaint hides it (RFC 6590). ``status``:
    "5.1.1", or "" where none is told (RFC 3463). ``diagnostic``: the server's own words.
    ``message_id`` and ``job``: of the email that was returned, "" where it wasn't."""

    action: Action
    recipients: tuple[str, ...]
    status: str = ""
    diagnostic: str = ""
    message_id: str = ""
    job: str = ""


def read(raw: bytes) -> tuple[Report, ...]:
    """The reports of one message, of each recipient one. Raises Unreadable."""
    if raw[:5] == b"From ":  # what mailboxes and pipes put before a message
        raw = raw.partition(b"\n")[2]
    if not raw.strip():
        raise Unreadable("The message is empty.")
    kind, parts = _report(raw[:LONGEST])
    returned = _returned(parts)
    about = {"message_id": _message_id(returned), "job": _job(returned)}
    reports = tuple(_complaint(parts, about) if kind == "complaint" else _statuses(parts, about))
    if not reports:
        raise Unreadable("The report names no recipient and what became of the email.")
    return reports


Part = tuple[str, bytes]  #: media type, decoded content


def _report(raw: bytes) -> tuple[Literal["complaint", "status"], list[Part]]:
    """The parts of the report, which may lie in another envelope."""
    queue = [(raw, 0)]
    while queue:
        entity, depth = queue.pop(0)
        parts = list(_parts(entity))
        kinds = {kind for kind, _ in parts}
        if "message/feedback-report" in kinds:
            return "complaint", parts
        if kinds.intersection(_STATUSES):
            return "status", parts
        if depth < DEPTH:
            queue += [(body, depth + 1) for kind, body in parts if kind.startswith("multipart/")]
    raise Unreadable(
        "It is no report: there is no part message/delivery-status (RFC 3464) or "
        "message/feedback-report (RFC 5965) in it."
    )


def _parts(entity: bytes) -> Iterator[Part]:
    """The parts of a multipart entity; a multipart among them comes whole, to be taken apart
    later."""
    fields, body = _split(entity)
    boundary = _boundary(fields)
    if not boundary:
        return
    mark = b"--" + boundary.encode("utf-8", "replace")
    # (a split by lines that begin with the boundary: linear, whatever they hold)
    pieces = re.split(rb"(?:\A|\r?\n)" + re.escape(mark) + rb"(?=--|[ \t]*\r?\n)", body)
    for piece in pieces[1 : PARTS + 1]:
        if piece.startswith(b"--"):
            return
        part = piece.lstrip(b" \t")
        part = part[2:] if part.startswith(b"\r\n") else part[1:]
        inner, content = _split(part)
        kind = _kind(inner)
        if kind.startswith("multipart/"):
            yield kind, part
        else:
            yield kind, _decoded(inner, content)


def _split(entity: bytes) -> tuple[Fields, bytes]:
    """Header and body. An entity that begins with an empty line has no header."""
    if entity[:1] == b"\n" or entity[:2] == b"\r\n":
        return {}, entity
    end = re.search(rb"\r?\n\r?\n", entity)
    head = entity if end is None else entity[: end.start()]
    return _fields(head), b"" if end is None else entity[end.end() :]


def _fields(head: bytes) -> dict[str, str]:
    """The fields by their names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    unfolded: list[str] = []
    for line in head[: LINES * VALUE].decode("utf-8", "replace").split("\n")[:LINES]:
        if line[:1] in (" ", "\t") and unfolded:
            unfolded[-1] = f"{unfolded[-1]} {line.strip()}"[:VALUE]
        else:
            unfolded.append(line[:VALUE])
    for line in unfolded:
        match = _FIELD.fullmatch(line)
        if match:
            found.setdefault(match[1].lower(), clean(match[2]))
    return found


def clean(text: str) -> str:
    """On one line, without what can't be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _kind(fields: Fields) -> str:
    return fields.get("content-type", "text/plain").partition(";")[0].strip().lower()


def _boundary(fields: Fields) -> str:
    if not _kind(fields).startswith("multipart/"):
        return ""
    match = _BOUNDARY.search(fields["content-type"])
    return (match[1] or match[2]) if match else ""


def _decoded(fields: Fields, content: bytes) -> bytes:
    match fields.get("content-transfer-encoding", "").strip().lower():
        case "base64":
            try:
                return binascii.a2b_base64(content)
            except binascii.Error:
                return b""
        case "quoted-printable":
            return quopri.decodestring(content)
    return content


# -- the parts of a report


def _statuses(parts: list[Part], about: Fields) -> Iterator[Report]:
    """Of each recipient (RFC 3464, 2.3); the first group is about the message (2.2)."""
    body = next(content for kind, content in parts if kind in _STATUSES)
    groups = re.split(rb"(?:\r?\n[ \t]*){2,}", body.strip(b"\r\n"), maxsplit=RECIPIENTS + 1)
    for group in groups[: RECIPIENTS + 1]:
        fields = _fields(group)
        recipients = _addresses(
            fields, "original-recipient", "final-recipient", "x-actual-recipient"
        )
        action = fields.get("action", "").partition(" ")[0].strip(";").lower()
        if recipients and action in ACTIONS:
            diagnostic = fields.get("diagnostic-code", "")
            yield Report(
                action=action,
                recipients=recipients,
                status=status(fields.get("status", ""), diagnostic),
                diagnostic=diagnostic.partition(";")[2].strip() or diagnostic,
                **about,
            )


def status(told: str, diagnostic: str) -> str:
    """The status code (RFC 3463). Where it only says "failed", the server's own words may have
    one that says more, or at least an SMTP reply code."""
    found = _STATUS.search(told)
    if found and not found[0].endswith(".0.0"):
        return found[0]
    better = _STATUS.search(diagnostic)
    if better and (found is None or better[1] == found[1]):
        return better[0]
    if found:
        return found[0]
    reply = _REPLY.search(diagnostic)
    return f"{reply[1]}.0.0" if reply else ""


def _complaint(parts: list[Part], about: Fields) -> Iterator[Report]:
    """``not-spam`` says that somebody took one back (RFC 6430), which is no complaint."""
    fields = _fields(next(body for kind, body in parts if kind == "message/feedback-report"))
    kind = fields.get("feedback-type", "").lower()
    if not kind:
        return
    if kind == "not-spam":
        raise Unreadable("It says that the email was no spam, so there is nothing to do.")
    yield Report(
        action="complaint", recipients=_addresses(fields, "original-rcpt-to"),
        diagnostic=kind, **about,
    )  # fmt: skip


def _addresses(fields: Fields, *names: str) -> tuple[str, ...]:
    """``rfc822; ada@example.com`` and ``<ada@example.com>`` as ``ada@example.com``."""
    found = []
    for name in names:
        kind, _, rest = fields.get(name, "").rpartition(";")
        address = rest.strip().partition(" ")[0].strip("<>").removeprefix("mailto:")
        if "@" in address and kind.strip().lower() in ("", "rfc822", "utf-8", "smtp"):
            found.append(address)
    return tuple(dict.fromkeys(found))


def _returned(parts: list[Part]) -> Fields:
    """The header of the email that the report is about."""
    bodies = (body for kind, body in parts if kind in _RETURNED)
    return next((_split(body.lstrip(b"\r\n"))[0] for body in bodies), {})


def _message_id(returned: Fields) -> str:
    match = _MESSAGE_ID.search(returned.get("message-id", ""))
    return match[0] if match else ""


def _job(returned: Fields) -> str:
    """The first of the jobs that the email told of."""
    return returned.get("x-ringback-job", "").partition(",")[0].strip()
