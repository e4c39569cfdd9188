"""News of emails and the list of stopped addresses over HTTP: who may, and what comes of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback import alert, audit, dsn, sent, suppression
from ringback.connection import Store
from tests.node import Node, running
from tests.rig import Valkey
from tests.test_bounce import MINE, email, told
from tests.test_bounce_events import SES_BOUNCE, sendgrid, sns
from tests.test_dsn import MESSAGE_ID, sample

TOKEN = "a secret for bounces"
BOUNCES = "/api/v1/bounces"
LIST = "/api/v1/ops/suppressions"
GONE = {"type": "bounce", "recipient": "ann@example.com", "status": "5.1.1", "message_id": MINE,
        "diagnostic": "550 5.1.1 no", "at": "2026-03-12T09:14:05Z", "id": "ev-1"}  # fmt: skip


@pytest.fixture
async def node(db: Store, shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    """A node on the tests' store, with a secret for bounces."""
    assert db.do(suppression.listed(1)) == []
    async with running(shared_valkey.url, tmp_path, bounce_token=TOKEN) as node:
        yield node


async def post(node: Node, body: Any, token: str | None = TOKEN, **headers: str) -> tuple[int, Any]:
    return await node.ask("POST", BOUNCES, token, body, **headers)


async def post_report(node: Node, raw: bytes) -> tuple[int, Any]:
    return await node.send(BOUNCES, raw, "message/rfc822", TOKEN)


async def test_a_bounce_is_told_and_the_page_that_is_open_shows_it(node: Node, db: Store) -> None:
    job = told(db)
    async with node.socket(node.token("ann")) as page:
        await page.event("jobs")
        status, answer = await post(node, [GONE])
        view, _ = await page.event("job", lambda view: view["id"] == job.id)
    assert status == 200
    (result,) = answer["results"]
    assert (result["id"], result["type"], result["result"]) == ("ev-1", "bounce", "suppressed")
    assert view["email"]["state"] == "failed"
    assert view["email"]["reason"].startswith("It came back: there is no such mailbox as a…@")
    assert db.do(suppression.look("ann@example.com")).source == "provider"  # type: ignore[union-attr]


async def test_the_same_news_again_changes_nothing(node: Node, db: Store) -> None:
    told(db)
    results = [(await post(node, [GONE, GONE]))[1]["results"] for _ in range(2)]
    found = [[each["result"] for each in some] for some in results]
    assert found == [["suppressed", "known"], ["known", "known"]]


async def test_a_report_is_taken_as_a_mail_server_writes_it(node: Node, db: Store) -> None:
    job = told(db, message_id=MESSAGE_ID)
    db.do(sent.note(MESSAGE_ID, "ann", "ada@example.org", [job.id]))
    status, answer = await post_report(node, sample("postfix"))
    assert (status, answer["results"][0]["result"]) == (200, "suppressed")
    assert email(db, job)[0] == "failed"
    assert db.do(suppression.look("ada@example.org")).source == "bounce"  # type: ignore[union-attr]


async def test_what_providers_post_is_taken(node: Node, db: Store) -> None:
    job = told(db, message_id=MESSAGE_ID)
    db.do(sent.note(MESSAGE_ID, "ann", "ada@example.org", [job.id]))
    assert (await post(node, [sendgrid("delivered")]))[1]["results"][0]["result"] == "cleared"
    body = sns(SES_BOUNCE)
    status, answer = await node.send(BOUNCES, body, "text/plain; charset=UTF-8", TOKEN)
    assert (status, answer["results"][0]["result"]) == (200, "suppressed")


async def test_news_of_what_we_never_sent_is_ignored_and_said_so(node: Node, db: Store) -> None:
    told(db)
    forged = [{**GONE, "message_id": "<2@example.com>"}, {**GONE, "recipient": "eve@example.com"}]
    status, answer = await post(node, forged)
    assert status == 200
    assert [r["result"] for r in answer["results"]] == ["unknown", "foreign"]
    assert "ignored" in answer["results"][0]["told"]
    assert db.do(suppression.listed(9)) == []


async def test_amazon_sns_is_confirmed_by_an_operator(node: Node, db: Store) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    asks = {**sns(""), "Type": "SubscriptionConfirmation", "SubscribeURL": url}
    assert await post(node, asks) == (200, {"results": []})
    (sounded,) = db.do(alert.open_ones())
    assert sounded.text.endswith(url)
    await post(node, sns(SES_BOUNCE))
    assert db.do(alert.open_ones()) == []


# -- who may


def basic(password: str, user: str = "postmark") -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200), (basic(TOKEN), 200), (basic(TOKEN, ""), 200),
        ("Bearer another secret", 401), (basic("another secret"), 401), (basic(""), 401),
        ("Basic ?", 401), ("Basic é", 401), ("", 401),
    ],
)  # fmt: skip
async def test_the_secret_lets_in_as_a_bearers_token_or_as_a_password(
    node: Node, authorization: str, status: int
) -> None:
    assert (await post(node, [], None, Authorization=authorization))[0] == status


