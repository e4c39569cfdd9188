"""What copy can't do: reach the interpreter, take the machine's time or memory, spoil a letter."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letters.fixture import sample_of
from letters.letter import Letters
from letters.lint import lint
from letters.people import Sender
from letters.press import Press
from letters.prose import Prose
from letters.sandbox import write
from letters.shelf import Shelf
from letters.unit import Overrun, TemplateError, Unit, read_unit
from letters.writer import Draft, Writer
from tests.rig import ROOT, until

RINGBACK = Sender("Ringback <no-reply@example.com>", "https://jobs.example.com", "help@example.com")
PATIENCE = 1.5  #: seconds that a draft gets here


@cache
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    press = Press(shelf(), RINGBACK, PATIENCE)
    yield press
    press.close()


def draft(body: str, message: str = "partial", fixture: str = "typical") -> Draft:
    """A message as an installation wrote it, with a job to tell of."""
    files = {**shelf().built_in[message].files, "body.md": body}
    return sample_of(Unit(message, files, "folder", PurePath("own/partial")), fixture)


def refused(press: Press, body: str) -> TemplateError:
    """How a draft fails; the next one is written."""
    with pytest.raises(TemplateError) as caught:
        press.parts(draft(body))
    assert "The next draft\n" in press.parts(draft("The next draft\n")).text
    return caught.value


# -- ways out

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ job.__class__.__init__.__globals__ }}",
    "{{ job['__class__'] }}",
    "{{ job['_facts'] }}",
    "{{ job._facts }}",
    "{{ job|attr('__class__') }}",
    "{{ job|map(attribute='__class__')|list }}",
    "{{ [job]|map(attribute='__class__')|join }}",
    "{{ [job]|join(attribute='__class__') }}",
    "{{ [job]|join(attribute='_facts.id') }}",
    "{{ [job]|first }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__ }}",
    "{{ joiner }}",
    "{{ namespace }}",
    "{% set ns = namespace(a=1) %}",
    "{% set job.title = 'x' %}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ super() }}",
    "{{ caller }}",
    "{{ request }}",
    "{{ config }}",
    "{{ range(10) }}",
    "{{ dict(a=1) }}",
    "{{ '{0.__class__}'.format(job) }}",
    "{{ '{0.__class__}'.format }}",
    "{{ '{0.__class__}'.format_map({'0': job}) }}",
    "{{ '%s' % job }}",
    "{{ ''.join(['a']) }}",
    "{{ 'a'.upper() }}",
    "{{ 'abc'|replace('a', 'b') }}",
    "{{ 'abc'|format(1) }}",
    "{{ job|pprint }}",
    "{{ job|tojson }}",
    "{{ job.finished_at.replace }}",
    "{{ job.title.encode }}",
    "{{ reader.inert.__class__ }}",
    "{{ language }}",
    "{{ language.catalog }}",
    "{{ reader }}",
    "{{ loop }}",
    "{% for x in [1] %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include '../../etc/passwd' %}",
    "{% import '../../etc/passwd' as x %}",
    "{% from '../../etc/passwd' import x %}",
    "{% extends '/etc/passwd' %}",
    "{% block a %}{% endblock %}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% set x %}a{% endset %}",
    "{% with x = 1 %}{% endwith %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% do [].append(1) %}",
    "{% trans %}x{% endtrans %}",
    "{% debug %}",
    "{% for x in job %}{% endfor %}",
    "{{ job.\uff3f\uff3fclass\uff3f\uff3f }}",
    "{{ \u24d9\u24de\u24d1 }}",
    "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ ''['\\u005f_class__'] }}",
    "{{ job['__cl' ~ 'ass__'] }}",
]


@pytest.mark.parametrize("payload", ESCAPES)
def test_copy_does_not_get_out_of_its_sandbox(press: Press, payload: str) -> None:
    error = refused(press, f"First\n\n{payload}\n")
    assert (error.path, error.line) == (PurePath("own/partial/body.md"), 3)
    assert "Traceback" not in error.reason


def test_a_private_name_is_refused_even_where_nothing_would_print_it(press: Press) -> None:
    error = refused(press, "a\n{% if false %}{{ job.__class__ }}{% endif %}\n")
    assert (error.line, error.reason) == (2, "“__class__” can't be used in copy")


# -- bombs

DEEP = "use fewer {% if … %}, {% for … %} and brackets in each other"
BOMBS = {
    "a power": ("{{ 9**9**9 }}", "** isn't possible"),
    "a text times a number": ("{{ 'a' * 10**10 }}", "isn't possible"),
    "a great text": ("{{ 'a' * 1000000000 }}", "* is for numbers"),
    "a great product": ("{{ 99999999 * 99999999 }}", "too great"),
    "a number without end": ("{{ 1e999 }}", "too great"),
    "thousands of digits": ("{{ " + "9" * 6_000 + " }}", "too many digits"),
    "texts that double": (
        "{% set a = 'aaaaaaaaaa' %}\n" + "{% set a = a ~ a %}\n" * 60 + "{{ a }}",
        "memory",
    ),
    "joins that double": (
        "{% set a = 'aaaaaaaaaa' %}\n" + "{% set a = [a, a, a, a]|join %}\n" * 30 + "{{ a }}",
        "memory",
    ),
    "loops in loops": (
        "{% set t = job.title %}" + "{% for x in t %}" * 12 + "{% endfor %}" * 12,
        "longer than 1.5 s",
    ),
    "loops that print": (
        "{% for a in job.title %}" * 5 + "{{ job.title }}" + "{% endfor %}" * 5,
        "400,000 characters",
    ),
    "too many loops": ("{% for a in 'ab' %}" * 30 + "{% endfor %}" * 30, DEEP),
    "too many choices": ("{% if job %}" * 300 + "{% endif %}" * 300, DEEP),
    "brackets": ("{{ " + "(" * 5_000 + " }}", DEEP),
    "lists in lists": ("{{ " + "[" * 5_000 + " }}", DEEP),
    "a long sum": ("{{ " + "1+" * 20_000 + "1 }}", DEEP),
    "many signs": ("{{ " + "-" * 20_000 + "1 }}", DEEP),
    "not not": ("{{ " + "not " * 15_000 + "1 }}", DEEP),
    "a long chain": ("{{ job" + ".title" * 10_000 + " }}", ""),
    "a choice in a choice": ("{{ " + "1 if job else " * 4_000 + "2 }}", DEEP),
    "a huge file": ("x\n" * 1_000_000, "more than 64 KB"),
    "a shift that never ends": ("{{ job.title|short('x') }}", "|short can't be used"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_copy_takes_neither_time_nor_memory_without_end(press: Press, name: str) -> None:
    bomb, reason = BOMBS[name]
    before, started = _size_of(os.getpid()), time.monotonic()
    with pytest.raises(TemplateError) as caught:
        press.parts(draft(bomb))
    # a busy machine may run out of time first
    assert reason in caught.value.reason or "longer than" in caught.value.reason
    assert caught.value.line >= 1
    assert time.monotonic() - started < 30
    assert _size_of(os.getpid()) - before < 64 * 1024 * 1024, "the parent carries none of it"
    assert "The next draft" in press.parts(draft("The next draft\n")).text


def test_what_takes_long_or_much_is_found_on_its_line(press: Press) -> None:
    slow = "a\n\n{% for x in job.title %}{% for y in job.title %}{% for z in job.title %}"
    slow += "{% for w in job.title %}{% for v in job.title %}" * 3 + "{% endfor %}" * 9
    assert refused(press, slow).line == 3
    assert refused(press, "a\n{% set b = 'bbbbbbbb' %}\n" + "{% set b = b ~ b %}\n" * 60).line > 20


@pytest.mark.parametrize(
    "source",
    ["[" * 60_000, "*a" * 30_000, "> " * 30_000, "- " * 30_000, "`" * 60_000, "a\n" * 30_000],
)
def test_markdown_that_is_hard_to_read_ends_in_time(press: Press, source: str) -> None:
    started = time.monotonic()
    with contextlib.suppress(TemplateError):
        press.parts(draft(source))
    assert time.monotonic() - started < 20
    assert "The next draft" in press.parts(draft("The next draft\n")).text


@pytest.mark.parametrize(
    "source",
    ["[" * 60_000, "<" + " " * 60_000, "{% raw %}" + "{%" * 25_000 + "{% endraw %}", "](" * 30_000,
     "[a](" * 15_000, "0 a " * 15_000, "A" * 60_000, "<a " * 20_000,
     "{{ '" + "[" * 60_000 + "' }}"],
)  # fmt: skip
def test_what_is_hard_to_read_is_checked_in_time(press: Press, source: str) -> None:
    started = time.monotonic()
    with contextlib.suppress(Overrun):
        press.lint(draft(source).unit)
    assert time.monotonic() - started < 20
    assert "The next draft" in press.parts(draft("The next draft\n")).text


PIECES = st.sampled_from(
    [
        "{{ job.title }}", "{{ job.", "{% if job.kept %}", "{% endif %}", "{% for j in jobs %}",
        "{% endfor %}", "{% else %}", "{% elif x %}", "{{ x|number }}", "{{ 1/0 }}", "|", "}}",
        "{%", "{# a #}", "{% set a = job %}", "{{ a.title }}", "[a](b)", "[", "](", '"button")',
        "<b>", "\n", "# ", "- ", "!", "{{ job.error.message }}", "{{ reader.name|short(3) }}",
        "{% raw %}", "\x00", "{{ (1, 2)[0] }}", "{{ [job]|first }}", "{{ job if job else 1 }}",
        "\u2028", "é", "0 rows failed",
    ]
)  # fmt: skip
SOURCES = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=100, deadline=None)
@given(SOURCES, st.sampled_from(["body.md", "subject.txt", "body.txt"]))
def test_no_source_breaks_the_check(source: str, file: str) -> None:
    unit = draft("{{ job.headline }}\n\n{{ job.button }}\n").unit
    found = lint(replace(unit, files={**unit.files, file: source}), writer())
    for each in found:
        assert each.line >= 1
        assert each.text


def test_bombs_in_every_fixture_of_a_unit_cost_the_time_of_one(press: Press) -> None:
    bomb = "{% for x in 'aaaaaaaaaa' %}" * 15 + "{% endfor %}" * 15
    started = time.monotonic()
    found = press.lint(draft(bomb).unit)
    assert time.monotonic() - started < 4 * PATIENCE
    assert [each["rule"] for each in found if "longer than" in each["text"]] == ["render"]


def test_a_file_of_a_folder_is_read_no_further_than_it_may_be_long(tmp_path: Path) -> None:
    with (tmp_path / "body.md").open("wb") as file:
        file.truncate(1 << 31)
    before = _size_of(os.getpid())
    unit = read_unit(tmp_path)
    with pytest.raises(TemplateError, match="more than 64 KB"):
        unit.text("body.md")
    assert _size_of(os.getpid()) - before < 64 * 1024 * 1024


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 50_000, "a = " + "9" * 6_000, "a = {" * 5_000, "a." * 20_000 + "b = 1"]
)
def test_a_message_toml_that_is_a_bomb_is_an_error_of_its_own(text: str) -> None:
    unit = Unit("partial", {"message.toml": text}, "folder", PurePath("own"))
    with pytest.raises(TemplateError, match=r"message\.toml:1: "):
        _ = unit.message


def test_a_fixture_that_is_a_bomb_is_an_error_of_its_own(press: Press) -> None:
    unit = draft("a\n").unit
    for text in ("[" * 100_000, '{"views": ' * 20_000, '{"views": [' + "9" * 6_000):
        bomb = replace(unit, files={**unit.files, "fixtures/typical.json": text})
        assert "fixtures/typical.json" in {each["file"] for each in press.lint(bomb)}


# -- the child


def test_a_child_that_is_killed_between_drafts_costs_none(press: Press) -> None:
    for _ in range(3):
        assert "Hello" in press.parts(draft("Hello\n")).text
        os.kill(_child_of(press), signal.SIGKILL)


def test_a_child_that_is_killed_while_it_writes_is_replaced_once() -> None:
    press = Press(shelf(), RINGBACK, 10)
    press.parts(draft("Hello\n"))
    loops = "{% for a in 'aaaaaaaaaa' %}" * 7 + "{% endfor %}" * 7 + "Done\n"
    first = _child_of(press)
    killer = threading.Timer(0.05, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert "Done" in press.parts(draft(loops)).text
    killer.join()
    assert _child_of(press) != first
    press.close()


def test_a_child_that_stands_still_is_given_up(press: Press) -> None:
    press.parts(draft("Hello\n"))
    os.kill(_child_of(press), signal.SIGSTOP)
    with pytest.raises(TemplateError, match="takes longer than"):
        press.parts(draft("x" * 60_000))
    assert "Hello" in press.parts(draft("Hello\n")).text


@pytest.mark.parametrize(
    "said", [b"", b"\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x03{x}",
             b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x04\xff\xfe\xfd\xfc"]
)  # fmt: skip
def test_a_child_that_talks_nonsense_is_not_believed(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "said").write_bytes(b'\x00\x00\x00\x12{"answer": "ready"}'[: 4 + 19] + said)
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\ncat {tmp_path}/said\nexec cat >/dev/null\n")
    fake.chmod(0o755)
    press = Press(shelf(), RINGBACK, 0.5)
    real, sys.executable = sys.executable, str(fake)
    try:
        with pytest.raises(TemplateError):
            press.parts(draft("Hello\n"))
    finally:
        sys.executable = real
        press.close()


def test_a_process_that_cannot_start_a_child_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    press = Press(shelf(), RINGBACK)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(TemplateError, match=r"can't be started: .*No such file"):
        press.parts(draft("Hello\n"))


def test_a_press_works_where_thousands_of_files_are_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1_200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2_048), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    press = Press(shelf(), RINGBACK)
    try:
        assert "Hello" in press.parts(draft("Hello\n")).text
    finally:
        press.close()
        for number in opened:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_several_threads_share_a_press(press: Press) -> None:
    got: dict[int, str] = {}

    def ask(number: int) -> None:
        got[number] = press.parts(draft(f"Draft number {number}.\n")).text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"Draft number {number}." in got[number] for number in range(8))


def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_JWT_SECRET", "s" * 40)
    monkeypatch.setenv("RINGBACK_SMTP_URL", "smtp://user:hunter2@mail.example.com")
    press = Press(shelf(), RINGBACK)
    press.parts(draft("Hello\n"))
    told = Path(f"/proc/{_child_of(press)}/environ").read_bytes()
    told += Path(f"/proc/{_child_of(press)}/cmdline").read_bytes()
    press.close()
    assert b"RINGBACK" not in told
    assert b"hunter2" not in told


def test_a_press_without_drafts_has_no_child() -> None:
    press = Press(shelf(), RINGBACK)
    assert press._child is None
    press.close()


PARENT = """
import sys, time
from letters.shelf import Shelf
from letters.press import Press
from tests.test_sandbox import RINGBACK, _child_of, draft
press = Press(Shelf(), RINGBACK, 5)
press.parts(draft("Hello\\n"))
print(_child_of(press), flush=True)
if sys.argv[1] == "writing":
    press.parts(draft("{% for a in 'aaaaaaaaaa' %}" * 15 + "{% endfor %}" * 15))
