"""Letters in the languages of their readers: which one, how well, and that nothing is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from letters.extract import faults, messages, template, updated, written
from letters.fixture import sample_of
from letters.language import LOCALES, Languages, locale_of, number_of, translatable
from letters.people import Sender
from letters.phrases import Speaker
from letters.prose import plain
from letters.render import Parts
from letters.sentences import FROM_JOBS, Count, Sentence
from letters.shelf import Shelf
from letters.writer import Writer
from tests.test_letter import error, problem, view

SENDER = Sender("Ringback <no-reply@example.com>", "https://jobs.example.com", "help@example.com")
TAGS = ("de", "fr", "es", "ja", "ar")
KINDS = ("typical", "zero", "partial", "rtl")
NUMBERS = (0, 1, 2, 3, 5, 11, 100)
_MARKS = re.compile("[\\s\u200f\u2068\u2069]")


@cache
def shelf() -> Shelf:
    return Shelf()


UNITS = sorted(shelf().built_in)
FOLDER = shelf().root / LOCALES


@cache
def letter(unit: str, kind: str, tag: str) -> Parts:
    """A built-in letter to a reader of this language."""
    draft = sample_of(shelf().whole(shelf().built_in[unit]), kind)
    reader = replace(draft.reader, locale=tag, stop="https://jobs.example.com/unsubscribe/x")
    return Writer(shelf(), SENDER).parts(replace(draft, reader=reader))


def told(tag: str, own: Shelf | None = None, **changes: Any) -> Parts:
    """The letter about a job with these changes."""
    draft = sample_of(shelf().built_in["partial"])
    writer = Writer(own or shelf(), SENDER)
    state = changes.pop("state", "partial")
    reader = replace(draft.reader, locale=tag, timezone="UTC")
    return writer.parts(writer.draft([view(state, **changes)], reader))


def of_the_docs() -> str:
    """The example of docs/languages.md."""
    page = (Path(__file__).parents[1] / "docs" / "languages.md").read_text("utf-8")
    return page.partition("```po\n")[2].partition("```")[0]


def tight(text: str) -> str:
    """Without what may stand between words: lines may be broken anywhere."""
    return _MARKS.sub("", text).casefold()


def leaves(value: object) -> Iterator[str]:
    """Every text within a view."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.values() for text in leaves(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in leaves(each))


@cache
def english() -> tuple[str, ...]:
    """The words of ours between the places for values, where they are long enough to be known."""
    texts = [
        it
        for found, _ in messages(shelf())
        for it in ([found] if isinstance(found, str) else found)
    ]
    pieces = (piece for text in texts for piece in re.split(r"\{\{.*?\}\}|\{\w+\}|\]\(.*?\)", text))
    return tuple({tight(piece) for piece in pieces if len(tight(piece)) > 7})


# -- each letter in each language


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tag", TAGS)
def test_a_letter_is_in_one_language_but_for_what_its_job_says(unit: str, tag: str) -> None:
    for kind in KINDS:
        parts = letter(unit, kind, tag)
        text = tight(" ".join((parts.subject, parts.preheader, parts.text)))
        views = sample_of(shelf().built_in[unit], kind).views
        for leaf in sorted(leaves(list(views)), key=len, reverse=True):
            text = text.replace(tight(leaf).rstrip(".。"), "") if len(leaf) > 3 else text
        assert [piece for piece in english() if piece in text] == [], (unit, kind)
        assert parts.language == tag


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tag", ["en", *TAGS])
def test_a_letter_says_in_which_language_and_direction_it_is(unit: str, tag: str) -> None:
    page = letter(unit, "typical", tag).html
    direction = "rtl" if tag == "ar" else "ltr"
    assert f'<html lang="{tag}" dir="{direction}">' in page
    # again within: Gmail shows the body's content only
    assert re.search(rf'<div role="article"[^>]* lang="{tag}" dir="{direction}"', page)


@pytest.mark.parametrize("tag", ["en", *TAGS])
def test_the_counts_of_a_letter_add_up_in_each_language(tag: str) -> None:
    parts = told(tag, succeeded=1204, failed=3, skipped=11)
    for number in (1204, 3, 11):
        shown = number_of(number, locale_of(tag))
        assert re.search(rf"(?<!\d){re.escape(shown)}(?!\d)", parts.subject), parts.subject
        assert shown in parts.text.replace("\u00a0", " ") or shown in parts.text


@pytest.mark.parametrize("tag", TAGS)
def test_every_count_has_its_plural_form_with_its_number(tag: str) -> None:
    speaker = Speaker(shelf().languages.all[tag], tag)
    pairs = [it.value for it in Count]
    pairs += [pair for words in shelf().words.values() for pair in words.pairs]
    for one, many in pairs:
        for number in NUMBERS:
            said = plain(speaker.counted(one, many, number, unit="rows", headline="X"))
            assert "{" not in said, said
            assert "rows" not in said, said
            named = str(number) in said or number < 3  # "صف واحد" needs no 1
            assert named, said


