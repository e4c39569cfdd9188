"""Who may do what: every endpoint and every event, for every role and for strangers.

A new endpoint or event without a line here fails the first tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback import audit, catalog, deliveries, editions, store, webhooks
from ringback.catalog import JobType
from ringback.connection import Store
from ringback.job import Policy
from ringback.webhook import APP
from tests.eye import BROKE, DONE, claimed
from tests.node import Node, ids, running
from tests.rig import Valkey, new_spec

#: Names of roles: ann owns the jobs, bob is somebody else, the others are somebody else, too.
PEOPLE = {
    "ann": ("user",), "bob": ("user",), "sue": ("support",), "otto": ("operator",),
    "amy": ("author",), "app": ("service",), "nobody": (),
}  # fmt: skip
ANYBODY = dict.fromkeys(PEOPLE, 200)
SIGNED_IN = {**ANYBODY, "nobody": 401}
OWN = {**dict.fromkeys(PEOPLE, 404), "ann": 200, "nobody": 401}
SUPPORT = {**dict.fromkeys(PEOPLE, 403), "sue": 200, "nobody": 401}
OPERATOR = {**dict.fromkeys(PEOPLE, 403), "otto": 200, "nobody": 401}
AUTHOR = {**dict.fromkeys(PEOPLE, 403), "amy": 200, "nobody": 401}

#: What each may: method and path to status by person. 200 stands for any success.
ENDPOINTS: dict[str, dict[str, int]] = {
    "POST /api/v1/jobs": SIGNED_IN,
    "GET /api/v1/jobs": SIGNED_IN,
    "GET /api/v1/jobs/{id}": OWN,
    "GET /api/v1/jobs/{id}/status": OWN,
    "GET /api/v1/jobs/{id}/history": OWN,
    "GET /api/v1/jobs/{id}/explain": OWN,
    "GET /api/v1/jobs/{id}/items": OWN,
    "POST /api/v1/jobs/{id}/cancel": OWN,
    "POST /api/v1/jobs/{id}/retry": OWN,
    "POST /api/v1/jobs/{id}/seen": OWN,
    "GET /api/v1/events": SIGNED_IN,
    "GET /api/v1/types": SIGNED_IN,
    "POST /api/v1/files": SIGNED_IN,
    "GET /api/v1/files/{id}": OWN,
    "GET /healthz": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /api/v1/support/search": SUPPORT,
    "GET /api/v1/support/users/{user}/jobs": SUPPORT,
    "GET /api/v1/support/users/{user}/presence": SUPPORT,
    "GET /api/v1/support/jobs/{id}": SUPPORT,
    "GET /api/v1/support/jobs/{id}/history": SUPPORT,
    "GET /api/v1/support/jobs/{id}/explain": SUPPORT,
    "GET /api/v1/support/jobs/{id}/errors": SUPPORT,
    "POST /api/v1/support/jobs/{id}/cancel": SUPPORT,
    "POST /api/v1/support/jobs/{id}/force": SUPPORT,
    "POST /api/v1/support/jobs/{id}/retry": SUPPORT,
    "GET /api/v1/ops/overview": OPERATOR,
    "GET /api/v1/ops/dead-letters": OPERATOR,
    "POST /api/v1/ops/dead-letters/replay": OPERATOR,
    "GET /api/v1/ops/unsent": OPERATOR,
    "POST /api/v1/ops/unsent/send": OPERATOR,
    "GET /api/v1/ops/audit": OPERATOR,
    "POST /api/v1/ops/revocations": OPERATOR,
    "POST /api/v1/bounces": {**OPERATOR, "app": 200},
    "GET /api/v1/ops/suppressions": OPERATOR,
    "POST /api/v1/ops/suppressions": OPERATOR,
    "DELETE /api/v1/ops/suppressions/{address}": OPERATOR,
    "GET /api/v1/me/preferences": SIGNED_IN,
    "PATCH /api/v1/me/preferences": SIGNED_IN,
    "GET /api/v1/me/webhooks": SIGNED_IN,
    "POST /api/v1/me/webhooks": SIGNED_IN,
    "GET /api/v1/me/webhooks/{id}": OWN,
    "PATCH /api/v1/me/webhooks/{id}": OWN,
    "DELETE /api/v1/me/webhooks/{id}": OWN,
    "GET /api/v1/me/webhooks/{id}/deliveries": OWN,
    "POST /api/v1/me/webhooks/{id}/rotate": OWN,
    "POST /api/v1/me/webhooks/{id}/test": OWN,
    "GET /api/v1/ops/webhooks": OPERATOR,
    "POST /api/v1/ops/webhooks": OPERATOR,
    "GET /api/v1/ops/webhooks/{id}": OPERATOR,
    "PATCH /api/v1/ops/webhooks/{id}": OPERATOR,
    "DELETE /api/v1/ops/webhooks/{id}": OPERATOR,
    "GET /api/v1/ops/webhooks/{id}/deliveries": OPERATOR,
    "POST /api/v1/ops/webhooks/{id}/rotate": OPERATOR,
    "POST /api/v1/ops/webhooks/{id}/test": OPERATOR,
    "POST /api/v1/ops/webhooks/{id}/replay": OPERATOR,
    "POST /api/v1/ops/webhooks/deliveries/{id}/replay": OPERATOR,
    "GET /api/v1/studio/messages": AUTHOR,
    "GET /api/v1/studio/messages/{name}": AUTHOR,
    "GET /api/v1/studio/messages/{name}/revisions/{revision}": AUTHOR,
    "GET /api/v1/studio/jobs": AUTHOR,
    "POST /api/v1/studio/render": AUTHOR,
    "POST /api/v1/studio/messages/{name}/publish": AUTHOR,
    "POST /api/v1/studio/messages/{name}/rollback": AUTHOR,
    # in production not even authors
    "PUT /api/v1/studio/messages/{name}/files": {**AUTHOR, "amy": 403},
}
RECEIVER = "https://93.184.215.14/hook"  # nothing is sent there: nobody delivers
#: Events likewise; who has no token gets no socket.
EVENTS: dict[str, dict[str, int]] = {
    "submit": SIGNED_IN, "cancel": OWN, "retry": OWN, "seen": OWN, "presence": SIGNED_IN,
    "watch": SUPPORT, "auth:refresh": SIGNED_IN,
}  # fmt: skip
BODIES: dict[str, Any] = {
    "POST /api/v1/jobs": {"type": "csv.import", "params": {}},
    "POST /api/v1/support/jobs/{id}/force": {"reason": "it hangs"},
    "POST /api/v1/jobs/{id}/seen": {"version": 3},
    "PATCH /api/v1/me/preferences": {"email": "always"},
    "POST /api/v1/me/webhooks": {"url": RECEIVER},
    "PATCH /api/v1/me/webhooks/{id}": {"description": "Books"},
    "POST /api/v1/ops/webhooks": {"url": RECEIVER},
    "PATCH /api/v1/ops/webhooks/{id}": {"description": "Books"},
    "POST /api/v1/ops/webhooks/{id}/replay": {"since": "2026-01-31T09:30:00Z"},
    "POST /api/v1/ops/revocations": {"jti": "a token's", "reason": "it leaked"},
    "POST /api/v1/bounces": [
        {"type": "complaint", "recipient": "eve@example.com", "message_id": "1@example.com"}
    ],
    "POST /api/v1/ops/suppressions": {"address": "eve@example.com", "reason": "she asked us to"},
    "POST /api/v1/studio/render": {"name": "failed"},
    "POST /api/v1/studio/messages/{name}/publish": {"files": {"subject.txt": "It failed"}},
    "POST /api/v1/studio/messages/{name}/rollback": {"revision": 1, "base": 2},
    "PUT /api/v1/studio/messages/{name}/files": {"files": {"subject.txt": "It failed"}},
}
QUERIES = {
    "GET /api/v1/support/search": "?q=ann",
    "DELETE /api/v1/ops/suppressions/{address}": "?reason=it+works+again",
}
TYPE = JobType(
    name="csv.import", title="Import", description="", params={"type": "object"}, policy=Policy()
)


@pytest.fixture
async def node(
    db: Store,
    shared_valkey: Valkey,
    tmp_path: Path,
) -> AsyncIterator[Node]:
    """A node on the tests' store."""
    db.do(catalog.declare([TYPE]))
    async with running(shared_valkey.url, tmp_path) as node:
        yield node


