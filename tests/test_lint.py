"""What lint finds in copy, and in which words."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import pytest

from letters.banned import PHRASES, banned
from letters.contrast import pale, ratio
from letters.fixture import KINDS
from letters.lint import RULES, Finding, lint
from letters.lint_page import slow
from letters.look import Look, Written, letters_of
from letters.people import Sender
from letters.press import Press
from letters.shelf import MESSAGES, Shelf
from letters.unit import Unit
from letters.writer import Writer
from tests.rig import ROOT

RINGBACK = Sender("Ringback <no-reply@example.com>", "https://jobs.example.com", "help@example.com")
LOCAL = replace(RINGBACK, public_url="http://127.0.0.1:8000")
HOME = PurePath("own")


@cache
def shelf() -> Shelf:
    return Shelf()


@cache
def writer() -> Writer:
    return Writer(shelf(), RINGBACK)


def own(message: str = "partial", changes: Mapping[str, str | None] | None = None) -> Unit:
    """A message as an installation has it, with some of its files changed; None: without it."""
    files: dict[str, str | None] = {**shelf().whole(shelf().built_in[message]).files}
    files |= changes or {}
    there = {file: text for file, text in files.items() if text is not None}
    return Unit(message, there, "folder", HOME / message)


def found(
    changes: Mapping[str, str | None], message: str = "partial", by: Writer | None = None
) -> list[Finding]:
    """What is found, but for what an installation's copy isn't translated into."""
    findings = lint(own(message, changes), by or writer())
    return [it for it in findings if it.rule != "language"]


def one(changes: Mapping[str, str | None], rule: str, message: str = "partial") -> Finding:
    """The one finding of a rule."""
    findings = [it for it in found(changes, message) if it.rule == rule]
    assert len(findings) == 1, findings
    return findings[0]


def body(text: str) -> dict[str, str | None]:
    """A body with this line, and all that it needs otherwise."""
    return {"body.md": f"# {{{{ job.headline }}}}\n{text}\n\n{{{{ job.button }}}}\n"}


def fixture(
    message: str = "partial", name: str = "typical", **changes: Any
) -> dict[str, str | None]:
    """A fixture whose job is changed."""
    sample = json.loads(own(message).files[f"fixtures/{name}.json"])
    for view in sample["views"]:
        view.update(changes)
    return {f"fixtures/{name}.json": json.dumps(sample)}


# -- the whole


@pytest.mark.parametrize("name", sorted(Shelf().built_in))
def test_built_in_copy_has_no_findings(name: str) -> None:
    assert lint(shelf().whole(shelf().built_in[name]), writer()) == []


def test_each_rule_has_its_own_name_and_its_line_in_the_guide() -> None:
    names = [rule.id for rule in RULES]
    assert len(names) == len(set(names))
    guide = (ROOT / "docs" / "authors.md").read_text()
    told = set(re.findall(r"^\| `([\w-]+)` \|", guide.partition("## What the check says")[2], re.M))
    assert {*names, "message", "syntax", "render"} <= told


def test_the_press_finds_the_same() -> None:
    press = Press(shelf(), RINGBACK)
    unit = own("failed", {"body.md": "{{ job.headlin }}\n"})
    try:
        got = [Finding(**each) for each in press.lint(unit)]
    finally:
        press.close()
    assert got == lint(unit, writer())


def test_what_is_only_inherited_is_no_warning() -> None:
    """An author who changes the body alone isn't told of the built-in message.toml."""
    changes = body("")
    assert {it.file for it in found(changes)} <= {"body.md"}


# -- files


def test_a_missing_file_is_named() -> None:
    assert found({"subject.txt": None}) == [
        Finding("subject.txt", 1, "error", "message", "this file is missing")
    ]


