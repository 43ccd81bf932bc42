"""The page of a benchmark: its tables and plots as they stand; nothing is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cellenhance.catalog import load_catalog
from cellenhance.errors import DatasetError
from cellenhance.render.report.citations import find_bibtex
from cellenhance.render.report.page import (
    Block,
    Fact,
    Listing,
    Numbers,
    Paragraph,
    Picture,
    Report,
    Section,
)
from cellenhance.render.tables import Table
from cellenhance.tasks.benchmark.files import FIGURES, JSON_FILE


def is_benchmark(folder: Path) -> bool:
    """Tell whether a folder was written by ``benchmark``."""
    return (folder / JSON_FILE).is_file()


def describe_benchmark(folder: Path) -> Report:
    """Return the page of a finished or stopped benchmark.

    Raises
    ------
    DatasetError
        Its benchmark.json is not what `benchmark` writes.
    """
    path = folder / JSON_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return _describe(folder, values)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: is not what benchmark writes ({error}); call the same benchmark again"
        ) from error


def _describe(folder: Path, values: dict[str, Any]) -> Report:
    runs = values["runs"]
    facts = (
        Fact("Models", str(len(values["models"]))),
        Fact("Folds", str(len(values["folds"])), f"of split {values['split']}"),
        Fact("Seeds", str(len(values["seeds"])), "averaged first"),
        Fact("Runs finished", f"{runs['finished']} of {runs['total']}", _failures(runs["failed"])),
    )
    tables: list[Block] = [_numbers(each) for each in values["tables"]]
    if not tables:
        tables = [Paragraph("No fold is finished by every model yet, so there is no table.")]
    sections = [Section("Tables", tuple(tables))]
    pictures = tuple(
        Picture(each.read_bytes(), f"{each.stem}; the numbers are in the tables")
        for each in sorted((folder / FIGURES).glob("*.png"))
    )
    if pictures:
        sections.append(Section("Figures", pictures))
    sections.append(_settings(values))
    return Report(
        title=f"Benchmark on {values['dataset']}",
        subtitle=f"{', '.join(values['models'])}; scored on the {values['subset']} part",
        facts=facts,
        sections=tuple(sections),
        footer="Made by cellenhance report. Everything shown is in this file; nothing is loaded "
        "from elsewhere.",
    )


def _failures(failed: dict[str, str]) -> str:
    return f"{len(failed)} failed: {', '.join(failed)}" if failed else ""


def _numbers(values: dict[str, Any]) -> Numbers:
    table = Table(
        values["title"],
        tuple(values["header"]),
        tuple(tuple(row) for row in values["rows"]),
        tuple(values["notes"]),
    )
    return Numbers(table, frozenset((row, column) for row, column in values["bold"]))


def _settings(values: dict[str, Any]) -> Section:
    options = {key: value for key, value in values["options"].items() if value}
    rows = tuple((key, str(value)) for key, value in options.items())
    blocks: list[Block] = [Listing(values["command_line"])]
    if rows:
        blocks.append(Numbers(Table("Options", ("option", "value"), rows), texts=True))
    entries = load_catalog().entries
    papers = "; ".join(entries[name].paper for name in values["models"] if name in entries)
    references = find_bibtex(papers)
    if references:
        blocks += [Paragraph("References of the models:"), Listing(references)]
    return Section("Settings and references", tuple(blocks))