def fitting(db: Store, what: str) -> str:
    """A job or a webhook of ann's, or a webhook of the app's, that the request can be about."""
    if "/webhooks" in what:
        return webhook(db, what)
    if what.endswith("retry"):
        job = claimed(db, "ann", idempotent=True)
        return db.do(store.update(job, lambda job: job.failed(BROKE))).id
    if what.endswith("seen"):
        job = claimed(db, "ann")
        return db.do(store.update(job, lambda job: job.ended(DONE))).id
    return claimed(db, "ann").id


def webhook(db: Store, what: str) -> str:
    """A webhook, or a delivery to it."""
    owner = "ann" if "/me/" in what else APP
    known = db.do(webhooks.register(owner, RECEIVER)).id
    return db.do(deliveries.test(known, owner)).id if "/deliveries/{id}" in what else known


def copy(db: Store, what: str) -> str:
    """A message; of which there are two revisions, but where the first is to be published."""
    name = "failed" if what.endswith("/publish") else "partial"
    if name == "partial" and not db.do(editions.newest(name)):
        for base in (0, 1):
            db.do(editions.publish(name, {"subject.txt": "Ours"}, "amy", "", base, f"{base}"))
    return name


def dead(db: Store, user: str = "ann") -> str:
    """A dead letter."""
    job = claimed(db, user, idempotent=True)
    return db.do(store.update(job, lambda job: job.failed(BROKE))).id