def test_a_file_that_is_too_long_is_named() -> None:
    assert found({"body.md": "a" * 70_000}) == [
        Finding("body.md", 1, "error", "message", "more than 64 KB of text")
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ('tone = "mixed"', 'tone = "loud"', 4, "tone “loud” isn't one of good, mixed, bad, calm"),
        (
            'badge = "',
            'badgr = "',
            3,
            "“badgr” isn't known here. Known: purpose, sent_when, badge,",
        ),
        ('purpose = "', 'purpose = 7 #"', 1, 'purpose is missing or no text: purpose = "…"'),
        ("required = true", 'required = "yes"', 6, "“job.headline” needs required = true or false"),
        ("[variables", "[variables", 1, ""),
    ],
)
def test_a_wrong_message_toml_is_told_with_its_line(
    old: str, new: str, line: int, text: str
) -> None:
    source = own().files["message.toml"].replace(old, new, 1)
    findings = found({"message.toml": source})
    if not text:
        assert findings == []
        return
    assert [(it.line, it.level, it.rule) for it in findings] == [(line, "error", "message")]
    assert findings[0].text.startswith(text)


# -- the language of templates


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{% if job.kept %}", "Unexpected end of template."),
        ("{{ job.failed|nubmer }}", "there is no filter “nubmer”. Did you mean “number”?"),
        ("{% iff job.kept %}", "there is no “{% iff %}”. Did you mean “if”?"),
        ("{{ job.failed is od }}", "there is no test “od”. Did you mean “odd”?"),
        ("{{ job.title.upper() }}", "calling something isn't possible in copy"),
        ("{{ job.__class__ }}", "“__class__” can't be used in copy"),
    ],
)
def test_what_templates_cannot_be_is_told_in_our_words(line: str, text: str) -> None:
    finding = one(body(line), "syntax")
    assert (finding.file, finding.level) == ("body.md", "error")
    assert finding.text.startswith(text)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{{ job.headlin }}", "there is no “job.headlin”. Did you mean “job.headline”?"),
        ("{{ reader.mail }}", "there is no “reader.mail”. Did you mean “reader.email”?"),
        ("{{ jobb.title }}", "there is no “jobb.title”. Did you mean “job.title”?"),
    ],
)
def test_an_unknown_variable_is_told_with_the_one_that_is_meant(line: str, text: str) -> None:
    finding = one(body(line), "unknown")
    assert (finding.file, finding.line, finding.level, finding.text) == (
        "body.md",
        2,
        "error",
        text,
    )


def test_what_is_wrong_in_a_loop_is_found_too() -> None:
    source = own("digest").files["body.md"].replace("job.headline", "job.headlin")
    finding = one({"body.md": source}, "unknown", "digest")
    assert finding.text == "there is no “job.headlin”. Did you mean “job.headline”?"


def test_a_variable_that_is_not_declared_is_a_warning() -> None:
    source = (
        own().files["message.toml"].replace('[variables."job.headline"]', '[variables."job.id"]')
    )
    findings = found({**body(""), "message.toml": source})
    told = [it for it in findings if it.rule == "undeclared" or "job.id" in it.text]
    assert {(it.file, it.line, it.level, it.text) for it in told} == {
        ("body.md", 1, "warning",
         "“job.headline” isn't declared in message.toml; add it under [variables]"),
        ("message.toml", 6, "warning", "“job.id” is declared but never used; leave it out"),
    }  # fmt: skip


def test_a_declared_variable_that_does_not_exist_is_an_error() -> None:
    row = (
        '\n[variables."job.titel"]\ntype = "text"\nmeaning = "m"\nexample = "e"\nrequired = true\n'
    )
    source = own().files["message.toml"] + row
    finding = one({"message.toml": source}, "unused")
    assert finding.level == "error"
    assert finding.line == source.count("\n") - 4
    assert finding.text.endswith("there is no such variable. Did you mean “job.title”?")


def test_empty_words_of_message_toml_are_found() -> None:
    source = own().files["message.toml"]
    source = re.sub(r'purpose = ".*"', 'purpose = " "', source)
    source = source.replace('type = "text"', 'type = ""', 1)
    told = [(it.level, it.text) for it in found({"message.toml": source}) if it.rule == "meaning"]
    assert told == [
        ("error", "purpose is empty; say it in a sentence"),
        ("warning", "“job.headline” has an empty type"),
    ]


