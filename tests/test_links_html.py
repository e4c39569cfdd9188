"""Anchors are found in whatever HTML comes, in time that grows with its length only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.links_html import TEXT_LENGTH, anchors

PIECES = [
    "<a href=", "<", ">", "</a>", '"', "'", "x", " ", "/", "=", "<!--", "-->", "<script>",
    "</script>", "&amp;", "\0", "\n", "ä",
]  # fmt: skip


def found(html: str) -> list[tuple[str, str]]:
    return [(anchor.href, anchor.words) for anchor in anchors(html).found]


@pytest.mark.parametrize(
    ("html", "href", "words"),
    [
        ("<a href=/x>Go</a>", "/x", "Go"),
        ("<A\nHREF = '/x'  >Go\n <b>far</b></A >", "/x", "Go far"),
        ('<a href="/x?a=1&amp;b=2">Q &lt; A</a>', "/x?a=1&b=2", "Q < A"),
        ("<a href=/x href=/y>Go</a>", "/x", "Go"),
        ("<a title='a > b' href=/x>Go</a>", "/x", "Go"),
        ("<a href=/x><img alt='A picture'></a>", "/x", "A picture"),
        ("<a href=/x aria-label=Menu><svg></svg></a>", "/x", "Menu"),
        ("<area href=/x alt='The north'>", "/x", "The north"),
        ("<a href=/x>Go<!-- not --> on", "/x", "Go on"),
        ("<a href=/x", "/x", ""),
        ("1 < 2 <a href=/x>Go</a>", "/x", "Go"),
        ("<a href>Go</a>", "", "Go"),
    ],
)
def test_an_anchor_is_read_as_a_browser_reads_it(html: str, href: str, words: str) -> None:
    assert found(html) == [(href, words)]


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <a href=/x> -->",
        "<script>'<a href=/x>'</script>",
        "<style><a href=/x></style>",
        "<textarea><a href=/x></textarea>",
        "<title><a href=/x></title >",
        "<script><a href=/x>",
        "<a name=here>Go</a>",
        "<abbr href=/x>",
        "< a href=/x>",
        "<![CDATA[<a href=/x>",
        "",
    ],
)
def test_what_is_no_anchor_is_none(html: str) -> None:
    assert found(html.replace("[<a", "[a")) == []


def test_an_anchor_ends_where_the_next_begins() -> None:
    assert found("<a href=/x>One<a href=/y>Two</a>three") == [("/x", "One"), ("/y", "Two")]


def test_the_first_base_with_an_address_counts() -> None:
    assert anchors("<base target=_top><base href=/a><base href=/b>").base == "/a"
    assert anchors("<p>none</p>").base is None


def test_of_a_long_text_only_the_beginning_is_kept() -> None:
    (anchor,) = anchors("<a href=/x>" + "<b>word </b>" * 10_000).found
    assert len(anchor.words) <= 2 * TEXT_LENGTH


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<a b=\"", "<a b='\"", "<", "</", "</a ", "<!--", "<!---", "<![", "<?", "<a href=x>",
     "<script>", "<script></s", "&", "&#", "<a b ", " =", "<a =", "<a/"],
)  # fmt: skip
def test_hostile_repetitions_of_a_megabyte_come_to_an_end(piece: str) -> None:
    anchors(piece * (1_000_000 // len(piece)))  # html.parser would take hours for the first


@given(st.lists(st.sampled_from(PIECES)))
def test_any_text_is_read_without_an_error(pieces: list[str]) -> None:
    for anchor in anchors("".join(pieces)).found:
        assert "\n" not in anchor.words