time.sleep(600)
"""


@pytest.mark.parametrize("doing", ["waiting", "writing"])
def test_no_child_is_left_when_its_parent_is_killed(doing: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, doing], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not _lives(child), what="the child has ended")


def test_a_letter_goes_out_though_its_copy_is_a_bomb(tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / "body.md").write_text(
        "{% set a = job.title %}" + "{% set a = a ~ a %}" * 60
    )
    told: list[str] = []
    letters = Letters(Shelf(tmp_path), RINGBACK, lambda _, error: told.append(str(error)))
    views = sample_of(shelf().built_in["partial"])
    message = letters.compose(
        views.views, views.reader, message_id="<a@b>", date=datetime.now(UTC), reason="r"
    )
    letters.close()
    assert "1,204 added" in message["Subject"]
    assert message.get_content_type() == "text/plain"
    assert "too much memory" in told[0]


def _child_of(press: Press) -> int:
    assert press._child is not None
    return press._child._process.pid


def _size_of(pid: int) -> int:
    """Bytes of it that lie in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# -- what people and files say

TEXTS = ("title", "message", "action", "summary", "label", "example", "name", "ref")


class _Tags(HTMLParser):
    """The tags of a page, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def hostile(message: str, texts: dict[str, str]) -> Draft:
    """A letter of this message with these texts in all its places."""
    whole = sample_of(shelf().built_in[message])
    view: dict[str, Any] = dict(whole.views[0])
    problem = {
        "code": "x", "outcome": "failed", "count": 2, "message": texts["message"],
        "action": texts["action"], "examples": [texts["example"], texts["title"]],
    }  # fmt: skip
    view |= {
        "title": texts["title"], "problems": [problem, {**problem, "outcome": "skipped"}],
        "result": {"summary": texts["summary"], "links": [
            {"label": texts["label"], "url": "https://reports.example.com/1"}]},
        "progress": {"done": 3, "total": 3, "unit": texts["example"]},
    }  # fmt: skip
    if view.get("error"):
        view["error"] = {
            **view["error"], "message": texts["message"], "action": texts["action"],
            "ref": texts["ref"],
        }  # fmt: skip
    reader = replace(whole.reader, name=texts["name"], locale="en")
    return Draft(whole.unit, [view], reader)


@cache
def writer() -> Writer:
    return Writer(shelf(), RINGBACK)


NASTY = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="[]()<>!*_#`\\&;:/\"'-=+~{}%|.\n\r\t ahtps1", max_size=60),
    st.sampled_from(
        [
            '[x](https://evil.example "button")', "[x](javascript:alert(1))", "<https://evil.example>",
            "https://evil.example", "![x](//evil.example/a.png)", "[x]: https://evil.example",
            "a\r\nBcc: eve@evil.example", "</title><script>alert(1)</script>", '" onclick="x',
            "{{ 7*7 }}", "{% raw %}", "# a", "1. a", "\u2028- a", "\U0010005b", "&lt;", "x\x00y",
        ]
    ),
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.sampled_from(["partial", "failed-input", "succeeded", "cancelled", "partial.csv.import"]),
    st.fixed_dictionaries(dict.fromkeys(TEXTS, NASTY)),
)
def test_no_words_of_people_add_a_link_a_tag_or_a_header(
    message: str, texts: dict[str, str]
) -> None:
    tame = writer().parts(hostile(message, dict.fromkeys(TEXTS, "Word")))
    wild = writer().parts(hostile(message, {name: text or "Word" for name, text in texts.items()}))
    calm, got = _Tags(tame.html), _Tags(wild.html)
    assert set(got.links) <= set(calm.links)
    assert set(got.tags) <= set(calm.tags)
    assert got.tags.count("a") <= calm.tags.count("a")
    assert wild.html.count('class="button"') == tame.html.count('class="button"') == 1
    assert "\n" not in wild.subject + wild.preheader
    assert "\r" not in wild.subject + wild.preheader


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///x",
             "java&#115;cript:alert(1)", "&#106;avascript:alert(1)", "//evil.example", "/jobs"]
)  # fmt: skip
def test_a_link_of_another_scheme_is_no_link(link: str) -> None:
    assert "<a" not in Prose(f"[x]({link})\n").html()
    assert "<a" not in Prose(f"[x](<{link}>)\n").html()


def test_addresses_become_links_only_where_the_author_makes_one() -> None:
    page = Prose("https://x.example <https://x.example> <a@x.example> www.x.example\n").html()
    assert "<a" not in page


def test_a_button_in_a_button_stays_one() -> None:
    page = Prose('[a [b](https://b.example "button") c](https://c.example "button")\n').html()
    assert page.count('class="button"') == 1


def test_what_is_written_once_is_kept_so_that_the_next_costs_less() -> None:
    source = "{{ title }}\n" * 1_000
    started = time.perf_counter()
    write(source, PurePath("a/body.md"), {"title": "x"})
    first = time.perf_counter() - started
    started = time.perf_counter()
    write(source, PurePath("a/body.md"), {"title": "x"})
    assert time.perf_counter() - started < first
