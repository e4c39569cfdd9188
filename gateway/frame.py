"""Published packets, read only as far as pushing them needs.

A frame is the Socket.IO text packet that the commit script published:
``42["job",{JobView},"<epoch>:<seq>"]``. What is searched here contains raw quotes, which JSON
text inside a user's words can't: nobody's job title can be mistaken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeGuard

import orjson
from pydantic import BaseModel

from gateway.outgoing import JOB, JOBS, Outgoing

_HEAD = re.compile(r'^(?:42\["job",)?\{"id":"([^"\\]+)","version":(\d+),')
CURSOR = re.compile(r"[0-9a-f]{1,16}:[0-9]{1,15}")
_OPEN_NOTICE = re.compile(r'"email":\{"state":"(?:waiting|delayed)"')


@dataclass(frozen=True, slots=True)
class Proof:
    """A terminal view under way to a client: what its receipt will prove."""

    job_id: str
    version: int


def job_of(frame: str) -> str:
    """The job's id."""
    return _head(frame)[0]


def cursor_of(frame: str) -> str:
    """``"<epoch>:<seq>"``, the trailing argument."""
    return frame[frame.rindex(',"') + 2 : -2]


def without_cursor(frame: str) -> str:
    """The frame for who only looks on: a client that reconnects asks for what comes after the last
    cursor it was given, and that must be one of its own feed."""
    return frame[: frame.rindex(',"')] + "]"


def of_user(frame: str, user: str) -> str:
    """A ``jobs`` event without cursor that says whose jobs they are."""
    return f'{frame[:-2]},"user":{orjson.dumps(user).decode()}}}]'


def parts_of(frame: str) -> tuple[str, str, str | None]:
    """An event's name, its JSON, and the cursor where it has one."""
    name = frame[len('42["') : frame.index('"', len('42["'))]
    data = frame[len('42["",') + len(name) : -1]
    if not data.endswith('"'):
        return name, data, None
    data, _, cursor = data.rpartition(',"')
    return name, data, cursor[:-1]


def is_cursor(text: object) -> TypeGuard[str]:
    """Whether it has the form of a cursor."""
    return isinstance(text, str) and CURSOR.fullmatch(text) is not None


def split(cursor: str) -> tuple[str, int]:
    """Epoch, and position in it."""
    epoch, _, seq = cursor.partition(":")
    return epoch, int(seq)


def is_progress(frame: str) -> bool:
    """Whether a later view of the same job may take this one's place."""
    return '"email":null' in frame


def proof_of(view: str) -> Proof | None:
    """What the receipt of a frame or view proves, where somebody waits for it."""
    if not _OPEN_NOTICE.search(view):
        return None
    job_id, version = _head(view)
    return Proof(job_id, int(version))


def job_frame(view: str, cursor: str) -> str:
    """A view as the frame that the script would have published."""
    return f'42["{JOB.name}",{view},"{cursor}"]'


def jobs_frame(views: Iterable[str], cursor: str, *, reset: bool) -> str:
    """The ``jobs`` event: what a fresh connection gets first."""
    flag: Literal["true", "false"] = "true" if reset else "false"
    return f'42["{JOBS.name}",{{"jobs":[{",".join(views)}],"reset":{flag}}},"{cursor}"]'


def event_frame(event: Outgoing, payload: BaseModel) -> str:
    """Any other event, which tells of no job and moves no cursor."""
    return f"42{orjson.dumps([event.name, payload.model_dump()]).decode()}"


def _head(text: str) -> tuple[str, str]:
    found = _HEAD.match(text)
    if found is None:
        raise ValueError(f"not a job's frame: {text[:80]!r}")
    return found[1], found[2]