def unsent_email(db: Store, user: str = "ann") -> str:
    """A job whose email failed by no fault of its user."""
    job = db.do(store.update(claimed(db, user), lambda job: job.ended(DONE)))
    refused = "The mail server refused the email."
    told = db.do(
        store.update(job, lambda job: job.email_failed(refused, "RCPT: 554 no relay", dead=True))
    )
    return told.id


def token(node: Node, who: str) -> str | None:
    return node.token(who, *PEOPLE[who]) if PEOPLE[who] else None


async def test_every_endpoint_has_a_line_here(node: Node) -> None:
    documents = (await node.ask("GET", "/openapi.json"))[1]["paths"]
    served = {
        f"{method.upper()} {path}" for path, methods in documents.items() for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    }  # fmt: skip
    assert served == set(ENDPOINTS)


async def test_every_event_has_a_line_here(node: Node) -> None:
    async with node.socket(node.token("ann")) as ann:
        told = (await ann.emit("nonsense", {}))["problem"]["detail"]
    assert set(told.rpartition(": ")[2].split(", ")) == set(EVENTS)


@pytest.mark.parametrize("who", PEOPLE)
async def test_each_may_what_the_table_says(node: Node, db: Store, who: str) -> None:
    file = await uploaded(node)
    for what, may in ENDPOINTS.items():
        method, path = what.split(" ")
        named = path.replace("{user}", "ann").replace("/files/{id}", f"/files/{file}")
        named = named.replace("{address}", "eve@example.com")
        named = named.replace("{name}", copy(db, what)).replace("{revision}", "1")
        named = named.replace("{id}", fitting(db, what)) + QUERIES.get(what, "")
        body = BODIES.get(what)
        if what == "POST /api/v1/ops/dead-letters/replay":
            body = {"ids": [dead(db)], "reason": "fixed"}
        if what == "POST /api/v1/ops/unsent/send":
            body = {"ids": [unsent_email(db)], "reason": "fixed"}
        if what == "GET /api/v1/events":
            status, answer = await node.opens(named, token(node, who))
        elif what == "POST /api/v1/files":
            status, answer = await node.upload("a.csv", token(node, who))
        else:
            status, answer = await node.ask(method, named, token(node, who), body)
        wanted = may[who]
        assert (200 if status < 300 else status) == wanted, (what, answer)
        if wanted == 403:
            assert answer["type"].endswith(":forbidden")
            wants = "support" if may is SUPPORT else "operator"
            wants = "author" if "/studio/" in what else wants
            assert f"'{wants}'" in answer["detail"] or who == "amy"