def test_what_may_be_empty_is_not_declared_as_required() -> None:
    source = own().files["message.toml"]
    source = re.sub(
        r"(job\.summary.*?)required = false", r"\1required = true", source, count=1, flags=re.S
    )
    finding = one({"message.toml": source}, "required")
    assert finding.text == "“job.summary” is declared as required, but it may be empty; say false"


def test_what_may_be_missing_is_printed_only_behind_a_test() -> None:
    finding = one(body("Ended {{ job.finished_at|datetime }}."), "untested")
    assert (finding.line, finding.level) == (2, "error")
    assert finding.text == (
        "“job.finished_at” may be missing; put it into {% if job.finished_at %} … {% endif %}"
    )
    finding = one(body("Result: {{ job.summary }}"), "untested")
    assert finding.level == "warning"
    assert finding.text.startswith("“job.summary” may be empty, and words stand beside it;")


@pytest.mark.parametrize(
    "line",
    [
        "{{ job.summary }}",
        "{% if job.summary %}Result: {{ job.summary }}{% endif %}",
        "{% if job.error %}Why: {{ job.error.message }}{% endif %}",
        "{% if not job.summary %}Nothing.{% else %}Result: {{ job.summary }}{% endif %}",
        "{% if job.kept and job.summary %}Result: {{ job.summary }}{% endif %}",
        "Result: {{ job.summary if job.summary else 'none' }}",
        "Title: {{ job.title }}",
    ],
)
def test_a_test_is_seen_wherever_it_stands(line: str) -> None:
    assert [it for it in found(body(line)) if it.rule == "untested"] == []


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    finding = one(body("{% if job.failed %}{{ job.failed }} failed.{% endif %}"), "number")
    assert (finding.line, finding.text) == (2, "write “job.failed” as job.failed|number")
    assert not [it for it in found(body("{{ job.failed|number }}")) if it.rule == "number"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{{ job.finished_at }}", "this is a time; write it with |datetime"),
        ("{{ job.can_retry }}", "this is a list; write it with |list, or go through it with"),
        ("{{ reader.asked }}", "this is yes or no; choose words for it with {% if … %}"),
        ("{{ job }}", "this has several parts; print one of them, such as job.title"),
        ("{{ job.title|datetime }}", "|datetime can't be used on this value"),
        ("{{ job.failed|short(3) }}", "|short can't be used on this value"),
        ("{{ 7 // (job.failed - 3) }}", "this divides by zero; test the number before"),
    ],
)
def test_what_cannot_be_printed_is_told_with_what_to_do(line: str, text: str) -> None:
    findings = [it for it in found(body(line)) if it.rule == "render"]
    assert findings[0].line == 2
    assert findings[0].text.startswith(text)


# -- words


@pytest.mark.parametrize("phrase", PHRASES)
def test_each_phrase_that_we_never_say_is_found(phrase: str) -> None:
    assert [it.phrase for it in banned(f"Well, {phrase.upper()}.")] == [phrase.upper()]


@pytest.mark.parametrize(
    "line", ["The oopsie.", "In 2 horas más tarde.", "Invalid inputs: 3", "leiderschap", "Terrors"]
)
def test_words_that_only_contain_one_are_left_alone(line: str) -> None:
    assert list(banned(line)) == []


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        (
            "Something went wrong.",
            "error",
            "“Something went wrong” tells nobody anything; say what",
        ),
        ("Please try again later.", "error", "“try again later” tells nobody anything; say when"),
        (
            "A ValueError occurred.",
            "error",
            "“ValueError” tells nobody anything; say in plain words",
        ),
        ("We\u2019re sorry.", "warning", "“sorry” tells nobody anything; leave it out"),
    ],
)
def test_a_banned_phrase_is_found_on_its_line(line: str, level: str, text: str) -> None:
    finding = one(body(line), "banned")
    assert (finding.file, finding.line, finding.level) == ("body.md", 2, level)
    assert finding.text.startswith(text)


def test_a_banned_phrase_is_found_in_each_language() -> None:
    finding = one({"body.de.md": "# Fertig\n\nEtwas ist schiefgelaufen.\n"}, "banned")
    assert (finding.file, finding.line) == ("body.de.md", 3)


