"""Server-sent events: the same views as over a socket, on a plain HTTP response."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import pytest
from yarl import URL

from gateway import stalled, stream
from gateway.app import DRAIN
from gateway.drain import SLICE
from ringback import revocation, store
from ringback.connection import Store
from ringback.job import Job, Owner
from ringback.keys import channel_of, key, partition_of
from ringback.notice import SEEN
from tests.eye import DONE, ask, claimed, ended, submitted
from tests.rig import Valkey
from tests.test_deploy import nginx
from tests.test_docs import block
from tests.wire import SOON, Node, gateway


@pytest.fixture
async def node(db: Store, shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    ask(db, "PING")  # it is there, and empty
    async with gateway(shared_valkey.url, tmp_path) as there:
        yield there


@dataclass(frozen=True)
class Event:
    """What a client is told; ``comment`` is set where it is none."""

    name: str = ""
    data: Any = None
    id: str | None = None
    comment: str | None = None
    retry: int | None = None


class Reader:
    """A client that reads a stream, as a browser does."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Event:
        """The next event. Raises EOFError at the end."""
        told: dict[str, str] = {}
        async with asyncio.timeout(SOON):
            while (line := (await self.response.content.readuntil(b"\n")).decode()) not in ("\n",):
                if not line:
                    raise EOFError
                name, _, value = line.rstrip("\n").partition(": ")
                told[name or "comment"] = value
        return Event(
            name=told.get("event", ""), id=told.get("id"), comment=told.get("comment"),
            data=orjson.loads(told["data"]) if "data" in told else None,
            retry=int(told["retry"]) if "retry" in told else None,
        )  # fmt: skip

    async def job(self, job_id: str) -> Event:
        """The next event of a job."""
        while True:
            event = await self.next()
            if event.name == "job" and event.data["id"] == job_id:
                return event


