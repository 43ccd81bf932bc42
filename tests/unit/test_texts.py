"""Texts of others: safe on a terminal, in a spreadsheet, and read back unchanged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cellenhance.texts import csv_cell, from_csv_cell, shown


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert shown("a\x1b]0;title\x07b") == "a\\x1b]0;title\\x07b"
    assert shown("a\nerror: b") == "a\\x0aerror: b"
    assert shown("a\u202egnp.exe") == "a\\u202egnp.exe"  # right-to-left override
    assert shown("a\udcff") == "a\\udcff"  # a byte of a name that is not UTF-8


def test_signs_of_any_script_are_shown_as_they_are() -> None:
    for text in ("µm", "細胞", "a b", "é", "e\u0301", "\U0001f9ec"):
        assert shown(text) == text


@given(st.text())
def test_what_is_shown_is_one_line_that_can_be_encoded(text: str) -> None:
    safe = shown(text)
    assert len(safe.splitlines()) <= 1
    safe.encode("utf-8")
    assert "\x1b" not in safe


def test_a_formula_is_text_to_a_spreadsheet() -> None:
    for text in ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx"):
        assert csv_cell(text) == f"'{text}"
    for text in ("cells_001", "-0.5", "+3", "-inf", "a=b", "'quoted'"):
        assert csv_cell(text) == text
    assert csv_cell(-3) == -3


@given(st.text(alphabet="'=+-@\t\r1a"))
def test_every_text_comes_back_from_its_cell(text: str) -> None:
    assert from_csv_cell(str(csv_cell(text))) == text