def test_a_banned_phrase_is_found_in_a_catalog(tmp_path: Path) -> None:
    root = tmp_path / "email"
    shutil.copytree(shelf().root, root)
    shutil.rmtree(root / "_locales", ignore_errors=True)
    (root / "_locales").mkdir()
    line = "You don't need to do anything."
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (root / "_locales" / "de.po").write_text(f'{head}msgid "{line}"\nmsgstr "Leider nichts."\n')
    there = Shelf(root=root)
    findings = lint(there.built_in["succeeded"], Writer(there, RINGBACK))
    assert Finding(
        "preheader.txt", 2, "warning", "banned",
        "“Leider” in the translation of this line into “de”: leave it out: it takes the place of "
        "the reason",
    ) in findings  # fmt: skip
    missing = [it for it in findings if it.rule == "language"]
    assert [it.level for it in missing] == ["error"]
    assert "translated into de, whose readers get all of this message in English" in (
        missing[0].text
    )


def test_copy_of_ones_own_may_be_in_english_alone(tmp_path: Path) -> None:
    (tmp_path / "_locales").mkdir()
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (tmp_path / "_locales" / "nl.po").write_text(f'{head}msgid "Test"\nmsgstr "Test"\n')
    there = Shelf(tmp_path)
    findings = lint(own("test", {"body.md": "A line.\n"}), Writer(there, RINGBACK))
    [finding] = [it for it in findings if "translated into nl" in it.text or ", nl" in it.text]
    assert (finding.level, finding.file) == ("warning", "body.md")
    assert "readers get all of this message in English" in finding.text


def test_a_subject_does_not_shout() -> None:
    told = [it.text for it in found({"subject.txt": "URGENT! {{ job.subject }}\n"})]
    assert "a subject with “!” looks like an advertisement; use none" in told
    assert "“URGENT” shouts; write it in small letters" in told


def test_html_in_markdown_is_found() -> None:
    finding = one(body("This is <b>bold</b>."), "html")
    assert finding.text == "<b> would be shown as it stands; write Markdown, as in **bold**"


# -- links


@pytest.mark.parametrize(
    ("link", "text"),
    [
        ("[Open it](/jobs)", "“/jobs” is no address that an inbox can follow;"),
        ("[Open it](www.example.com)", "“www.example.com” is no address that an inbox can follow;"),
        ("[Open it](http://example.com/a)", "http://example.com/a isn't encrypted; write https://"),
        ("[Open it](javascript:alert(1))", "“javascript:alert(1” is no address"),
        ("[Open it]()", "this link leads nowhere;"),
        ("[Open it]({{ job.title }})", "“job.title” is no address (text); addresses are job.url"),
        ("![A logo](https://example.com/l.png)", "pictures aren't possible in copy"),
    ],
)
def test_a_link_that_an_inbox_cannot_follow_is_found(link: str, text: str) -> None:
    finding = one(body(link), "link")
    assert (finding.file, finding.line, finding.level) == ("body.md", 2, "error")
    assert finding.text.startswith(text)


@pytest.mark.parametrize(
    "link",
    ["[Open it](https://example.com/a)", "[Write us](mailto:help@example.com)",
     "[See the job]({{ job.url }})"],
)  # fmt: skip
def test_a_link_that_an_inbox_can_follow_is_fine(link: str) -> None:
    assert [it.rule for it in found(body(link))] == []


def test_an_address_of_this_machine_may_be_in_clear() -> None:
    local = Writer(shelf(), LOCAL)
    assert [it for it in lint(shelf().built_in["succeeded"], local) if it.level == "error"] == []
    plain_ = replace(RINGBACK, public_url="http://jobs.example.com")
    told = {it.text for it in lint(shelf().built_in["succeeded"], Writer(shelf(), plain_))}
    assert any("leads to http://jobs.example.com/" in text for text in told)


