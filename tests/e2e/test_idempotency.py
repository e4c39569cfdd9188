"""The same work is accepted once: by the key that a client sends, or by what the work is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ringback.declare import DeclaredJob
from tasks import csv_import
from tests.e2e.client import Answer, Client, rest
from tests.e2e.look import ended
from tests.e2e.test_cancel import cancel
from tests.rig import Rig

Tab = Callable[[], Client]
KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
AT_ONCE = 30


def count(rig: Rig, user: str, key: str | None, to: int = 1) -> Answer:
    body = {"type": "test.count", "params": {"to": to}}
    headers = {} if key is None else {"Idempotency_Key": key}
    return rest("POST", f"{rig.url}/api/v1/jobs", rig.token(user), body, **headers)


def table(rig: Rig, user: str, gate: Path, name: str = "customers", **headers: str) -> Answer:
    body = {"type": "test.unique", "params": {"table": name, "path": str(gate)}}
    return rest("POST", f"{rig.url}/api/v1/jobs", rig.token(user), body, **headers)


def jobs(rig: Rig, user: str) -> list[Any]:
    found: list[Any] = rest("GET", f"{rig.url}/api/v1/jobs", rig.token(user)).json["jobs"]
    return found


# -- Idempotency-Key


def test_a_quoted_key_and_a_bare_one_are_the_same(rig: Rig) -> None:
    first = count(rig, "quotes", f'"{KEY}"')
    assert first.status == 202
    assert count(rig, "quotes", KEY).json["id"] == first.json["id"]
    assert count(rig, "quotes", f'"{KEY}"').json["id"] == first.json["id"]
    assert len(jobs(rig, "quotes")) == 1


def test_what_is_escaped_in_quotes_is_meant_as_it_is(rig: Rig) -> None:
    quoted = count(rig, "escapes", r'"a\"b\\c"')
    assert count(rig, "escapes", r"a\"b\\c").json["id"] != quoted.json["id"]
    assert count(rig, "escapes", r'a"b\c').json["id"] == quoted.json["id"]


@pytest.mark.parametrize("key", ['"open', '"', '""', '"a"b"', '"a" "b"', r'"a\b"', '"a\\"', ""])
def test_a_key_with_broken_quotes_or_without_anything_starts_no_job(rig: Rig, key: str) -> None:
    answer = count(rig, "broken", key)
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"
    assert "one quoted string" in answer.json["detail"]
    assert jobs(rig, "broken") == []


def test_a_key_in_the_header_is_the_key_of_the_socket(rig: Rig, tab: Tab) -> None:
    client = tab().open(rig.url, rig.token("both"))
    client.connected()
    request = {"type": "test.count", "params": {"to": 1}, "idempotency_key": KEY}
    ack = client.emit("submit", request)
    assert count(rig, "both", f'"{KEY}"').json["id"] == ack["job"]["id"]


def test_a_request_that_comes_many_times_at_once_is_one_job(rig: Rig) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: count(rig, "storm", KEY), range(AT_ONCE)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    job_id = answers[0].json["id"]
    ended(rig, job_id)
    assert [job["id"] for job in jobs(rig, "storm")] == [job_id]


def test_a_key_that_was_used_for_other_work_is_refused(rig: Rig) -> None:
    first = count(rig, "reuses", KEY, to=1)
    assert first.status == 202
    answer = count(rig, "reuses", f'"{KEY}"', to=2)
    assert (answer.status, answer.json["type"]) == (
        422,
        "urn:ringback:problem:idempotency-mismatch",
    )
    assert first.json["id"] in answer.json["detail"]


# -- work that may not be under way twice


@pytest.mark.parametrize("over", ["rest", "socket"])
def test_the_same_work_is_refused_while_it_is_under_way_and_the_job_named(
    rig: Rig, tab: Tab, gate: Path, over: str
) -> None:
    user = f"twice-{over}"
    first = table(rig, user, gate).json["id"]
    if over == "rest":
        problem = table(rig, user, gate).json
    else:
        client = tab().open(rig.url, rig.token(user))
        client.connected()
        params = {"table": "customers", "path": str(gate)}
        problem = client.emit("submit", {"type": "test.unique", "params": params})["problem"]
    assert (problem["status"], problem["job"]) == (409, first)
    assert problem["type"].endswith(":duplicate-work")
    assert "Wait for it to end, or cancel it first" in problem["detail"]

    assert table(rig, user, gate, "orders").status == 202
    assert table(rig, f"{user}-other", gate).status == 202
    gate.touch()
    ended(rig, first)
    assert table(rig, user, gate).status == 202


def test_a_cancelled_job_no_longer_stands_in_the_way(rig: Rig, gate: Path) -> None:
    first = table(rig, "gives-way", gate).json["id"]
    cancel(rig, "gives-way", first)
    ended(rig, first)
    assert table(rig, "gives-way", gate).status == 202
    gate.touch()


def test_a_repeated_request_gives_its_own_job_and_is_not_refused_for_it(
    rig: Rig, gate: Path
) -> None:
    first = table(rig, "repeats", gate, Idempotency_Key=KEY)
    again = table(rig, "repeats", gate, Idempotency_Key=f'"{KEY}"')
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    gate.touch()


def test_of_many_at_once_one_is_accepted(rig: Rig, gate: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: table(rig, "crowd", gate), range(AT_ONCE)))
    (accepted,) = (answer for answer in answers if answer.status == 202)
    refused = [answer for answer in answers if answer.status == 409]
    assert len(refused) == AT_ONCE - 1
    assert {answer.json["job"] for answer in refused} == {accepted.json["id"]}
    gate.touch()


def test_one_import_at_a_time_goes_into_a_table() -> None:
    declared = csv_import.import_csv
    assert isinstance(declared, DeclaredJob)
    assert declared.kind.unique_key == "{table}"
