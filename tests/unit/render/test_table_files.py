"""Tables as Markdown and LaTeX: structure, and names that would be commands there."""

from __future__ import annotations

import re

import pytest

from cellenhance.render.table_files import escape_latex, escape_markdown, to_latex, to_markdown
from cellenhance.render.tables import Table

TABLE = Table(
    "percent, pooled", ("class", "IoU"), (("cell_1", "50.00 ± 1.00"), ("a & b", "-")), ("n=3",)
)


def test_markdown_has_a_line_a_row_and_the_notes() -> None:
    assert to_markdown([TABLE], "my run").splitlines() == [
        "# my run",
        "",
        "percent, pooled",
        "",
        "| class | IoU |",
        "| --- | ---: |",
        "| cell\\_1 | 50.00 ± 1.00 |",
        "| a & b | - |",
        "",
        "- n=3",
    ]


def test_latex_has_booktabs_rules_and_the_title_as_caption() -> None:
    lines = [line.strip() for line in to_latex([TABLE], "my run").splitlines()]
    assert r"\caption{my run: percent, pooled. N=3.}" in lines
    start = lines.index(r"\begin{tabular}{lr}")
    assert lines[start + 1 : start + 7] == [
        r"\toprule",
        r"class & IoU \\",
        r"\midrule",
        r"cell\_1 & 50.00 $\pm$ 1.00 \\",
        r"a \& b & - \\",
        r"\bottomrule",
    ]


@pytest.mark.parametrize("letter", list("\\&%$#_{}~^"))
def test_no_special_letter_of_latex_survives(letter: str) -> None:
    """Whatever remains of the letter stands in one of our own commands."""
    escaped = escape_latex(f"a{letter}b")
    own = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]", "", escaped)
    assert own == "ab"


def test_a_row_that_begins_with_a_bracket_is_no_option() -> None:
    text = to_latex([Table("t", ("a",), (("[1, 2]",), ("*",)))], "h")
    assert r"    {}[1, 2] \\" in text
    assert r"    {}* \\" in text


def test_a_note_of_several_tables_is_said_once_in_markdown() -> None:
    assert to_markdown([TABLE, TABLE], "h").count("n=3") == 1
    assert to_latex([TABLE, TABLE], "h").count("N=3") == 2


def test_a_cell_cannot_end_its_markdown_row() -> None:
    text = to_markdown([Table("t", ("a", "b"), (("x|y\nz", "<b>"),))], "h")
    assert r"| x\|y z | \<b\> |" in text
    assert escape_markdown("*_ [a](b)") == r"\*\_ [a]\(b)"