async def uploaded(node: Node) -> str:
    """A file of ann's."""
    _, answer = await node.upload("ann.csv", node.token("ann"))
    file_id: str = answer["id"]
    return file_id


@pytest.mark.parametrize("who", [who for who in PEOPLE if PEOPLE[who]])
async def test_each_may_send_what_the_table_says(node: Node, db: Store, who: str) -> None:
    async with node.socket(node.token(who, *PEOPLE[who])) as page:
        for event, may in EVENTS.items():
            job_id = fitting(db, event)
            payloads: dict[str, dict[str, Any]] = {
                "submit": {"type": "csv.import"}, "cancel": {"id": job_id},
                "retry": {"id": job_id}, "presence": {"state": "active"},
                "seen": {"id": job_id, "version": 3}, "watch": {"user": "ann"},
                "auth:refresh": {"token": node.token(who, *PEOPLE[who])},
            }  # fmt: skip
            ack = await page.emit(event, payloads[event])
            assert (200 if ack["ok"] else ack["problem"]["status"]) == may[who], (event, ack)


async def test_foreign_and_unknown_ids_can_not_be_told_apart(node: Node, db: Store) -> None:
    foreign = claimed(db, "ann").id
    unknown = new_spec("ann").id
    for path in ("", "/status", "/history", "/explain", "/items"):
        answers = [
            await node.ask("GET", f"/api/v1/jobs/{job_id}{path}", node.token("bob"))
            for job_id in (foreign, unknown)
        ]
        told = [str(answer).replace(foreign, "").replace(unknown, "") for answer in answers]
        assert told[0] == told[1]


async def test_nobody_hears_of_anothers_jobs(node: Node, db: Store) -> None:
    async with node.socket(node.token("bob")) as bob:
        await bob.event("jobs")
        claimed(db, "ann")
        own = claimed(db, "bob")
        view, _ = await bob.event("job", lambda view: view["id"] == own.id)
        heard = [text for text in bob.heard if text.startswith('42["job"')]
        assert all(own.id in text for text in heard)
        assert view["state"] in ("queued", "running")


# -- what a backend may


async def test_a_backend_submits_for_a_user(node: Node) -> None:
    owner = {"id": "eve", "email": "eve@example.com", "locale": "de"}
    wanted = {"type": "csv.import", "params": {}, "owner": owner}
    status, view = await node.ask("POST", "/api/v1/jobs", node.token("app", "service"), wanted)
    assert status == 202
    _, page = await node.ask("GET", "/api/v1/jobs", node.token("eve"))
    assert ids(page["jobs"]) == {view["id"]}


async def test_a_backend_is_told_of_an_address_that_is_none(node: Node) -> None:
    wanted = {"type": "csv.import", "owner": {"id": "eve", "email": "no at"}}
    app = node.token("app", "service")
    status, told = await node.ask("POST", "/api/v1/jobs", app, wanted)
    assert (status, told["errors"][0]["field"], told["errors"][0]["value"]) == (
        422, "owner.email", "no at",
    )  # fmt: skip
    async with node.socket(app) as socket:
        assert (await socket.emit("submit", wanted))["problem"]["errors"] == told["errors"]


@pytest.mark.parametrize("roles", [("user",), ("support", "operator", "author")])
async def test_nobody_else_submits_for_another(node: Node, roles: tuple[str, ...]) -> None:
    wanted = {"type": "csv.import", "owner": {"id": "eve"}}
    status, told = await node.ask("POST", "/api/v1/jobs", node.token("bob", *roles), wanted)
    assert (status, "'service'" in told["detail"]) == (403, True)
    async with node.socket(node.token("bob", *roles)) as bob:
        assert (await bob.emit("submit", wanted))["problem"]["status"] == 403


# -- what support does


