"""The file of rejected rows, and the report of what was turned away."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ringback.job import Link
from tasks.csv_file import CsvFile, open_csv
from tasks.csv_rejected import Rejections, Report, harmless
from tasks.csv_rules import EMPTY_ROW, TOO_FEW, TOO_MANY, Rejection


def source_of(path: Path, text: str) -> CsvFile:
    file = path / "people.csv"
    file.write_text(text, encoding="utf-8")
    return open_csv(file, file.name)


def too_few(line: int, reason: str = "1 value instead of 2") -> Rejection:
    return Rejection(line, TOO_FEW, reason, TOO_FEW.action)


def test_rejected_rows_keep_header_values_and_delimiter_as_they_came(tmp_path: Path) -> None:
    source = source_of(tmp_path, 'id; name ;note\n1;"a;b"; x \n')
    with Rejections(tmp_path / "out.csv", source) as rejections:
        rejections.add(Rejection(2, TOO_MANY, "why", "what"), ["=1+1", "a;b", " x "])
    content = (tmp_path / "out.csv").read_bytes().decode("utf-8")
    assert content == (
        "\ufeffid; name ;note;ringback_line;ringback_reason;ringback_action\r\n"
        '=1+1;"a;b"; x ;2;why;what\r\n'
    )


def test_a_short_row_is_filled_up_so_that_the_added_columns_stay_in_place(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n1\n")
    with Rejections(tmp_path / "out.csv", source) as rejections:
        rejections.add(too_few(2), ["1"])
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines())
    assert (row["id"], row["name"], row["ringback_line"]) == ("1", "", "2")
    assert row["ringback_reason"] == "1 value instead of 2"


def test_the_file_of_rejected_rows_can_be_imported_again(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n1,Ann\n")
    with Rejections(tmp_path / "out.csv", source) as rejections:
        rejections.add(Rejection(2, TOO_MANY, "why", "what"), ["1", "Ann\nLee"])
    again = open_csv(tmp_path / "out.csv", "out.csv")
    assert again.columns == ("id", "name")
    assert [values for _, values in again.records()] == [["1", "Ann\nLee"]]


def test_no_file_is_made_for_skipped_rows(tmp_path: Path) -> None:
    with Rejections(tmp_path / "out.csv", source_of(tmp_path, "id\n1\n")) as rejections:
        rejections.add(Rejection(2, EMPTY_ROW, "every value is empty", ""), [""])
    assert not (tmp_path / "out.csv").exists()
    assert rejections.report().count("skipped") == 1


@pytest.mark.parametrize("start", ["=cmd", "+1", "-1", "@SUM", "\tx", "\rx", "\nx"])
def test_our_own_words_never_start_a_formula(start: str) -> None:
    assert harmless(start) == f"'{start}"


def test_a_column_called_like_a_formula_makes_no_formula_of_a_reason(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n1,Ann\n")
    with Rejections(tmp_path / "out.csv", source) as rejections:
        rejections.add(too_few(2, "=HYPERLINK() is empty"), ["1"])
    assert ",'=HYPERLINK() is empty," in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")


def test_a_report_groups_equal_problems_and_keeps_a_few_examples(tmp_path: Path) -> None:
    with Rejections(tmp_path / "out.csv", source_of(tmp_path, "id,name\n1,2\n")) as rejections:
        for line in range(2, 12):
            rejections.add(too_few(line), ["1"])
        rejections.add(Rejection(12, EMPTY_ROW, "every value is empty", ""), ["", ""])
    report = rejections.report()
    assert (report.count("failed"), report.count("skipped")) == (10, 1)
    retold = list(report.retold())
    assert len(retold) == 11
    assert retold[0] == (TOO_FEW, "line 2: 1 value instead of 2")
    assert retold[9] == (TOO_FEW, "")


def test_a_report_survives_being_stored() -> None:
    report = Report((), (Link("Download the 3 rejected rows", "/api/v1/files/x"),))
    assert Report.from_json(report.to_json()) == report
