"""AEP and its controls on three real image sets at two doses, as benchmarks/results.md shows them.

``python benchmarks/results_grid.py -o WORK --report benchmarks/results.md`` needs the sets named by
the variable CELLENHANCE_DATA. Everything is `cellenhance benchmark`, so it can be stopped and
called again; ``--only SET`` lets several processes share the work. What the numbers mean is written
by hand below the part of the page that this script makes.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from real_sets import SETS, RealSet

from cellenhance.render.benchmark.tables import MarkedTable, to_markdown
from cellenhance.render.tables import Table

BEGIN, END = "<!-- grid begin -->", "<!-- grid end -->"
NAMES = ("nucleolus-3class", "corneal-endothelium", "isbi2012")
MODELS = (
    *("light-unet", "light-unet-wide", "unet-pair"),
    *("aep", "aep-muted", "aep-fixed", "aep-no-ensemble"),
)
PHOTONS = {"nucleolus-3class": 3, "corneal-endothelium": 30, "isbi2012": 10}
"""Hard but not hopeless for the eye; docs/explanation/degradation.md says why the sets differ."""
FOLDS, SEEDS, SPLIT = 3, 1, "three-fold"
EPOCHS, STEPS, BATCH, CROP_PX = 2, 60, 2, 128
SECTIONS_A_GROUP = 5


def main() -> None:
    """Run what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--only", nargs="*", default=NAMES, help="names of sets")
    options = parser.parse_args()
    data = Path(os.environ.get("CELLENHANCE_DATA", ""))
    if not os.environ.get("CELLENHANCE_DATA") or not data.is_dir():
        sys.exit("CELLENHANCE_DATA must name the folder of the real sets")
    chosen = [each for each in SETS if each.name in options.only]
    results = {each.name: run_set(each, data, options.output) for each in chosen}
    if options.report:
        write_report(options.report, report(results, options.output, data))


def run_set(each: RealSet, data: Path, work: Path) -> dict[str, Any]:
    """Prepare and split one set, then benchmark all models; return commands and results."""
    dataset = work / "datasets" / each.name
    commands = prepare(each, data, dataset)
    target = work / "grid" / each.name
    settings = (
        *("--split", SPLIT, "--folds", "all", "--seeds", SEEDS, "--epochs", EPOCHS),
        *("--set", f"recipe.steps_per_epoch={STEPS}", "--set", f"recipe.crop_px={CROP_PX}"),
        *("--batch-size", BATCH, "--photons", PHOTONS[each.name]),
    )

    def compare(models: tuple[str, ...]) -> dict[str, Any]:
        words = ("benchmark", dataset, "-m", ",".join(models), "-o", target, *settings)
        values: dict[str, Any] = json.loads(call(*words, "--json"))
        return values | {"command": line(*words, "--report")}

    # The same runs twice: with aep first the differences are to aep.
    to_aep = compare(("aep", *(name for name in MODELS if name != "aep")))
    return {"main": compare(MODELS), "to_aep": to_aep, "commands": commands}


def prepare(each: RealSet, data: Path, dataset: Path) -> list[str]:
    """Make the dataset and its folds where they are not there yet; return the commands."""
    words = ("dataset", "prepare", data / each.folder, "-o", dataset, *each.prepare)
    folds = ("--folds", FOLDS, "--val", 0.2, "--seed", 0, "--name", SPLIT)
    split = ("dataset", "split", dataset, *folds)
    if not (dataset / "splits" / f"{SPLIT}.csv").exists():
        call(*words, *(["--overwrite"] if dataset.exists() else []))
        if each.name == "isbi2012":
            group_sections(dataset / "samples.csv")
        call(*split)
    grouped = "# in samples.csv, column group: sections-0-4, sections-5-9 ..."
    return [line(*words), *([grouped] if each.name == "isbi2012" else []), line(*split)]


