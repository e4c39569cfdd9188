"""The gateway as a client in Python sees it: upload, submit, watch. The CLI is built on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from ringback.errors import RingbackError
from ringback.job import TERMINAL, State
from ringback.view import JobView

NEWS_WITHIN = 60.0  #: seconds without any event after which the job is fetched


class Refused(RingbackError):
    """The gateway said no; the text is its problem in words."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        lines = [str(problem.get("detail", problem))]
        told = problem.get("detail")
        errors = [e for e in problem.get("errors", []) if e["message"] != told]
        lines += [f"  {e['field']}: {e['message']}" for e in errors]
        super().__init__("\n".join(lines))


class Remote:
    """One user's connection to a gateway; make it with ``connect``."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._token = token
        self._socket = socketio.AsyncClient(handle_sigint=False)  # the program's own signals
        self._views: asyncio.Queue[JobView] = asyncio.Queue()

    async def upload(self, path: Path) -> str:
        """Streams a file up; its id."""
        with path.open("rb") as file:
            query = {"name": path.name}
            async with self._http.post("/api/v1/files", params=query, data=file) as response:
                return str((await _answer(response))["id"])

    async def submit(
        self, job_type: str, params: Mapping[str, Any], key: str | None = None
    ) -> JobView:
        """Submits over REST."""
        body = {"type": job_type, "params": dict(params)}
        headers = {"Idempotency-Key": key} if key else {}
        async with self._http.post("/api/v1/jobs", json=body, headers=headers) as response:
            return await _answer(response)

    async def show(self, job_id: str) -> JobView:
        """The job as it is now."""
        async with self._http.get(f"/api/v1/jobs/{job_id}") as response:
            return await _answer(response)

    async def listen(self) -> None:
        """Opens the Socket.IO connection; views gather from here on."""
        self._socket.on("job", lambda view, *_: self._views.put_nowait(view))
        await self._socket.connect(self._url, auth={"token": self._token}, transports=["websocket"])

    async def watch(self, job: JobView) -> AsyncIterator[JobView]:
        """The job's views as they come, to its end and the receipt of it."""
        yield job
        while State(job["state"]) not in TERMINAL:
            view = await self._next(job["id"])
            if view["id"] == job["id"] and view["version"] > job["version"]:
                job = view
                yield job
        await self._socket.call("seen", {"id": job["id"], "version": job["version"]})
        yield await self.show(job["id"])

    async def _next(self, job_id: str) -> JobView:
        try:
            return await asyncio.wait_for(self._views.get(), NEWS_WITHIN)
        except TimeoutError:
            return await self.show(job_id)

    async def close(self) -> None:
        """Leaves."""
        await self._socket.disconnect()


@asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Remote]:
    """A Remote for the user of ``token``. Raises Refused, and aiohttp.ClientError where nobody
    answers at ``url``."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as http:
        remote = Remote(http, url, token)
        try:
            yield remote
        finally:
            await remote.close()


async def _answer(response: aiohttp.ClientResponse) -> dict[str, Any]:
    body: dict[str, Any] = await response.json(content_type=None)
    if response.status >= 400:
        raise Refused(body)
    return body
