"""Templates, their checks, and prose that data can't break out of."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letters.language import Language, listed
from letters.letter import Letters
from letters.people import Reader, Sender
from letters.prose import Prose, plain, said
from letters.render import Parts, Renderer
from letters.shelf import Shelf
from letters.speech import sentence, short, units
from letters.unit import TemplateError, Unit

ROOT = Path(__file__).parents[1] / "templates" / "email"


ENGLISH = Language("en")
RINGBACK = Sender("Ringback <no-reply@example.com>", "https://jobs.example.com")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the templates that a test may break."""
    copy = tmp_path / "email"
    shutil.copytree(ROOT, copy)
    return copy


@cache
def renderer() -> Renderer:
    shelf = Shelf()
    return Renderer(shelf.layout, shelf.root)


def note(body: str, **files: str) -> Unit:
    """A small message of this body."""
    head = 'purpose = "p"\nsent_when = "w"\nbadge = "Note"\ntone = "calm"\n[variables]\n'
    written = {"message.toml": head, "subject.txt": "A\nnote\n", "preheader.txt": "More\n"}
    return Unit("succeeded", {**written, "body.md": body, **files}, "folder", PurePath("note"))


def render(unit: Unit, reader: Reader | None = None, **job: object) -> Parts:
    context = {
        "job": job, "count": 1, "job_ids": "1f-1", "support": "", "support_url": "",
        "public_url": "https://x.y/", "reader": reader or Reader("u-1", "a@example.com"),
    }  # fmt: skip
    return renderer().render(unit, context, ENGLISH)


def test_a_syntax_error_is_reported_with_its_file_and_line() -> None:
    with pytest.raises(TemplateError, match=r"note/body\.md:3: ") as caught:
        render(note("fine\n\n{% if job %}\n"))
    assert (caught.value.path, caught.value.line) == (PurePath("note/body.md"), 3)


def test_a_missing_file_is_named(root: Path) -> None:
    (root / "digest" / "subject.txt").unlink()
    with pytest.raises(TemplateError, match=r"digest/subject\.txt:1: this file is missing"):
        Letters(Shelf(root=root), RINGBACK)


def test_bad_toml_is_reported_with_its_line(root: Path) -> None:
    (root / "failed" / "message.toml").write_text('purpose = "x"\nbadge = oops\n')
    with pytest.raises(TemplateError, match=r"message\.toml:2: "):
        Letters(Shelf(root=root), RINGBACK)


def test_a_message_without_a_purpose_is_refused(root: Path) -> None:
    path = root / "failed" / "message.toml"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    with pytest.raises(TemplateError, match=r"message\.toml:1: .*purpose"):
        Letters(Shelf(root=root), RINGBACK)


def test_a_syntax_error_in_the_layout_is_found_on_loading(root: Path) -> None:
    (root / "_layout" / "layout.html").write_text("<p>\n{{ body </p>\n")
    with pytest.raises(TemplateError, match=r"layout\.html:2: "):
        Letters(Shelf(root=root), RINGBACK)


def test_an_unknown_attribute_names_the_line_that_used_it() -> None:
    with pytest.raises(TemplateError, match=r"note/body\.md:3: there is no “nothing”"):
        render(note("a\n\n{{ job.nothing }}\n"))


def test_none_is_never_printed_to_a_reader() -> None:
    with pytest.raises(TemplateError, match=r"body\.md:1: .*None"):
        render(note("Dear {{ job.name }}\n"), name=None)


def test_both_parts_come_from_one_source() -> None:
    parts = render(note('# Hello\n\n- one **two**\n- three\n\n[Open it](https://x.y/a "button")\n'))
    assert "Hello\n=====\n\n- one two\n- three\n\nOpen it: https://x.y/a\n" in parts.text
    assert 'class="button" href="https://x.y/a"' in parts.html
    assert (parts.subject, parts.preheader) == ("A note", "More")


