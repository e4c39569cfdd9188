"""/metrics: what a node counts, for operators and for whoever has the token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback import alert, store
from ringback.connection import Store
from tests.eye import DONE, claimed
from tests.node import Node, running
from tests.rig import Valkey, new_spec

SECRET = "for Prometheus alone"


@pytest.fixture
async def node(
    db: Store,  # noqa: ARG001 (this empties it)
    shared_valkey: Valkey,
    tmp_path: Path,
) -> AsyncIterator[Node]:
    """A node on the tests' store."""
    async with running(shared_valkey.url, tmp_path, metrics_token=SECRET) as node:
        yield node


async def numbers(node: Node) -> dict[str, float]:
    """Each line's value by its name and labels."""
    status, text = await node.ask("GET", "/metrics", SECRET)
    assert status == 200
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_only_operators_and_the_tokens_holder_read_the_numbers(node: Node) -> None:
    asked = {
        None: 401, "wrong": 401, SECRET: 200, node.token("ann"): 403,
        node.token("otto", "operator"): 200,
    }  # fmt: skip
    for token, status in asked.items():
        assert (await node.ask("GET", "/metrics", token))[0] == status


async def test_a_node_counts_what_it_pushes_and_what_is_proven(node: Node, db: Store) -> None:
    job = claimed(db, "ann")
    before = await numbers(node)
    async with node.socket(node.token("ann")) as ann:
        await ann.event("jobs")
        assert (await numbers(node))['ringback_connections{transport="websocket"}'] == 1
        db.do(store.update(job, lambda job: job.ended(DONE)))
        await ann.event("job")
        await ann.emit("presence", {"state": "active"})  # on the way, the end's ping was answered
        await ann.emit("presence", {"state": "active"})
    after = await numbers(node)
    assert after["ringback_events_pushed_total"] - before["ringback_events_pushed_total"] >= 2
    assert after["ringback_receipts_total"] == 1


async def test_requests_are_counted_by_route_never_by_path(node: Node) -> None:
    token = node.token("ann")
    for job_id in (new_spec().id, new_spec().id):
        await node.ask("GET", f"/api/v1/jobs/{job_id}", token)
    await node.ask("GET", "/made/up")
    found = await numbers(node)
    name = "ringback_http_requests_total"
    assert found[f'{name}{{method="GET",route="/api/v1/jobs/{{id}}",status="404"}}'] == 2
    assert not any("made" in line for line in found)


async def test_an_open_alert_is_a_number_and_on_the_overview(node: Node, db: Store) -> None:
    db.do(alert.sound("mail.tls", "The mail server offers no TLS."))
    assert (await numbers(node))['ringback_alert{alert="mail.tls"}'] == 1
    _, found = await node.ask("GET", "/api/v1/ops/overview", node.token("otto", "operator"))
    (told,) = found["alerts"]
    assert (told["key"], told["text"], told["count"]) == (
        "mail.tls", "The mail server offers no TLS.", 1,
    )  # fmt: skip


async def test_the_whole_is_seen_too(node: Node, db: Store) -> None:
    db.do(store.submit(new_spec("ann")))
    found = await numbers(node)
    assert found['ringback_jobs_queued{type="csv.import"}'] == 1
    assert (found["ringback_workers"], found["ringback_dead_letters"]) == (0, 0)