@pytest.mark.usefixtures("db")
async def test_without_a_secret_only_tokens_let_in(shared_valkey: Valkey, tmp_path: Path) -> None:
    async with running(shared_valkey.url, tmp_path) as node:
        assert (await post(node, [], None, Authorization=basic("")))[0] == 401
        assert (await post(node, [], ""))[0] == 401
        assert (await post(node, [], node.token("app", "service")))[0] == 200
        status, answer = await post(node, [], node.token("ann"))
    assert status == 403
    assert "the role 'service' or 'operator'" in answer["detail"]


# -- what can't be read


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"), ({"events": []}, "body"), ("x", "body"), ([1], "body[0]"),
        ([GONE, {**GONE, "status": "5"}], "status"), ([{**GONE, "status": "6.1.1"}], "status"),
        ([{**GONE, "type": "opened"}], "type"), ([{**GONE, "colour": "red"}], "colour"),
        ([{k: v for k, v in GONE.items() if k != "message_id"}], "message_id"),
        ([{**GONE, "at": "yesterday"}], "at"), ([GONE] * 1_001, "body"),
    ],
)  # fmt: skip
async def test_wrong_events_are_named_and_nothing_is_done(
    node: Node, db: Store, body: Any, field: str
) -> None:
    told(db)
    status, answer = await post(node, body)
    assert (status, answer["errors"][0]["field"]) == (400, field)
    assert db.do(suppression.listed(9)) == []


async def test_a_message_that_is_no_report_is_told_what_is_missing(node: Node) -> None:
    status, answer = await post_report(node, sample("exim_old"))
    assert status == 400
    assert "body can't be read as a report: It is no report" in answer["detail"]


async def test_a_report_may_be_larger_than_json_elsewhere_and_has_its_limit(
    node: Node, db: Store
) -> None:
    told(db, message_id=MESSAGE_ID)
    assert (await post_report(node, sample("postfix") + b"x" * 200_000))[0] == 200
    status, answer = await post_report(node, b"x" * (dsn.LONGEST + 1))
    assert (status, answer["type"]) == (413, "urn:ringback:problem:too-large")


async def test_other_media_types_are_refused(node: Node) -> None:
    status, answer = await node.send(BOUNCES, b"a=b", "application/x-www-form-urlencoded", TOKEN)
    assert status == 415
    assert "message/rfc822" in answer["detail"]


# -- the list, for operators


async def test_operators_stop_an_address_and_write_to_it_again(node: Node, db: Store) -> None:
    otto = node.token("otto", "operator")
    wanted = {"address": "ada@Example.com", "reason": "She asked us to."}
    status, made = await node.ask("POST", LIST, otto, wanted)
    assert (status, made["address"], made["source"], made["who"]) == (
        200, "ada@example.com", "operator", "otto",
    )  # fmt: skip
    assert made["told"].startswith("Emails to a…@example.com have been stopped since ")
    _, page = await node.ask("GET", LIST, otto)
    assert (page["suppressions"], page["count"], page["next"]) == ([made], 1, None)

    path = f"{LIST}/ada%40example.com?reason=She+wants+them+again."
    assert await node.ask("DELETE", path, otto) == (200, made)
    assert db.do(suppression.look("ada@example.com")) is None
    assert [(e.who, e.why) for e in db.do(audit.entries(9))] == [
        ("otto", "She wants them again."), ("otto", "She asked us to."),
    ]  # fmt: skip
    status, answer = await node.ask("DELETE", path, otto)
    assert (status, answer["detail"]) == (404, "Emails to 'ada@example.com' aren't stopped.")


async def test_the_list_is_read_in_pages_by_source_and_by_address(node: Node, db: Store) -> None:
    otto = node.token("otto", "operator")
    for name in "abc":
        source: Any = "complaint" if name == "b" else "smtp"
        db.do(suppression.suppress(f"{name}@example.com", "Gone.", source))

    async def listed(query: str) -> tuple[str, int | None]:
        _, page = await node.ask("GET", f"{LIST}?{query}", otto)
        return "".join(s["address"][0] for s in page["suppressions"]), page["next"]

    names, following = await listed("limit=2")
    assert names == "cb"
    assert (await listed(f"limit=2&before={following}"))[0] == "a"
    assert (await listed("source=complaint"))[0] == "b"
    assert await listed("address=a@EXAMPLE.com") == ("a", None)
    assert await listed("address=z@example.com") == ("", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "no at", "reason": "x"}, "address"), ({"reason": "x"}, "address"),
        ({"address": "a@b.example"}, "reason"), ({"address": "a@b.example", "reason": " "},
                                                 "reason"),
    ],
)  # fmt: skip
async def test_what_is_no_address_or_has_no_reason_is_refused(
    node: Node, body: Any, field: str
) -> None:
    status, answer = await node.ask("POST", LIST, node.token("otto", "operator"), body)
    assert (status, answer["errors"][0]["field"]) == (400, field)


async def test_an_address_is_not_written_to_again_without_a_reason(node: Node, db: Store) -> None:
    db.do(suppression.suppress("ada@example.com", "Gone.", "smtp"))
    otto = node.token("otto", "operator")
    status, answer = await node.ask("DELETE", f"{LIST}/ada@example.com", otto)
    assert (status, answer["errors"][0]["field"]) == (400, "reason")
    assert db.do(suppression.look("ada@example.com"))
