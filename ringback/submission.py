"""From a request to a job: the params are checked, files looked up, the title made."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from ringback import catalog, census, files, mailbox, store
from ringback.catalog import JobType
from ringback.errors import BadAddress, FieldError, InvalidParams
from ringback.estimate import Estimate, estimate_of
from ringback.files import File, FileNotFound
from ringback.job import Owner, Spec
from ringback.keys import Call, new_job_id
from ringback.params import faults
from ringback.store import Submitted

FILE_FORMAT = "ringback-file"  #: JSON Schema ``format`` of a param that is a file's id
TITLE_LENGTH = 200
KEY_LENGTH = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What an installation sets for job types that don't say: graces in ms; where files lie."""

    grace_absent: int
    grace_present: int
    data_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody wants a job."""

    type: str
    owner: Owner
    params: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


def submit(request: Request, defaults: Defaults) -> Generator[Call, Any, Submitted]:
    """Checks the request and writes the job, durably.

    Same owner and Idempotency-Key: the same job. Raises UnknownJobType, InvalidParams,
    IdempotencyMismatch, DuplicateWork.
    """
    _check_key(request.idempotency_key)
    _check_email(request.owner.email)
    mark = fingerprint(request)  # first: all that follows may then rely on params that can be kept
    kind = yield from catalog.find(request.type)
    check(kind, request.params)
    named = yield from _with_files(kind, request, defaults.data_dir)
    spec = Spec(
        id=new_job_id(request.owner.id), type=kind.name, title=title_of(kind.title, named),
        owner=request.owner, params=dict(request.params), policy=_policy(kind, defaults),
        unique=_unique(kind, named), estimate=(yield from estimate(kind.name)),
    )  # fmt: skip
    return (yield from store.submit(spec, request.idempotency_key, mark))


def estimate(job_type: str) -> Generator[Call, Any, Estimate | None]:
    """How long jobs of this type took lately; None before there are enough."""
    return estimate_of((yield from census.durations(job_type)))


def fingerprint(request: Request) -> str:
    """Equal for equal work: a hash of the type and the params."""
    try:
        wanted = orjson.dumps([request.type, request.params], option=orjson.OPT_SORT_KEYS)
    except TypeError:  # orjson: the depth limit, or half a surrogate pair
        message = "can't be kept: use at most 250 levels, and only whole Unicode characters"
        raise InvalidParams([FieldError("params", None, message)]) from None
    return hashlib.sha256(wanted).hexdigest()


def check(kind: JobType, params: Mapping[str, Any]) -> None:
    """Raises InvalidParams with one entry per wrong field."""
    if found := faults(kind.params, params):
        raise InvalidParams(found)


def file_params(kind: JobType) -> list[str]:
    """The names of the params that are files."""
    found: list[str] = []
    for name, schema in kind.params.get("properties", {}).items():
        options = schema.get("anyOf", [schema])
        if any(option.get("format") == FILE_FORMAT for option in options):
            found.append(name)
    return found


def _check_key(key: str | None) -> None:
    if key is not None and not 0 < len(key) <= KEY_LENGTH:
        message = f"must have 1 to {KEY_LENGTH} characters; a UUID is a good choice"
        raise InvalidParams([FieldError("idempotency_key", key, message)])


def _check_email(text: str | None) -> None:
    if text is None:
        return
    try:
        mailbox.checked(text)
    except BadAddress as error:
        raise InvalidParams([FieldError("owner.email", text, str(error))]) from None


def _with_files(
    kind: JobType, request: Request, data_dir: Path
) -> Generator[Call, Any, dict[str, Any]]:
    named = dict(request.params)
    for name in file_params(kind):
        if named.get(name) is None:
            continue
        try:
            named[name] = yield from files.find(named[name], request.owner.id, data_dir)
        except FileNotFound:
            message = "is no file of yours; upload it first (POST /api/v1/files) and send its id"
            raise InvalidParams([FieldError(f"params.{name}", named[name], message)]) from None
    return named


def _policy(kind: JobType, defaults: Defaults) -> Any:
    policy = kind.policy
    return replace(
        policy,
        grace_absent=_first(policy.grace_absent, defaults.grace_absent),
        grace_present=_first(policy.grace_present, defaults.grace_present),
    )


def _first(own: int | None, default: int) -> int:
    return default if own is None else own


def _unique(kind: JobType, named: Mapping[str, Any]) -> tuple[str, ...]:
    if kind.unique_key is None:
        return ()
    return (f"{kind.name}: {_filled(kind.unique_key, named)}",)


class _TitleFormatter(string.Formatter):
    """``{param}`` and, for files, ``{param.name}``: nothing else of an object is reachable."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:  # noqa: ARG002 (the base's)
        name, _, attribute = field_name.partition(".")
        value = kwargs.get(name, "")
        if isinstance(value, File):
            value = value.size if attribute == "size" else value.name
        return "" if value is None else value, name

    def format_field(self, value: Any, format_spec: str) -> Any:
        try:
            return super().format_field(value, format_spec)
        except (TypeError, ValueError):
            return str(value)  # "{rows:,}" and no number came: no reason to refuse the job


def title_of(template: str, named: Mapping[str, Any]) -> str:
    """The title that a template gives with params (files as such, not as ids)."""
    return _filled(template, named)[:TITLE_LENGTH]


def _filled(template: str, named: Mapping[str, Any]) -> str:
    text = _TitleFormatter().vformat(template, (), named)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
