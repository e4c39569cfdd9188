"""Files in and out: streamed, size-limited, for their owner alone."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from gateway import kinds
from gateway.endpoint import Asked, Endpoint, json
from gateway.models import FileView, UploadQuery
from gateway.problems import NO_FORM, Problem, bad_request
from ringback import files
from ringback.connection import AsyncStore
from ringback.files import File

CHUNK = 1 << 18  #: bytes
NAME_LENGTH = 200
PARTS = 100  #: of a form that are looked at for the file


class Uploads:
    """``/api/v1/files``."""

    def __init__(self, db: AsyncStore, data_dir: Path, largest: int) -> None:
        self._db = db
        self._data_dir = data_dir
        self._largest = largest

    def endpoints(self) -> list[Endpoint]:
        """Everything this serves."""
        return [
            Endpoint(
                method="POST", path="/api/v1/files", handler=self.upload, tag="files",
                summary="Store a file: the body, or a form's part named file", query=UploadQuery,
                consumes="application/octet-stream", status=201, answer=FileView,
                sends={"Location": "where you download it"}, problems=(kinds.TOO_LARGE,),
            ),
            Endpoint(
                method="GET", path="/api/v1/files/{id}", handler=self.download, tag="files",
                summary="A file of yours", produces=(), problems=(kinds.NOT_FOUND,),
            ),
        ]  # fmt: skip

    async def upload(self, asked: Asked[UploadQuery, None]) -> web.Response:
        """201. The file is the body (``?name=customers.csv``) or the part ``file`` of a form."""
        request, owner = asked.request, asked.user
        if (request.content_length or 0) > self._largest + CHUNK:
            raise self._too_large()
        name, chunks = await _source(request)
        file_id = files.new_file_id(owner)
        path = files.place(self._data_dir, file_id)
        size = await self._store(path, chunks)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = File(id=file_id, name=name, size=size, content_type=kind, path=path)
        await self._db.do(files.record(owner, file))
        body = {"id": file.id, "name": name, "size": size, "content_type": kind, "url": file.url}
        return json(orjson.dumps(body), status=201, headers={"Location": file.url})

    async def download(self, asked: Asked[None, None]) -> web.StreamResponse:
        """The file, as an attachment: what users upload is never run on our origin."""
        file = await self._db.do(files.find(asked.part("id"), asked.user, self._data_dir))
        if not file.path.is_file():
            raise files.FileNotFound(file.id)
        return attached(file)

    async def _store(self, path: Path, chunks: AsyncIterator[bytes]) -> int:
        files.make_room(path)
        partial = path.with_suffix(".part")
        size = 0
        try:
            with partial.open("wb") as out:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self._largest:
                        raise self._too_large()
                    await asyncio.to_thread(out.write, chunk)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
        return size

    def _too_large(self) -> Problem:
        return Problem(
            kinds.TOO_LARGE,
            f"Files may have up to {self._largest:,} bytes. Split the file, or ask us for more.",
        )  # fmt: skip


def attached(file: File) -> web.FileResponse:
    """A file on its way: never shown or run here."""
    headers = {
        hdrs.CONTENT_TYPE: file.content_type,
        hdrs.CONTENT_DISPOSITION: f"attachment; filename*=UTF-8''{quote(file.name)}",
        "X-Content-Type-Options": "nosniff",
        hdrs.CACHE_CONTROL: "private, no-store",
    }
    return web.FileResponse(file.path, chunk_size=CHUNK, headers=headers)


async def _source(request: web.Request) -> tuple[str, AsyncIterator[bytes]]:
    if request.content_type != "multipart/form-data":
        return _name(request.query.get("name")), request.content.iter_chunked(CHUNK)
    try:
        reader = await request.multipart()
        async for part in _first(reader, PARTS):
            if isinstance(part, BodyPartReader) and part.name == "file":
                return _name(part.filename), _part(reader, part)
    except NO_FORM:
        raise _cut_short() from None
    raise bad_request(
        "file",
        None,
        f"is missing: send the file as the form's part `file`, among its first {PARTS}",
    )


async def _first(reader: MultipartReader, most: int) -> AsyncIterator[Any]:
    for _ in range(most):
        part = await reader.next()
        if part is None:
            return
        yield part


async def _part(reader: MultipartReader, part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk(CHUNK):
            yield chunk
        await reader.next()  # raises where the closing boundary is missing: half a file
    except NO_FORM:
        raise _cut_short() from None


def _cut_short() -> Problem:
    told = "isn't a multipart form that can be read whole; send the file again, by a plain name"
    return bad_request("body", None, told)


def _name(name: str | None) -> str:
    """The file's own name, without the folders that some clients send."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    clean = "".join(c for c in last if c.isprintable()).strip()
    if not clean:
        raise bad_request("name", name, "is missing: send ?name=customers.csv, or a form's part")
    return clean[:NAME_LENGTH]
