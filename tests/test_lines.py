"""Plain text in lines that fit, whatever the script."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from letters.lines import broken, columns


def test_lines_break_at_blanks_and_long_words_stay_whole() -> None:
    assert broken("one two three", 8) == ["one two", "three"]
    assert broken("see https://example.com/a/b", 10) == ["see", "https://example.com/a/b"]
    assert broken("", 10) == [""]


def test_each_line_has_its_margin() -> None:
    assert broken("one two three", 9, "- ", "  ") == ["- one two", "  three"]


def test_japanese_breaks_between_letters_but_not_before_a_full_stop() -> None:
    assert broken("行は三つ追加されました。", 12) == ["行は三つ追加", "されました。"]
    assert broken("行は三つ追加。", 12) == ["行は三つ追", "加。"]
    assert broken("三行「再試行」", 6) == ["三行", "「再試", "行」"]
    assert broken("ファイル customers.csv の行", 14) == ["ファイル", "customers.csv", "の行"]


def test_what_takes_no_room_is_not_counted() -> None:
    assert [columns(text) for text in ("abc", "e\u0301", "\u2068ملف\u2069", "日本")] == [3, 1, 3, 4]


@given(st.text("ab 日本、。「」é\u2068\u2069", max_size=60), st.integers(2, 20))
def test_no_letter_is_lost_and_no_line_is_too_wide_that_could_be_broken(
    text: str, width: int
) -> None:
    lines = broken(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(broken(line, width) == [line] for line in lines)
