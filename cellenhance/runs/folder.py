"""What a run folder holds and where: `run.yaml`, the CSV logs, the checkpoints.

`last.safetensors` is the commit point: after a stop the CSVs are cut back to it. Must not import
torch.
"""

from __future__ import annotations

import csv
import hashlib
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from cellenhance.catalog import ModelEntry
from cellenhance.data.dataset.manifest import Dataset, SegmentationClass
from cellenhance.data.dataset.splits import split_path
from cellenhance.data.files.writers import write_csv, write_text
from cellenhance.data.normalize import Normalization
from cellenhance.errors import CheckpointError
from cellenhance.settings import Settings, format_yaml, read_settings
from cellenhance.texts import from_csv_cell

RECORD_FILE = "run.yaml"
_LIBRARIES = ("torch", "numpy", "kornia", "scikit-image", "tifffile", "safetensors")


class RecordedSettings(Settings):
    """What decided the result of a run; the engine, which knows its parts, checks `recipe`."""

    model: ModelEntry
    recipe_name: str
    recipe: dict[str, Any]
    split: str
    fold: int
    seed: int
    device: str
    precision: str
    n_threads: int


class TimeBudget(Settings):
    """The time limit that a schedule was fitted to, and what was measured and asked before."""

    limit_s: float
    step_s: float
    epoch_end_s: float
    asked: dict[str, Any]


class Continuation(Settings):
    """More epochs for a finished run: the first of them, and the rate of their schedule."""

    first_epoch: int
    learning_rate: float


