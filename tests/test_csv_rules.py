"""What a row must be, and how it is told what it isn't."""

from __future__ import annotations

import pytest
from email_validator import validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.errors import InputError
from tasks.csv_rules import Kind, Rejection, Rules, looks_plain

COLUMNS = ("ID", "name", "email", "age", "joined")
RULES = Rules(
    COLUMNS,
    key="id",
    required=["name"],
    types={"email": "email", "age": "integer", "joined": "date"},
)


def rejected(*values: str) -> Rejection:
    verdict = RULES.check(17, list(values))
    assert isinstance(verdict, Rejection)
    return verdict


def one_cell(kind: Kind, value: str) -> object:
    verdict = Rules(("id", "v"), types={"v": kind}).check(2, ["1", value])
    return "rejected" if isinstance(verdict, Rejection) else verdict[2]


def test_a_good_row_becomes_what_the_table_stores_after_its_line() -> None:
    row = RULES.check(17, [" 5 ", "Ann", "", "031", "2026-01-31"])
    assert row == [17, "5", "Ann", None, 31, "2026-01-31"]


def test_text_without_rules_keeps_its_spaces() -> None:
    assert Rules(("id", "note")).check(2, ["1", "  a "]) == [2, "1", "  a "]


def test_a_row_with_too_few_values_says_both_counts() -> None:
    rejection = rejected("5", "Ann")
    assert rejection.problem.code == "too_few_values"
    assert rejection.example == "line 17: 2 values instead of 5"


def test_a_row_with_too_many_values_says_both_counts() -> None:
    rejection = rejected("5", "Ann", "", "", "", "")
    assert rejection.problem.code == "too_many_values"
    assert rejection.example == "line 17: 6 values instead of 5"


@pytest.mark.parametrize("values", [("", "", "", "", ""), ("",), (" ", "\t", "", "", "", "")])
def test_a_row_without_any_value_is_skipped(values: tuple[str, ...]) -> None:
    assert rejected(*values).problem.outcome == "skipped"


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_key_is_always_required(blank: str) -> None:
    rejection = rejected(blank, "Ann", "", "", "")
    assert rejection.problem.code == "missing_id"
    assert rejection.problem.message == "{count} rows have no ID"
    assert rejection.problem.one == "1 row has no ID"
    assert rejection.reason == "ID is empty"


def test_a_row_with_several_faults_is_told_all_of_them_at_once() -> None:
    rejection = rejected("5", "", "nobody", "x", "2026-02-30")
    assert rejection.problem.code == "missing_name"
    assert rejection.reason == (
        "name is empty; email “nobody” isn't an email address; age “x” isn't a whole number; "
        "joined “2026-02-30” isn't a date"
    )
    assert "Write joined as year-month-day, like 2026-01-31" in rejection.action


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("integer", "-7", -7),
        ("integer", " 42 ", 42),
        ("integer", "9223372036854775807", 2**63 - 1),
        ("integer", "9223372036854775808", "rejected"),
        ("integer", "1_000", "rejected"),
        ("integer", "\uff15", "rejected"),
        ("integer", "1.0", "rejected"),
        ("number", "1234.5", 1234.5),
        ("number", ".5", 0.5),
        ("number", "-1e3", -1000.0),
        ("number", "1e999", "rejected"),
        ("number", "1,5", "rejected"),
        ("number", "nan", "rejected"),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "2023-02-29", "rejected"),
        ("date", "20240229", "rejected"),
        ("date", "29.02.2024", "rejected"),
        ("email", "ann@example.com", "ann@example.com"),
        ("email", "jörg@müller.example.de", "jörg@müller.example.de"),
        ("email", "ann@localhost", "rejected"),
        ("email", "ann@example", "rejected"),
        ("email", "a..b@example.com", "rejected"),
        ("email", "Ann <ann@example.com>", "rejected"),
        ("email", "a@example.com, b@example.com", "rejected"),
        ("integer", "", None),
        ("date", "  ", None),
    ],
)
def test_typed_values(kind: Kind, value: str, cell: object) -> None:
    assert one_cell(kind, value) == cell


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9_.+@-]{1,20}@[A-Za-z0-9.-]{1,40}", fullmatch=True))
@example("a@b-.com")
@example("a@xn--a.com")
@example("a@b.test")
@example(f"{'a' * 59}@b.de")
def test_what_the_quick_check_accepts_the_library_accepts(address: str) -> None:
    if looks_plain(address):
        validate_email(address, check_deliverability=False)  # raises if not


@given(
    st.from_regex(
        r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9})?@([a-z0-9]{1,9}\.){1,3}(com|org|[a-z]{2})", fullmatch=True
    )
)
def test_usual_addresses_take_the_quick_check_and_are_right(address: str) -> None:
    assert looks_plain(address)
    validate_email(address, check_deliverability=False)  # raises if not


@pytest.mark.parametrize("field", ["key", "required", "types"])
def test_a_column_that_the_file_lacks_is_named_with_the_nearest_one(field: str) -> None:
    wrong = {"key": "emial", "required": ["emial"], "types": {"emial": "email"}}
    with pytest.raises(InputError) as caught:
        Rules(COLUMNS, **{field: wrong[field]})  # type: ignore[arg-type]  # one of three, by name
    assert caught.value.message == "The file has no column “emial”."
    assert caught.value.action == (
        "Did you mean “email”? Its columns are ID, name, email, age, joined."
    )
    assert (caught.value.field, caught.value.value) == (field, "emial")


def test_columns_that_differ_in_signs_only_have_different_codes() -> None:
    rules = Rules(("a b", "a_b", "€"), required=["a b", "a_b", "€"])
    codes = set()
    for values in (["", "x", "x"], ["x", "", "x"], ["x", "x", ""]):
        verdict = rules.check(2, values)
        assert isinstance(verdict, Rejection)
        codes.add(verdict.problem.code)
    assert codes == {"missing_a_b_1", "missing_a_b_2", "missing_column_3"}


def test_many_columns_are_listed_shortly() -> None:
    with pytest.raises(InputError) as caught:
        Rules([f"c{i}" for i in range(30)], key="zzz")
    assert caught.value.action.endswith("c18, c19 and 10 more.")