@pytest.mark.parametrize("label", ["click here", "Here", "more"])
def test_a_link_says_what_it_does(label: str) -> None:
    finding = one(body(f"[{label}](https://example.com/a)"), "label")
    assert (finding.line, finding.level) == (2, "error")
    assert finding.text.startswith(f"“{label}” doesn't say what the link does")


# -- subject and preheader


def test_a_subject_fits_an_inbox() -> None:
    long = "This job that you started has come to its end, and here is what became of it: "
    finding = one({"subject.txt": f"{long}{{{{ job.failed|number }}}} failed\n"}, "subject")
    assert (finding.file, finding.line, finding.level) == ("subject.txt", 1, "warning")
    assert finding.text.startswith("the subject has 86 characters; inboxes show 78 at most: “This")
    finding = one({"subject.txt": f"{long * 2}{{{{ job.failed|number }}}}\n"}, "subject")
    assert (finding.level, finding.text) == (
        "error", "the subject has 157 characters, more than 150; use |short(…)",
    )  # fmt: skip


def test_a_subject_ends_without_a_full_stop_and_is_there() -> None:
    finding = one({"subject.txt": "{{ job.subject }}.\n"}, "subject")
    assert finding.text == "a subject ends without a full stop"
    finding = one({"subject.txt": "{% if job.failed == 77 %}x{% endif %}\n"}, "subject")
    assert finding.text == "the subject is empty"


def test_a_subject_counts_what_there_is_to_count() -> None:
    finding = one({"subject.txt": "{{ job.title }}: look at what failed\n"}, "subject-number")
    assert finding.text.startswith("no number in the first 60 characters of “Import of customers")
    quiet = {"subject.txt": "{{ job.title }}: look\n"}
    assert not [it for it in found(quiet, "failed-input") if it.rule == "subject-number"]


@pytest.mark.parametrize(
    ("text", "level", "told"),
    [
        ("{{ '' }}", "error", "the preheader is empty; say what comes next"),
        ("{{ job.subject }}", "error", "the preheader repeats the subject; say what it leaves out"),
        ("Look at it.", "warning", "the preheader has 11 characters, fewer than 30; say more"),
        ("Look at it. " * 20, "warning", "the preheader has 239 characters; inboxes show 150 at"),
    ],
)
def test_a_preheader_adds_to_the_subject(text: str, level: str, told: str) -> None:
    finding = one({"preheader.txt": f"{text}\n"}, "preheader")
    assert (finding.file, finding.line, finding.level) == ("preheader.txt", 1, level)
    assert finding.text.startswith(told)


# -- the one thing to do


def test_a_letter_has_one_button() -> None:
    finding = one({"body.md": "# {{ job.headline }}\n"}, "button")
    assert finding.text.startswith("there is no button; print {{ job.button }}")
    second = body('[Open the report](https://example.com/r "button")')
    finding = one(second, "button")
    assert (finding.line, finding.level) == (2, "error")
    assert finding.text.startswith("2 buttons: “Open the report”, “")


def test_a_digest_has_a_link_for_each_job_and_no_button() -> None:
    source = own("digest").files["body.md"]
    finding = one({"body.md": source.replace("job.action", "job.button")}, "button", "digest")
    assert finding.text.startswith("a digest has no button, but “")
    finding = one({"body.md": source.replace("{{ job.action }}", "")}, "button", "digest")
    assert finding.text == "not each job has its link; print job.action in the loop"


def test_a_button_begins_with_what_it_does() -> None:
    source = '# {{ job.headline }}\n\n[The report](https://example.com/r "button")\n'
    finding = one({"body.md": source}, "label")
    assert (finding.line, finding.level) == (3, "warning")
    assert finding.text.startswith("“The report”: begin a button with what it does")


def test_nothing_is_counted_that_did_not_happen() -> None:
    finding = one(body("{{ job.not_attempted|number }} rows failed."), "nothing")
    assert (finding.line, finding.level) == (2, "error")
    assert finding.text == ("“0 rows failed”: what didn't happen is no news; test the number first")


# -- the parts