class RunRecord(Settings):
    """The content of `run.yaml`: all that was decided before the first step.

    `dataset_identity` is the hash of the dataset's samples and of the split in use;
    `asked_batch_size` is the batch size before it was cut to the free memory;
    `training_pixels` counts the annotated pixels of each class, for the majority baseline;
    `accepted_changes` records where it continued on other data, as the user allowed.
    """

    format_version: Literal[1] = 1
    settings: RecordedSettings
    asked_batch_size: int
    classes: tuple[SegmentationClass, ...]
    in_channels: int
    normalization: Normalization
    dataset: str
    dataset_name: str
    dataset_identity: str
    n_train: int
    n_val: int
    training_pixels: tuple[int, ...]
    compute_reason: str
    initialised_from: str | None = None
    time_budget: TimeBudget | None = None
    continued: tuple[Continuation, ...] = ()
    accepted_changes: tuple[str, ...] = ()
    versions: dict[str, str]
    command_line: str

    @property
    def majority_class(self) -> str:
        """Return the class with the most training pixels, the baseline of every table."""
        most = max(range(len(self.classes)), key=self.training_pixels.__getitem__)
        return self.classes[most].name


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths inside one run."""

    root: Path

    @property
    def record_path(self) -> Path:
        """Return the settings as resolved."""
        return self.root / RECORD_FILE

    @property
    def samples_path(self) -> Path:
        """Return the table of the samples that the run was trained on, as hashes."""
        return self.root / "samples.csv"

    @property
    def metrics_path(self) -> Path:
        """Return the table with one row per epoch."""
        return self.root / "metrics.csv"

    @property
    def timing_path(self) -> Path:
        """Return the table of seconds and images per second."""
        return self.root / "timing.csv"

    @property
    def best_path(self) -> Path:
        """Return the checkpoint that predictions are made with."""
        return self.root / "checkpoints" / "best.safetensors"

    @property
    def last_path(self) -> Path:
        """Return the checkpoint from which training continues."""
        return self.root / "checkpoints" / "last.safetensors"

    @property
    def curves_path(self) -> Path:
        """Return the figure of losses and validation scores."""
        return self.root / "figures" / "curves.png"

    def evaluation_path(self, subset: str) -> Path:
        """Return the folder with the scores of a subset."""
        return self.root / "evaluation" / subset


def write_record(folder: RunFolder, record: RunRecord) -> None:
    """Write `run.yaml`."""
    values = record.model_dump(mode="json")
    write_text(folder.record_path, format_yaml(values))


def read_record(folder: RunFolder) -> RunRecord:
    """Return `run.yaml`, checked.

    Raises
    ------
    CheckpointError
        It is missing, not YAML, or not a valid record.
    """
    return read_settings(
        folder.record_path, RunRecord, CheckpointError, cure="expected a run folder made by train"
    )


def is_run(path: Path) -> bool:
    """Tell whether `path` is a run folder, a folder of folds, or a checkpoint file."""
    return (
        (path.suffix == ".safetensors" and path.is_file())
        or (path / RECORD_FILE).is_file()
        or bool(_fold_folders(path))
    )


def checkpoints_of(path: Path) -> list[Path]:
    """Return the best checkpoint of a run, of each fold of a run, or the file itself.

    Raises
    ------
    CheckpointError
        `path` is not a run, or a run has no best checkpoint yet.
    """
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file; expected a checkpoint (.safetensors)")
        return [path]
    return [folder.best_path for folder in run_folders(path)]


def run_folders(path: Path) -> list[RunFolder]:
    """Return the run folder `path`, or its folds in order.

    Raises
    ------
    CheckpointError
        `path` is not a run, or a run has no best checkpoint yet.
    """
    roots = [path] if (path / RECORD_FILE).is_file() else _fold_folders(path)
    if not roots:
        raise CheckpointError(
            f"{path}: is not a run; expected a folder with {RECORD_FILE} or a .safetensors file; "
            "make one with cellenhance train DATASET -m MODEL -o RUN"
        )
    folders = [RunFolder(root) for root in roots]
    for folder in folders:
        if not folder.best_path.is_file():
            raise CheckpointError(
                f"{folder.best_path}: does not exist yet, since training did not finish its first "
                "epoch; continue with train ... --resume"
            )
    return folders


def _fold_folders(path: Path) -> list[Path]:
    numbered = [
        (int(match.group(1)), child)
        for child in (path.iterdir() if path.is_dir() else ())
        if (match := re.fullmatch(r"fold-(\d+)", child.name)) and (child / RECORD_FILE).is_file()
    ]
    return [child for _, child in sorted(numbered)]


def dataset_identity(dataset: Dataset, split: str) -> str:
    """Return the SHA-256 over samples.csv and the split in use."""
    digest = hashlib.sha256()
    for path in (dataset.root / "samples.csv", split_path(dataset.root, split)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def collect_versions() -> dict[str, str]:
    """Return the versions of everything that a result depends on."""
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    return {"cellenhance": metadata.version("cellenhance"), "python": platform.python_version()} | (
        versions
    )


def append_row(path: Path, row: Mapping[str, object]) -> None:
    """Append a row to a CSV of the run, writing the header first where there is none."""
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
        if is_new:
            table.writeheader()
        table.writerow(row)


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV of the run; none where it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: from_csv_cell(cell) if isinstance(cell, str) else cell for name, cell in row}
            for row in (each.items() for each in csv.DictReader(file))
        ]


def cut_back(path: Path, last_epoch: int) -> None:
    """Drop rows of epochs after `last_epoch`, which the last checkpoint does not know.

    A table that keeps no row is removed, since its header may have been cut short too.
    """
    rows = read_table(path)
    kept = [row for row in rows if _epoch_of(row) <= last_epoch]
    if not kept:
        path.unlink(missing_ok=True)
    elif len(kept) < len(rows):
        header: Sequence[str] = list(rows[0])
        write_csv(path, header, [[row[name] for name in header] for row in kept])


def _epoch_of(row: Mapping[str, Any]) -> float:
    """Return the epoch of a row; a row cut short by a kill counts as later than any other."""
    text = row.get("epoch")
    complete = all(value is not None for value in row.values())
    return int(text) if complete and text and text.isdigit() else float("inf")
