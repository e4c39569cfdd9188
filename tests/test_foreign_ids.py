"""Every place that takes an id or a cursor, given another user's: it says what it says of one that
was never there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ringback import store
from ringback.connection import Store
from ringback.job import Job
from ringback.keys import new_job_id
from tests.rig import Valkey, new_spec
from tests.wire import Node, gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Node]:
    async with gateway(shared_valkey.url, tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture
def job(db: Store) -> str:
    """A job of ann's that has ended, its email still open."""
    job_id = db.do(store.submit(new_spec("ann"))).job.id
    db.do(store.update(job_id, Job.cancel_requested))
    return job_id


EVENTS = [("cancel", {}), ("retry", {"scope": "all"}), ("seen", {"version": 2})]


@pytest.mark.parametrize(("event", "more"), EVENTS, ids=[name for name, _ in EVENTS])
async def test_an_event_about_anothers_job(
    node: Node, db: Store, job: str, event: str, more: dict[str, object]
) -> None:
    before, unknown = db.do(store.load(job)), new_job_id("ann")
    async with node.signed_in("bob") as socket:
        foreign = await socket.asks(event, {"id": job, **more})
        missing = await socket.asks(event, {"id": unknown, **more})
    assert foreign["problem"]["status"] == 404
    assert json.dumps(foreign).replace(job, unknown) == json.dumps(missing)
    assert db.do(store.load(job)) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "/status"), ("GET", "/history"), ("GET", "/items"),
        ("POST", "/cancel"), ("POST", "/retry"),
    ],
)  # fmt: skip
async def test_a_request_about_anothers_job(
    node: Node, db: Store, job: str, method: str, path: str
) -> None:
    before, unknown = db.do(store.load(job)), new_job_id("ann")
    told = {}
    for job_id in (job, unknown):
        url = node.url / f"api/v1/jobs/{job_id}{path}"
        answer = await node.ask(method, url, Authorization=f"Bearer {node.token('bob')}")
        told[job_id] = (answer.status, answer.text.replace(job_id, "-"))
    assert told[job] == told[unknown]
    assert told[job][0] == 404
    assert db.do(store.load(job)) == before


async def test_a_cursor_and_a_pid_of_anothers_feed(node: Node, job: str) -> None:
    async with node.websocket() as socket:
        await socket.says(node.hello("ann"))
        pid = json.loads((await socket.hears("40"))[2:])["pid"]
        _, held, cursor = json.loads((await socket.hears('42["jobs"'))[2:])
    assert [view["id"] for view in held["jobs"]] == [job]
    for auth in ({"pid": pid, "offset": cursor}, {"since": cursor}, {"since": "0:0"}):
        async with node.websocket() as socket:
            await socket.says(node.hello("bob", **auth))
            assert json.loads((await socket.hears("40"))[2:])["pid"] != pid
            told = json.loads((await socket.hears('42["jobs"'))[2:])
            assert told[1]["jobs"] == []


@pytest.mark.parametrize("before", [1, 2, 1_000_000])
async def test_a_page_from_a_place_in_anothers_feed(node: Node, job: str, before: int) -> None:
    url = (node.url / "api/v1/jobs").with_query(before=before)
    answer = await node.ask("GET", url, Authorization=f"Bearer {node.token('bob')}")
    assert job not in answer.text
