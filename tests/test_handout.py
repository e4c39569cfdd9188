"""Signed links to files: what they say, until when, and that nobody else can write them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback import job, store, unsubscribe
from ringback.declare import DeclaredJob
from ringback.handout import GOOD_FOR, Handout, Handouts
from ringback.job import Job, Link, Result
from ringback.run import Run
from ringback.testing import FakeStore
from ringback.unsubscribe import Subscription
from tests.eye import claimed, stored_view

HANDOUTS = Handouts("s" * 32, "https://jobs.example.com/")
FILE = "1f-01971c2e-7a10-7d02-8c4d-0c6f7e9d1a2b"
IT = Handout("1f-01971c2e-8f3a-7c51-9b0e-2f6d1f0a4b7c", FILE, 1_773_911_642)
NOW = 1_773_306_842_000


def token(handout: Handout = IT, handouts: Handouts = HANDOUTS) -> str:
    return handouts.url(handout).rpartition("/")[2]


def finished(**policy: Any) -> tuple[Job, dict[str, Any]]:
    db = FakeStore()
    links = (Link("Download the 3 failed rows", f"/api/v1/files/{FILE}"),
             Link("Open the report", "https://reports.example.com/1"))  # fmt: skip
    running = claimed(db, **policy)
    done = db.do(store.update(running, lambda job: job.ended(Result("Done", links))))
    return done, orjson.loads(stored_view(db, done))


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 1 << 40))
def test_a_link_says_which_file_of_which_job_and_until_when(
    job_id: str, file: str, ends: int
) -> None:
    wanted = Handout(job_id, file, ends)
    try:
        written = token(wanted)
    except TypeError:  # half a surrogate pair, which no id has
        return
    assert HANDOUTS.read(written) == wanted


@given(st.integers(0), st.characters())
def test_a_handout_that_was_changed_says_nothing(place: int, char: str) -> None:
    whole = token()
    place %= len(whole)
    changed = whole[:place] + char + whole[place + 1 :]
    assert HANDOUTS.read(changed) in ((None,) if changed != whole else (IT,))


@pytest.mark.parametrize("piece", ["", ".", "a.b", "a.b.c", "=.=", "é.é", "x" * 10_000])
def test_pieces_of_a_handout_say_nothing(piece: str) -> None:
    assert HANDOUTS.read(piece) is None


def test_a_link_made_for_another_purpose_or_by_another_secret_says_nothing() -> None:
    links = unsubscribe.Links("s" * 32, "https://jobs.example.com")
    other = links.url(Subscription("ann", "csv.import")).rpartition("/")[2]
    assert HANDOUTS.read(other) is None
    assert links.read(token()) is None
    assert HANDOUTS.read(token(handouts=Handouts("t" * 32, "https://jobs.example.com"))) is None


def test_an_email_of_a_type_that_says_so_links_to_files_for_seven_days() -> None:
    done, view = finished(email_links="signed")
    shown = HANDOUTS.signed(done, view, NOW)
    file, report = shown["result"]["links"]
    assert file["label"] == "Download the 3 failed rows"
    assert file["url"].startswith("https://jobs.example.com/d/")
    read = HANDOUTS.read(file["url"].rpartition("/")[2])
    assert read == Handout(done.id, FILE, NOW // 1000 + GOOD_FOR)
    assert report["url"] == "https://reports.example.com/1"
    assert view["result"]["links"][0]["url"] == f"/api/v1/files/{FILE}", "the page's own is kept"


def test_an_email_of_any_other_type_links_to_the_page() -> None:
    done, view = finished()
    assert HANDOUTS.signed(done, view, NOW) is view
    signed, _ = finished(email_links="signed")
    told = {"result": None}
    assert HANDOUTS.signed(signed, told, NOW) is told


def test_a_type_says_how_its_emails_link() -> None:
    def declared(**how: Any) -> DeclaredJob:
        @job("test.links", **how)
        def links(run: Run) -> Result:
            """Nothing."""
            return run.result("")

        return links

    assert declared().kind.policy.email_links == "page"
    assert declared(email_links="signed").kind.policy.email_links == "signed"
    with pytest.raises(ValueError, match="email_links is 'open': use 'page' or 'signed'"):
        declared(email_links="open")
