"""The job type links.check: what its user sees, and how it meets failures, cancels and stops."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringback import control
from ringback.client import Client
from ringback.job import Owner, State
from ringback.testing import Outcome, retry_job, run_job
from tasks.links_check import check_links
from tests.e2e.look import ended, job_of, reached
from tests.links_site import MOODS, Site, said
from tests.rig import Rig, until

BOB = Owner(id="bob", email="bob@example.com")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that may be checked, though it is on a private address."""
    monkeypatch.setenv("RINGBACK_FETCH_PRIVATE", "1")
    site_ = Site()
    yield site_
    site_.close()


def checked(**params: Any) -> Outcome:
    return run_job(check_links, params=params)


def page(site: Site, *paths: str) -> str:
    """A page with links to the paths."""
    site.pages["/page"] = "".join(f"<a href='{path}'>To {path}</a>" for path in paths)
    return site.url("/page")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_broken_links_of_a_page_come_back_with_reasons_and_as_a_file(site: Site) -> None:
    outcome = checked(url=page(site, "/fine", "/missing", "/broken#x", "/members", "mailto:a@b.c"))
    assert outcome.state == "partial"
    view = outcome.view
    assert view["title"] == f"Link check {site.url('/page')}"
    assert view["counts"] == {"succeeded": 1, "failed": 2, "skipped": 2}
    assert view["progress"]["done"] == view["progress"]["total"] == 5
    assert view["result"]["summary"] == (
        "3 links checked: 1 fine, 2 broken; 2 links couldn't be checked"
    )
    assert [link["label"] for link in view["result"]["links"]] == ["Download the 2 broken links"]
    assert rows(outcome.files[0]) == [
        {"url": site.url("/missing"), "text": "To /missing", "reason": "404 Not Found"},
        {"url": site.url("/broken"), "text": "To /broken#x", "reason": "500 Internal Server Error"},
    ]
    told = {problem.code: problem.message for problem in outcome.problems}
    assert told == {
        "not_found": "1 link leads to a page that doesn't exist",
        "server_error": "1 link leads to a site that answers with a fault of its own",
        "sign_in": "1 link needs a sign-in and couldn't be checked",
        "not_web": "1 link doesn't lead to the web, so there was nothing to check",
    }


def test_a_list_of_addresses_is_checked_each_once(site: Site) -> None:
    outcome = checked(urls=[site.url("/fine"), site.url("/fine#again"), site.url("/no-head")])
    assert outcome.state == "succeeded"
    assert outcome.view["title"] == "Link check"
    assert outcome.view["result"] == {"summary": "2 links checked: all fine", "links": []}


NO_ADDRESSES = ("http://xn--/", "http://[::1", "http://127.0.0.1:99999/", "http://a..b/")


def test_what_is_no_address_fails_by_itself_in_a_list(site: Site) -> None:
    outcome = checked(urls=[site.url("/fine"), *NO_ADDRESSES, "", site.url("/no-head")])
    assert (outcome.state, outcome.attempts) == ("partial", 1)
    assert outcome.view["counts"] == {"succeeded": 2, "failed": 5, "skipped": 0}
    assert [problem.code for problem in outcome.problems] == ["bad_address"]


def test_what_is_no_address_fails_by_itself_on_a_page(site: Site) -> None:
    outcome = checked(url=page(site, "/fine", *NO_ADDRESSES, "/no-head"))
    assert (outcome.state, outcome.attempts) == ("partial", 1)
    assert outcome.view["counts"] == {"succeeded": 2, "failed": 4, "skipped": 0}


@pytest.mark.parametrize(
    ("paths", "state", "summary"),
    [
        ((), "succeeded", "There are no links to check"),
        (("tel:123",), "succeeded", "1 link couldn't be checked"),
        (("/missing",), "failed", "1 link checked: 0 fine, 1 broken"),
    ],
)
def test_pages_with_few_links_are_told_in_whole_words(
    paths: tuple[str, ...], state: str, summary: str, site: Site
) -> None:
    outcome = checked(url=page(site, *paths))
    assert (outcome.state, outcome.view["result"]["summary"]) == (state, summary)


def test_a_page_that_stays_down_fails_the_job_after_all_attempts(site: Site) -> None:
    outcome = checked(url=site.url("/much-later"))
    assert (outcome.state, outcome.attempts) == ("failed", 5)
    error = outcome.view["error"]
    assert (error["code"], error["category"]) == ("page_unavailable", "external")
    assert error["message"] == (
        "127.0.0.1 answered with 429 Too Many Requests, so the page's links couldn't be found."
    )


