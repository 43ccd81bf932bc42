"""Segment files, folders and stacks of any size with one run or the average of several.

`summary.csv` has one row for each image whose mask lies in the folder, to find the odd one out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.data.classes.mask_classes import write_classes
from cellenhance.data.dataset.inputs import InputImage
from cellenhance.data.files.writers import write_csv
from cellenhance.engine.image_pass import (
    AppliedToImages,
    apply_to_images,
    open_passing,
    show_image,
)
from cellenhance.engine.inference import Predictor
from cellenhance.engine.options import ComputeOptions
from cellenhance.errors import OutputExistsError, SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs.folder import read_table
from cellenhance.tasks.image_work import find_images, load_runs
from cellenhance.tasks.predict.outputs import make_sinks, planned_files
from cellenhance.tasks.predict.requests import PredictRequest

SUMMARY_FILE = "summary.csv"
_KEY = "image"

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PredictedImage:
    """What was written for one input, and what was measured.

    Attributes
    ----------
    stem : relative path without extension, the name of its outputs
    files : by name: mask, preview, and what else was asked for
    class_shares : share of pixels of each class by name, over all planes
    numbers : the other columns of `summary.csv`
    """

    path: Path
    stem: str
    files: Mapping[str, Path]
    class_shares: Mapping[str, float]
    numbers: Mapping[str, float]

    @property
    def mask(self) -> Path:
        """The file of class indices."""
        return self.files["mask"]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        files = {name: str(path) for name, path in self.files.items()}
        return {"input": str(self.path), **files, "class_shares": dict(self.class_shares)} | dict(
            self.numbers
        )


def predict(
    request: PredictRequest, progress: ProgressCallback = silent
) -> AppliedToImages[PredictedImage]:
    """Write mask and preview of every input, what else is asked for, and `summary.csv`.

    An image that cannot be segmented does not stop the others; it is in `failed`.

    Raises
    ------
    DatasetError, CheckpointError, SettingsError, DeviceError
        Nothing was done: an input or a run is not there, or they do not fit together.
    OutputExistsError
        An output exists and overwrite was not asked for; nothing was done.
    """
    compute = _compute_of(request)

    def files_of(image: InputImage) -> dict[str, Path]:
        return planned_files(request.output, image.stem, request.outputs)

    found = find_images(
        request.inputs,
        request.output,
        lambda image: files_of(image).values(),
        overwrite=request.overwrite,
    )
    before = _read_summary(request.output, overwrite=request.overwrite)
    predictor = load_runs(request.runs, compute, request.tiling, tta=request.tta)
    write_classes(request.output, predictor.header.classes)

    def work(image: InputImage) -> PredictedImage:
        return _predict_file(predictor, image, files_of(image), request)

    done = apply_to_images(found, work, progress, predictor.compute.reason)
    if done.written:
        _write_summary(request.output, before, done.written)
    return done


def _compute_of(request: PredictRequest) -> ComputeOptions:
    """Return where and how to compute: maps of numbers are float32 throughout."""
    outputs, asked = request.outputs, request.compute
    if not (outputs.probabilities or outputs.uncertainty):
        return asked
    if asked.precision not in ("auto", "fp32"):
        flag = "--probabilities" if outputs.probabilities else "--uncertainty"
        raise SettingsError(
            f"{flag} with --precision {asked.precision}: its maps are computed in float32 "
            "throughout; leave out --precision"
        )
    return ComputeOptions(device=asked.device, precision="fp32")


def _predict_file(
    predictor: Predictor, image: InputImage, files: Mapping[str, Path], request: PredictRequest
) -> PredictedImage:
    with open_passing(image.path, request.reading, predictor.header) as passing:
        made = show_image(predictor, passing, make_sinks(predictor, files))
    return PredictedImage(
        path=image.path,
        stem=image.stem,
        files={name: path for each in made for name, path in each.files.items()},
        class_shares={name: x for each in made for name, x in each.class_shares.items()},
        numbers={name: x for each in made for name, x in each.numbers.items()},
    )


def _read_summary(output: Path, *, overwrite: bool) -> list[Row]:
    """Return the rows that an earlier call wrote into a folder; none where there is no table.

    Raises
    ------
    OutputExistsError
        There is a file of this name that is not a summary, and it may not be replaced.
    """
    try:
        rows = read_table(output / SUMMARY_FILE)
        if all(_KEY in row for row in rows):
            return list(rows)
    except ValueError:  # not text at all
        pass
    if overwrite:
        return []
    raise OutputExistsError(
        f"{output / SUMMARY_FILE}: exists already and is not a summary of predict; give "
        "--overwrite or another -o"
    )


def _write_summary(output: Path, before: Sequence[Row], written: Sequence[PredictedImage]) -> None:
    """Write the table: rows of an earlier call stay unless their image was predicted again."""
    again = {image.stem for image in written}
    rows = [row for row in before if row[_KEY] not in again]
    rows += [
        {_KEY: image.stem}
        | {f"share_{name}": repr(share) for name, share in image.class_shares.items()}
        | {name: repr(number) for name, number in image.numbers.items()}
        for image in written
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_csv(
        output / SUMMARY_FILE, columns, [[row.get(name, "") for name in columns] for row in rows]
    )