def test_arabic_has_its_six_forms_and_french_says_nought_in_the_singular() -> None:
    def rows(tag: str) -> list[str]:
        speaker = Speaker(shelf().languages.all[tag], tag)
        forms = (speaker.counted("{n} row was added", "{n} rows were added", n) for n in NUMBERS)
        return [plain(form) for form in forms]

    assert rows("ar") == [
        "لم يُضَف أي صف", "أُضيف صف واحد", "أُضيف صفان", "أُضيفت 3 صفوف", "أُضيفت 5 صفوف",
        "أُضيف 11 صفًا", "أُضيف 100 صف",
    ]  # fmt: skip
    assert rows("fr")[:3] == ["0 ligne ajoutée", "1 ligne ajoutée", "2 lignes ajoutées"]
    assert rows("de")[:3] == ["0 Zeilen hinzugefügt", "1 Zeile hinzugefügt", "2 Zeilen hinzugefügt"]
    assert len(set(rows("ja"))) == len(NUMBERS)


def test_french_has_its_blanks_before_high_marks_and_german_its_quotes() -> None:
    french = (FOLDER / "fr.po").read_text("utf-8")
    assert not re.search(r'msgstr.*[^\s"] [:;!?]', french)
    assert "«\u00a0" in french
    assert re.search("„{label}“", (FOLDER / "de.po").read_text("utf-8"))


def test_words_from_left_to_right_are_kept_apart_in_an_arabic_letter() -> None:
    trouble = problem(3, "3 rows have no ID", action="Give each an ID", examples=["line 2"])
    parts = told("ar", succeeded=2, failed=3, problems=[trouble])
    assert parts.subject.startswith("\u2068Import of customers.csv\u2069: ")
    for part in (parts.text, parts.preheader):
        assert "\u20683 rows have no ID. Give each an ID.\u2069" in part
    assert re.search("معرّف المهمة: \u20681f-[-0-9a-f]+\u2069", parts.text)


def test_numbers_times_and_lists_are_as_people_of_the_language_write_them() -> None:
    parts = told("de-AT", succeeded=1204567, failed=3, skipped=1)
    whole = " ".join(parts.text.split())
    assert "1.204.567 Zeilen hinzugefügt, 3 Zeilen abgelehnt und 1 Zeile" in whole
    swiss = " ".join(told("de-CH", succeeded=1204, failed=1).text.split())
    assert "1\u2019204 Zeilen hinzugefügt und 1 Zeile abgelehnt" in swiss
    assert "Beendet: 12.07.2026, 14:03 UTC." in parts.text
    assert "終了\uff1a2026/07/12 14:03 UTC" in told("ja", succeeded=1, failed=1).text


# -- which language


def test_a_reader_gets_the_nearest_language_that_there_is(tmp_path: Path) -> None:
    (tmp_path / LOCALES).mkdir()
    for tag in ("pt", "zh-Hant", "es-419", "sr", "pt-PT"):
        (tmp_path / LOCALES / f"{tag}.po").write_text(
            'msgid ""\nmsgstr ""\n\nmsgid "Done"\nmsgstr "D"\n'
        )
    best = Languages([shelf().root, tmp_path]).best
    wanted = {
        "de": "de", "de-AT": "de", "DE_ch": "de", "pt-BR": "pt", "pt-AO": "pt-PT",
        "es-MX": "es-419",
        "es-ES": "es", "zh-TW": "zh-Hant", "zh-Hant-HK": "zh-Hant", "ar-EG": "ar", "ja-JP": "ja",
        "zh-CN": "en", "sr-Latn-RS": "en", "sr-RS": "sr", "xx": "en", "": "en", "en-GB": "en",
        "nobody knows": "en",
    }  # fmt: skip
    assert {tag: best(tag).tag for tag in wanted} == wanted


def test_a_letter_that_is_not_in_the_readers_language_keeps_their_numbers() -> None:
    parts = told("pl-PL", succeeded=12045, failed=3)
    assert parts.language == "en"
    assert parts.subject == "Import of customers.csv: 12\u00a0045 added, 3 rejected"


def test_a_job_type_whose_words_nobody_translated_is_told_in_english(tmp_path: Path) -> None:
    (tmp_path / "_layout").mkdir()
    (tmp_path / "_layout" / "words.toml").write_text(
        '["greet"]\n'
        'succeeded = ["{n} greeted", "{n} person was greeted", "{n} people were greeted"]\n'
    )
    own = Shelf(tmp_path)
    assert told("de", own, type="greet", succeeded=2, failed=1).language == "en"
    (tmp_path / LOCALES).mkdir()
    (tmp_path / LOCALES / "de.po").write_text(
        'msgid "{n} greeted"\nmsgid_plural "{n} greeted"\n'
        'msgstr[0] "{n} begrüßt"\nmsgstr[1] "{n} begrüßt"\n\n' + of_the_docs()
    )
    parts = told("de", Shelf(tmp_path), type="greet", succeeded=2, failed=1)
    assert parts.subject == "Import of customers.csv: 2 begrüßt, 1 fehlgeschlagen"
    assert "2 Personen begrüßt und 1 Element fehlgeschlagen" in parts.text