async def test_support_sees_a_users_list_as_the_user_does(node: Node, db: Store) -> None:
    claimed(db, "ann"), claimed(db, "bob")
    _, own = await node.ask("GET", "/api/v1/jobs", node.token("ann"))
    sue = node.token("sue", "support")
    _, seen = await node.ask("GET", "/api/v1/support/users/ann/jobs", sue)
    assert seen == own


async def test_support_finds_users_and_jobs_by_id(node: Node, db: Store) -> None:
    job = claimed(db, "ann")
    sue = node.token("sue", "support")
    _, found = await node.ask("GET", "/api/v1/support/search?q=ann", sue)
    assert found == {
        "users": [{"id": "ann", "email": "ann@example.com", "name": None}],
        "jobs": [],
    }
    _, found = await node.ask("GET", f"/api/v1/support/search?q={job.id}", sue)
    assert (ids(found["jobs"]), found["users"][0]["id"]) == ({job.id}, "ann")
    _, same = await node.ask("GET", f"/api/v1/support/search?q=%20%E2%81%A8{job.id}%E2%81%A9", sue)
    assert same == found, "as it is copied from an email that runs from right to left"
    _, found = await node.ask("GET", f"/api/v1/support/search?q={new_spec('ann').id}", sue)
    assert found == {"users": [], "jobs": []}


async def test_support_reads_why_attempts_failed(node: Node, db: Store) -> None:
    job_id = dead(db)
    sue = node.token("sue", "support")
    _, told = await node.ask("GET", f"/api/v1/support/jobs/{job_id}/errors", sue)
    (error,) = told["errors"]
    assert (error["code"], error["message"], error["trace"]) == ("bank_away", "No answer.", None)
    assert told["mail"] is None


async def test_support_reads_what_the_mail_server_said_and_its_user_does_not(
    node: Node, db: Store
) -> None:
    job_id = unsent_email(db)
    path = f"/api/v1/support/jobs/{job_id}/errors"
    _, told = await node.ask("GET", path, node.token("sue", "support"))
    assert told == {"errors": [], "mail": "RCPT: 554 no relay"}
    _, view = await node.ask("GET", f"/api/v1/jobs/{job_id}", node.token("ann"))
    assert view["email"]["reason"] == "The mail server refused the email."
    assert "554" not in str(view)


async def test_deeds_of_support_have_a_reason_and_are_in_the_trail(node: Node, db: Store) -> None:
    sue, job = node.token("sue", "support"), claimed(db, "ann")
    path = f"/api/v1/support/jobs/{job.id}"
    status, told = await node.ask("POST", f"{path}/force", sue, {})
    assert (status, told["errors"][0]["field"]) == (400, "reason")
    status, view = await node.ask("POST", f"{path}/force", sue, {"reason": "it hangs"})
    assert (status, view["state"]) == (202, "cancelled")
    status, _ = await node.ask("POST", f"{path}/cancel", sue, {"reason": "again"})
    assert status == 202
    _, trail = await node.ask("GET", "/api/v1/ops/audit", node.token("otto", "operator"))
    assert [(e["who"], e["what"], e["why"], e["jobs"]) for e in trail["entries"]] == [
        ("sue", "cancel", "again", [job.id]), ("sue", "force", "it hangs", [job.id]),
    ]  # fmt: skip
    assert trail["next"] is None


@pytest.mark.parametrize("reason", ["", " \t\n ", "x" * 501])
async def test_a_deed_without_a_reason_to_read_is_refused(
    node: Node, db: Store, reason: str
) -> None:
    job, sue, otto = dead(db), node.token("sue", "support"), node.token("otto", "operator")
    told = "reason must say why, in 1 to 500 characters"
    for token, path, body in (
        (sue, f"support/jobs/{job}/force", {}),
        (sue, f"support/jobs/{job}/cancel", {}),
        (sue, f"support/jobs/{job}/retry", {}),
        (otto, "ops/dead-letters/replay", {"ids": [job]}),
        (otto, "ops/unsent/send", {"ids": [job]}),
        (otto, "ops/revocations", {"jti": "a token's"}),
    ):
        asked = await node.ask("POST", f"/api/v1/{path}", token, {**body, "reason": reason})
        assert (asked[0], asked[1]["detail"]) == (400, told), path
    assert db.do(audit.entries(9)) == []


