"""Jobs to bytes and back: the one encoding that workers, the gateway and the scripts share.

What only the commit knows (the version, the time) is left open as a *token* between the
control bytes 0x01 and 0x02. JSON text can't contain these raw, so no user's words can be
mistaken for a token. The script replaces:

====== =======================================================================
token  becomes
====== =======================================================================
v      the version
tc+ms  the commit's time plus ms as an RFC 3339 string; ``mc+ms`` as an integer
tn+ms  the notice's due time plus ms as RFC 3339; ``mn+ms`` as an integer
====== =======================================================================
"""

from __future__ import annotations

from typing import Any

import orjson

from ringback.estimate import Estimate
from ringback.failure import Failure
from ringback.instant import Instant
from ringback.job import (
    Cancel,
    Counts,
    Job,
    Link,
    Notice,
    Owner,
    Place,
    Policy,
    Problem,
    Progress,
    Result,
    Spec,
    State,
    Step,
)
from ringback.plan import Child, Course, Task
from ringback.view import view_of

VERSION = orjson.Fragment(b"\x01v\x02")
_RECORD_FIELDS = tuple(name for name in Job.__slots__ if name not in ("spec", "version"))


def encode_spec(spec: Spec) -> bytes:
    """The immutable part of a job."""
    return orjson.dumps(spec)


def encode_record(job: Job) -> bytes:
    """The changing part of a job, with tokens; moments are milliseconds."""
    record = {name: getattr(job, name) for name in _RECORD_FIELDS}
    record["version"] = VERSION
    return orjson.dumps(record, default=_milliseconds)


def encode_view(job: Job) -> bytes:
    """The JobView, with tokens; moments are RFC 3339 strings."""
    view = view_of(job)
    view["version"] = VERSION
    return orjson.dumps(view, default=_timestamp)


def view_json(job: Job) -> bytes:
    """The JobView of a committed job."""
    return orjson.dumps(view_of(job), default=_timestamp)


def encode_entry(entry: dict[str, Any]) -> bytes:
    """A history entry, with tokens; moments are RFC 3339 strings."""
    return orjson.dumps({"version": VERSION, **entry}, default=_timestamp)


def decode(spec: bytes, record: bytes) -> Job:
    """The job that ``encode_spec`` and the spliced ``encode_record`` describe."""
    return _job(decode_spec(spec), orjson.loads(record))


def decode_spec(spec: bytes) -> Spec:
    """The inverse of ``encode_spec``."""
    fields = orjson.loads(spec)
    parts: dict[str, Any] = {
        "owner": Owner(**fields.pop("owner")),
        "policy": Policy(**fields.pop("policy")),
        "estimate": _maybe(Estimate, fields.pop("estimate")),
        "unique": tuple(fields.pop("unique")),
    }
    return Spec(**parts, **fields)


def _job(spec: Spec, record: dict[str, Any]) -> Job:
    parts: dict[str, Any] = {
        "state": State(record.pop("state")),
        "progress": _timed(Progress, ("eta",), record.pop("progress")),
        "counts": Counts(**record.pop("counts")),
        "problems": tuple(_problem(p) for p in record.pop("problems")),
        "result": _result(record.pop("result")),
        "notice": _timed(Notice, ("at", "first_try", "booked"), record.pop("notice")),
        "cancel": _timed(Cancel, ("at",), record.pop("cancel")),
        "step": _maybe(Step, record.pop("step")),
        "place": _maybe(Place, record.pop("place")),
        "error": _maybe(Failure, record.pop("error")),
        "marks": tuple(record.pop("marks")),
        "course": _course(record.pop("course", None)),
    }
    for name in ("next_at", "created_at", "started_at", "updated_at", "finished_at"):
        parts[name] = _instant(record.pop(name))
    return Job(spec=spec, **parts, **record)


def _course(fields: dict[str, Any] | None) -> Course | None:
    if fields is None:
        return None
    return Course(
        tasks=tuple(_task(task) for task in fields["tasks"]),
        children=tuple(_child(child) for child in fields["children"]),
        undone=tuple(_child(child) for child in fields["undone"]),
        expired=_maybe(Failure, fields["expired"]),
    )


def _task(fields: dict[str, Any]) -> Task:
    parts = {"policy": Policy(**fields.pop("policy")), "undo": _maybe(Policy, fields.pop("undo"))}
    return Task(after=tuple(fields.pop("after")), **parts, **fields)


def _child(fields: dict[str, Any] | None) -> Child | None:
    if fields is None:
        return None
    parts: dict[str, Any] = {
        "state": State(fields.pop("state")),
        "counts": Counts(**fields.pop("counts")),
        "problems": tuple(_problem(p) for p in fields.pop("problems")),
        "error": _maybe(Failure, fields.pop("error")),
        "links": tuple(Link(**link) for link in fields.pop("links")),
        "next_at": _instant(fields.pop("next_at")),
        "finished_at": _instant(fields.pop("finished_at")),
    }
    return Child(**parts, **fields)


def _maybe(kind: type[Any], fields: dict[str, Any] | None) -> Any:
    return None if fields is None else kind(**fields)


def _problem(fields: dict[str, Any]) -> Problem:
    return Problem(examples=tuple(fields.pop("examples")), **fields)


def _result(fields: dict[str, Any] | None) -> Result | None:
    if fields is None:
        return None
    return Result(fields["summary"], tuple(Link(**link) for link in fields["links"]))


def _timed(kind: type[Any], moments: tuple[str, ...], fields: dict[str, Any] | None) -> Any:
    if fields is None:
        return None
    return kind(**{**fields, **{name: _instant(fields.get(name)) for name in moments}})


def _instant(ms: int | None) -> Instant | None:
    return None if ms is None else Instant(ms)


def _milliseconds(value: object) -> Any:
    moment = _moment(value)
    return moment.ms if moment.base == "epoch" else _token("m", moment)


def _timestamp(value: object) -> Any:
    moment = _moment(value)
    return str(moment) if moment.base == "epoch" else _token("t", moment)


def _moment(value: object) -> Instant:
    if isinstance(value, Instant):
        return value
    raise TypeError(f"can't encode {type(value).__name__}")


def _token(form: str, moment: Instant) -> orjson.Fragment:
    return orjson.Fragment(f"\x01{form}{moment.base[0]}{moment.ms:+d}\x02".encode())
