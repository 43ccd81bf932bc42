"""The page on metrics lists exactly those there are, and says of each what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cellenhance.metrics.registry import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
COLUMNS = ("name", "formula", "range", "unit", "undefined", "averaging", "source")


def test_the_page_lists_every_metric_once_in_order() -> None:
    assert [row[0].strip("`") for row in ROWS] == list(METRICS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_what_the_page_says_of_a_metric_is_so(row: list[str]) -> None:
    said = dict(zip(COLUMNS, row, strict=True))
    metric = METRICS[said["name"].strip("`")]
    assert said["range"].endswith(f", {metric.direction}")
    assert said["unit"] == metric.unit
    assert said["averaging"] == ("pooled, mean" if metric.pool else "mean")
    assert said["formula"]
    assert said["undefined"]


def test_the_page_names_no_metric_that_there_is_not() -> None:
    named = set(re.findall(r"`([a-z_0-9]+)`", PAGE))
    assert named <= set(METRICS)


def test_readme_links_the_page() -> None:
    assert "docs/reference/metrics.md" in (ROOT / "README.md").read_text(encoding="utf-8")