@asynccontextmanager
async def listening(
    node: Node, last: str | None = None, user: str = "ann", token: str = "", **query: str
) -> AsyncIterator[Reader]:
    """A stream, past its first line."""
    headers = {"Authorization": f"Bearer {token or node.token(user)}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    url = (node.url / "api/v1/events").with_query(query)
    async with node.http.get(url, headers=headers) as response:
        assert response.status == 200, await response.text()
        reader = Reader(response)
        first = await reader.next()
        assert first.retry in stream.BACK_AFTER
        yield reader


async def did(db: Store, job: Job, change: Any) -> Job:
    return await asyncio.to_thread(db.do, store.update(job.id, change))


async def until(condition: Any) -> None:
    async with asyncio.timeout(SOON):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (the store can't notify us)
            await asyncio.sleep(0.02)


def notice(db: Store, job: Job) -> str:
    found = db.do(store.load(job.id)).notice
    assert found is not None
    return found.reason


def present(db: Store, user: str = "ann") -> int:
    return int(ask(db, "ZCARD", key(partition_of(user), "presence", user)))


# -- what comes


async def test_a_fresh_client_gets_all_at_first_and_then_each_change(db: Store, node: Node) -> None:
    known = submitted(db)
    async with listening(node) as reader:
        headers = reader.response.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store, no-transform"
        assert headers["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in headers
        first = await reader.next()
        assert (first.name, first.data["reset"]) == ("jobs", True)
        assert [view["id"] for view in first.data["jobs"]] == [known.id]
        await did(db, known, Job.claimed)
        change = await reader.next()
        assert (change.name, change.data["version"], change.data["state"]) == ("job", 2, "running")
        assert first.id is not None
        epoch, _, seq = first.id.partition(":")
        assert change.id == f"{epoch}:{int(seq) + 1}"


async def test_nobody_hears_of_another_users_jobs(db: Store, node: Node) -> None:
    async with listening(node, user="bob") as reader:
        assert (await reader.next()).data["jobs"] == []
        submitted(db, "ann")
        own = submitted(db, "bob")
        assert (await reader.next()).data["id"] == own.id


@pytest.mark.parametrize("way", ["Last-Event-ID", "since"])
async def test_a_client_that_was_away_gets_what_it_lacks_and_nothing_twice(
    db: Store, node: Node, way: str
) -> None:
    first, second = submitted(db), submitted(db)
    async with listening(node) as reader:
        cursor = (await reader.next()).id
    assert cursor
    await did(db, first, Job.claimed)
    third = submitted(db)
    again = listening(node, cursor) if way == "Last-Event-ID" else listening(node, since=cursor)
    async with again as reader:
        events = [await reader.next() for _ in range(2)]
        assert [(e.name, e.data["id"]) for e in events] == [("job", first.id), ("job", third.id)]
        await did(db, second, Job.claimed)
        last = await reader.next()
        assert (last.data["id"], last.data["version"]) == (second.id, 2)
    async with listening(node, last.id, since="0:0") as reader:
        new = submitted(db)
        assert (await reader.next()).data["id"] == new.id, "the header wins"


async def test_after_the_store_was_lost_the_client_is_reset(db: Store, node: Node) -> None:
    submitted(db)
    async with listening(node, "0ddba11:1") as reader:
        first = await reader.next()
    assert (first.name, first.data["reset"]) == ("jobs", True)


async def test_what_happens_while_events_are_lost_is_told_afterwards(db: Store, node: Node) -> None:
    async with listening(node) as reader:
        await reader.next()
        job = submitted(db)
        await reader.job(job.id)
        ask(db, "CLIENT", "KILL", "TYPE", "pubsub")
        await did(db, job, Job.claimed)
        assert (await reader.job(job.id)).data["version"] == 2


async def test_a_gap_in_the_events_is_filled_from_the_feed(db: Store, node: Node) -> None:
    async with listening(node) as reader:
        cursor = (await reader.next()).id
        assert cursor
        epoch, _, seq = cursor.partition(":")
        job = submitted(db)
        first = await reader.job(job.id)
        ask(db, "HINCRBY", key(partition_of("ann"), "user", "ann"), "seq", 3)  # three got lost
        job = await did(db, job, Job.claimed)
        change = await reader.job(job.id)
        assert change.data["version"] == first.data["version"] + 1
        assert change.id == f"{epoch}:{int(seq) + 5}"
        ask(db, "PUBLISH", channel_of("ann"), f'42["job",{{}},"{cursor}"]')  # an old one, late
        await did(db, job, lambda j: j.advanced(message="on it"))
        assert (await reader.next()).data["message"] == "on it"


async def test_silence_is_filled_with_comments(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)
    async with listening(node) as reader:
        await reader.next()
        assert [(await reader.next()).comment for _ in range(2)] == ["ping", "ping"]


# -- receipts


async def test_the_next_last_event_id_proves_receipt(db: Store, node: Node) -> None:
    job = claimed(db)
    async with listening(node) as reader:
        cursor = (await reader.next()).id
        await did(db, job, lambda j: j.ended(DONE))
        end = await reader.job(job.id)
        assert end.data["email"]["state"] == "waiting"
    async with listening(node, cursor) as reader:  # it went before the end came, so to speak
        await reader.job(job.id)
        assert notice(db, job) != SEEN
    async with listening(node, end.id) as reader:
        told = await reader.job(job.id)
        assert (told.data["email"]["state"], told.data["email"]["reason"]) == ("skipped", SEEN)


async def test_only_the_app_proves_receipt_of_jobs_that_ask_for_it(db: Store, node: Node) -> None:
    job, other = ended(db, receipt="seen"), ended(db)
    async with listening(node) as reader:
        cursor = (await reader.next()).id
    async with listening(node, cursor) as reader:
        await reader.job(other.id)  # whose receipt is booked
    assert notice(db, job) != SEEN
    for version, booked in ((job.version - 1, False), (job.version, True)):
        answer = await seen(node, job, {"version": version})
        assert (answer.status, answer.text) == (204, "")
        assert (notice(db, job) == SEEN) == booked


async def test_a_receipt_is_the_owners_alone(db: Store, node: Node) -> None:
    job = ended(db)
    async with listening(node) as reader:
        cursor = (await reader.next()).id
    async with listening(node, cursor, user="bob"):
        assert (await seen(node, job, {"version": job.version}, user="bob")).status == 404
    assert notice(db, job) != SEEN
    for body, status in (({}, 400), ({"version": "5"}, 400), ([], 400)):
        assert (await seen(node, job, body)).status == status


async def seen(node: Node, job: Job, body: Any, user: str = "ann") -> Any:
    return await node.ask(
        "POST", node.url / f"api/v1/jobs/{job.id}/seen", orjson.dumps(body),
        Authorization=f"Bearer {node.token(user)}", Content_Type="application/json",
    )  # fmt: skip


# -- coming and going


async def test_a_stream_counts_as_presence_until_its_client_leaves(db: Store, node: Node) -> None:
    async with listening(node) as reader:
        await reader.next()
        assert present(db) == 1
    await until(lambda: present(db) == 0)


async def test_a_stream_ends_with_its_token_and_says_so_before(node: Node) -> None:
    token = node.tokens.issue(Owner(id="ann"), lifetime=1)
    async with listening(node, token=token) as reader:
        await reader.next()
        warning = await reader.next()
        assert warning.name == "auth:expiring"
        assert warning.id is None
        assert warning.data["expires_in"] <= 1
        with pytest.raises(EOFError):
            await reader.next()


async def test_a_stream_is_cut_when_its_users_sign_ins_are_revoked(db: Store, node: Node) -> None:
    async with listening(node) as reader, listening(node, user="bob") as other:
        await reader.next()
        await other.next()
        await asyncio.to_thread(db.do, revocation.revoke_user("ann"))
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await reader.next()
        job = submitted(db, "bob")
        assert (await other.next()).data["id"] == job.id


async def test_a_reader_that_takes_nothing_is_cut_and_others_arent(
    db: Store, shared_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sse.WITHIN", 0.3)
    monkeypatch.setattr("gateway.sse.LOOK_EVERY", 0.05)
    async with (
        gateway(shared_valkey.url, tmp_path) as node,
        listening(node) as reader,
        asleep(node) as sleeper,
    ):
        await reader.next()
        await until(lambda: present(db) == 2)
        for _ in range(12):  # all buffers on the way together hold less
            job = await asyncio.to_thread(submitted, db, title="A long title " * 4_000)
            await reader.job(job.id)
        await until(lambda: present(db) == 1)
        sleeper.setblocking(True)
        sleeper.settimeout(SOON)
        rest = await asyncio.to_thread(_rest, sleeper)
        assert not rest.endswith(b"\r\n0\r\n\r\n"), "cut, not ended"


def _rest(sleeper: socket.socket) -> bytes:
    with suppress(ConnectionResetError):
        while part := sleeper.recv(1 << 20):
            last = part
    return last


@asynccontextmanager
async def asleep(node: Node) -> AsyncIterator[socket.socket]:
    """A client that asks for the stream and never reads."""
    with socket.socket() as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sleeper, ("127.0.0.1", node.url.port))
        token = node.token()
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        await loop.sock_sendall(sleeper, request.encode())
        yield sleeper


async def test_a_node_that_stops_ends_its_streams_and_another_goes_on(
    db: Store, shared_valkey: Valkey, tmp_path: Path
) -> None:
    async with gateway(shared_valkey.url, tmp_path) as other:
        async with gateway(shared_valkey.url, tmp_path) as node, listening(node) as reader:
            cursor = (await reader.next()).id
            stopping = asyncio.ensure_future(_stopped(reader))
        assert await stopping
        job = submitted(db)
        async with listening(other, cursor, token=other.token()) as reader:
            assert (await reader.next()).data["id"] == job.id


async def test_a_drained_node_ends_its_streams_in_slices_and_loses_nothing(
    db: Store, shared_valkey: Valkey, tmp_path: Path
) -> None:
    seconds, loop = 4 * SLICE, asyncio.get_running_loop()
    async with (
        gateway(shared_valkey.url, tmp_path, drain=seconds) as node,
        gateway(shared_valkey.url, tmp_path) as other,
        AsyncExitStack() as open_,
    ):
        readers = [await open_.enter_async_context(listening(node)) for _ in range(8)]
        (cursor,) = {(await reader.next()).id for reader in readers}
        begun = loop.time()
        drained = asyncio.ensure_future(node.app[DRAIN].run())
        job = await asyncio.to_thread(submitted, db)  # while they are being sent away

        async def left(reader: Reader) -> tuple[float, str | None]:
            at = cursor
            with suppress(EOFError):
                while True:
                    at = (await reader.next()).id or at
            return loop.time() - begun, at

        ends = await asyncio.gather(*map(left, readers))
        await drained
        moments = sorted(moment for moment, _ in ends)
        assert moments[0] >= SLICE * 0.9, "the first went before anybody could know"
        assert moments[-1] - moments[0] >= seconds / 2, "all at once"
        for _, at in ends:
            async with listening(other, at, token=other.token()) as reader:
                if at == cursor:  # the job came too late for it
                    assert (await reader.next()).data["id"] == job.id


async def _stopped(reader: Reader) -> bool:
    with pytest.raises((EOFError, aiohttp.ClientError, asyncio.IncompleteReadError)):
        await reader.next()
    return True


async def test_the_command_of_the_api_page_shows_the_events_as_they_come(
    db: Store, node: Node, tmp_path: Path
) -> None:
    front = SimpleNamespace(port=node.url.port)
    with nginx(tmp_path, [front, front]) as url:  # type: ignore[list-item]  # it needs the port alone
        shown = await asyncio.create_subprocess_exec(
            "bash", "-c", f"exec {block('events', 'docs/api.md')}", stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "GATEWAY": url, "TOKEN": node.token()},
        )  # fmt: skip
        assert shown.stdout is not None
        try:
            async with asyncio.timeout(SOON):
                await shown.stdout.readuntil(b"event: jobs\n")
                job = submitted(db)
                await shown.stdout.readuntil(b"event: job\n")
                assert job.id.encode() in await shown.stdout.readuntil(b"\n\n")
        finally:
            shown.terminate()
            await shown.wait()


# -- what is refused


@pytest.mark.parametrize(
    ("headers", "query", "status", "told"),
    [
        ({}, {"since": "yesterday"}, 400, "since must be the id of an event that came"),
        ({"Last-Event-ID": "1"}, {}, 400, "Last-Event-ID must be the id of an event that came"),
        ({"Accept": "application/json"}, {}, 406, "text/event-stream"),
        ({"Authorization": ""}, {"token": "x"}, 401, "Authorization: Bearer"),
        ({}, {"token": "x"}, 400, "token is unknown"),
    ],
)
async def test_a_wrong_request_is_told_what_to_mend(
    node: Node, headers: dict[str, str], query: dict[str, str], status: int, told: str
) -> None:
    url = (node.url / "api/v1/events").with_query(query)
    given = {"Authorization": f"Bearer {node.token()}", **headers}
    answer = await node.ask("GET", url, **given)
    assert answer.status == status
    assert told in orjson.loads(answer.text)["detail"]


async def test_head_tells_the_headers_alone(node: Node) -> None:
    url: URL = node.url / "api/v1/events"
    answer = await node.ask("HEAD", url, Authorization=f"Bearer {node.token()}")
    assert (answer.status, answer.text) == (200, "")


def test_a_client_that_left_is_noticed_within_a_second() -> None:
    assert stalled.LOOK_EVERY <= 1
