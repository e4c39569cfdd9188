"""What goes over sockets and streams is described, and truly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from gateway.asyncapi import SENT
from ringback.connection import Store
from ringback.job import Job
from tests.eye import claimed, ended, stored_view, submitted
from tests.rig import ROOT, Valkey
from tests.wire import Node, gateway

OFFICIAL = ROOT / "web" / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
SOCKET = ["submit", "cancel", "retry", "seen", "presence", "auth:refresh", "watch"]


@pytest.fixture
async def document(real: Store, shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Any]:
    assert real.client.ping()
    async with gateway(shared_valkey.url, tmp_path) as node:
        yield orjson.loads((await asked(node)).text)


async def asked(node: Node) -> Any:
    return await node.ask("GET", node.url / "asyncapi.json")


async def test_the_document_keeps_to_asyncapis_own_schema(document: Any) -> None:
    faults = Draft7Validator(orjson.loads(OFFICIAL.read_bytes())).iter_errors(document)
    assert [f"{'/'.join(map(str, fault.path))}: {fault.message[:200]}" for fault in faults] == []


async def test_it_names_every_event_and_no_other(document: Any) -> None:
    messages = document["components"]["messages"]
    operations = document["operations"].values()
    for action, names in (("receive", SOCKET), ("send", list(SENT))):
        found = {
            messages[o["messages"][0]["$ref"].rpartition("/")[2]]["name"]
            for o in operations if o["action"] == action
        }  # fmt: skip
        assert found == set(names)


@pytest.mark.parametrize("made", [submitted, claimed, ended])
async def test_a_view_is_what_the_document_says(document: Any, real: Store, made: Any) -> None:
    job: Job = made(real)
    schemas = document["components"]["schemas"]
    view = {**schemas["JobView"], "additionalProperties": False, "components": {"schemas": schemas}}
    Draft202012Validator(view).validate(orjson.loads(stored_view(real, job)))