async def test_a_reason_has_no_blanks_around_it(node: Node, db: Store) -> None:
    path = f"/api/v1/support/jobs/{claimed(db, 'ann').id}/force"
    await node.ask("POST", path, node.token("sue", "support"), {"reason": "  it hangs\n"})
    assert [entry.why for entry in db.do(audit.entries(9))] == ["it hangs"]


async def test_what_support_looks_at_is_in_the_trail_once(node: Node, db: Store) -> None:
    job, sue = dead(db), node.token("sue", "support")
    looks = {
        "search": "search?q=ann", "list": "users/ann/jobs", "presence": "users/ann/presence",
        "job": f"jobs/{job}", "history": f"jobs/{job}/history", "explain": f"jobs/{job}/explain",
        "errors": f"jobs/{job}/errors",
    }  # fmt: skip
    for path in [*looks.values(), *looks.values()]:
        assert (await node.ask("GET", f"/api/v1/support/{path}", sue))[0] == 200
    found = db.do(audit.entries(50))[::-1]
    about = [[], [], [], [job], [job], [job], [job]]
    assert [entry.what for entry in found] == [f"look: {what}" for what in looks]
    assert [list(entry.jobs) for entry in found] == about
    assert {(entry.who, entry.user) for entry in found} == {("sue", "ann")}


async def test_support_is_not_told_that_a_job_may_be_anothers(node: Node) -> None:
    unknown, sue = new_spec("ann").id, node.token("sue", "support")
    for path in (f"jobs/{unknown}", f"jobs/{unknown}/errors"):
        status, told = await node.ask("GET", f"/api/v1/support/{path}", sue)
        assert (status, told["detail"]) == (404, f"There is no job {unknown!r}.")
    _, told = await node.ask("GET", f"/api/v1/jobs/{unknown}", sue)
    assert told["detail"].endswith("or it isn't yours.")


# -- what operators do


async def test_operators_replay_dead_letters_each_by_itself(node: Node, db: Store) -> None:
    otto, good, running_ = node.token("otto", "operator"), dead(db), claimed(db, "bob").id
    _, listed = await node.ask("GET", "/api/v1/ops/dead-letters?code=bank_away", otto)
    assert [letter["id"] for letter in listed["dead_letters"]] == [good]
    body = {"ids": [good, running_], "reason": "the bank is back"}
    _, done = await node.ask("POST", "/api/v1/ops/dead-letters/replay", otto, body)
    assert set(done["replayed"]) == {good}
    assert "is no dead letter" in done["refused"][running_]
    again = db.do(store.load(done["replayed"][good]))
    assert (again.spec.retry_of, again.spec.owner.id) == (good, "ann")
    (entry,) = db.do(audit.entries(9))
    assert (entry.who, entry.what, entry.why) == ("otto", "replay", "the bank is back")


async def test_operators_see_whom_a_delay_hits(node: Node, db: Store) -> None:
    db.do(store.submit(new_spec("ann")))
    _, seen = await node.ask("GET", "/api/v1/ops/overview", node.token("otto", "operator"))
    (impact,) = seen["impacts"]
    assert impact["text"].endswith("because no worker for csv.import is connected.")
    (queue,) = seen["queues"]
    assert (queue["type"], queue["queued"], queue["workers"]) == ("csv.import", 1, 0)


# -- the development sign-in


@pytest.mark.parametrize(("roles", "status"), [(["support"], 200), (["king"], 400), ("x", 400)])
async def test_the_development_sign_in_gives_roles(
    db: Store, shared_valkey: Valkey, tmp_path: Path, roles: object, status: int
) -> None:
    claimed(db, "ann")
    async with running(shared_valkey.url, tmp_path, dev=True) as node:
        wanted = {"email": "sue@example.com", "roles": roles}
        found, told = await node.ask("POST", "/dev/sign-in", None, wanted)
        assert found == status
        if found == 200:
            seen = await node.ask("GET", "/api/v1/support/users/ann/jobs", told["token"])
            assert seen[0] == 200
