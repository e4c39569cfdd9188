"""The built-in letters as bytes: any mail server takes them, any mail program reads them alike."""

from __future__ import annotations

import quopri
import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from html.parser import HTMLParser

import pytest

from letters.facts import STATES, Facts, facts_of
from letters.lines import columns
from letters.phrases import HEADLINE
from letters.prose import plain
from letters.speech import short
from letters.writer import DIGEST_TOLD
from tests.letterbox import SENDER, Sample, drafts, samples, shelf, written

LINE, LONGEST = 76, 998  #: characters of a line, as encoded words (RFC 2047, 2) and as all must be
QUOTED = 76  #: and of quoted-printable (RFC 2045, 6.7)
SCREEN = 78  #: columns
LETTERS = sorted(drafts())


def read(sample: Sample) -> EmailMessage:
    """As Python's parser of today reads it."""
    return message_from_bytes(sample.content, EmailMessage, policy=policy.default)


def part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_letter_is_lines_of_seven_bits() -> None:
    for sample in samples():
        assert sample.content.isascii(), sample.name
        assert re.search(rb"[^\r]\n|\r[^\n]|\0", sample.content) is None, sample.name
        head, _, body = sample.content.partition(b"\r\n\r\n")
        assert max(map(len, body.split(b"\r\n"))) <= QUOTED, sample.name
        for line in head.decode().split("\r\n"):
            assert len(line) <= (LINE if " " in line.strip(" ").partition(": ")[2] else LONGEST), (
                line
            )


def test_two_parsers_read_the_same() -> None:
    for sample in samples():
        new, old = read(sample), message_from_bytes(sample.content, policy=policy.compat32)
        for name in ("From", "To", "Reply-To", "Subject", "List-Unsubscribe", "Message-ID"):
            assert str(new[name]) == unfolded(old, name), sample.name
        assert [bodies(new), bodies(old)] == [bodies(new)] * 2, sample.name
        assert [defect for it in new.walk() for defect in it.defects] == [], sample.name


def unfolded(message: Message, name: str) -> str:
    """A header, decoded by the older rules (RFC 2047)."""
    value = re.sub(r"\r\n(?=[ \t])", "", str(message[name]))
    return str(make_header(decode_header(value)))


def bodies(message: Message) -> list[tuple[str, bytes]]:
    """The parts, decoded."""
    leaves = [it for it in message.walk() if not it.is_multipart()]
    return [(it.get_content_type(), bytes(it.get_payload(decode=True) or b"")) for it in leaves]


def test_what_arrives_is_what_was_written() -> None:
    for sample in samples():
        message = read(sample)
        assert message["Subject"] == sample.parts.subject, sample.name
        assert message["To"].addresses[0].addr_spec == sample.draft.reader.email, sample.name
        assert part(message, "plain") == sample.parts.text, sample.name
        assert part(message, "html").strip() == sample.parts.html.strip(), sample.name


def test_the_parts_are_quoted_so_that_python_and_others_agree() -> None:
    for sample in samples():
        message = message_from_bytes(sample.content, policy=policy.compat32)
        assert message.get_content_type() == "multipart/alternative"
        leaves = [it for it in message.walk() if not it.is_multipart()]
        assert [it["Content-Transfer-Encoding"] for it in leaves] == ["quoted-printable"] * 2
        for it in leaves:
            raw = str(it.get_payload())
            assert quopri.decodestring(raw.encode()) == it.get_payload(decode=True), sample.name
            assert re.search(r"[ \t]\r?$", raw, re.MULTILINE) is None, "no blank ends a line"
        kinds = [it.get_content_type() for it in leaves]
        assert kinds == ["text/plain", "text/html"], "the one to be preferred comes last"


# -- the text part alone


class _Shown(HTMLParser):
    """What a page says, a piece of text each, and where its links lead. Left out are the words of
    the inbox row, and the badge, which the headline says again."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self._hidden = ""
        self.feed(page.partition("</head>")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        if tag == "a":
            self.links.append(found["href"] or "")
        if (found.get("class") or "").split()[:1] in (["preheader"], ["badge"]):
            self._hidden = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.pieces.append(data)


def tight(text: str) -> str:
    """Without blanks, for lines may be broken anywhere, and without the marks of UAX #9."""
    return re.sub("[\\s\u2066-\u2069]", "", text)


@pytest.mark.parametrize("name", LETTERS)
def test_the_text_part_alone_says_all_that_the_page_says(name: str) -> None:
    parts = written()[name]
    page, text = _Shown(parts.html), tight(parts.text)
    assert [piece for piece in page.pieces if tight(piece) not in text] == []
    assert [link for link in page.links if link.removeprefix("mailto:") not in parts.text] == []
    assert len(page.pieces) > 5


@pytest.mark.parametrize("name", LETTERS)
def test_the_text_part_has_every_fact_of_its_jobs(name: str) -> None:
    draft, text = drafts()[name], tight(written()[name].text)
    all_facts = [facts_of(view, shelf().words, SENDER.public_url) for view in draft.views]
    for facts in sorted(all_facts, key=lambda it: STATES.index(it.state))[:DIGEST_TOLD]:
        title = short(facts.title, HEADLINE)
        told = [facts.id, title, facts.url, *(link.url for link in facts.links)]
        if len(draft.views) == 1:
            told += every_cause(facts)
        if "job.summary" in draft.unit.text("body.md") and len(draft.views) == 1:
            told.append(facts.summary.rstrip("."))
        assert [fact for fact in told if tight(plain(fact)) not in text] == []


def every_cause(facts: Facts) -> list[str]:
    """Why a job or its items failed, and what to do."""
    error = [facts.error.message, facts.error.action] if facts.error else []
    kinds = facts.failures if facts.state == "failed" else facts.problems
    problems = [text for it in kinds for text in (it.message, it.action, *it.examples)]
    return [text.rstrip(".") for text in (*error, *problems)]


@pytest.mark.parametrize("name", LETTERS)
def test_the_text_part_fits_the_screen_of_a_terminal(name: str) -> None:
    lines = written()[name].text.splitlines()
    long = [line for line in lines if columns(line) > SCREEN and "://" not in line]
    assert [line for line in long if " " in line.strip(" ->")] == []
    assert [line for line in lines if line != line.rstrip()] == []
    if "hostile" not in name:  # whose words are such marks
        assert re.search(r"\n{4}|[*]{2}|\]\(|<[a-z]+>", written()[name].text) is None


# -- the page alone


@pytest.mark.parametrize("name", LETTERS)
def test_without_its_style_the_page_reads_in_the_order_of_the_text(name: str) -> None:
    text, at = tight(written()[name].text), 0
    for piece in _Shown(written()[name].html).pieces:
        found = text.find(tight(piece), at)
        assert found >= 0, f"{piece!r} comes too late in the page"
        at = found + len(tight(piece))


def test_the_page_loads_nothing_and_needs_no_picture() -> None:
    allowed = {
        "body", "div", "table", "tbody", "tr", "td", "p", "h1", "h2", "h3", "a", "ul", "ol", "li",
        "strong", "em", "br", "hr", "blockquote",
    }  # fmt: skip
    for name, parts in written().items():
        assert _Shown(parts.html).tags <= allowed, name
        head, _, body = parts.html.partition("</head>")
        assert re.search(r"url\(|@import|@font-face|<link|<script|src=", head) is None, name
        assert re.search(r"style=\"[^\"]*url\(", body) is None, name
