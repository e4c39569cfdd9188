"""What clients are refused, and in which words; the same over REST and the socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from gateway.auth import ALGORITHM, LEEWAY
from tests.e2e.client import Client, rest
from tests.e2e.conftest import UPLOADS
from tests.e2e.look import ended, notice_of
from tests.rig import Rig, until

Tab = Callable[[], Client]


def _token(rig: Rig, algorithm: str = ALGORITHM, secret: str | None = None, **wrong: Any) -> str:
    claims = {"sub": "ann", "aud": "ringback", "iss": "ringback", "exp": time.time() + 60}
    key: Any = None if algorithm == "none" else secret or rig.own["JWT_SECRET"]
    left = {name: value for name, value in {**claims, **wrong}.items() if value is not None}
    return jwt.encode(left, key, algorithm)


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (lambda _: None, "There is no token"),
        (lambda rig: _token(rig, exp=time.time() - LEEWAY - 1), "has expired"),
        (lambda rig: _token(rig, exp=None), "exp"),
        (lambda rig: _token(rig, aud="another-app"), "Audience"),
        (lambda rig: _token(rig, iss="another-issuer"), "issuer"),
        (lambda rig: _token(rig, algorithm="none"), "alg"),
        (lambda rig: _token(rig, algorithm="HS512"), "alg"),
        (lambda rig: _token(rig, secret="a guess that is as long as a secret"), "Signature"),
        (lambda rig: _token(rig, sub=""), "sub"),
        (lambda _: "nonsense", "segments"),
    ],
)
def test_a_wrong_token_is_told_with_401(
    rig: Rig, tab: Tab, token: Callable[[Rig], str | None], told: str
) -> None:
    refused = tab().open(rig.url, token(rig), transports=["websocket"]).refused()
    assert refused["data"]["status"] == 401
    assert told in refused["message"]

    answer = rest("GET", f"{rig.url}/api/v1/jobs", token(rig))
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert told in answer.json["detail"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_page_of_a_foreign_origin_cant_connect(rig: Rig, tab: Tab, transport: str) -> None:
    def open_from(origin: str) -> Client:
        return tab().open(
            rig.url, rig.token("origin"), transports=[transport], extraHeaders={"Origin": origin}
        )

    assert open_from("https://evil.example").refused()["kind"] == "connect_error"
    assert open_from(rig.url).connected()["kind"] == "connect"


def test_users_never_learn_of_each_others_jobs(rig: Rig, tab: Tab) -> None:
    ann, bob = rig.token("ann-private"), rig.token("bob-private")
    page, other = tab().open(rig.url, ann), tab().open(rig.url, bob)
    page.connected(), other.connected()
    job_id = page.submit("test.count", to=2)
    page.sees_state(job_id)
    other.sees_state(other.submit("test.count", to=1))  # whatever was sent before has come, too

    assert not [r for r in other.records if job_id in str(r)]
    assert [job["id"] for job in rest("GET", f"{rig.url}/api/v1/jobs", bob).json["jobs"]] == [
        other.views()[0]["id"]
    ]
    unknown = f"{job_id[:-4]}{'0000' if job_id[-4:] != '0000' else 'ffff'}"
    for path in ("", "/status", "/history"):
        assert rest("GET", f"{rig.url}/api/v1/jobs/{job_id}{path}", ann).status == 200
        foreign = rest("GET", f"{rig.url}/api/v1/jobs/{job_id}{path}", bob)
        missing = rest("GET", f"{rig.url}/api/v1/jobs/{unknown}{path}", bob)
        assert foreign.status == missing.status == 404
        assert foreign.content.replace(job_id.encode(), unknown.encode()) == missing.content


def test_files_are_for_their_owner_alone(rig: Rig) -> None:
    ann, bob = rig.token("ann-files"), rig.token("bob-files")
    posted = rest("POST", f"{rig.url}/api/v1/files?name=a.csv", ann, b"id\n1\n")
    assert posted.status == 201
    url = rig.url + posted.json["url"]
    assert rest("GET", url, ann).content == b"id\n1\n"
    assert rest("GET", url, bob).status == 404
    assert rest("GET", url).status == 401
    body = {"type": "test.reads", "params": {"file": posted.json["id"]}}
    refused = rest("POST", f"{rig.url}/api/v1/jobs", bob, body)
    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "params.file"
    assert "is no file of yours" in refused.json["errors"][0]["message"]


# far over, it is refused before it is read; a little over, while it is read
@pytest.mark.parametrize("size", [UPLOADS * 10, UPLOADS + 1])
def test_a_file_over_the_limit_is_refused_and_leaves_nothing(rig: Rig, size: int) -> None:
    stored = sorted((rig.data_dir / "files").glob("*/*"))
    answer = rest("POST", f"{rig.url}/api/v1/files?name=a.csv", rig.token("big"), b"x" * size)
    assert answer.status == 413
    assert f"{UPLOADS:,} bytes" in answer.json["detail"]
    assert sorted((rig.data_dir / "files").glob("*/*")) == stored


def test_a_body_that_isnt_json_is_told_where(rig: Rig) -> None:
    answer = rest("POST", f"{rig.url}/api/v1/jobs", rig.token("json"), b'{"type": ')
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    (error,) = answer.json["errors"]
    assert error["field"] == "body"
    assert "isn't JSON" in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ([], 400, ("body", [], "must be a JSON object")),
        ({"params": {}}, 400, ("type", None, "must be the name of a job type")),
        ({"type": "test.count", "params": 7}, 400, ("params", 7, "must be an object")),
        ({"type": "test.count", "to": 1}, 400, ("to", 1, "is unknown; known:")),
        ({"type": "test.none"}, 422, ("type", "test.none", "Known job types: ")),
        ({"type": "test.count"}, 422, ("params.to", None, "is missing")),
        ({"type": "test.count", "params": {"to": "x"}}, 422, ("params.to", "x", "a whole number")),
        (
            {"type": "test.count", "params": {"to": 1, "too": 2}},
            422, ("params.too", 2, "is unknown; known: "),
        ),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_with_field_value_and_fix(
    rig: Rig, tab: Tab, body: Any, status: int, error: tuple[str, Any, str]
) -> None:
    answer = rest("POST", f"{rig.url}/api/v1/jobs", rig.token("wrong"), body)
    assert answer.status == answer.json["status"] == status
    (found,) = answer.json["errors"]
    assert (found["field"], found["value"]) == error[:2]
    assert error[2] in found["message"]

    if isinstance(body, dict):
        client = tab().open(rig.url, rig.token("wrong"), transports=["websocket"])
        assert client.emit("submit", body) == {"ok": False, "problem": answer.json}


def test_an_unknown_event_is_told_which_ones_there_are(rig: Rig, tab: Tab) -> None:
    client = tab().open(rig.url, rig.token("unknown-event"), transports=["websocket"])
    refused = client.emit("sumbit", {})
    assert refused["ok"] is False
    assert refused["problem"]["errors"][0]["field"] == "event"
    assert "submit" in refused["problem"]["detail"]


def test_one_idempotency_key_is_one_job_over_rest_and_socket(rig: Rig, tab: Tab) -> None:
    token, tally = rig.token("same-key"), rig.directory / "same-key"
    params = {"to": 1, "tally": str(tally)}
    body = {"type": "test.count", "params": params}
    client = tab().open(rig.url, token, transports=["websocket"])

    by_socket = client.emit("submit", {**body, "idempotency_key": "k-1"})["job"]["id"]
    by_rest = rest("POST", f"{rig.url}/api/v1/jobs", token, body, Idempotency_Key="k-1")
    assert (by_rest.status, by_rest.json["id"]) == (202, by_socket)
    ended(rig, by_socket)
    assert tally.read_text().splitlines() == [f"{by_socket} 1"]

    other = {"type": "test.count", "params": {**params, "to": 2}}
    refused = rest("POST", f"{rig.url}/api/v1/jobs", token, other, Idempotency_Key="k-1")
    assert (refused.status, refused.json["title"]) == (422, "Idempotency-Key reused")
    problem = client.emit("submit", {**other, "idempotency_key": "k-1"})["problem"]
    assert problem == refused.json
    # the key is its owner's: somebody else's is another
    somebody = rig.token("other-key")
    mine = rest("POST", f"{rig.url}/api/v1/jobs", somebody, body, Idempotency_Key="k-1").json["id"]
    assert mine != by_socket
    notice_of(rig, mine)


@pytest.mark.parametrize("away", ["dead", "frozen"])
def test_a_submit_without_a_store_fails_at_once_and_leaves_no_ghost(
    own_rig: Rig, tab: Tab, away: str
) -> None:
    own_rig.worker().stop()  # it has told its job types
    own_rig.gateway()
    token, body = own_rig.token("ghost"), {"type": "test.count", "params": {"to": 1}}
    client = tab().open(own_rig.url, token, transports=["websocket"])
    client.connected()
    own_rig.valkey.kill() if away == "dead" else own_rig.valkey.freeze()

    began = time.monotonic()
    answer = rest("POST", f"{own_rig.url}/api/v1/jobs", token, body)
    assert time.monotonic() - began < 1.5  # "within about a second"
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert client.emit("submit", body)["problem"] == answer.json

    own_rig.valkey.start() if away == "dead" else own_rig.valkey.thaw()
    until(lambda: rest("GET", f"{own_rig.url}/readyz").status == 200, what="the gateway is back")
    assert rest("GET", f"{own_rig.url}/api/v1/jobs", token).json["jobs"] == []
    assert rest("POST", f"{own_rig.url}/api/v1/jobs", token, body).status == 202