def test_a_text_of_its_own_has_all_that_the_page_has() -> None:
    told = found({"body.txt": "{{ job.headline }}\n"})
    [finding] = [it for it in told if it.rule == "text-part"]
    assert (finding.file, finding.line, finding.level) == ("body.txt", 1, "error")
    assert finding.text.startswith(
        "the text part lacks what the HTML part says: “rows”, “were”, “row”"
    )
    link = body("[Read the manual](https://example.com/manual)")
    texts = {**link, "body.txt": "{{ job.headline }} Read the manual {{ job.url }}\n"}
    told = [it for it in found(texts) if it.rule == "text-part"]
    assert any("the text part lacks" in it.text for it in told)


def test_a_page_that_gmail_would_cut_is_found() -> None:
    long = body("{% for a in '12345678901234567890' %}\n" + "word " * 1_500 + "\n{% endfor %}")
    finding = one(long, "size")
    assert finding.text.startswith("the HTML part has 15")
    assert "Gmail cuts after 100 KB" in finding.text


def test_copy_that_keeps_other_emails_waiting_is_found() -> None:
    look = Look(own(), writer(), {})
    letter = next(it for it in letters_of(look) if isinstance(it, Written))
    assert list(slow(look, replace(letter, took=1.0))) == []
    (spot,) = slow(look, replace(letter, took=4.7))
    assert (spot.file, spot.line) == ("body.md", 1)
    assert spot.text.startswith("one such email takes 4.7 s to write, and all behind it wait")


# -- the layout


def laid_out(tmp_path: Path, file: str, old: str, new: str) -> list[Finding]:
    """What is found with a layout in which ``old`` is ``new``."""
    (tmp_path / "_layout").mkdir()
    source = (shelf().root / "_layout" / file).read_text()
    assert old in source
    (tmp_path / "_layout" / file).write_text(source.replace(old, new, 1))
    there = Shelf(tmp_path)
    return lint(there.built_in["succeeded"], Writer(there, RINGBACK))


def test_words_that_are_hard_to_read_are_found_in_both_modes(tmp_path: Path) -> None:
    findings = laid_out(tmp_path, "style.css", "color: #1f2933", "color: #b0b8c0")
    assert findings[0].rule == "contrast"
    assert findings[0].file == "_layout/style.css"
    assert re.search(
        r"“.+” has #b0b8c0 on #ffffff in light mode: contrast 2\.0:1, and 4\.5:1 is the least",
        findings[0].text,
    )


def test_dark_mode_is_looked_at_too(tmp_path: Path) -> None:
    findings = laid_out(
        tmp_path, "style.css", ".card { background: #1c1f22", ".card { background: #eee"
    )
    assert [it.rule for it in findings] == ["contrast"]
    assert "in dark mode" in findings[0].text


