"""The API describes itself, and truly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from error_pages import pages
from openapi_spec_validator import OpenAPIV31SpecValidator
from yarl import URL

from gateway.accept import check_accept
from gateway.kinds import KINDS
from gateway.models import JobView, SubmitRequest
from gateway.problems import Problem
from gateway.wait import LONGEST, preferred
from ringback import catalog, store
from ringback.catalog import JobType
from ringback.connection import Store
from ringback.job import Job, Policy
from ringback.keys import channel_of
from tests.eye import DONE, claimed, ended, submitted
from tests.eye import ask as look
from tests.rig import ROOT, new_spec, until
from tests.wire import Answer, Node, gateway

KIND = JobType(
    name="csv.import", title="Import of {table}", description="Rows into a table",
    params={"type": "object", "properties": {"table": {"type": "string"}}}, policy=Policy(),
)  # fmt: skip


@pytest.fixture
async def node(db: Store, shared_valkey: Any, tmp_path: Path) -> AsyncIterator[Node]:
    db.do(catalog.declare([KIND]))
    async with gateway(shared_valkey.url, tmp_path) as there:
        yield there


async def ask(
    node: Node, method: str, path: str, body: Any = None, user: str = "ann", **headers: str
) -> Answer:
    """A request of a signed-in user; what isn't bytes goes as JSON."""
    if body is not None and not isinstance(body, bytes):
        body = orjson.dumps(body)
    if body is not None:
        headers.setdefault("Content_Type", "application/json")
    headers.setdefault("Authorization", f"Bearer {node.token(user)}")
    return await node.ask(method, node.url.join(URL(path)), body, **headers)


async def document(node: Node) -> dict[str, Any]:
    answer = await node.ask("GET", node.url / "openapi.json")
    found: dict[str, Any] = orjson.loads(answer.text)
    return found


async def test_the_document_is_openapi_and_has_every_route(node: Node) -> None:
    told = await document(node)
    assert not list(OpenAPIV31SpecValidator(told).iter_errors())
    assert {"/api/v1/jobs", "/api/v1/jobs/{id}", "/api/v1/files", "/readyz"} <= set(told["paths"])
    names = [o["operationId"] for path in told["paths"].values() for o in path.values()]
    assert len(names) == len(set(names))


async def test_every_problem_in_the_document_is_a_kind_with_a_page(node: Node) -> None:
    told = await document(node)
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    examples = [
        (status, example["value"])
        for operation in operations
        for status, response in operation["responses"].items()
        for example in _examples(response)
    ]
    assert examples
    for status, value in examples:
        kind = KINDS[value["type"].removeprefix("urn:ringback:problem:")]
        assert (str(kind.status), kind.title) == (status, value["title"])


async def test_a_job_is_shown_as_it_is_submitted_and_as_it_comes_back(node: Node) -> None:
    submit = (await document(node))["paths"]["/api/v1/jobs"]["post"]
    asked = submit["requestBody"]["content"]["application/json"]["example"]
    got = submit["responses"]["202"]["content"]["application/json"]["example"]
    assert SubmitRequest.model_validate(asked).type == JobView.model_validate(got).type


def _examples(response: dict[str, Any]) -> list[dict[str, Any]]:
    content = response.get("content", {}).get("application/problem+json", {})
    return list(content.get("examples", {}).values())


def test_the_pages_of_the_errors_are_those_of_the_table() -> None:
    written = {path.name: path.read_text() for path in (ROOT / "docs" / "errors").glob("*.md")}
    assert written == pages(), "run: make errors"


# -- what HTTP promises (RFC 9110)


async def test_a_view_that_the_client_has_is_not_sent_again(node: Node, db: Store) -> None:
    job = submitted(db)
    first = await ask(node, "GET", f"/api/v1/jobs/{job.id}")
    assert first.headers["ETag"] == '"1"'
    for path in (f"/api/v1/jobs/{job.id}", f"/api/v1/jobs/{job.id}/status"):
        again = await ask(node, "GET", path, If_None_Match='"7", W/"1"')
        assert (again.status, again.text) == (304, "")
    db.do(store.update(job, Job.claimed))
    changed = await ask(node, "GET", f"/api/v1/jobs/{job.id}", If_None_Match='"1"')
    assert (changed.status, orjson.loads(changed.text)["state"]) == (200, "running")


async def test_a_list_that_the_client_has_is_not_sent_again(node: Node, db: Store) -> None:
    job = submitted(db)
    etag = (await ask(node, "GET", "/api/v1/jobs")).headers["ETag"]
    assert (await ask(node, "GET", "/api/v1/jobs", If_None_Match=etag)).status == 304
    db.do(store.update(job, Job.claimed))
    assert (await ask(node, "GET", "/api/v1/jobs", If_None_Match=etag)).status == 200