def group_sections(table: Path) -> None:
    """Put blocks of serial sections into one group: neighbours resemble each other."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        first = int(row["id"]) // SECTIONS_A_GROUP * SECTIONS_A_GROUP
        row["group"] = f"sections-{first}-{first + SECTIONS_A_GROUP - 1}"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def line(*words: object) -> str:
    """Return a command as it is typed."""
    return shlex.join(["cellenhance", *(str(word) for word in words)])


def call(*words: object) -> str:
    """Run a cellenhance command and return its stdout."""
    command = [sys.executable, "-m", "cellenhance", *(str(word) for word in words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 4):  # 4: some runs are left
        sys.exit(done.returncode)
    return done.stdout


def report(results: dict[str, dict[str, Any]], work: Path, data: Path) -> str:
    """Return the part of the page with all tables and commands."""
    import torch

    steps = EPOCHS * STEPS
    lines = [
        "## AEP and its controls at two doses",
        "",
        "**Not a reproduction of the paper's tables.** Other images, "
        f"{steps} steps of {BATCH} crops of {CROP_PX} x {CROP_PX} px per run ({EPOCHS} epochs of "
        f"{STEPS} steps, weights chosen on the validation part), {FOLDS} folds, {SEEDS} seed: a "
        "budget that a CPU affords, at which every network is still far from its best. Recipe "
        "`cellenhance` for all, equal steps, crops and draws. "
        "`photons-N`: copies with N photons per pixel at the 99th percentile of each image, "
        "trained and tested on those; N was chosen by eye for each set, hard but not hopeless. "
        "Steps and batch were tried out with one light U-Net on validation parts. Percent; each "
        "fold is tested on images that neither training nor any choice saw. Intervals are over "
        "images only: they know nothing of the spread between seeds, and are too narrow with so "
        "few images. Training time was taken on a busy machine.",
        "",
        f"Made {datetime.date.today().isoformat()} by `python benchmarks/results_grid.py` with "
        f"torch {torch.__version__}.",
        "",
    ]
    for name, each in results.items():
        lines += section(name, each)
        commands = [*each["commands"], each["main"]["command"]]
        lines += ["```sh", *commands, "```", ""]
    text = "\n".join(lines)
    return text.replace(str(work), "WORK").replace(str(data), "DATA").rstrip() + "\n"


def section(name: str, each: dict[str, Any]) -> list[str]:
    """Return the tables of one set: scores, differences to aep, parts of aep, doses."""
    runs = each["main"]["runs"]
    lines = [f"### {name}", ""]
    if runs["finished"] < runs["total"]:
        lines += [
            f"{runs['finished']} of {runs['total']} runs were finished; a table holds the folds "
            "that every model had done.",
            "",
        ]
    if name == "isbi2012":
        lines += [
            f"Serial sections resemble their neighbours, so blocks of {SECTIONS_A_GROUP} sections "
            "are one group: never divided between parts, drawn together. With 5 groups the "
            "intervals are far too narrow.",
            "",
        ]
    for condition in each["main"]["conditions"]:
        shown = [
            table
            for table in marked_tables(each["main"])
            if table.table.title.startswith(f"{condition['name']}: percent")
        ]
        shown += [
            table
            for table in marked_tables(each["to_aep"])
            if table.table.title.startswith(f"{condition['name']}: difference to aep")
        ]
        shown += [
            table
            for table in marked_tables(each["main"])
            if table.table.title.startswith(f"{condition['name']}: parts of aep from")
        ]
        lines += [text for table in shown for text in (to_markdown(table).rstrip(), "")]
    return lines


def marked_tables(values: dict[str, Any]) -> list[MarkedTable]:
    """Return the tables of a benchmark.json."""
    return [
        MarkedTable(
            Table(each["title"], tuple(each["header"]), tuple(map(tuple, each["rows"]))),
            frozenset((row, column) for row, column in each["bold"]),
        )
        for each in values["tables"]
    ]


def write_report(page: Path, text: str) -> None:
    """Replace the part of the page between the markers, or append it."""
    old = page.read_text(encoding="utf-8")
    before, mark, rest = old.partition(BEGIN)
    after = rest.partition(END)[2] if mark else "\n"
    page.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
