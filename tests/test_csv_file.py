"""Reading whatever people call a CSV file."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.errors import InputError
from tasks.csv_file import CELL_LIMIT, CsvFile, open_csv, shown

DATA = Path(__file__).parent / "data"
TEXT = "id,name\n1,Zoë\n2,Łukasz\n"


def opened(path: Path, content: bytes | str) -> CsvFile:
    path = path / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_csv(path, path.name)


def refused(path: Path, content: bytes | str) -> InputError:
    with pytest.raises(InputError) as caught:
        list(opened(path, content).records())
    error = caught.value
    assert error.field == "file"
    assert error.value == "people.csv"
    assert error.action
    return error


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_unicode_is_read_with_and_without_a_byte_order_mark(
    tmp_path: Path, encoding: str, found: str
) -> None:
    source = opened(tmp_path, TEXT.encode(encoding))
    assert source.encoding == found
    assert source.columns == ("id", "name")
    assert list(source.records()) == [(2, ["1", "Zoë"]), (3, ["2", "Łukasz"])]


def test_big_endian_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    source = opened(tmp_path, b"\xfe\xff" + TEXT.encode("utf-16-be"))
    assert [values for _, values in source.records()] == [["1", "Zoë"], ["2", "Łukasz"]]


def test_a_windows_file_with_semicolons_is_read() -> None:
    source = open_csv(DATA / "csv_windows_semicolon.csv", "windows.csv")
    assert (source.encoding, source.delimiter_name) == ("cp1252", "semicolon")
    assert [values[1] for _, values in source.records()] == ["José", "Zoë €"]


def test_bytes_that_windows_1252_lacks_make_it_latin_1(tmp_path: Path) -> None:
    assert opened(tmp_path, b"id,name\n1,a\x81b\n").encoding == "latin-1"


def test_an_accent_far_down_in_the_file_decides_the_encoding(tmp_path: Path) -> None:
    rows = b"1,plain\n" * 300_000
    assert opened(tmp_path, b"id,name\n" + rows + b"2,Jos\xe9\n").encoding == "cp1252"


def test_one_broken_byte_in_utf_8_is_an_error_and_not_another_encoding(tmp_path: Path) -> None:
    error = refused(tmp_path, "id,name\n1,Zoë\n2,Jos".encode() + b"\xe9\n")
    assert "e9 0a after “id,name 1,Zoë 2,Jos”" in error.message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "id,name,price\n1,Ann; Bob|Cy,2\n3,Di,4\n"
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(csv.reader(io.StringIO(text)))
    source = opened(tmp_path, buffer.getvalue())
    assert source.delimiter == delimiter
    assert [values for _, values in source.records()] == [
        ["1", "Ann; Bob|Cy", "2"],
        ["3", "Di", "4"],
    ]


def test_decimal_commas_dont_hide_the_semicolons(tmp_path: Path) -> None:
    assert opened(tmp_path, "name;price\nAnn;1,5\nBob;2,5\n").delimiter == ";"


def test_excels_separator_line_is_understood_and_counted(tmp_path: Path) -> None:
    source = opened(tmp_path, "sep=|\r\nid|name\r\n1|a,b\r\n")
    assert (source.delimiter, source.columns) == ("|", ("id", "name"))
    assert list(source.records()) == [(3, ["1", "a,b"])]


def test_a_single_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert list(opened(tmp_path, "name\nAnn\n").records()) == [(2, ["Ann"])]


def test_a_record_has_the_line_it_starts_on() -> None:
    source = open_csv(DATA / "csv_quoted_newline.csv", "notes.csv")
    assert [(line, values[0]) for line, values in source.records()] == [(2, "1"), (4, "2")]


def test_blank_lines_are_no_records_but_count_as_lines(tmp_path: Path) -> None:
    assert list(opened(tmp_path, "\nid,a\n\n1,2\n\n\n3,4\n").records()) == [
        (4, ["1", "2"]),
        (7, ["3", "4"]),
    ]


def test_old_mac_line_ends_are_read(tmp_path: Path) -> None:
    assert list(opened(tmp_path, "id,a\r1,2\r3,4\r").records()) == [
        (2, ["1", "2"]),
        (3, ["3", "4"]),
    ]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "  \r\n "])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    assert refused(tmp_path, content).message == "people.csv is empty."


def test_a_header_alone_has_an_error_of_its_own(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,name\n")
    assert list(source.records()) == []
    assert source.without_rows().message == "people.csv has column names but no rows."


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (",,", "The first line has no column names."),
        ("id,,name", "Column 2 has no name."),
        ("id,Name,name ", "2 columns are called “Name”."),
        ("17,4.5", "The first line looks like a row, not like column names: it has “17”."),
        (
            "Ann,ann@example.com",
            "The first line looks like a row, not like column names: it has “ann@example.com”.",
        ),
        (
            ",".join(f"c{i}" for i in range(2_001)),
            "The file has 2,001 columns, and a table can have 2,000.",
        ),
    ],
)
def test_a_header_that_names_no_columns_is_refused(
    tmp_path: Path, header: str, message: str
) -> None:
    assert refused(tmp_path, f"{header}\n1,2,3\n").message == message


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x" * 500)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (zipped("xl/workbook.xml"), "an Excel workbook (.xlsx)"),
        (zipped("content.xml"), "an OpenDocument file (.ods)"),
        (zipped("readme.txt"), "a ZIP archive"),
        (b"PK\x03\x04 cut off", "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "an Excel workbook (.xls)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "a PNG image"),
        (b"%PDF-1.7\n", "a PDF document"),
        (bytes(range(32)) * 64, "a binary file"),
    ],
)
def test_another_format_is_named_with_the_way_out(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    error = refused(tmp_path, content)
    assert error.message == f"people.csv is {kind}, not a CSV file."
    assert "save it as CSV (UTF-8)" in error.action


def test_a_nul_byte_is_told_with_its_line(tmp_path: Path) -> None:
    text = "id,name\n" + "1,Ann\n" * 100 + "2,B\0b\n"
    assert refused(tmp_path, text).message.startswith("Line 102 of people.csv has a NUL byte")


def test_a_quote_left_open_is_told_with_the_line_it_opened_on(tmp_path: Path) -> None:
    error = refused(tmp_path, 'id,name\n1,Ann\n2,"Bob\n3,Cy\n4,Di\n')
    assert error.message == (
        "A quote opened in the row that starts on line 3 of people.csv is never closed."
    )


def test_text_after_a_closing_quote_is_told_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, 'id,name\n1,"Ann" Lee\n')
    assert "starts on line 2 of people.csv has text right after a closing quote" in error.message


def test_a_value_over_the_limit_is_told_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, f"id,name\n1,Ann\n2,{'x' * (CELL_LIMIT + 1)}\n")
    assert error.message == (
        "A value that starts on line 3 of people.csv is longer than 1,048,576 characters."
    )


def test_a_value_at_the_limit_is_read(tmp_path: Path) -> None:
    ((_, values),) = opened(tmp_path, f"id,name\n1,{'x' * CELL_LIMIT}\n").records()
    assert len(values[1]) == CELL_LIMIT


def test_an_endless_line_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id,name\n" + b"x" * 40_000_000)
    tracemalloc.start()
    with pytest.raises(InputError, match="a line of more than 8,388,608 characters"):
        open_csv(path, path.name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000_000


def test_the_columns_of_a_rejected_rows_file_are_ignored(tmp_path: Path) -> None:
    source = opened(
        tmp_path,
        "id,name,ringback_line,ringback_reason,ringback_action\n"
        "1,Ann,7,why,what\n"  # as written
        "2,7,why,what\n"  # a row that had too few values, as it came
        "3,Cy,x,7,why,what\n",  # and one with too many
    )
    assert source.columns == ("id", "name")
    assert [values for _, values in source.records()] == [["1", "Ann"], ["2"], ["3", "Cy", "x"]]


def test_marker_columns_moved_by_hand_are_ignored_too(tmp_path: Path) -> None:
    source = opened(
        tmp_path, "Ringback_Line,id,ringback_reason,name,ringback_action\n7,1,why,Ann,what\n"
    )
    assert [values for _, values in source.records()] == [["1", "Ann"]]


def test_a_shown_value_fits_a_sentence() -> None:
    assert shown(" a\nb\x1b[31m ") == "a b [31m"
    assert shown("x" * 61) == "x" * 60 + "…"


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "utf-16"]))
def test_whatever_python_writes_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    encoding: str,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "people.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([["id", "name", "note"], *rows])
    source = CsvFile(path, path.name, encoding, delimiter, ("id",), ("id",))
    assert [values for _, values in source.records()] == rows


def test_half_a_character_at_the_end_is_told_with_what_lies_before_it(tmp_path: Path) -> None:
    text = b"\xff\xfe" + "id".encode("utf-16-le") + b"\n"
    assert "the byte 0a after “id” doesn't belong to it" in refused(tmp_path, text).message