def test_a_body_txt_replaces_the_text_made_from_markdown() -> None:
    unit = note("From Markdown\n", **{"body.txt": "By hand: {{ job.title }}\n"})
    parts = render(unit, title=said("*a*"))
    assert "By hand: *a*" in parts.text
    assert "From Markdown" not in parts.text
    assert "From Markdown" in parts.html


def test_styles_are_inlined_and_media_queries_survive() -> None:
    html = render(note("Hi\n")).html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html
    assert '<p style="' in html


def test_a_sliced_and_joined_value_stays_data() -> None:
    body = '{{ job.title[:30] ~ "!" }} {{ [job.title, job.title]|list }}\n'
    parts = render(note(body), title=said("[a](https://e.x)"))
    assert "https://e.x" in parts.text
    assert 'e.x"' not in parts.html


HOSTILE = [
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "# heading",
    "- list",
    "1. list",
    "> quote",
    "**bold** _em_ `code`",
    "a\n\n---\n\nb",
    "&lt;b&gt; &#60;",
    "\\",
    "    code",
    "```",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_come_out_as_they_went_in(text: str) -> None:
    shown = " ".join(text.split())
    prose = Prose(f"{said(text)} **{said(text)}** [{said(text)}](https://x.y/)\n")
    assert prose.text().split() == f"{shown} {shown} {_labelled(shown)}".split()
    assert prose.html().count("<") == 6  # p, strong and a, opened and closed


def _labelled(label: str) -> str:
    return f"“{label}”: https://x.y/" if ":" in label else f"{label}: https://x.y/"


@given(st.text(max_size=80))
def test_no_text_adds_a_tag_or_loses_its_letters(text: str) -> None:
    prose = Prose(f"Title: {said(text)} end\n")
    assert prose.html().count("<") == 2
    letters = [char for char in text if char.isascii() and char.isprintable() and char != " "]
    shown = [c for c in prose.text() if c.isascii() and c.isprintable() and c != " "]
    assert shown == [*"Title:", *letters, *"end"]


def test_a_link_with_another_scheme_is_not_a_link() -> None:
    assert "<a" not in Prose("[x](javascript:alert)").html()
    assert "<a" not in Prose("[x](data:text/html,x)").html()


def test_right_to_left_words_are_isolated_and_overrides_removed() -> None:
    assert plain(said("ملف.csv")) == "\u2068ملف.csv\u2069"
    assert plain(said("a\u202egpj.exe")) == "agpj.exe"


def test_long_lines_wrap_but_urls_stay_whole() -> None:
    url = "https://example.com/" + "a" * 100
    lines = Prose(f"{'word ' * 40}[Open]({url})").text().splitlines()
    assert url in lines[-1]
    assert max(len(line) for line in lines[:-1]) <= 72


def test_numbers_and_times_follow_the_reader() -> None:
    unit = note("{{ job.n|number }} at {{ job.at|datetime }}\n")
    at = datetime(2026, 3, 12, 14, 3, tzinfo=UTC)

    def told(locale: str, zone: str) -> str:
        reader = Reader("u-1", "a@example.com", None, locale, zone)
        return render(unit, reader, n=1204, at=at).text.splitlines()[0]

    assert told("en", "UTC") == "1,204 at Mar 12, 2026, 2:03\u202fPM UTC"
    # a letter in English, as it is written in the reader's country
    assert told("de-DE", "Europe/Berlin") == "1.204 at 12 Mar 2026, 15:03 CET"
    assert told("en-US", "Africa/Cairo") == "1,204 at Mar 12, 2026, 4:03\u202fPM GMT+02:00"
    assert told("xx-nowhere", "Mars/Olympus") == told("en", "UTC")


def test_words_are_put_together_the_way_people_do() -> None:
    assert [listed(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert [units(1, many) for many in ("rows", "entries", "addresses", "people")] == [
        "row", "entry", "address", "person",
    ]  # fmt: skip
    assert [sentence(text) for text in ("done", "Why?", "“a.”", "")] == [
        "Done.",
        "Why?",
        "“a.”",
        "",
    ]
    assert plain(short("Import of a-very-long-name-indeed.csv", 20)) == "Import of a-ve…d.csv"
