"""Letterbox: every built-in letter as it is on the wire, once sent through the real transport,
signed.

One for each unit and fixture, and the typical ones in each language that has a catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from letters.fixture import TYPICAL, fixtures_of, sample_of
from letters.letter import Letters
from letters.people import Sender
from letters.render import Parts
from letters.shelf import Shelf
from letters.writer import Draft, Writer
from ringback.unsubscribe import Links, Subscription
from tasks.envelope import Envelope
from tasks.seal import Seal
from tasks.smtp import Transport
from tasks.smtp_line import Server
from tests.rig import free_port

HOME = "https://jobs.example.com"
SENDER = Sender("Ringback <no-reply@example.com>", HOME, "help@example.com")
_STOP = Links("s" * 32, HOME)
_DATE = datetime(2026, 7, 12, 14, 4, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """One letter: which it is ("partial.csv.import typical de"), what it was written from, and
    the bytes that the mail server got."""

    name: str
    draft: Draft
    parts: Parts
    content: bytes

    @property
    def file(self) -> str:
        """The name as a file may have it, and the Message-ID before its @."""
        return _file(self.name)


@cache
def shelf() -> Shelf:
    """The built-in units."""
    return Shelf()


@cache
def drafts() -> dict[str, Draft]:
    """What the letters are written from, by name. The reader is who the fixture says, and may
    stop the emails."""
    found: dict[str, Draft] = {}
    for about in shelf().built_in.values():
        unit = shelf().whole(about)
        for fixture in fixtures_of(unit):
            found[f"{unit.name} {fixture}"] = _offered(sample_of(unit, fixture))
        for tag in shelf().languages.all:
            spoken = _offered(sample_of(unit, TYPICAL))
            reader = replace(spoken.reader, locale=tag)
            found[f"{unit.name} {TYPICAL} {tag}"] = replace(spoken, reader=reader)
    return found


def _offered(draft: Draft) -> Draft:
    stop = _STOP.url(Subscription(draft.reader.id))
    return replace(draft, reader=replace(draft.reader, stop=stop))


@cache
def written() -> dict[str, Parts]:
    """The same letters before they are put into a message."""
    writer = Writer(shelf(), SENDER)
    return {name: writer.parts(draft) for name, draft in drafts().items()}


@cache
def samples() -> list[Sample]:
    """All of them, sent and taken."""
    taken = dict(_taken())
    return [
        Sample(name, draft, written()[name], taken[_message_id(name)])
        for name, draft in drafts().items()
    ]


class _Keeper:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:
        """aiosmtpd calls it."""
        self.got.append(envelope.original_content)
        return "250 2.0.0 OK"


def _taken() -> Iterator[tuple[str, bytes]]:
    keeper, seal = _Keeper(), _seal()
    controller = Controller(keeper, hostname="127.0.0.1", port=free_port())
    controller.start()
    transport = Transport(Server.at(f"smtp://127.0.0.1:{controller.port}"))
    letters = Letters(shelf(), SENDER)
    try:
        for name, draft in drafts().items():
            letter = letters.letter(
                draft, message_id=_message_id(name), date=_DATE, reason="fallback; no receipt"
            )
            outcome = transport.send(Envelope.of(letter, seal=seal), lambda: None)
            assert outcome.kind == "accepted", f"{name}: {outcome}"
            yield _message_id(name), keeper.got[-1]
    finally:
        letters.close()
        transport.close()
        controller.stop()


def _seal() -> Seal:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Seal.of("ringback", pem.decode(), "example.com")


def _message_id(name: str) -> str:
    return f"<{_file(name)}@example.com>"


def _file(name: str) -> str:
    return name.replace(" ", "-")
