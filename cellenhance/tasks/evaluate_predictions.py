"""Score anybody's masks against the truth: two folders in, scores out, no model and no torch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MAX_CLASSES
from cellenhance.data.classmap import (
    ClassMap,
    ClassRule,
    count_codes,
    encode_mask,
    is_truly_color,
    parse_class,
    parse_codes,
    show_code,
)
from cellenhance.data.manifest import DESCRIPTION_FILE, load_dataset
from cellenhance.data.readers import image_stem, is_image_name, read_mask
from cellenhance.errors import DatasetError
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores
from cellenhance.progress import ProgressCallback, silent

logger = logging.getLogger(__name__)

_GREY = 0x010101  # the colour code of grey value 1


@dataclass(frozen=True, slots=True)
class EvaluatePredictionsRequest:
    """Which masks to compare.

    Attributes
    ----------
    predictions, truth : folders whose files match by relative path without extension
    classes : ``NAME=VALUE[,VALUE...]`` with grey values, or with #rrggbb, in index order; None
        takes the classes of the dataset that the truth belongs to, else every value that occurs
    ignore : values (or colours) of the truth whose pixels do not count
    """

    predictions: Path
    truth: Path
    classes: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pair:
    id: str
    prediction: Path
    truth: Path


def evaluate_predictions(
    request: EvaluatePredictionsRequest, progress: ProgressCallback = silent
) -> Scores:
    """Return the scores of the masks in one folder against those in another.

    Raises
    ------
    DatasetError
        A folder is missing or empty, a file has no partner, sizes differ, or a mask holds a value
        that is no class; files are named.
    SettingsError
        A class is not NAME=VALUE, a name or value stands twice, or values and colours are mixed.
    """
    pairs = _match(request.predictions, request.truth)
    class_map = _class_map(request, pairs)
    matrices = []
    for done, pair in enumerate(pairs, start=1):
        matrices.append(_count(pair, class_map))
        progress(done, len(pairs), pair.id)
    names = tuple(rule.name for rule in class_map.rules)
    return Scores.from_matrices(names, [pair.id for pair in pairs], matrices)


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
    if (folder / DESCRIPTION_FILE).is_file():
        raise DatasetError(f"{folder} is a whole dataset; give its masks folder {folder / 'masks'}")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    images = [path for path in files if is_image_name(path) and not path.name.startswith(".")]
    masks: dict[str, Path] = {}
    for path in images:
        key = path.relative_to(folder).with_name(image_stem(path)).as_posix()
        if key in masks:
            raise DatasetError(f"{masks[key]} and {path} differ only in extension; remove one")
        masks[key] = path
    skipped = [path.name for path in sorted({*files} - {*images})]
    if skipped:
        logger.info(
            "%s: skipped %d files that are no images: %s", folder, len(skipped), _shorten(skipped)
        )
    if not masks:
        raise DatasetError(f"{folder}: expected masks, found no image file")
    return masks


def _class_map(request: EvaluatePredictionsRequest, pairs: Sequence[_Pair]) -> ClassMap:
    """Return what the values in the files mean: as told, as the dataset says, or as found."""
    rules = [parse_class(text) for text in request.classes or ()]
    ignore = list(request.ignore)
    root = request.truth.resolve().parent
    if request.truth.resolve().name == "masks" and (root / DESCRIPTION_FILE).is_file():
        description = load_dataset(root).description
        ignore = sorted({*ignore, str(IGNORE)})
        rules = rules or [ClassRule(each.name, (each.index,)) for each in description.classes]
        names = ", ".join(rule.name for rule in rules)
        logger.info("%s belongs to the dataset '%s'", request.truth, description.name)
        logger.info("classes are %s; %d is ignored as in every dataset", names, IGNORE)
    return ClassMap(rules or _rules_found(pairs, ignore), ignore)


def _rules_found(pairs: Sequence[_Pair], ignore: Sequence[str]) -> list[ClassRule]:
    """Return every value or colour that occurs in any mask as a class named like it."""
    found: set[int] = set()
    for path in (path for pair in pairs for path in (pair.truth, pair.prediction)):
        found.update(count_codes(encode_mask(read_mask(path), is_color=True)))
        if len(found) > MAX_CLASSES:
            raise DatasetError(
                f"more than {MAX_CLASSES} different values up to {path}: expected classes, these "
                "look like instance masks or grey images"
            )
    is_color = any(code % _GREY for code in found)
    ignored = {code for text in ignore for code in parse_codes(text, f"--ignore {text!r}")[0]}
    codes = sorted({code if is_color else code // _GREY for code in found} - ignored)
    if not codes:
        raise DatasetError(f"{pairs[0].truth.parent}: every value is ignored; nothing to score")
    names = [show_code(code, is_color) for code in codes]
    logger.info("classes are the values found: %s", ", ".join(names))
    if not is_color and IGNORE in codes and len(codes) > 2:
        logger.info("255 counts as a class; --ignore 255 leaves those pixels out")
    return [ClassRule(name, (code,), is_color) for name, code in zip(names, codes, strict=True)]


def _count(pair: _Pair, class_map: ClassMap) -> NDArray[np.int64]:
    """Return the confusion matrix of one pair."""
    truth, prediction = (_read_codes(path, class_map) for path in (pair.truth, pair.prediction))
    if truth.shape != prediction.shape:
        sizes = [f"{width} x {height}" for height, width in (prediction.shape, truth.shape)]
        raise DatasetError(
            f"{pair.prediction} is {sizes[0]} pixels, but its truth {pair.truth} is {sizes[1]}; "
            "masks must have the size of their truth"
        )
    _refuse(pair.truth, class_map.unmapped(count_codes(truth)), class_map)
    true = class_map.apply(truth)
    counts = true != IGNORE
    classes = {code for rule in class_map.rules for code in rule.codes}
    predicted = count_codes(prediction[counts])
    strays = {code: n for code, n in predicted.items() if code not in classes}
    _refuse(pair.prediction, strays, class_map)
    any_class = class_map.rules[0].codes[0]  # what is predicted on ignored pixels does not matter
    indices = class_map.apply(np.where(counts, prediction, any_class))
    return confusion_matrix(true, indices, len(class_map.rules))


def _read_codes(path: Path, class_map: ClassMap) -> NDArray[np.int64]:
    mask = read_mask(path)
    if is_truly_color(mask) and not class_map.is_color:
        raise DatasetError(
            f"{path}: is coloured, but the classes are grey values; give colours to all of them, "
            "such as --class cell=#ff8000"
        )
    return encode_mask(mask, is_color=class_map.is_color)


def _refuse(path: Path, strays: Mapping[int, int], class_map: ClassMap) -> None:
    if not strays:
        return
    named = [f"{show_code(code, class_map.is_color)} in {n} pixels" for code, n in strays.items()]
    raise DatasetError(
        f"{path}: holds what is no class ({_shorten(named)}); expected "
        f"{_shorten([rule.as_option() for rule in class_map.rules])}; name values with --class, "
        "or values of the truth with --ignore"
    )


def _shorten(names: Sequence[str], n_shown: int = 5) -> str:
    more = len(names) - n_shown
    return ", ".join(names[:n_shown]) + (f" and {more} more" if more > 0 else "")