@pytest.mark.parametrize(
    ("file", "old", "new", "rule", "text"),
    [
        ("layout.html", ' lang="{{ lang }}"', "", "lang", '<html> needs lang="{{ lang }}"'),
        ("layout.html", ' dir="{{ dir }}"', "", "lang", '<html> needs dir="{{ dir }}"'),
        ("layout.html", "{{ body }}", '{{ body }}<img src="https://x.example/p.gif">', "remote",
         "https://x.example/p.gif: mail programs block it"),
        ("layout.html", "</body>", "<script>1</script></body>", "remote", "<script>: mail"),
        ("style.css", "body {", "body { background-image: url(https://x.example/b.png);", "remote",
         "url(https://x.example/b.png): mail programs"),
        ("footer.md", "Job id: {{ job_ids }}", "Bye", "job-id",
         "the HTML part doesn't name the job's id"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_layout_is_found(
    tmp_path: Path, file: str, old: str, new: str, rule: str, text: str
) -> None:
    findings = [it for it in laid_out(tmp_path, file, old, new) if it.rule == rule]
    assert findings[0].level == "error"
    assert findings[0].text.startswith(text)


def test_contrast_is_reckoned_as_the_guidelines_do() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert ratio("#1d5c56", "#ffffff") == pytest.approx(ratio("#ffffff", "#1d5c56"))


def test_the_background_is_that_of_the_nearest_around() -> None:
    page = (
        '<body style="background: #fff; color: #000"><div style="background-color: black">'
        '<p style="color: #333">in the dark</p></div><p>fine</p>'
        '<p style="display: none; color: #fff">hidden</p></body>'
    )
    assert [(it.words, it.background) for it in pale(page)] == [("in the dark", "#000000")]


def test_a_rule_for_dark_mode_counts_by_how_special_it_is() -> None:
    style = (
        "<style>@media (prefers-color-scheme: dark) { .card a.button { color: #000 !important }"
        " a { color: #fff !important } .card { background: #000 !important } }</style>"
    )
    page = f'{style}<div class="card"><a>fine</a><a class="button">black</a></div>'
    assert [(it.words, it.dark) for it in pale(page) if it.dark] == [("black", True)]


# -- fixtures


def test_each_kind_of_job_is_tried() -> None:
    unit = own("partial", {"fixtures/rtl.json": None})
    [finding] = [it for it in lint(unit, writer()) if it.rule == "fixtures"]
    assert finding.text == "fixtures/rtl.json is missing: words that are written from right to left"
    assert len(KINDS) == 6


def test_a_unit_without_a_typical_fixture_is_an_error() -> None:
    finding = one({"fixtures/typical.json": None}, "fixtures")
    assert (finding.level, finding.text) == (
        "error", "fixtures/typical.json is missing: a job as most are",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"state": "running"},
            "state “running” isn't one of failed, partial, cancelled, succeeded",
        ),
        ({"state": "succeeded"}, "this job would get “succeeded”, not “partial”"),
        ({"id": ""}, "a job has no id"),
    ],
)
def test_a_fixture_has_a_job_that_the_message_could_tell_of(
    changes: dict[str, Any], text: str
) -> None:
    findings = [it for it in found(fixture(**changes)) if it.rule == "fixture"]
    assert (findings[0].file, findings[0].level) == ("fixtures/typical.json", "error")
    assert any(it.text.startswith(text) for it in findings)


def test_a_fixture_is_of_the_type_that_the_copy_is_for() -> None:
    unit = replace(own("partial", fixture(type="a.b")), name="partial.csv.import")
    told = [it for it in lint(unit, writer()) if it.rule == "fixture"]
    assert [(it.level, it.text) for it in told] == [
        ("warning", "this job is a “a.b”, and the copy is for “csv.import”")
    ]


def test_a_fixture_has_as_many_jobs_as_the_message_tells_of() -> None:
    sample = json.loads(own("digest").files["fixtures/typical.json"])
    sample["views"] = sample["views"][:1]
    told = found({"fixtures/typical.json": json.dumps(sample)}, "digest")
    assert any(it.text == "1 jobs; this message tells of two jobs or more" for it in told)


@pytest.mark.parametrize(
    ("text", "line"), [('{\n"views": [,]}', 2), ("[]", 1), ('{"views": 7}', 1), ("", 1)]
)
def test_a_fixture_that_is_none_is_told_with_its_line(text: str, line: int) -> None:
    findings = found({"fixtures/long.json": text})
    assert [(it.file, it.line, it.level) for it in findings] == [
        ("fixtures/long.json", line, "error")
    ]


def test_too_many_fixtures_are_not_all_looked_at() -> None:
    typical = own().files["fixtures/typical.json"]
    more: dict[str, str | None] = {f"fixtures/more-{n}.json": typical for n in range(30)}
    finding = one(more, "fixtures")
    assert finding.text == "36 fixtures; only the first 24 are looked at"


@pytest.mark.parametrize("views", ["x", [1], [{"state": "failed", "id": 7}], [{}], [None]])
def test_no_fixture_breaks_the_check(views: Any) -> None:
    sample = json.dumps({"views": views, "reader": {"id": "u", "email": "a@example.com"}})
    findings = found({"fixtures/typical.json": sample})
    assert findings
    assert {it.file for it in findings if it.level == "error"} == {"fixtures/typical.json"}


def test_messages_are_all_looked_at() -> None:
    assert {name for name in shelf().built_in if "." not in name} == set(MESSAGES)
