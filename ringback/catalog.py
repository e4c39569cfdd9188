"""The job types that workers have declared, so that the gateway can accept jobs of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ringback.errors import UnknownJobType
from ringback.job import Policy
from ringback.keys import Call, plain

KEY = "rb:types"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    """A kind of job: its name, title template, params as JSON Schema (2020-12), and policy.

    ``unique_key``: like the title a template; None: any number may run at once.
    """

    name: str
    title: str
    description: str
    params: dict[str, Any]
    policy: Policy
    unique_key: str | None = None


def declare(types: Sequence[JobType]) -> Generator[Call, Any, None]:
    """Makes job types known; a later declaration replaces an earlier one."""
    for kind in types:
        yield plain("HSET", KEY, kind.name, orjson.dumps(kind))


def find(name: str) -> Generator[Call, Any, JobType]:
    """The job type. Raises UnknownJobType, with the known ones."""
    found = yield plain("HGET", KEY, name)
    if found is None:
        known = yield plain("HKEYS", KEY)
        raise UnknownJobType(name, [k.decode() for k in known])
    return _decode(found)


def everything() -> Generator[Call, Any, list[JobType]]:
    """All declared job types, by name."""
    found = yield plain("HVALS", KEY)
    return sorted((_decode(text) for text in found), key=lambda kind: kind.name)


def _decode(text: bytes) -> JobType:
    fields = orjson.loads(text)
    return JobType(policy=Policy(**fields.pop("policy")), **fields)
