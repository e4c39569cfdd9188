"""``ringback bounces``: emails that came back, from a mail server's pipe or a mailbox."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from mailbox import mbox
from pathlib import Path
from typing import Annotated

import typer

from ringback import bounce, dsn
from ringback.cli_base import console, new_store
from ringback.connection import Store
from ringback.errors import RingbackError, StoreUnavailable

LATER = 75  #: the exit status by which a mail server keeps a message for another try (EX_TEMPFAIL)
PATIENCE = 10.0  #: seconds for the store; mail servers wait for longer

Source = Annotated[
    str, typer.Argument(metavar="FILE", help="one message, an mbox, a Maildir; -: standard input")
]
Message = tuple[bytes, Callable[[], None]]  #: what it says, and what to do once it was heard


def bounces(source: Source) -> None:
    """Act on emails that came back, and on complaints. Exit status 75 where the store is away:
    then a mail server's pipe keeps the message and tries again."""
    db, counts = new_store(), Counter[str]()
    for raw, heard in _messages(source):
        try:
            counts.update(_hear(db, raw))
        except StoreUnavailable as error:
            typer.echo(f"{error} Nothing is lost: give the message again.", err=True)
            raise typer.Exit(LATER) from None
        heard()
    if source != "-":
        told = ", ".join(f"{count:,} {result}" for result, count in counts.most_common())
        console.print(told or "There was no message.", markup=False)


def _hear(db: Store, raw: bytes) -> Iterator[str]:
    """The results of one message. What can't be read is said and left: a mail server that gets an
    error would send it back, to where nobody is."""
    try:
        reports = dsn.read(raw)
    except dsn.Unreadable as error:
        console.print(f"ignored: {error}", markup=False, soft_wrap=True)
        yield "unreadable"
        return
    for report in reports:
        news = bounce.news_of(report)
        if news is None:
            console.print(f"{report.action}: of no account", markup=False)
            yield "of no account"
            continue
        heard = db.do(bounce.heed(news, "bounce"), patience=PATIENCE)
        console.print(heard.text, markup=False, soft_wrap=True)
        yield heard.result


def _messages(source: str) -> Iterator[Message]:
    if source == "-":
        raw = sys.stdin.buffer.read(dsn.LONGEST)
        while sys.stdin.buffer.read(1 << 16):  # all of it is taken: a pipe that breaks is an error
            pass
        yield raw, _nothing
        return
    path = Path(source)
    try:
        yield from _maildir(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise RingbackError(f"FILE {source!r} can't be read: {error.strerror}.") from None


def _file(path: Path) -> Iterator[Message]:
    with path.open("rb") as file:
        start = file.read(dsn.LONGEST)
    if not start.startswith(b"From "):
        yield start, _nothing
        return
    box = mbox(path, create=False)
    for key in box.iterkeys():
        yield box.get_bytes(key)[: dsn.LONGEST], _nothing
    box.close()


def _maildir(path: Path) -> Iterator[Message]:
    """What is new in it. What was heard is moved to what was seen, as a mail program does."""
    new, seen = path / "new", path / "cur"
    if not (new.is_dir() and seen.is_dir()):
        raise RingbackError(
            f"FILE {str(path)!r} is a folder, but no Maildir: it has no new and cur."
        )
    for message in sorted(new.iterdir()):
        with message.open("rb") as file:
            raw = file.read(dsn.LONGEST)

        def heard(message: Path = message) -> None:
            message.rename(seen / f"{message.name}:2,S")

        yield raw, heard


def _nothing() -> None:
    """A file or a pipe stays as it is."""
