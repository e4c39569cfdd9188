"""A job is done again: by itself after a failure that may pass, or because its user wants it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from ringback import breaker, store
from ringback.breaker import Pass, Service
from ringback.job import Counts, State
from ringback.store import RETRY
from tests.e2e.client import Answer, Client, rest
from tests.e2e.look import ended, job_of, make_due, reached
from tests.e2e.test_cancel import cancel, submit, view
from tests.rig import Rig

Tab = Callable[[], Client]


def retry(rig: Rig, user: str, job_id: str, body: Any = None) -> Answer:
    return rest("POST", f"{rig.url}/api/v1/jobs/{job_id}/retry", rig.token(user), body)


def lines(book: Path) -> list[list[str]]:
    """Attempt, item and idempotency key of each line."""
    return [line.split() for line in book.read_text().splitlines()]


def partly(rig: Rig, user: str, tmp_path: Path) -> tuple[str, Path, Path]:
    """A job of six items of which 1 and 4 failed; its book; the file that mends it."""
    book, mended = tmp_path / "book", tmp_path / "mended"
    params = {"book": str(book), "items": 6, "bad": [1, 4], "mended": str(mended)}
    job_id = submit(rig, user, "test.ledger", **params)
    assert ended(rig, job_id).counts == Counts(4, 2)
    return job_id, book, mended


# -- by its user


def test_all_of_a_job_is_done_again_as_a_new_job_that_names_the_old(
    rig: Rig, tmp_path: Path
) -> None:
    job_id, book, mended = partly(rig, "all-again", tmp_path)
    assert view(rig, "all-again", job_id)["can"]["retry"] == ["all", "failed"]
    mended.touch()
    answer = retry(rig, "all-again", job_id)
    assert answer.status == 202
    again = answer.json["id"]
    assert answer.headers["Location"] == f"/api/v1/jobs/{again}"
    assert answer.json["retry_of"] == job_id != again
    job = ended(rig, again)
    assert (job.state, job.counts) == (State.SUCCEEDED, Counts(6))
    assert (job.spec.root, job.spec.retry_of) == (job_id, job_id)
    keys = [key for _, _, key in lines(book)]
    assert keys[:6] == keys[6:], "services see the same requests"
    assert len(set(keys)) == 6


def test_the_failed_items_alone_are_done_again_and_counted(rig: Rig, tmp_path: Path) -> None:
    job_id, book, mended = partly(rig, "some-again", tmp_path)
    first = retry(rig, "some-again", job_id, {"scope": "failed"}).json["id"]
    job = ended(rig, first)
    assert (job.state, job.counts) == (State.FAILED, Counts(0, 2))

    mended.touch()
    second = retry(rig, "some-again", first, {"scope": "failed"}).json["id"]
    job = ended(rig, second)
    assert (job.state, job.counts) == (State.SUCCEEDED, Counts(2))
    assert (job.spec.root, job.spec.retry_of) == (job_id, first)
    done = [item for _, item, _ in lines(book)]
    assert done == [*"012345", *"14", *"14"]
    assert len({key for _, _, key in lines(book)}) == 6, "an item has one key, whoever does it"


def test_clicks_over_rest_and_socket_at_once_make_one_job(
    rig: Rig, tab: Tab, tmp_path: Path
) -> None:
    job_id, _, _ = partly(rig, "clicks", tmp_path)
    client = tab().open(rig.url, rig.token("clicks"))
    client.connected()
    with ThreadPoolExecutor(4) as pool:
        posts = [pool.submit(retry, rig, "clicks", job_id) for _ in range(3)]
        ack = pool.submit(client.emit, "retry", {"id": job_id}).result()
        found = {post.result().json["id"] for post in posts}
    assert found == {ack["job"]["id"]}
    jobs = rest("GET", f"{rig.url}/api/v1/jobs", rig.token("clicks")).json["jobs"]
    assert {job["id"] for job in jobs} == {job_id, *found}


def test_once_a_retry_has_ended_the_next_click_makes_another(rig: Rig, tmp_path: Path) -> None:
    job_id, _, _ = partly(rig, "again-and-again", tmp_path)
    first = retry(rig, "again-and-again", job_id).json["id"]
    ended(rig, first)
    assert retry(rig, "again-and-again", job_id).json["id"] == first, "a double click"
    with redis.Redis.from_url(rig.valkey.url) as client:  # ten seconds later
        client.hset(store._unique_key("again-and-again", f"{RETRY}{job_id}"), "at", 1)
    assert retry(rig, "again-and-again", job_id).json["id"] != first


def test_a_cancelled_job_can_be_done_again(rig: Rig, gate: Path) -> None:
    job_id = submit(rig, "regrets", "test.gate", path=str(gate))
    cancel(rig, "regrets", job_id)
    ended(rig, job_id)
    gate.touch()
    again = retry(rig, "regrets", job_id).json["id"]
    assert ended(rig, again).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("job_type", "params", "scope", "why"),
    [
        ("test.count", {"to": 2}, "all", "there is nothing to do again"),
        ("test.shaky_once", {}, "all", "twice isn't safe. Check what was done"),
        ("test.shaky", {"falls": ["input"]}, "failed", "none of its items failed"),
    ],
)
@pytest.mark.parametrize("over", ["rest", "socket"])
def test_a_retry_that_makes_no_sense_is_refused_with_words(
    rig: Rig, tab: Tab, job_type: str, params: dict[str, Any], scope: str, why: str, over: str
) -> None:
    job_id = submit(rig, "refused", job_type, **params)
    ended(rig, job_id)
    if over == "rest":
        problem = retry(rig, "refused", job_id, {"scope": scope}).json
    else:
        client = tab().open(rig.url, rig.token("refused"))
        client.connected()
        problem = client.emit("retry", {"id": job_id, "scope": scope})["problem"]
    assert (problem["status"], problem["job"]) == (409, job_id)
    assert problem["type"].endswith(":not-retryable")
    assert why in problem["detail"]


def test_items_that_were_lost_with_their_attempt_can_only_be_retried_all_together(
    rig: Rig, gate: Path
) -> None:
    gate.touch()
    job_id = submit(rig, "afresh", "test.afresh", path=str(gate), items=3)
    ended(rig, job_id)
    assert view(rig, "afresh", job_id)["can"]["retry"] == ["all"]
    problem = retry(rig, "afresh", job_id, {"scope": "failed"}).json
    assert "weren't kept one by one. Retry all of it." in problem["detail"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"scope": "some"}, 'scope must be "all" or "failed"'),
        ({"scope": None}, 'scope must be "all" or "failed"'),
        ({"scope": ["all"]}, 'scope must be "all" or "failed"'),
        (["all"], "body must be a JSON object of: scope"),
    ],
)
def test_a_wrong_scope_is_told_with_what_it_can_be(rig: Rig, body: Any, told: str) -> None:
    job_id = submit(rig, "wrong-scope", "test.count", to=1)
    answer = retry(rig, "wrong-scope", job_id, body)
    assert answer.status == 400
    assert told in answer.json["detail"]


def test_somebody_elses_job_is_not_there(rig: Rig, tmp_path: Path) -> None:
    job_id, _, _ = partly(rig, "owner-again", tmp_path)
    stranger, nobody = retry(rig, "stranger", job_id), retry(rig, "stranger", job_id[:-1] + "g")
    assert (stranger.status, nobody.status) == (404, 404)
    assert stranger.json["title"] == nobody.json["title"]


# -- the items


def test_failed_and_skipped_items_are_listed_page_by_page_in_their_order(
    rig: Rig, tmp_path: Path
) -> None:
    bad = list(range(0, 120, 2))
    params = {"book": str(tmp_path / "book"), "items": 120, "bad": bad}
    job_id = submit(rig, "pages", "test.ledger", **params)
    ended(rig, job_id)
    token, url = rig.token("pages"), f"{rig.url}/api/v1/jobs/{job_id}/items?outcome=failed&limit=25"
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = rest("GET", f"{url}&after={after}", token).json
        found += page["items"]
        after = page["next"]
    assert [item["key"] for item in found] == [str(place) for place in bad]
    assert found[0] == {"key": "0", "code": "bad_entry", "example": "0"}
    skipped = rest("GET", f"{rig.url}/api/v1/jobs/{job_id}/items?outcome=skipped", token).json
    assert skipped == {"items": [], "next": None}


@pytest.mark.parametrize("query", ["outcome=fine", "limit=0", "limit=201", "after=-1", "after=x"])
def test_a_wrong_question_about_items_is_told(rig: Rig, query: str) -> None:
    job_id = submit(rig, "asks", "test.count", to=1)
    answer = rest("GET", f"{rig.url}/api/v1/jobs/{job_id}/items?{query}", rig.token("asks"))
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, query.partition("=")[0])


# -- by itself


def test_each_attempt_is_told_with_its_error_and_the_end_with_the_attempt_that_made_it(
    rig: Rig,
) -> None:
    job_id = submit(rig, "shaky", "test.shaky", falls=["external", "program"])
    job = ended(rig, job_id)
    shown = view(rig, "shaky", job_id)
    assert (shown["state"], shown["attempt"]["reason"]) == ("succeeded", "Attempt 3 of 3 made it.")
    assert job.counts == Counts(0, 0, 6), "each attempt went on where the one before ended"
    entries = rig.do(store.history(job_id))
    failures = [e for e in entries if e["state"] == "retrying"]
    assert [(e["attempt"], e["error"]["code"]) for e in failures] == [
        (1, "external_failure"), (2, "internal"),
    ]  # fmt: skip
    assert failures[0]["reason"] == (
        "The bank didn't answer. The next attempt goes on after the 2 items that are done."
    )
    assert "RuntimeError" not in str(entries)


def test_the_last_attempt_that_is_allowed_is_the_last(rig: Rig) -> None:
    job_id = submit(rig, "never", "test.shaky", falls=["external"] * 9)
    job = ended(rig, job_id)
    assert (job.state, job.attempt) == (State.FAILED, 3)
    assert job.error is not None
    assert job.error.message == "The bank didn't answer."


def test_a_service_that_says_when_is_not_asked_before(rig: Rig) -> None:
    job_id = submit(rig, "later", "test.shaky", falls=["later"])
    job = reached(rig, job_id, State.RETRYING)
    assert job.next_at is not None
    assert job.next_at.ms >= job.updated_at.ms + 3_600_000
    shown = view(rig, "later", job_id)["attempt"]
    assert (shown["number"], shown["max"]) == (1, 3)
    assert shown["reason"].startswith("The bank is closed.")
    make_due(rig, "retry", job_id)
    assert ended(rig, job_id).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("job_type", "params", "code"),
    [
        ("test.shaky", {"falls": ["input"]}, "invalid_input"),
        ("test.shaky", {"falls": ["permission"]}, "not_permitted"),
        ("test.shaky_once", {}, "external_failure"),
    ],
)
def test_what_only_the_user_can_mend_or_is_not_safe_is_not_tried_again(
    rig: Rig, job_type: str, params: dict[str, Any], code: str
) -> None:
    job = ended(rig, submit(rig, "final", job_type, **params))
    assert (job.state, job.attempt, job.error and job.error.code) == (State.FAILED, 1, code)


def test_a_job_waits_for_a_service_that_is_down_and_that_costs_no_attempt(rig: Rig) -> None:
    service = Service(name="stripe-retry", label="Stripe", threshold=1, open_for=60_000)
    rig.do(breaker.failed(service, Pass(), "ConnectionError: refused"))
    job_id = submit(rig, "patient", "test.calls", service=service.name)
    job = reached(rig, job_id, State.RETRYING)
    shown = view(rig, "patient", job_id)
    assert (job.attempt, shown["attempt"]["number"], shown["error"]) == (0, 0, None)
    assert shown["attempt"]["reason"] == (
        "Stripe isn't answering at the moment. The job goes on by itself once it does."
    )
    assert job.next_at is not None
    assert job.next_at.ms >= job.updated_at.ms + 50_000

    with redis.Redis.from_url(rig.valkey.url) as client:
        client.delete(breaker.breaker_key(service.name))  # it is well again
    make_due(rig, "retry", job_id)
    done = ended(rig, job_id)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 1)
    assert job_of(rig, job_id).reason is None