def test_text_of_a_page_is_no_formula_in_the_file(site: Site) -> None:
    site.pages["/page"] = "<a href=/missing>=HYPERLINK(1)</a>"
    (row,) = rows(checked(url=site.url("/page")).files[0])
    assert row["text"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    "params", [{}, {"url": "https://a.example", "urls": ["https://b.example"]}]
)
def test_either_a_page_or_a_list_is_needed(params: dict[str, Any]) -> None:
    error = checked(**params).view["error"]
    assert (error["code"], error["category"]) == ("url_or_urls", "input")
    assert "https://example.com/page" in error["action"]


def test_private_addresses_are_refused_for_the_page_and_skipped_as_links(site: Site) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RINGBACK_FETCH_PRIVATE")
        error = checked(url=site.url("/fine")).view["error"]
        outcome = checked(urls=[site.url("/fine")])
    assert (error["code"], error["category"]) == ("private_address", "input")
    assert outcome.counts.skipped == 1
    assert outcome.problems[0].code == "private_address"
    assert not site.asked


def test_a_later_attempt_goes_on_and_its_file_has_what_the_first_one_found(site: Site) -> None:
    paths = ["/missing", *(f"/fine/{i}" for i in range(8)), "/gone"]
    outcome = run_job(check_links, params={"url": page(site, *paths)}, events={4: "stop"})
    assert (outcome.attempts, outcome.state) == (2, "partial")
    assert outcome.view["counts"] == {"succeeded": 8, "failed": 2, "skipped": 0}
    assert [row["reason"] for row in rows(outcome.files[0])] == ["404 Not Found", "410 Gone"]
    assert site.times("/missing") == 2  # HEAD and GET, in the first attempt only


def test_a_retry_of_the_failed_links_asks_for_no_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = checked(url=page(site, "/fine", "/missing", "/gone"))
    monkeypatch.setitem(MOODS, "gone", said(200))
    again = retry_job(outcome)
    assert again.view["counts"] == {"succeeded": 1, "failed": 1, "skipped": 0}
    assert again.view["result"]["summary"] == "2 links checked: 1 fine, 1 broken"
    assert site.times("/fine") == 1


# -- with a real worker


@pytest.fixture(scope="module")
def worker_rig(rig: Rig) -> Rig:
    """A worker that checks links; the rig's dev mode lets it reach the test's site."""
    rig.worker("tasks.links_check")
    rig.supervisor()
    return rig


def submitted(rig: Rig, **params: Any) -> str:
    with Client(rig.settings) as client:
        return client.submit("links.check", owner=BOB, params=params).id


def test_a_page_that_is_down_is_tried_again_when_its_site_says(worker_rig: Rig, site: Site) -> None:
    job_id = submitted(worker_rig, url=site.url("/late-page"))
    waiting = reached(worker_rig, job_id, State.RETRYING)
    assert waiting.error is not None
    assert "429 Too Many Requests" in waiting.error.message
    job = ended(worker_rig, job_id)
    assert (job.state, job.attempt) == (State.SUCCEEDED, 2)


def test_a_cancel_in_the_middle_ends_the_check_at_once(worker_rig: Rig, site: Site) -> None:
    job_id = submitted(worker_rig, urls=[site.url("/fine"), site.url("/slow")], timeout_each=60)
    until(lambda: job_of(worker_rig, job_id).counts.succeeded and site.times("/slow"))
    worker_rig.do(control.cancel(job_id))
    job = ended(worker_rig, job_id)
    assert (job.state, job.counts.seen) == (State.CANCELLED, 1)
    assert site.times("/slow") == 1
    # by the attempt itself; a lease that runs out would end it, too, but later
    worker_rig.processes[0].says(f'"job": "{job_id}", "attempt": 1, "state": "cancelled"')


def test_a_stopping_worker_hands_the_check_back_and_says_nothing_odd(
    own_rig: Rig, site: Site
) -> None:
    worker = own_rig.worker("tasks.links_check")
    job_id = submitted(own_rig, urls=[site.url("/fine"), site.url("/slow")], timeout_each=60)
    until(lambda: job_of(own_rig, job_id).counts.succeeded and site.times("/slow"))
    assert worker.stop() == 0
    assert job_of(own_rig, job_id).state is State.QUEUED
    assert "Task was destroyed" not in worker.log
    assert "nclosed" not in worker.log
    assert "never retrieved" not in worker.log
    site.release()
    own_rig.worker("tasks.links_check")
    job = ended(own_rig, job_id)
    assert (job.state, job.counts.succeeded, job.attempt) == (State.SUCCEEDED, 2, 1)