def test_what_a_job_says_is_translated_where_a_catalog_has_just_that(tmp_path: Path) -> None:
    cause = error("input", "The file is empty", "Send another")
    assert "The file is empty." in told("fr", state="failed", error=cause).text
    (tmp_path / LOCALES).mkdir()
    (tmp_path / LOCALES / "fr.po").write_text(
        'msgid "The file is empty"\nmsgstr "Le fichier est vide"\n'
    )
    parts = told("fr", Shelf(tmp_path), state="failed", error=cause)
    assert parts.subject == "Import of customers.csv a échoué\u00a0: Le fichier est vide"
    assert "Send another." in parts.text


def test_an_own_file_in_a_language_is_enough_for_it_and_an_unknown_badge_is_left_out(
    tmp_path: Path,
) -> None:
    unit = tmp_path / "partial"
    unit.mkdir()
    for file in ("subject.txt", "preheader.txt", "body.md"):
        stem, end = file.split(".")
        (unit / file).write_text("In English: {{ job.headline }}\n")
        (unit / f"{stem}.de.{end}").write_text("Auf Deutsch: {{ job.headline }}\n")
    built_in = shelf().built_in["partial"].text("message.toml")
    (unit / "message.toml").write_text(built_in.replace('"Partly done"', '"Have a look"'))
    own = Shelf(tmp_path)
    german, french = (told(tag, own, succeeded=1, failed=1) for tag in ("de", "fr"))
    assert german.subject.startswith("Auf Deutsch: Import of customers.csv: 1 hinzugefügt")
    assert "Have a look" not in german.html
    assert french.subject.startswith("In English")
    assert "Have a look" in french.html


def test_the_letter_of_last_resort_is_in_the_readers_language_too() -> None:
    writer, draft = Writer(shelf(), SENDER), sample_of(shelf().built_in["partial"])
    trouble = problem(3, "3 rows have no ID", examples=["line 2", "line 3"])
    job_view = view(
        "failed", failed=3, problems=[trouble], error=error("system", "A machine stopped")
    )
    reader = replace(draft.reader, locale="fr-CA", stop="https://jobs.example.com/unsubscribe/x")
    parts = writer.plain_parts(writer.draft([job_view], reader))
    assert parts.subject == "Import of customers.csv a échoué\u00a0: 3 lignes rejetées"
    for fact in (
        "Référence\u00a0: r-7f3a", "Voir cette tâche\u00a0: https://jobs.example.com/?job=",
        "Par exemple\u00a0: line 2\u00a0; line 3", "Ne plus recevoir ces e-mails\u00a0: https://",
        "Identifiant de la tâche\u00a0: ", "Questions\u00a0: help@example.com",
    ):  # fmt: skip
        assert fact in parts.text
    both = writer.plain_parts(writer.draft([job_view, job_view], reader))
    assert both.subject.startswith("2 tâches terminées\u00a0; d\u2019abord")


# -- the catalogs


def test_the_template_for_translators_has_all_that_letters_say() -> None:
    wanted = written(template(list(messages(shelf()))))
    assert (FOLDER / "messages.pot").read_text("utf-8") == wanted, "run `make messages`"
    for text in ("{title}: {tally}", "You don't need to do anything.", "Partly done", *Sentence):
        assert f'msgid "{text}"'.replace("\n", "") in wanted


@pytest.mark.parametrize("tag", TAGS)
def test_each_catalog_is_complete_and_as_the_tool_writes_it(tag: str) -> None:
    path, wanted = FOLDER / f"{tag}.po", template(list(messages(shelf())))
    assert faults(path, wanted) == []
    assert path.read_text("utf-8") == updated(path, template(list(messages(shelf()))))


