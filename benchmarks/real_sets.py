"""A smoke test on real image sets: prepare, split, train, evaluate, predict each by the commands.

``python benchmarks/real_sets.py -o WORK --report benchmarks/results.md`` needs the sets named by
the variable CELLENHANCE_DATA. Finished runs are kept, so it can be stopped and called again. The
budget is small on purpose: the figures show that the program works on these files, nothing more.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODELS = ("light-unet", "aep")
CROP_PX, BATCH, STEPS, SEED = 128, 4, 400, 0


@dataclass(frozen=True)
class RealSet:
    """A set, the arguments that prepare it, and where its public origin is."""

    name: str
    folder: str
    prepare: tuple[str, ...]
    origin: str
    brings_split: bool = False


SETS = (
    RealSet(
        "nucleolus-3class",
        "nucleolus-3class",
        ("--class", "background=0", "--class", "nucleolus=1", "--class", "nucleoplasm=2"),
        "github.com/anpham184/Cell-Nucleolus-and-Nucleoplasm-Segmentation-with-Pytorch-UNet",
    ),
    RealSet(
        "corneal-endothelium",
        "corneal-endothelium/Training_data",
        (
            *("--images", "org", "--masks", "gt", "--valid-mask", "field"),
            *("--class", "interior=0,255", "--class", "membrane=127"),
        ),
        "github.com/adriankucharski/WNet-UNet-SegNet-corneal",
    ),
    RealSet(
        "cornea-npy-folds",
        "cornea-npy-folds",
        (),
        "crops of corneal-endothelium in the fold layout of the published AEP program",
        brings_split=True,
    ),
    RealSet(
        "isbi2012",
        "isbi2012/dataset",
        (
            *("--images", "train_img", "--masks", "train_label"),
            *("--class", "membrane=0", "--class", "interior=255"),
        ),
        "github.com/BrianWU-S/electron_microscopy_image_segmentation",
    ),
    RealSet(
        "nist-phase",
        "nist-phase",
        ("--class", "background=0", "--class", "cell=1"),
        "github.com/usnistgov/semantic-segmentation-unet",
    ),
    RealSet(
        "wbc-3class",
        "wbc-3class/Dataset 1",
        ("--class", "background=0", "--class", "cytoplasm=128", "--class", "nucleus=255"),
        "github.com/zxaoyou/segmentation_WBC",
    ),
    RealSet(
        "wbc-3class-2",
        "wbc-3class/Dataset 2",
        (
            *("--exclude", "034", "--exclude", "076"),
            *("--class", "background=0", "--class", "cytoplasm=128", "--class", "nucleus=255"),
        ),
        "github.com/zxaoyou/segmentation_WBC",
    ),
)


def main() -> None:
    """Run what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--only", nargs="*", help="names of sets")
    options = parser.parse_args()
    data = Path(os.environ.get("CELLENHANCE_DATA", ""))
    if not os.environ.get("CELLENHANCE_DATA") or not data.is_dir():
        sys.exit("CELLENHANCE_DATA must name the folder of the real sets")
    chosen = [each for each in SETS if not options.only or each.name in options.only]
    for each in chosen:
        run_set(each, data, options.output)
    if options.report:
        page = options.report
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        _, mark, rest = old.partition("<!-- zoo begin -->")  # the part of zoo.py stays
        page.write_text(report(chosen, options.output) + mark + rest, encoding="utf-8")


def run_set(each: RealSet, data: Path, work: Path) -> None:
    """Prepare and split one set, then train, evaluate and predict with each model."""
    dataset = work / "datasets" / each.name
    log = work / f"{each.name}.json"
    results: dict[str, Any] = json.loads(log.read_text()) if log.exists() else {"commands": []}
    if not (dataset / "splits" / "default.csv").exists():
        overwrite = ["--overwrite"] if dataset.exists() else []
        prepare = ("dataset", "prepare", data / each.folder, "-o", dataset, *each.prepare)
        call(results, *prepare, *overwrite)
        if not each.brings_split:
            fractions = ("--train", "0.65", "--val", "0.15", "--test", "0.2")
            call(results, "dataset", "split", dataset, *fractions, "--seed", SEED)
    for model in MODELS:
        run = work / "runs" / each.name / model
        if model in results:
            continue
        extra = ("--set", f"recipe.crop_px={CROP_PX}", "--batch-size", BATCH, "--seed", SEED)
        resume = ["--resume"] if (run / "run.yaml").exists() else []
        train = ["train", dataset, "-m", model, "-o", run, "--epochs", epochs(dataset), *extra]
        call(results, *train, *resume)
        scores = json.loads(call(results, "evaluate", run, "--json"))
        images = [dataset / "images" / f"{each_id}.tif" for each_id in test_ids(dataset)]
        predictions = work / "predictions" / each.name / model
        call(results, "predict", run, *images, "-o", predictions, "--overwrite", keep=False)
        results[model] = {"scores": scores}
        log.write_text(json.dumps(results, indent=1))


