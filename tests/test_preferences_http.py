"""Preferences and the unsubscribe link over HTTP: what people, mail programs and scanners send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.preferences import merge
from ringback import catalog, preferences, suppression
from ringback.catalog import JobType
from ringback.connection import Store
from ringback.job import Policy
from ringback.preferences import Preferences
from ringback.unsubscribe import Links, Subscription
from tests.rig import Valkey
from tests.wire import Answer, Node, gateway

PATH = "api/v1/me/preferences"
LINKS = Links("s" * 32, "http://127.0.0.1")
FORM = "application/x-www-form-urlencoded"
KINDS = [
    JobType(name=name, title=title, description="", params={"type": "object"}, policy=Policy())
    for name, title in (("csv.import", "Import of {file.name}"), ("links.check", "Link check"))
]


@pytest.fixture
async def node(db: Store, shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    db.do(catalog.declare(KINDS))
    async with gateway(shared_valkey.url, tmp_path) as there:
        yield there


async def me(node: Node, patch: Any = None, user: str = "ann") -> Answer:
    """Reads the preferences, or changes them."""
    auth = f"Bearer {node.token(user)}"
    if patch is None:
        return await node.ask("GET", node.url / PATH, Authorization=auth)
    kind = "application/merge-patch+json"
    body = orjson.dumps(patch)
    return await node.ask("PATCH", node.url / PATH, body, Authorization=auth, Content_Type=kind)


async def chosen(node: Node, patch: Any = None, user: str = "ann") -> dict[str, Any]:
    answer = await me(node, patch, user)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = orjson.loads(answer.text)
    return found


async def test_who_never_chose_sees_the_defaults_and_what_they_mean(node: Node) -> None:
    assert await chosen(node) == {
        "email": "fallback", "digest_window": None, "quiet_hours": None, "locale": None,
        "timezone": None, "types": {},
        "defaults": {"digest_window": 10.0, "locale": "en", "timezone": "UTC"}, "stopped": None,
    }  # fmt: skip


async def test_a_patch_changes_what_it_names_and_null_resets(node: Node) -> None:
    await chosen(node, {"email": "always", "quiet_hours": {"from": "22:00", "to": "08:00"}})
    await chosen(
        node, {"quiet_hours": {"to": "07:30"}, "types": {"csv.import": {"email": "never"}}}
    )
    now = await chosen(node, {"locale": "DE_at", "timezone": "Europe/Vienna", "digest_window": 60})
    assert now["quiet_hours"] == {"from": "22:00", "to": "07:30"}
    assert (now["email"], now["locale"], now["digest_window"]) == ("always", "de-AT", 60)
    assert now["types"] == {"csv.import": {"email": "never", "quiet_hours": None}}
    assert await chosen(node) == now
    reset = dict.fromkeys(("email", "quiet_hours", "types", "locale", "timezone", "digest_window"))
    assert await chosen(node, reset) == await chosen(node, user="bob")


async def test_nobody_sees_or_changes_anothers_preferences(node: Node) -> None:
    await chosen(node, {"email": "never"})
    assert (await chosen(node, user="bob"))["email"] == "fallback"
    assert (await node.ask("GET", node.url / PATH)).status == 401


@pytest.mark.parametrize(
    ("patch", "field", "words"),
    [
        ({"emial": "never"}, "emial", "is unknown; known: email, "),
        ({"email": "sometimes"}, "email", "must be one of 'fallback', 'always' or 'never'"),
        ({"digest_window": 90_000}, "digest_window", "must be 86400 or less"),
        ({"digest_window": "1 h"}, "digest_window", "must be a whole number"),
        ({"timezone": "berlin"}, "timezone", "Did you mean Europe/Berlin?"),
        ({"timezone": "localtime"}, "timezone", "IANA name"),
        ({"timezone": "Factory"}, "timezone", "IANA name"),
        ({"timezone": "right/UTC"}, "timezone", "IANA name"),
        ({"timezone": "Europe/Berln"}, "timezone", "Europe/Berlin"),
        ({"locale": "en-GBB"}, "locale", "en-GB"),
        ({"quiet_hours": {"from": "25:00", "to": "08:00"}}, "quiet_hours.from", 'to "23:59"'),
        ({"quiet_hours": {"from": "22:00"}}, "quiet_hours.to", "is missing"),
        ({"quiet_hours": {"from": "08:00", "to": "08:00"}}, "quiet_hours", "different times"),
        ({"types": {"csv.import": {"mail": "never"}}}, "types.csv.import.mail", "is unknown"),
        ({"types": {"csv.import": "never"}}, "types.csv.import", "must be an object"),
    ],
)
async def test_a_wrong_patch_is_told_field_value_and_fix_and_changes_nothing(
    node: Node, db: Store, patch: Any, field: str, words: str
) -> None:
    answer = await me(node, {"email": "always", **patch})
    assert answer.status == 400
    (error,) = orjson.loads(answer.text)["errors"]
    assert error["field"] == field
    assert words in error["message"]
    assert db.do(preferences.load("ann")) == Preferences()


async def test_a_choice_for_an_unknown_job_type_is_refused_with_the_known_ones(node: Node) -> None:
    answer = await me(node, {"types": {"csv.imprt": {"email": "never"}}})
    assert answer.status == 422
    (error,) = orjson.loads(answer.text)["errors"]
    assert (error["field"], error["value"]) == ("types.csv.imprt", "csv.imprt")
    assert "csv.import, links.check" in error["message"]
    assert (await me(node, {"types": {"csv.imprt": None}})).status == 200


json_values = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(json_values, json_values)
def test_a_merge_patch_is_that_of_rfc_7396(target: Any, patch: Any) -> None:
    merged = merge(target, patch)
    assert merge(merged, patch) == merged
    if not isinstance(patch, dict):
        assert merged == patch
        return
    before = target if isinstance(target, dict) else {}
    assert {k: v for k, v in before.items() if k not in patch} == {
        k: v for k, v in merged.items() if k not in patch
    }
    for name, value in patch.items():
        assert (name in merged) == (value is not None)


# -- the link in the email


async def test_whose_address_is_stopped_is_told_so(node: Node, db: Store) -> None:
    db.do(suppression.suppress("ann@example.com", "An email came back: it is full.", "bounce"))
    for answer in (await me(node), await me(node, {"email": "always"})):
        told = orjson.loads(answer.text)["stopped"]
        assert told.startswith("Emails to a…@example.com have been stopped since ")
    assert orjson.loads((await me(node, user="bob")).text)["stopped"] is None


def link(node: Node, job_type: str | None = "csv.import", user: str = "ann") -> URL:
    return URL(LINKS.url(Subscription(user, job_type))).with_port(node.url.port)


def choice(db: Store, user: str = "ann", job_type: str = "csv.import") -> str:
    return db.do(preferences.load(user)).choice(job_type)


async def test_a_mail_program_unsubscribes_by_one_post_without_cookie_or_token(
    node: Node, db: Store
) -> None:
    answer = await node.ask("POST", link(node), "List-Unsubscribe=One-Click", Content_Type=FORM)
    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers
    assert (choice(db), choice(db, job_type="links.check")) == ("never", "fallback")
    assert choice(db, "bob") == "fallback"


async def test_a_form_in_parts_unsubscribes_too(node: Node, db: Store) -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--'
    )
    kind = "multipart/form-data; boundary=x"
    assert (await node.ask("POST", link(node, None), body, Content_Type=kind)).status == 200
    assert (choice(db), choice(db, job_type="links.check")) == ("never", "never")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"\xff"),
        (FORM, b"action=resubscribe&x=\xff"),
        (FORM, b"x" * 70_000),
        (f"{FORM}; charset=klingon", b"a=b"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\x00\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("application/json", b"{"),
    ],
)
async def test_a_body_that_is_no_form_unsubscribes_all_the_same(
    node: Node, db: Store, kind: str, body: bytes
) -> None:
    answer = await node.ask("POST", link(node), body, Content_Type=kind)
    assert (answer.status, answer.headers["Content-Type"][:9]) == (200, "text/html")
    assert choice(db) == "never"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_scanners_that_follow_the_link_change_nothing(
    node: Node, db: Store, method: str
) -> None:
    await node.ask(method, link(node))
    assert choice(db) == "fallback"


async def test_the_page_says_what_its_button_does_and_offers_the_way_back(
    node: Node, db: Store
) -> None:
    page = await node.ask("GET", link(node))
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Stop these emails?" in page.text
    assert "Import of …" in page.text
    off = await node.ask("POST", link(node), "action=unsubscribe", Content_Type=FORM)
    assert "These emails are off" in off.text
    assert "These emails are off" in (await node.ask("GET", link(node))).text
    again = await node.ask("POST", link(node), "action=resubscribe", Content_Type=FORM)
    assert "These emails are on again" in again.text
    assert choice(db) == "fallback"


async def test_the_page_runs_nothing_and_loads_nothing(node: Node) -> None:
    page = await node.ask("GET", link(node))
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in page.text
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("token", ["x", "a.b", "WyJhbm4iLG51bGxd.AAAAAAAAAAAAAAAAAAAAAA", "%00"])
async def test_a_link_that_is_not_ours_gets_a_page_in_plain_words(
    node: Node, method: str, token: str
) -> None:
    answer = await node.ask(method, URL(f"{node.url}unsubscribe/{token}", encoded=True))
    assert answer.status == 404
    assert "This link doesn&#39;t work" in answer.text


async def test_a_name_with_markup_stays_text(node: Node, db: Store) -> None:
    spoilt = JobType(name="a.b", title="<b>{x}</b>", description="", params={}, policy=Policy())
    db.do(catalog.declare([spoilt]))
    page = await node.ask("GET", link(node, "a.b"))
    assert "&lt;b&gt;…&lt;/b&gt;" in page.text
