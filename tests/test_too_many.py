"""Who asks too much is told so: over REST, over a socket, and at the door."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback import catalog
from ringback.catalog import JobType
from ringback.connection import Store
from ringback.job import Owner, Policy
from tests.wire import Node, gateway

JOB = {"type": "csv.import", "params": {}}


@pytest.fixture
async def node(db: Store, shared_valkey: Any, tmp_path: Path) -> AsyncIterator[Node]:
    kind = JobType(
        name="csv.import", title="Import", description="", params={"type": "object"},
        policy=Policy(),
    )  # fmt: skip
    db.do(catalog.declare([kind]))
    limits = {"limit_connections": 1, "limit_submits": 4, "limit_events": 8}
    async with gateway(shared_valkey.url, tmp_path, **limits) as running:
        yield running


async def submit(node: Node, **headers: str) -> Any:
    token = node.tokens.issue(Owner(id="ann", email="ann@example.com"))
    headers["Authorization"] = f"Bearer {token}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await node.http.post(node.url / "api/v1/jobs", json=JOB, headers=named)


async def test_a_submit_too_many_is_refused_with_the_seconds_to_wait(node: Node) -> None:
    assert [(await submit(node)).status for _ in range(2)] == [202, 202]
    answer = await submit(node)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "15")
    problem = await answer.json()
    assert problem["type"] == "urn:ringback:problem:too-many-requests"
    async with node.signed_in("ann") as socket:
        told = await socket.asks("submit", JOB)
    assert told["problem"]["retry_after"] in (14, 15)


async def test_a_repeated_submit_counts_once(node: Node) -> None:
    for _ in range(5):
        assert (await submit(node, Idempotency_Key="monday")).status == 202
    assert (await submit(node)).status == 202
    assert (await submit(node)).status == 429


async def test_a_socket_that_says_too_much_is_told_so_and_stays(node: Node) -> None:
    async with node.signed_in("bob") as socket:
        acks = [await socket.asks("presence", {"state": "active"}) for _ in range(5)]
        assert [ack["ok"] for ack in acks] == [True, True, True, True, False]
        assert acks[4]["problem"]["status"] == 429


async def test_a_connection_too_many_is_refused_until_another_closes(node: Node) -> None:
    async with node.signed_in("ann"), node.websocket() as second:
        await second.hears("0")
        await second.says(node.hello("ann"))
        refusal = json.loads((await second.hears("44")).removeprefix("44"))
        assert refusal["data"]["type"] == "urn:ringback:problem:too-many-connections"
        assert "1 connections open" not in refusal["message"]
        async with node.signed_in("somebody else"):
            pass
    async with node.signed_in("ann"):
        pass
