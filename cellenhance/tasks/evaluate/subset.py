"""Which images a run is scored on: a subset of its own dataset and split, or of others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellenhance.arrays import ImageArray
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import Sample, load_sample
from cellenhance.data.dataset.splits import DEFAULT_SPLIT, load_split, split_path
from cellenhance.errors import DatasetError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs.folder import RunFolder, RunRecord, dataset_identity
from cellenhance.tasks.evaluate.requests import ALL
from cellenhance.tasks.evaluate.seen_images import note_other_data

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluatedSubset:
    """The images of one subset, in the order of the split.

    Attributes
    ----------
    is_own : dataset and split are those of the training, wherever they lie now
    """

    dataset: Dataset
    split: str
    fold: int
    name: str
    ids: tuple[str, ...]
    is_own: bool

    @property
    def folder_name(self) -> str:
        """Return the folder of the scores: those of other data never replace those of the own."""
        other = "" if self.is_own else f"-{self.dataset.root.resolve().name}-{self.split}"
        return f"{self.name}{other}"

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the group of each image."""
        groups = {row.id: row.group for row in self.dataset.samples}
        return tuple(groups[each] for each in self.ids)

    @property
    def n_pixels(self) -> tuple[int, ...]:
        """Return the number of pixels of each image."""
        sizes = {row.id: row.height * row.width for row in self.dataset.samples}
        return tuple(sizes[each] for each in self.ids)

    @property
    def background(self) -> int:
        """Return the class that is background; the first where nobody says."""
        description = self.dataset.description
        names = self.dataset.class_names
        return names.index(description.background) if description.background else 0

    def samples(self, progress: ProgressCallback = silent, what: str = "") -> Iterator[Sample]:
        """Yield each image with its mask, read when it is its turn."""
        for done, each in enumerate(self.ids):
            progress(done, len(self.ids), f"{what} {each}")
            yield load_sample(self.dataset, self.dataset.row(each))
        progress(len(self.ids), len(self.ids), what)

    def read_image(self, sample_id: str) -> ImageArray:
        """Return the (H, W, C) image of a sample once more."""
        return load_sample(self.dataset, self.dataset.row(sample_id)).image

    def validation(self) -> EvaluatedSubset | None:
        """Return the validation part of the same split, None where there is none."""
        ids = load_split(self.dataset, self.split).subset(self.fold, "val")
        if not ids:
            return None
        return EvaluatedSubset(self.dataset, self.split, self.fold, "val", ids, self.is_own)


def subset_of_run(
    folder: RunFolder, record: RunRecord, dataset: Path | None, split: str | None, subset: str
) -> EvaluatedSubset:
    """Return a subset of the run's own dataset and split, or of those that are named.

    Raises
    ------
    DatasetError
        The dataset, the split or the subset is not there.
    """
    if dataset is None and not Path(record.dataset).is_dir():
        raise DatasetError(
            f"{record.dataset}: the dataset that {folder.root} was trained on is not there; give "
            "--dataset DIR where it lies now"
        )
    chosen = load_dataset(dataset or Path(record.dataset))
    name = split or record.settings.split
    is_own = (
        split_path(chosen.root, name).is_file()
        and dataset_identity(chosen, name) == record.dataset_identity
    )
    ids = _ids(chosen, name, record.settings.fold, subset)
    if subset == ALL:
        logger.info("subset all: every sample, among them those the run was trained on, if any")
    elif not is_own:
        note_other_data(chosen, name, subset, ids, folder, record)
    return EvaluatedSubset(chosen, name, record.settings.fold, subset, ids, is_own)


def subset_of_dataset(dataset: Path, split: str | None, subset: str) -> EvaluatedSubset:
    """Return a subset of a dataset for a checkpoint that has no run; errors as above."""
    chosen, name = load_dataset(dataset), split or DEFAULT_SPLIT
    return EvaluatedSubset(chosen, name, 1, subset, _ids(chosen, name, 1, subset), is_own=False)


def _ids(dataset: Dataset, split: str, fold: int, subset: str) -> tuple[str, ...]:
    if subset == ALL:
        return tuple(row.id for row in dataset.samples)
    table = load_split(dataset, split)
    ids = {name: table.subset(fold, name) for name in ("train", "val", "test")}[subset]
    if not ids:
        raise DatasetError(
            f"{dataset.root}: split '{split}', fold {fold} has no {subset} samples; choose another "
            "--subset or split again"
        )
    return ids
