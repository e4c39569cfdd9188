"""What goes over sockets and streams is described, and truly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from gateway.auth import Tokens
from gateway.outgoing import OUTGOING
from ringback import store
from ringback.connection import Store
from ringback.job import Job, Owner
from ringback.keys import partition_of
from tests.eye import BROKE, claimed, ended, stored_view, submitted
from tests.node import Wire, running
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
    for action, names in (("receive", SOCKET), ("send", [o.name for o in OUTGOING])):
        found = {
            messages[o["messages"][0]["$ref"].rpartition("/")[2]]["name"]
            for o in operations if o["action"] == action
        }  # fmt: skip
        assert found == set(names)


def strict(schema: Any) -> Any:
    """The same, without room for what isn't described, at any depth."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {**closed, **{name: strict(part) for name, part in schema.items()}}


def check(document: Any, schema: Any, value: Any) -> None:
    """Raises ValidationError where a value isn't what is described, or has more."""
    whole = {**strict(schema), "components": {"schemas": strict(document["components"]["schemas"])}}
    Draft202012Validator(whole).validate(value)


async def test_every_message_has_examples_that_are_what_it_describes(document: Any) -> None:
    for message in document["components"]["messages"].values():
        assert message["examples"], message["name"]
        for example in message["examples"]:
            check(document, message["payload"], example["payload"])
            if "headers" in example:
                check(document, message["headers"], example["headers"])


async def test_the_role_that_an_event_needs_is_told(document: Any) -> None:
    assert document["operations"]["on.watch"]["description"] == "Needs the role `support`."
    assert "description" not in document["operations"]["on.cancel"]


@pytest.mark.parametrize("made", [submitted, claimed, ended])
async def test_a_view_is_what_the_document_says(document: Any, real: Store, made: Any) -> None:
    job: Job = made(real)
    schemas = document["components"]["schemas"]
    check(document, schemas["JobView"], orjson.loads(stored_view(real, job)))


async def test_what_goes_over_a_socket_is_what_the_document_says(
    document: Any, real: Store, shared_valkey: Valkey, tmp_path: Path
) -> None:
    async with running(shared_valkey.url, tmp_path) as node:
        sue = Tokens(node.settings).issue(Owner(id="sue"), roles=["support"], lifetime=50)
        async with node.socket(sue) as page:
            told = [*await heard(page, "jobs"), *await heard(page, "auth:expiring")]
            submitted(real, "sue")
            told += await heard(page, "job")
            job = claimed(real, "sue", idempotent=True)
            job = real.do(store.update(job, lambda job: job.failed(BROKE)))
            for event, payload in asks(job, sue):
                ack = await page.emit(event, payload)
                check_ack(document, event, ack)
                assert ack["ok"] is (event not in ("cancel", "submit")), ack
            told += await heard(page, "jobs", lambda told: told.get("user") == "ann")
            claimed(real, "ann")
            told += await heard(page, "job", lambda view: view["id"][:2] == partition_of("ann"))
    for name, *args in told:
        message = document["components"]["messages"][name.replace(":", ".")]
        check(document, message["payload"], args[0])
        if args[1:]:
            check(document, message["headers"], {"cursor": args[1]})
    assert [name for name, *args in told if not args[1:]] == ["auth:expiring", "jobs", "job"]


def asks(job: Job, token: str) -> list[tuple[str, Any]]:
    """Every event once; no type is known, and what has ended can't be cancelled."""
    return [
        ("submit", {"type": "csv.import"}), ("cancel", {"id": job.id}), ("retry", {"id": job.id}),
        ("seen", {"id": job.id, "version": job.version}), ("presence", {"state": "away"}),
        ("auth:refresh", {"token": token}), ("watch", {"user": "ann"}),
    ]  # fmt: skip


def check_ack(document: Any, event: str, ack: Any) -> None:
    operation = document["operations"][f"on.{event.replace(':', '.')}"]
    done, refused = (
        document["components"]["messages"][message["$ref"].rpartition("/")[2]]["payload"]
        for message in operation["reply"]["messages"]
    )
    check(document, done if ack["ok"] else refused, ack)


async def heard(page: Wire, name: str, wanted: Any = lambda _: True) -> list[list[Any]]:
    """The next such event: its name and arguments."""
    return [[name, *await page.event(name, wanted)]]
