"""Uploaded and produced files: the record in the store, the bytes below the data directory."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ringback.errors import RingbackError
from ringback.keys import Call, is_job_id, key, partition_of, plain, uuid7

PATH = "/api/v1/files/"


class FileNotFound(RingbackError):
    """No file has this id, or it belongs to somebody else."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"There is no file {file_id!r}, or it isn't yours.")
        self.file_id = file_id


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file on disk: ``size`` in bytes, ``path`` readable on every worker and gateway."""

    id: str
    name: str
    size: int
    content_type: str
    path: Path

    @property
    def url(self) -> str:
        """Where its owner downloads it."""
        return f"{PATH}{self.id}"


def new_file_id(user: str) -> str:
    """``<partition>-<uuid7>``."""
    return f"{partition_of(user)}-{uuid7()}"


def id_of(url: str) -> str | None:
    """The id in a file's URL; None for any other URL."""
    file_id = url.removeprefix(PATH)
    return file_id if url.startswith(PATH) and is_job_id(file_id) else None


def place(data_dir: Path, file_id: str) -> Path:
    """Where a file's bytes lie; the id is ours, so it can't lead out of the directory."""
    return data_dir / "files" / file_id[:2] / file_id


def make_room(path: Path) -> None:
    """Makes the folder that ``path`` will lie in, and those around it, for our own user alone:
    other accounts of a machine have no business with what users upload."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)


def record(owner: str, file: File, job: str | None = None) -> Generator[Call, Any, None]:
    """Makes the file known, durably, to its owner alone; ``job`` made it, if one did."""
    fields = {
        "owner": owner, "name": file.name, "size": file.size, "content_type": file.content_type,
        "job": job,
    }  # fmt: skip
    where = key(file.id[:2], "file", file.id)
    yield Call("", (where,), ("SET", where, orjson.dumps(fields)), durable=True)


def find(file_id: str, owner: str, data_dir: Path) -> Generator[Call, Any, File]:
    """The file. Raises FileNotFound, also where ``owner`` isn't the owner."""
    found = yield plain("GET", key(partition_of(owner), "file", file_id))
    fields = orjson.loads(found) if found else {}
    if fields.pop("owner", None) != owner:
        raise FileNotFound(file_id)
    fields.pop("job", None)
    return File(id=file_id, path=place(data_dir, file_id), **fields)


def forget(file_id: str, job: str) -> Generator[Call, Any, bool]:
    """Nobody finds the file any more; False for one that another job made, or a user uploaded."""
    where = key(file_id[:2], "file", file_id)
    found = yield plain("GET", where)
    if found is None or orjson.loads(found).get("job") != job:
        return False
    yield plain("DEL", where)
    return True