def call(results: dict[str, Any], *words: object, keep: bool = True) -> str:
    """Run a cellenhance command, remember it, return its stdout."""
    command = [str(word) for word in words]
    done = subprocess.run(
        [sys.executable, "-m", "cellenhance", *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    again = ("--resume", "--overwrite")  # of a second call after an interruption
    line = shlex.join(["cellenhance", *(word for word in command if word not in again)])
    if keep and line not in results["commands"]:
        results["commands"].append(line)
    return done.stdout


def epochs(dataset: Path) -> int:
    """Return the epochs that come nearest to STEPS optimizer steps."""
    from cellenhance.data.dataset.manifest import load_dataset

    loaded = load_dataset(dataset)
    pixels = sum(row.height * row.width for row in map(loaded.row, subset_ids(dataset, "train")))
    return max(1, round(STEPS / -(-pixels // (BATCH * CROP_PX**2))))


def subset_ids(dataset: Path, subset: str) -> tuple[str, ...]:
    """Return the ids of a subset of the first fold."""
    from cellenhance.data.dataset.manifest import load_dataset
    from cellenhance.data.dataset.splits import load_split

    return load_split(load_dataset(dataset)).subset(1, subset)


def test_ids(dataset: Path) -> tuple[str, ...]:
    """Return the ids of the test part."""
    return subset_ids(dataset, "test")


def report(chosen: list[RealSet], work: Path) -> str:
    """Return the Markdown page with a table and the commands of every finished set."""
    import torch

    from cellenhance.texts import counted

    lines = [
        "# Results on real image sets",
        "",
        "**A smoke test, not a reproduction of published tables.** About "
        f"{STEPS} steps of {BATCH} crops of {CROP_PX} x {CROP_PX} px per run, one split, one seed "
        f"({SEED}): a budget that a CPU can afford and that settles nothing about which model "
        "is better. Percent, pooled over all pixels of the test images, which no training and no "
        "choice ever saw; `majority class` predicts the class most frequent in training "
        "everywhere. The recipe and settings are the catalogue's, except for crop, batch and "
        "epochs. The rows below `aep` are its parts: network 1, each pass of network 2, their "
        "ensemble. "
        "Training time was taken on a machine busy with other work: it is an upper limit.",
        "",
        f"Made {datetime.date.today().isoformat()} by `python benchmarks/real_sets.py` with torch "
        f"{torch.__version__} on {counted(torch.get_num_threads(), 'CPU thread')}.",
        "",
    ]
    for each in chosen:
        log = work / f"{each.name}.json"
        if log.exists():
            lines += _section(each, json.loads(log.read_text()), work)
    return "\n".join(lines) + "\n"


def _section(each: RealSet, results: dict[str, Any], work: Path) -> list[str]:
    done = [model for model in MODELS if model in results]
    classes = results[done[0]]["scores"]["classes"]
    n_images = results[done[0]]["scores"]["n_images"]
    head = ["", "mIoU", *(f"IoU {name}" for name in classes), "mDice", "training"]
    rows = [["majority class", *_cells(results[done[0]]["scores"]["majority_class"], classes), ""]]
    for model in done:
        minutes = f"{_training_minutes(work / 'runs' / each.name / model):.1f} min"
        scores = results[model]["scores"]
        rows.append([model, *_cells(scores["pooled"], classes), minutes])
        for name, branch in scores["branches"].items():
            rows.append([f"- {name}", *_cells(branch["pooled"], classes), ""])
    table = [head, ["---", *(["--:"] * (len(head) - 1))], *rows]
    commands = [line.replace(str(work), "WORK") for line in results["commands"]]
    folder = os.environ["CELLENHANCE_DATA"]
    return [
        f"## {each.name}",
        "",
        f"Origin: {each.origin}. {n_images} test images.",
        "",
        *("| " + " | ".join(row) + " |" for row in table),
        "",
        "```sh",
        *(line.replace(folder, "DATA") for line in commands),
        "```",
        "",
    ]


def _training_minutes(run: Path) -> float:
    """Return the minutes of training and validation that the run's timing.csv adds up to."""
    with (run / "timing.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return sum(float(row["train_s"]) + float(row["validation_s"]) for row in rows) / 60


def _cells(scores: dict[str, Any], classes: list[str]) -> list[str]:
    values = [scores["miou"], *(scores["iou"][name] for name in classes), scores["mdice"]]
    return ["-" if value is None else f"{100 * value:.2f}" for value in values]


if __name__ == "__main__":
    main()
