"""The link in an email that turns such emails off: good for its user and jobs, and not to forge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.unsubscribe import Links, Subscription

LINKS = Links("s" * 32, "https://jobs.example.com/")
users = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
types = st.none() | st.text(st.characters(codec="utf-8"), max_size=20)


def token(user: str, job_type: str | None = None, links: Links = LINKS) -> str:
    return links.url(Subscription(user, job_type)).rpartition("/")[2]


@given(users, types)
def test_a_link_says_whose_emails_about_which_jobs(user: str, job_type: str | None) -> None:
    assert LINKS.read(token(user, job_type)) == Subscription(user, job_type)


def test_a_link_leads_to_the_gateway() -> None:
    url = LINKS.url(Subscription("ann", "csv.import"))
    assert url.startswith("https://jobs.example.com/unsubscribe/")
    assert url.isascii()


@given(st.text(max_size=90))
def test_what_we_have_not_written_says_nothing(text: str) -> None:
    assert LINKS.read(text) is None


@given(st.integers(0), st.characters())
def test_a_link_that_was_changed_says_nothing(place: int, char: str) -> None:
    whole = token("ann")
    place %= len(whole)
    changed = whole[:place] + char + whole[place + 1 :]
    assert LINKS.read(changed) in ((None,) if changed != whole else (Subscription("ann"),))


@pytest.mark.parametrize("piece", ["", ".", "..", "a.b.c", "=.=", "WyJhIl0.", "é.é", "x" * 10_000])
def test_pieces_of_a_link_say_nothing(piece: str) -> None:
    assert LINKS.read(piece) is None


def test_a_link_of_another_secret_says_nothing() -> None:
    assert LINKS.read(token("ann", links=Links("t" * 32, "https://jobs.example.com"))) is None
