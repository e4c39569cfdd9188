"""Editions: the copy of emails that authors published, in revisions that never change.

Each name ("failed", "failed.csv.import") has revisions 1, 2, … of the files that its unit has of
its own. A revision is in force from its publication until the next one's; to go back is to publish
again. So what was in force at a moment stays known, and a notice that came due then is written
with it however late it is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ringback import alert, audit
from ringback.errors import RevisionNotFound, StaleCopy, TooMuchCopy, whole
from ringback.instant import Instant
from ringback.keys import Call, plain

SERIAL, NEWEST = "rb:{copy}:serial", "rb:{copy}:newest"
WHEN, TOLD, FILES = "rb:{copy}:when:", "rb:{copy}:told:", "rb:{copy}:files:"
KEPT = 100  #: revisions of a name
YOUNG = 7 * 86_400_000  #: ms after a revision was in force, within which it is kept in any case
MOST = 500  #: revisions of a name, even if all are young
NAMES = 500
WHOLE = 512 * 1024  #: bytes of one revision
KNOWN = 86_400_000  #: ms in which a publication that is repeated is the same one
NOTE = 500  #: characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One revision: who published it (``called``: their name), when, and what for. ``withdrawn``:
    from then on the copy below counts again; ``restored``: it has the files of that older
    revision. ``files`` are there where they were asked for."""

    name: str
    revision: int
    at: Instant
    who: str
    note: str
    withdrawn: bool = False
    restored: int | None = None
    called: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def author(self) -> str:
        """Who published it, as people know them: by name, or by id where they told none."""
        return self.called or self.who


def publish(
    name: str, files: Mapping[str, str], who: str, note: str, base: int, op: str,
    *, called: str = "",
) -> Generator[Call, Any, Edition]:  # fmt: skip
    """Makes ``files`` the newest revision of ``name``, durably; goes to the audit trail first.

    ``base``: the newest revision that the author knew of, 0 for none. Repeated with the same
    ``op``, it is the same publication. Raises StaleCopy where there is a newer one, and
    TooMuchCopy.
    """
    deed = _publish(name, files, who, note, base, op, called=called)
    return (yield from audit.audited(who, f"publish copy “{name}”", note, (), deed))


def roll_back(
    name: str, revision: int, who: str, note: str, base: int, op: str, *, called: str = ""
) -> Generator[Call, Any, Edition]:
    """Publishes what an older revision had, or, for 0, withdraws what was published: then the copy
    of the installation's folder counts, or what is built in.

    Otherwise as ``publish``. Raises RevisionNotFound, too.
    """
    what = f"roll back copy “{name}” to {revision}" if revision else f"withdraw copy “{name}”"
    deed = _roll_back(name, revision, who, note, base, op, called)
    return (yield from audit.audited(who, what, note, (), deed))


def history(name: str) -> Generator[Call, Any, list[Edition]]:
    """The revisions that are kept, newest first, without their files."""
    rows = yield plain("HVALS", TOLD + name)
    return sorted((_edition(name, row) for row in rows), key=lambda it: -it.revision)


def revision(name: str, number: int) -> Generator[Call, Any, Edition]:
    """One revision with its files. Raises RevisionNotFound."""
    row = yield plain("HGET", TOLD + name, number)
    if row is None:
        raise RevisionNotFound(name, number)
    edition = _edition(name, row)
    return replace(edition, files=(yield from files(name, number)))


def files(name: str, number: int) -> Generator[Call, Any, Mapping[str, str]]:
    """A revision's files. Raises RevisionNotFound."""
    text = yield plain("HGET", FILES + name, number)
    if text is None:
        raise RevisionNotFound(name, number)
    found: Mapping[str, str] = orjson.loads(text)
    return found


def newest(name: str) -> Generator[Call, Any, int]:
    """The newest revision's number, 0 for none."""
    return int((yield plain("HGET", NEWEST, name)) or 0)


def serial() -> Generator[Call, Any, int]:
    """When the last publication was (ms since 1970, by the store's clock), 0 for none: while this
    is the same, everything is."""
    return int((yield plain("GET", SERIAL)) or 0)


def in_force(moment: int) -> Generator[Call, Any, list[Edition]]:
    """Of each name the revision in force at ``moment`` (ms since 1970), withdrawn ones too, without
    their files. Right for moments of the last seven days."""
    rows = yield _call("force", "", moment)
    return [
        _edition(name.decode(), row) for name, row in zip(*[iter(rows)] * 2, strict=True)
    ]  # fmt: skip


def alert_key(name: str) -> str:
    """The alert that sounds when copy of this name can't be written."""
    return f"copy {name}"


def _publish(
    name: str, files: Mapping[str, str], who: str, note: str, base: int, op: str,
    **more: Any,
) -> Generator[Call, Any, Edition]:  # fmt: skip
    record = orjson.dumps({"who": who, "note": whole(note, NOTE), **more})
    text = orjson.dumps(dict(files))
    if len(text) > WHOLE:
        raise TooMuchCopy(f"The files of “{name}” have {len(text):,} bytes; {WHOLE:,} may be.")
    bounds = (KEPT, YOUNG, MOST, NAMES, KNOWN)
    reply = yield _call(
        "publish", _op(who, name, op, record, text), name, base, record, text, *bounds
    )
    if reply[0] == b"full":
        raise TooMuchCopy(
            f"There are {MOST} revisions of “{name}” of the last seven days, or {NAMES} published "
            "messages. Publish again in a few days."
        )
    edition = _edition(name, reply[1]) if reply[1] else None
    if reply[0] == b"stale" or edition is None:
        raise _stale(name, edition)
    yield from alert.settle(alert_key(name))
    return replace(edition, files=files)


def _roll_back(
    name: str, number: int, who: str, note: str, base: int, op: str, called: str
) -> Generator[Call, Any, Edition]:
    if not number:
        return (yield from _publish(name, {}, who, note, base, op, withdrawn=True, called=called))
    old = yield from revision(name, number)
    more = {"restored": number, "withdrawn": old.withdrawn, "called": called}
    return (yield from _publish(name, old.files, who, note, base, op, **more))


def _stale(name: str, edition: Edition | None) -> StaleCopy:
    if edition is None:
        return StaleCopy(name, 0, "", "")
    return StaleCopy(name, edition.revision, edition.author, str(edition.at))


def _op(who: str, name: str, op: str, *content: bytes) -> str:
    """The same operation with other content is another one, which has to be the newest itself."""
    about = "\0".join((who, name, op)).encode(errors="replace")
    return hashlib.sha256(b"\0".join((about, *content))).hexdigest()


def _call(action: str, op: str, *args: Any) -> Call:
    keys = (SERIAL, NEWEST, f"rb:{{copy}}:op:{op}", WHEN, TOLD, FILES)
    return Call("edition", keys, (action, *args), durable=action == "publish")


def _edition(name: str, row: bytes) -> Edition:
    fields = orjson.loads(row)
    return Edition(name=name, at=Instant(fields.pop("at")), **fields)
