"""Score anybody's masks against the truth: two folders in, scores out, no model and no torch."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MAX_CLASSES
from cellenhance.data.manifest import load_dataset
from cellenhance.data.readers import image_stem, is_image_name, read_mask
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores
from cellenhance.progress import ProgressCallback, silent

logger = logging.getLogger(__name__)

_COLOR = 1 << 40  # colours are told from grey values of up to 32 bits by this offset


@dataclass(frozen=True, slots=True)
class EvaluatePredictionsRequest:
    """Which masks to compare.

    Attributes
    ----------
    predictions, truth : folders whose files match by relative path without extension
    classes : ``NAME=VALUE[,VALUE...]`` with grey values or #rrggbb, in index order; None takes
        every value that occurs as a class
    ignore : values of the truth whose pixels do not count
    """

    predictions: Path
    truth: Path
    classes: tuple[str, ...] | None = None
    ignore: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluatePredictionsResult:
    """The scores, the values of each class in the files, and the values that did not count."""

    scores: Scores
    class_values: Mapping[str, tuple[int, ...]]
    ignore: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    id: str
    prediction: Path
    truth: Path


def evaluate_predictions(
    request: EvaluatePredictionsRequest, progress: ProgressCallback = silent
) -> EvaluatePredictionsResult:
    """Return the scores of the masks in one folder against those in another.

    Raises
    ------
    DatasetError
        A folder is missing or empty, a file has no partner, sizes differ, or a mask holds a value
        that is no class; files are named.
    SettingsError
        A class is not NAME=VALUE, or a name or value stands twice.
    """
    pairs = _match(request.predictions, request.truth)
    class_values, ignore = _class_values(request, pairs)
    index_of = {
        value: index for index, values in enumerate(class_values.values()) for value in values
    }
    matrices = []
    for done, pair in enumerate(pairs, start=1):
        matrices.append(_count(pair, index_of, ignore, len(class_values)))
        progress(done, len(pairs), pair.id)
    scores = Scores.from_matrices(tuple(class_values), [pair.id for pair in pairs], matrices)
    return EvaluatePredictionsResult(scores, class_values, ignore)


def _match(predictions: Path, truth: Path) -> list[_Pair]:
    """Return the pairs sorted by id; a file without a partner is an error."""
    predicted, true = _masks_by_id(predictions), _masks_by_id(truth)
    missing = [
        f"{len(ids)} in {folder} without a partner in {other}: {_shorten(sorted(ids))}"
        for folder, other, ids in (
            (predictions, truth, predicted.keys() - true.keys()),
            (truth, predictions, true.keys() - predicted.keys()),
        )
        if ids
    ]
    if missing:
        raise DatasetError(
            f"masks do not pair up; {'; '.join(missing)}; files match by relative path without "
            "extension, so add, remove or rename these"
        )
    return [_Pair(each, predicted[each], true[each]) for each in sorted(true)]


def _masks_by_id(folder: Path) -> dict[str, Path]:
    """Return the image files below `folder` by relative path without extension."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: expected a folder of masks, found none")
    if (folder / "dataset.yaml").is_file():
        raise DatasetError(f"{folder} is a whole dataset; give its masks folder {folder / 'masks'}")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    images = [path for path in files if is_image_name(path) and not path.name.startswith(".")]
    masks: dict[str, Path] = {}
    for path in images:
        key = path.relative_to(folder).with_name(image_stem(path)).as_posix()
        if key in masks:
            raise DatasetError(f"{masks[key]} and {path} differ only in extension; remove one")
        masks[key] = path
    skipped = [path.name for path in files if path not in images]
    if skipped:
        logger.info(
            "%s: skipped %d files that are no images: %s", folder, len(skipped), _shorten(skipped)
        )
    if not masks:
        raise DatasetError(f"{folder}: expected masks, found no image file")
    return masks