async def test_a_list_is_filtered_and_leads_to_its_next_page(node: Node, db: Store) -> None:
    for number in range(3):
        db.do(store.submit(new_spec(title=f"Bill {number}")))
    claimed(db)
    query = "?state=queued,retrying&type=csv.import&text=bill&limit=2&since=2020-01-01T00:00:00Z"
    first = await ask(node, "GET", f"/api/v1/jobs{query}")
    assert [job["title"] for job in orjson.loads(first.text)["jobs"]] == ["Bill 2", "Bill 1"]
    link, _, rel = first.headers["Link"].partition(";")
    assert rel.strip() == 'rel="next"'
    second = await ask(node, "GET", link[1:-1])
    assert [job["title"] for job in orjson.loads(second.text)["jobs"]] == ["Bill 0"]
    assert orjson.loads(second.text)["next"] is None


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("limit=x", "limit", "must be a whole number"),
        ("limit=201", "limit", "must be 200 or less"),
        ("limit=1&limit=2", "limit", "comes twice"),
        ("state=done", "state.0", "must be one of 'queued'"),
        ("since=yesterday", "since", "must be a moment with its zone"),
        ("since=2026-01-31T09:30:00", "since", "needs its zone"),
        ("since=9999-12-31T23:59:59-14:00", "since", "must be a moment of the years 1 to 9999"),
        ("since=0001-01-01T00:00:00%2B14:00", "since", "must be a moment of the years 1 to 9999"),
        ("type=a%20b", "type", "must be the name of a job type"),
        ("sort=asc", "sort", "is unknown; known: limit, before, state"),
        ("text=", "text", "must not be empty"),
    ],
)
async def test_a_wrong_filter_is_told_with_name_and_fix(
    node: Node, query: str, field: str, told: str
) -> None:
    answer = await ask(node, "GET", f"/api/v1/jobs?{query}")
    (error,) = orjson.loads(answer.text)["errors"]
    assert (answer.status, error["field"]) == (400, field)
    assert told in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "kind"),
    [
        ("PUT", "/api/v1/jobs", {}, 405, "method-not-allowed"),
        ("GET", "/api/v1/nothing", {}, 404, "not-found"),
        ("POST", "/api/v1/jobs", {"Content_Type": "text/plain"}, 415, "unsupported-media-type"),
        (
            "POST",
            "/api/v1/jobs",
            {"Content_Type": "application/json; charset=utf-16"},
            415,
            "unsupported-media-type",
        ),
        ("POST", "/api/v1/jobs?dry=1", {}, 400, "bad-request"),
        ("GET", "/api/v1/types?sort=asc", {}, 400, "bad-request"),
        ("GET", "/api/v1/jobs", {"Accept": "text/html"}, 406, "not-acceptable"),
        ("GET", "/api/v1/jobs", {"Accept": "application/json;q=0, */*"}, 406, "not-acceptable"),
        ("GET", "/api/v1/jobs", {"Authorization": "Basic x"}, 401, "unauthorized"),
    ],
)
async def test_what_http_itself_forbids_is_a_problem(
    node: Node, method: str, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    body = {"type": "csv.import"} if method == "POST" else None
    answer = await ask(node, method, path, body, **headers)
    problem = orjson.loads(answer.text)
    assert (answer.status, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:ringback:problem:{kind}"
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    if status == 405:
        assert answer.headers["Allow"] == "GET,HEAD,POST"


async def test_a_body_over_the_limit_is_a_problem(node: Node) -> None:
    wanted = {"type": "csv.import", "params": {"table": "x" * 70_000}}
    answer = await ask(node, "POST", "/api/v1/jobs", wanted)
    assert (answer.status, orjson.loads(answer.text)["title"]) == (413, "Too large")


async def test_head_answers_as_get_without_the_body(node: Node, db: Store) -> None:
    job = submitted(db)
    answer = await ask(node, "HEAD", f"/api/v1/jobs/{job.id}")
    assert (answer.status, answer.headers["ETag"], answer.text) == (200, '"1"', "")


@pytest.mark.parametrize(
    "header", ["*/*", "application/*", "text/html, application/json;q=0.1", "APPLICATION/JSON"]
)
def test_an_accept_that_takes_json_is_content(header: str) -> None:
    check_accept(header, ("application/json",))


@pytest.mark.parametrize(
    "header", ["text/html", "application/json;q=0", "*/*;q=0", "application/json;q=x"]
)
def test_an_accept_that_excludes_json_is_told_so(header: str) -> None:
    with pytest.raises(Problem, match="excludes"):
        check_accept(header, ("application/json",))


# -- waiting for news (RFC 7240)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0), ("wait=10", 10), ("respond-async, wait=5", 5), ('wait="7"', 7),
        ("Wait = 3", 3), ("wait=9999", LONGEST), ("await=5", 0), ("wait=x", 0),
    ],
)  # fmt: skip
def test_the_wait_that_is_preferred(header: str | None, seconds: int) -> None:
    assert preferred(header) == seconds


async def test_a_client_that_prefers_to_wait_gets_the_end_at_once(node: Node, db: Store) -> None:
    job = claimed(db)
    path = f"/api/v1/jobs/{job.id}"
    asked = asyncio.create_task(ask(node, "GET", path, Prefer="wait=30"))
    news = asyncio.create_task(ask(node, "GET", path, Prefer="wait=30", If_None_Match='"2"'))
    await asyncio.to_thread(until, lambda: listening(db, "ann"))
    job = db.do(store.update(job, lambda j: j.advanced(message="half")))
    changed = await news
    assert (changed.status, orjson.loads(changed.text)["message"]) == (200, "half")
    assert not asked.done()
    db.do(store.update(job, lambda j: j.ended(DONE)))
    answer = await asked
    assert orjson.loads(answer.text)["state"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=30"


def listening(db: Store, user: str) -> bool:
    return bool(look(db, "PUBSUB", "NUMSUB", channel_of(user))[1])


async def test_a_wait_that_is_over_answers_with_what_there_is(node: Node, db: Store) -> None:
    job = claimed(db)
    path = f"/api/v1/jobs/{job.id}"
    answer = await ask(node, "GET", path, Prefer="wait=1")
    assert (answer.status, orjson.loads(answer.text)["state"]) == (200, "running")
    assert (await ask(node, "GET", path, Prefer="wait=1", If_None_Match='"2"')).status == 304


async def test_nobody_waits_for_what_is_over(node: Node, db: Store) -> None:
    job = ended(db)
    answer = await ask(node, "GET", f"/api/v1/jobs/{job.id}", Prefer="wait=30")
    assert answer.status == 200