def test_what_jobs_are_known_to_say_is_what_they_say() -> None:
    home = Path(__file__).parents[1]
    files = ("ringback/failure.py", "ringback/job.py", "tasks/csv_import.py")
    sources = "".join((home / file).read_text("utf-8") for file in files)
    sources = re.sub(r'"\n\s+"', "", sources)
    assert [
        text for text in FROM_JOBS if "could be processed" not in text and text not in sources
    ] == []


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ('msgid "Done: {{ job.account }}."\nmsgstr ""', "isn't translated"),
        (
            '#, fuzzy\nmsgid "Done: {{ job.account }}."\nmsgstr "Fertig: {{ job.account }}."',
            "fuzzy",
        ),
        ('msgid "Done: {{ job.account }}."\nmsgstr "Fertig."', "lacks {{job.account}}"),
        (
            'msgid "Done: {{ job.account }}."\nmsgstr "Fertig: {{ job.account|upper }}."',
            "lacks {{job.account}}",
        ),
        (
            'msgid "Done: {{ job.account }}."\nmsgstr "Fertig: {{ job.account }} {{ job.id }}."',
            "has {{job.id}} too much",
        ),
        (
            'msgid "{n} row"\nmsgid_plural "{n} rows"\nmsgstr[0] "{n} Zeile"\nmsgstr[1] ""',
            "has 1 of 2 plural forms",
        ),
        (
            'msgid "{n} row"\nmsgid_plural "{n} rows"\nmsgstr[0] "eine"\nmsgstr[1] "{m} Zeilen"',
            "has {m} too much",
        ),
        (
            'msgid "{n} row"\nmsgid_plural "{n} lines"\nmsgstr[0] "eine"\nmsgstr[1] "{n} Zeilen"',
            "isn't the same pair",
        ),
    ],
)
def test_a_fault_in_a_catalog_is_named_with_its_line(
    tmp_path: Path, told: str, reason: str
) -> None:
    path = tmp_path / "de.po"
    path.write_text(f"{told}\n")
    source = "Done: {{ job.account }}." if "Done" in told else ("{n} row", "{n} rows")
    found = faults(path, template([(source, "body.md")]))
    assert len(found) == 1
    assert reason in found[0]
    line = next(n for n, text in enumerate(told.splitlines(), 1) if text.startswith("msgid"))
    assert found[0].startswith(f"{path}:{line}: ")


def test_a_translation_may_leave_out_the_number_and_give_plural_its_own_words(
    tmp_path: Path,
) -> None:
    path = tmp_path / "de.po"
    path.write_text(
        'msgid "{n} row"\nmsgid_plural "{n} rows"\n'
        'msgstr[0] "eine Zeile"\nmsgstr[1] "{n} Zeilen"\n\n'
        'msgid "{{ n|number }} {{ n|plural(\\"job\\", \\"jobs\\") }}"\n'
        'msgstr "{{ n|plural(\\"Auftrag\\", \\"Aufträge\\") }}: {{ n|number }}"\n'
    )
    source = '{{ n|number }} {{ n|plural("job", "jobs") }}'
    assert faults(path, template([(("{n} row", "{n} rows"), "a"), (source, "b")])) == []


def test_bringing_a_catalog_up_to_date_keeps_what_is_said_and_drops_the_rest(
    tmp_path: Path,
) -> None:
    path = tmp_path / "de.po"
    path.write_text('msgid "Old"\nmsgstr "Alt"\n\nmsgid "Kept"\nmsgstr "Bleibt"\n')
    wanted = [("Kept", "a"), ("New words", "a")]
    path.write_text(updated(path, template(wanted)))
    now = path.read_text()
    assert 'msgid "Kept"\nmsgstr "Bleibt"' in now
    assert 'msgid "New words"\nmsgstr ""' in now
    assert "Alt" not in now
    assert updated(path, template(wanted)) == now


def test_a_text_that_is_said_alone_and_in_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match=r"words\.toml: “1 row” is said alone"):
        template([("1 row", "body.md"), (("1 row", "{n} rows"), "words.toml")])


def test_plural_forms_may_be_numbered_as_the_catalog_says(tmp_path: Path) -> None:
    (tmp_path / LOCALES).mkdir()
    (tmp_path / LOCALES / "fr.po").write_text(
        'msgid ""\nmsgstr ""\n'
        '"Plural-Forms: nplurals=3; plural=n>1 ? (n==1000000 ? 2 : 1) : 0;\\n"\n\n'
        'msgid "{n} a"\nmsgid_plural "{n} b"\nmsgstr[0] "un"\nmsgstr[1] "des"\nmsgstr[2] "de"\n'
    )
    french = Languages([tmp_path]).all["fr"]
    assert [french.count("{n} a", "{n} b", number) for number in (0, 1, 2)] == ["un", "un", "des"]


def test_a_catalog_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / LOCALES).mkdir()
    (tmp_path / LOCALES / "de.po").write_text('msgid "a"\nmsgstr "b"\nnonsense\n')
    with pytest.raises(ValueError, match=r"de\.po:3: "):
        Languages([tmp_path])


def test_a_line_of_copy_ends_where_jinja_ends_it() -> None:
    found = translatable("One\u2028line\n\nAnother\x0cone")
    assert [(line.number, line.text) for line in found] == [
        (1, "One\u2028line"),
        (3, "Another\x0cone"),
    ]
    shelf().languages.best("ar").template("\u2028One\n\x0cTwo")