def _class_values(
    request: EvaluatePredictionsRequest, pairs: Sequence[_Pair]
) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Return the file values of each class and the values to ignore, from where they are said."""
    ignore = tuple(sorted(set(request.ignore)))
    classes = {} if request.classes is None else _parse_classes(request.classes)
    if request.truth.resolve().name == "masks" and (request.truth / "../dataset.yaml").is_file():
        description = load_dataset(request.truth.resolve().parent).description
        ignore = tuple(sorted({*ignore, IGNORE}))
        classes = classes or {each.name: (each.index,) for each in description.classes}
        logger.info(
            "%s belongs to the dataset '%s': its classes (%s) and its ignore value %d are used",
            request.truth, description.name, ", ".join(classes), IGNORE,
        )  # fmt: skip
    classes = classes or _classes_found(pairs, ignore)
    both = sorted({value for values in classes.values() for value in values} & set(ignore))
    if both:
        raise SettingsError(f"value {both[0]} is both a class and ignored; choose one")
    return classes, ignore


def _classes_found(pairs: Sequence[_Pair], ignore: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return every value that occurs in any mask as a class named like the value."""
    found: set[int] = set()
    for pair in pairs:
        found.update(np.unique(_read_values(pair.truth)).tolist())
        found.update(np.unique(_read_values(pair.prediction)).tolist())
        if len(found) > MAX_CLASSES:
            raise DatasetError(
                f"more than {MAX_CLASSES} different values up to {pair.truth}: expected classes, "
                "these look like instance masks or grey images"
            )
    values = sorted(found - set(ignore))
    if not values:
        raise DatasetError(f"every pixel of {pairs[0].truth.parent} is ignored; nothing to score")
    logger.info("classes are the values found: %s", ", ".join(map(_name, values)))
    if IGNORE in values and len(values) > 2:
        logger.info("255 counts as a class; --ignore 255 leaves those pixels out")
    return {_name(value): (value,) for value in values}


def _parse_classes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Turn ``("cell=1,2", "rest=#000000")`` into values by name."""
    classes: dict[str, tuple[int, ...]] = {}
    taken: dict[int, str] = {}
    for text in texts:
        name, equals, right = text.partition("=")
        try:
            values = tuple(_parse_value(part.strip()) for part in right.split(","))
        except ValueError:
            equals = ""
        if not equals or not name or name in classes:
            raise SettingsError(
                f"--class {text!r}: expected NAME=VALUE[,VALUE...] with a new name and grey "
                "values or #rrggbb, for example cell=1,2"
            )
        for value in values:
            if value in taken:
                raise SettingsError(f"--class {text!r}: {_name(value)} is taken by {taken[value]}")
            taken[value] = name
        classes[name] = values
    return classes


def _parse_value(text: str) -> int:
    if not text.startswith("#"):
        return int(text)
    if len(text) != 7:
        raise ValueError(text)
    return _pack_colors(np.array(list(bytes.fromhex(text[1:])))).item()


def _pack_colors(colors: NDArray[Any]) -> NDArray[np.int64]:
    """Return one number for each (..., 3) colour; a grey one is its grey value."""
    wide = colors.astype(np.int64)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    packed = _COLOR + (red << 16) + (green << 8) + blue
    return np.where((red == green) & (green == blue), red, packed)


def _name(value: int) -> str:
    return f"#{value - _COLOR:06x}" if value >= _COLOR else str(value)


def _read_values(path: Path) -> NDArray[np.int64]:
    """Return the mask as (H, W) int64, colours packed into one number."""
    mask = read_mask(path)
    return _pack_colors(mask) if mask.ndim == 3 else mask.astype(np.int64)


def _count(
    pair: _Pair, index_of: Mapping[int, int], ignore: tuple[int, ...], n_classes: int
) -> NDArray[np.int64]:
    """Return the confusion matrix of one pair."""
    truth, prediction = _read_values(pair.truth), _read_values(pair.prediction)
    if truth.shape != prediction.shape:
        sizes = [f"{width} x {height}" for height, width in (prediction.shape, truth.shape)]
        raise DatasetError(
            f"{pair.prediction} is {sizes[0]} pixels, but its truth {pair.truth} is {sizes[1]}; "
            "masks must have the size of their truth"
        )
    counts = ~np.isin(truth, ignore)
    true = _to_indices(truth, index_of, counts, pair.truth)
    predicted = _to_indices(prediction, index_of, counts, pair.prediction)
    return confusion_matrix(true, predicted, n_classes)


def _to_indices(
    values: NDArray[np.int64], index_of: Mapping[int, int], counts: NDArray[np.bool_], path: Path
) -> NDArray[np.uint8]:
    """Return class indices, 255 where pixels do not count; other values are an error."""
    found, places = np.unique(values, return_inverse=True)
    table = np.array([index_of.get(value, IGNORE) for value in found.tolist()], np.uint8)
    indices = np.where(counts, table[places.reshape(values.shape)], np.uint8(IGNORE))
    strays = values[counts & (indices == IGNORE)]
    if strays.size:
        named = ", ".join(
            f"{_name(value)} in {n} pixels"
            for value, n in zip(*(each.tolist() for each in np.unique(strays, return_counts=True)),
                                strict=True)
        )  # fmt: skip
        raise DatasetError(
            f"{path}: values that are no class ({named}); expected "
            f"{', '.join(map(_name, index_of))}; name them with --class or --ignore"
        )
    return indices


def _shorten(names: Sequence[str], n_shown: int = 5) -> str:
    more = len(names) - n_shown
    return ", ".join(names[:n_shown]) + (f" and {more} more" if more > 0 else "")
