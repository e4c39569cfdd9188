"""Webhooks over HTTP: a gateway in this process, and the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ringback import audit, catalog, deliveries, webhooks
from ringback.catalog import JobType
from ringback.connection import Store
from ringback.delivery import dead
from ringback.job import Owner, Policy
from ringback.keys import uuid7
from ringback.webhook import APP
from tests.eye import P, due, ended
from tests.rig import Valkey
from tests.wire import Node, gateway

MINE, APPS = "api/v1/me/webhooks", "api/v1/ops/webhooks"
HERE = {"url": "http://127.0.0.1:9/hook"}
KIND = JobType(name="csv.import", title="Import", description="", params={}, policy=Policy())


@pytest.fixture
async def node(db: Store, shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    """A node for development, where receivers may be private."""
    db.do(catalog.declare([KIND]))
    async with gateway(shared_valkey.url, tmp_path, dev=True) as there:
        yield there


async def ask(
    node: Node, method: str, path: str, body: Any = None, user: str = "ann"
) -> tuple[int, Any]:
    """A request by ``user``; "op" is an operator. The status, and the answer."""
    roles = ["operator"] if user == "op" else None
    token = node.tokens.issue(Owner(id=user), roles=roles)
    url = node.url.join(type(node.url)(f"/{path}"))
    data = None if body is None else orjson.dumps(body)
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    answer = await node.ask(method, url, data, **headers)
    return answer.status, orjson.loads(answer.text) if answer.text else None


async def test_a_secret_is_shown_when_it_is_made_and_never_again(node: Node, db: Store) -> None:
    wanted = {**HERE, "types": ["csv.import"], "description": "Books"}
    status, made = await ask(node, "POST", MINE, wanted)
    assert (status, made["secret"][:6], made["enabled"]) == (201, "whsec_", True)
    secret = made.pop("secret")
    one = f"{MINE}/{made['id']}"
    assert await ask(node, "GET", one) == (200, made)
    assert await ask(node, "GET", MINE) == (200, {"webhooks": [made]})
    status, rotated = await ask(node, "POST", f"{one}/rotate")
    assert (status, rotated.pop("secret") != secret, rotated) == (200, True, made)
    assert len(db.do(webhooks.load(made["id"])).secrets) == 2


async def test_a_webhook_is_changed_tested_and_removed(node: Node) -> None:
    _, made = await ask(node, "POST", MINE, HERE)
    one = f"{MINE}/{made['id']}"
    status, test = await ask(node, "POST", f"{one}/test")
    assert (status, test["state"], test["subject"][:5]) == (202, "waiting", "test-")
    assert await ask(node, "GET", f"{one}/deliveries?state=waiting") == (
        200,
        {"deliveries": [test]},
    )
    status, off = await ask(node, "PATCH", one, {"enabled": False, "types": ["csv.import"]})
    assert (status, off["enabled"], off["types"], off["url"]) == (
        200, False, ["csv.import"], HERE["url"],
    )  # fmt: skip
    status, problem = await ask(node, "POST", f"{one}/test")
    assert (status, problem["type"]) == (409, "urn:ringback:problem:webhook-disabled")
    assert await ask(node, "DELETE", one) == (204, None)
    assert (await ask(node, "GET", one))[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "field", "told"),
    [
        ({}, 400, "url", "is missing"),
        ({"url": "https://xn--/"}, 400, "url", "must be an address such as"),
        ({"url": "example.com"}, 400, "url", "must start with https://"),
        ({"url": "http://ann:b@127.0.0.1/"}, 400, "url", "no user or password"),
        ({**HERE, "types": ["csv.imprt"]}, 422, "types.0", "Known job types: csv.import"),
        ({**HERE, "types": "csv.import"}, 400, "types", "must be a list"),
        ({**HERE, "secret": "mine"}, 400, "secret", "is unknown"),
    ],
)
async def test_a_wrong_field_is_told_with_the_fix(
    node: Node, body: Any, status: int, field: str, told: str
) -> None:
    found, problem = await ask(node, "POST", MINE, body)
    (error,) = problem["errors"]
    assert (found, error["field"]) == (status, field)
    assert told in error["message"]


async def test_private_receivers_are_refused_in_production(
    db: Store, shared_valkey: Valkey, tmp_path: Path
) -> None:
    async with gateway(shared_valkey.url, tmp_path) as node:
        for url in ("http://example.com/", "https://127.0.0.1/", "https://[::1]:8443/"):
            status, problem = await ask(node, "POST", MINE, {"url": url})
            assert (status, problem["errors"][0]["field"]) == (400, "url")
    assert db.do(webhooks.listed("ann")) == []


async def test_nobody_sees_or_moves_another_s_webhook(node: Node) -> None:
    _, made = await ask(node, "POST", MINE, HERE)
    one = f"{MINE}/{made['id']}"
    unknown = await ask(node, "GET", f"{MINE}/wh_000000000000000000", user="bob")
    requests = [
        ("GET", one, None), ("PATCH", one, {"enabled": False}), ("DELETE", one, None),
        ("POST", f"{one}/rotate", None), ("POST", f"{one}/test", None),
        ("GET", f"{one}/deliveries", None),
    ]  # fmt: skip
    for method, path, body in requests:
        status, problem = await ask(node, method, path, body, user="bob")
        assert (status, problem["type"]) == (404, unknown[1]["type"])
    assert (await ask(node, "GET", one))[1]["enabled"] is True
    for method, path in (("GET", APPS), ("POST", f"{APPS}/deliveries/x/replay")):
        assert (await ask(node, method, path, user="bob"))[0] == 403


async def test_a_user_has_so_many_webhooks_and_no_more(node: Node, db: Store) -> None:
    for _ in range(webhooks.MOST):
        db.do(webhooks.register("ann", HERE["url"]))
    status, problem = await ask(node, "POST", MINE, HERE)
    assert (status, problem["type"]) == (409, "urn:ringback:problem:too-many-webhooks")


async def test_operators_keep_the_app_s_webhooks_and_it_is_in_the_audit_trail(
    node: Node, db: Store
) -> None:
    status, made = await ask(node, "POST", APPS, HERE, user="op")
    assert (status, db.do(webhooks.load(made["id"])).owner) == (201, APP)
    _, mine = await ask(node, "POST", MINE, HERE)
    _, listed = await ask(node, "GET", f"{APPS}?user=ann", user="op")
    assert [each["id"] for each in listed["webhooks"]] == [mine["id"]]
    status, off = await ask(node, "PATCH", f"{APPS}/{mine['id']}", {"enabled": False}, "op")
    assert (status, off["enabled"]) == (200, False)
    status, _ = await ask(node, "POST", f"{APPS}/{mine['id']}/rotate", user="op")
    assert status == 404, "a user's secret is the user's"
    told = [(entry.who, entry.what) for entry in db.do(audit.entries(10))]
    assert told[-2:] == [
        ("op", f"webhook {mine['id']} changed: enabled"),
        ("op", f"webhook to {HERE['url']} added"),
    ]


async def test_an_operator_replays_one_delivery_or_all_dead_letters_since_a_moment(
    node: Node, db: Store
) -> None:
    known = db.do(webhooks.register("ann", HERE["url"]))
    ended(db)
    db.do(deliveries.fan_out(P, list(due(db, "fanout"))))
    held = db.do(deliveries.claim(known.id, "t"))
    assert held is not None
    name = held.due[0].id
    db.do(deliveries.settle(held, name, dead("Answered 500", 8, 500)))
    since = {"since": "2020-01-01T00:00:00Z", "reason": "their outage"}
    status, answer = await ask(node, "POST", f"{APPS}/{known.id}/replay", since, "op")
    assert (status, answer) == (202, {"count": 1})
    status, again = await ask(node, "POST", f"{APPS}/deliveries/{name}/replay", user="op")
    assert (status, again["state"], again["status"]) == (202, "waiting", 500)
    entry = db.do(audit.entries(10))[1]
    assert (entry.who, entry.why) == ("op", "their outage")
    assert "1 delivery since 2020" in entry.what
    edges = ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00")
    for moment in ("yesterday", "2026-01-31T09:30:00", 1_800_000_000, *edges):
        wrong = {"since": moment}
        status, problem = await ask(node, "POST", f"{APPS}/{known.id}/replay", wrong, "op")
        assert (status, problem["errors"][0]["field"]) == (400, "since")
    unknown = f"{known.id}_test-{uuid7()}"
    assert (await ask(node, "POST", f"{APPS}/deliveries/{unknown}/replay", user="op"))[0] == 404
