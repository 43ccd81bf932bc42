"""What a run has seen of the images that it is scored on: by their hashes, and at which dose.

A copy of a dataset at a lower dose has other pixels, but its table says which image each was made
of; so images of the training are known in it too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.splits import load_split
from cellenhance.data.degrade.physics import DegradeParameters
from cellenhance.data.degrade.table import DEGRADATION_FILE, DegradedImage, load_degradations
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError
from cellenhance.runs.folder import RunFolder, RunRecord
from cellenhance.runs.samples import read_used_samples
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_SAME_DOSE = 1.01
"""Doses that differ by less than this factor are the same, written with other digits."""


@dataclass(frozen=True, slots=True)
class Dose:
    """A range of doses that images were degraded to; `unit` is "" for images as they are."""

    unit: str = ""
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, parameters: DegradeParameters) -> Dose:
        """Return the dose of one degraded image; other losses than of light are no dose."""
        if parameters.photons is not None:
            return cls("photons", parameters.photons, parameters.photons)
        if parameters.fraction not in (None, 1):
            return cls("of the light", parameters.fraction or 1.0, parameters.fraction or 1.0)
        return cls()

    def covers(self, other: Dose) -> bool:
        """Tell whether `other` lies within this range."""
        is_within = self.low <= other.low * _SAME_DOSE and other.high <= self.high * _SAME_DOSE
        return self.unit == other.unit and is_within

    def __str__(self) -> str:
        if not self.unit:
            return "as they are"
        ends = [f"{each:.3g}" for each in dict.fromkeys((self.low, self.high))]
        return f"at {' to '.join(dict.fromkeys(ends))} {self.unit}"


@dataclass(frozen=True, slots=True)
class Training:
    """The images of a run's training and validation part.

    Attributes
    ----------
    part_of : "train" or "val" by the hash of the image, and of the image that it was made of
    doses : that the images of the training part had
    """

    part_of: Mapping[str, str]
    doses: tuple[Dose, ...]


def note_other_data(
    dataset: Dataset,
    split: str,
    subset: str,
    ids: Sequence[str],
    folder: RunFolder,
    record: RunRecord,
) -> None:
    """Report what of `ids`, images that are not of the run's own dataset and split, it has seen."""
    training = training_of(folder, record)
    copies = _degradations(dataset.root)
    rows = {row.id: row for row in dataset.samples}
    parts: dict[str, list[str]] = {}
    for each in ids:
        hashes = (rows[each].sha256, copies[each].source_sha256 if each in copies else "")
        part = next((training.part_of[h] for h in hashes if h in training.part_of), None)
        if part is not None:
            parts.setdefault(part, []).append(each)
    is_copy = any(each.source_sha256 in training.part_of for each in copies.values())
    _say_seen(f"{dataset.root} with split '{split}'", subset, len(ids), parts, is_copy=is_copy)
    _say_dose([copies.get(each) for each in ids], training, is_related=is_copy or bool(parts))


def _say_seen(
    where: str, subset: str, n_images: int, parts: Mapping[str, Sequence[str]], *, is_copy: bool
) -> None:
    other = f"{where} is not what the run was trained on"
    if "train" in parts:
        names = parts["train"]
        logger.warning(
            "%s, but its training part holds %d of %s scored%s: %s; scores look "
            "better than they are",
            other,
            len(names),
            counted(n_images, "image"),
            ", or their originals" if is_copy else "",
            name_some(names),
        )
    elif "val" in parts:
        names = parts["val"]
        logger.warning(
            "%s, but its validation part, which chose the best epoch, holds %d of %s scored: %s",
            other,
            len(names),
            counted(n_images, "image"),
            name_some(names),
        )
    elif is_copy:
        logger.info(
            "%s is a copy, by dataset degrade, of images that the run was trained on; by their "
            "hashes none of the %s scored was seen in training",
            where,
            counted(n_images, "image"),
        )
    else:
        logger.warning("%s: whether its %s part was unseen in training is not known", other, subset)


def _say_dose(
    scored: Sequence[DegradedImage | None], training: Training, *, is_related: bool
) -> None:
    """Warn where images have a dose that the run never saw.

    What somebody else recorded has a dose too, which nobody knows; so images as they are count
    only where they are known from the training.
    """
    doses = [Dose.of(each.parameters) if each else Dose() for each in scored]
    unseen = [
        dose
        for dose in doses
        if (dose.unit or is_related) and not any(seen.covers(dose) for seen in training.doses)
    ]
    if unseen and training.doses:
        logger.warning(
            "the run never saw the dose of %d of %s scored (%s): it was trained on images %s",
            len(unseen),
            counted(len(doses), "image"),
            _describe(unseen),
            _describe(training.doses),
        )


def _describe(doses: Sequence[Dose]) -> str:
    return " and ".join(map(str, _joined(doses)))


def _joined(doses: Sequence[Dose]) -> list[Dose]:
    """Return one range for each unit."""
    units = dict.fromkeys(dose.unit for dose in doses)
    groups = [[dose for dose in doses if dose.unit == unit] for unit in units]
    return [Dose(g[0].unit, min(d.low for d in g), max(d.high for d in g)) for g in groups]


def training_of(folder: RunFolder, record: RunRecord) -> Training:
    """Return what is known of the images of a run, from its folder and, if there, its dataset.

    Runs of former versions kept no hashes; theirs are those that the dataset states now.
    """
    root = Path(record.dataset)
    copies = _degradations(root)
    used = _used_images(folder, record)
    part_of = {sha256: part for _, part, sha256 in used}
    part_of |= {copies[each].source_sha256: part for each, part, _ in used if each in copies}
    names = [each for each, part, _ in used if part == "train"]
    doses = [Dose.of(copies[each].parameters) if each in copies else Dose() for each in names]
    augmentation: dict[str, Any] = record.settings.recipe.get("augmentation") or {}
    losses: dict[str, Any] = augmentation.get("degradation") or {}
    for key, unit in (("photons", "photons"), ("fraction", "of the light")):
        if losses.get(key) is not None:
            low, high = losses[key]
            doses.append(Dose(unit, low, high))
    return Training(part_of, tuple(_joined(doses)))


def _used_images(folder: RunFolder, record: RunRecord) -> list[tuple[str, str, str]]:
    """Return id, part and hash of each image of the training and validation part."""
    if folder.samples_path.is_file():
        used = read_used_samples(folder.samples_path)
        return [(each.id, each.subset, each.image_sha256) for each in used]
    try:
        dataset = load_dataset(Path(record.dataset))
        table = load_split(dataset, record.settings.split)
        places = {
            each: part
            for part in ("train", "val")
            for each in table.subset(record.settings.fold, "train" if part == "train" else "val")
        }
    except DatasetError:
        return []  # it is not there any more
    return [(r.id, places[r.id], r.sha256) for r in dataset.samples if r.id in places]


def _degradations(root: Path) -> dict[str, DegradedImage]:
    """Return what was done to the images of a dataset; nothing where it is not a degraded copy."""
    path = root / DEGRADATION_FILE
    return load_degradations(path) if path.is_file() else {}
