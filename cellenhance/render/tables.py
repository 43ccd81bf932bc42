"""Scores as rows of text, for the terminal and for CSV; nothing is printed or written here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cellenhance.metrics.bootstrap import Interval
from cellenhance.metrics.overlap import mean_defined
from cellenhance.metrics.scores import PER_CLASS, OverlapScores, Scores
from cellenhance.texts import counted

_LABELS = {"iou": "IoU", "dice": "Dice"}
_WITH_INTERVALS = ("iou", "dice")


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the column names, rows of as many cells, and notes that a reader must know."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def format_percent(value: float) -> str:
    """Return a fraction as percent with 2 decimals, "-" for NaN.

    Examples
    --------
    >>> format_percent(4 / 7), format_percent(float("nan"))
    ('57.14', '-')
    """
    return "-" if math.isnan(value) else f"{100 * value:.2f}"


def format_interval(value: float, interval: Interval | None) -> str:
    """Return a fraction as percent, followed by its interval where there is one.

    Examples
    --------
    >>> format_interval(0.5, Interval(0.25, 0.625)), format_interval(0.5, None)
    ('50.00 [25.00, 62.50]', '50.00')
    """
    if interval is None or math.isnan(interval.low) or math.isnan(value):
        return format_percent(value)
    low, high = format_percent(interval.low), format_percent(interval.high)
    return f"{format_percent(value)} [{low}, {high}]"


def format_mean_std(values: Sequence[float]) -> str:
    """Return percent as "mean ± population standard deviation", NaN left out.

    Where values are left out, "(n=...)" states how many remain.

    Examples
    --------
    >>> format_mean_std([0.5, 0.7]), format_mean_std([0.5, 0.7, float("nan")])
    ('60.00 ± 10.00', '60.00 ± 10.00 (n=2)')
    """
    defined = [value for value in values if not math.isnan(value)]
    if not defined:
        return "-"
    text = f"{format_percent(mean_defined(defined))} ± {format_percent(float(np.std(defined)))}"
    return text if len(defined) == len(values) else f"{text} (n={len(defined)})"


def class_table(scores: Scores, *, per_image: bool = False) -> Table:
    """Return one row per class and one of means: IoU, Dice and more in percent.

    Parameters
    ----------
    per_image : the mean over images, with the number of images that lack the class, instead of
        the scores pooled over all pixels, which come with their intervals
    """
    means = scores.per_image_mean if per_image else scores.pooled
    spread = None if per_image else scores.intervals
    names = [_LABELS.get(name, name) for name in PER_CLASS]
    rows = []
    for row, prefix in [*((name, "") for name in scores.classes), ("mean over classes", "m")]:
        cells = []
        for score in PER_CLASS:
            value, interval = getattr(means, prefix + score), None
            if spread is not None and score in _WITH_INTERVALS:
                interval = getattr(spread, prefix + score)
            if not prefix:
                value, interval = value[row], None if interval is None else interval[row]
            cells.append(format_interval(value, interval))
        rows.append((row, *cells))
    header = ("class", *names)
    if per_image:
        header = (*header, "images without the class")
        absences = [str(scores.n_absent[name]) for name in scores.classes]
        rows = [(*row, count) for row, count in zip(rows, [*absences, ""], strict=True)]
    accuracy = format_interval(means.accuracy, None if spread is None else spread.accuracy)
    return Table(f"{_describe(scores, per_image)}; accuracy {accuracy}", header, tuple(rows))


def comparison_table(entries: Mapping[str, Scores], *, per_image: bool = False) -> Table:
    """Return one row per entry (model, branch, "majority class"): IoU and Dice in percent.

    The means of pooled scores are followed by their intervals; those of classes are left to
    `class_table`, since a row must stay readable.

    Raises
    ------
    ValueError
        There are no entries, or the entries differ in their classes.
    """
    first = _check_same_classes(list(entries.values()))
    rows = tuple(
        (name, *_overlap_cells(scores, per_image=per_image)) for name, scores in entries.items()
    )
    return Table(_describe(first, per_image), _overlap_header(first), rows)


def run_table(entries: Mapping[str, Sequence[Scores]], *, per_image: bool = False) -> Table:
    """Return one row per entry: mean ± population std over folds, or one run's interval.

    Parameters
    ----------
    entries : by name, the scores of each fold, or those of a single run

    Raises
    ------
    ValueError
        There are no entries, one has no folds, or they differ in their classes.
    """
    first = _check_same_classes([scores for folds in entries.values() for scores in folds])
    counts = {len(folds) for folds in entries.values()}
    if not min(counts):
        raise ValueError("an entry of a table needs at least one run")
    rows = []
    for name, folds in entries.items():
        if len(folds) == 1:
            rows.append((name, *_overlap_cells(folds[0], per_image=per_image)))
            continue
        label = name if len(counts) == 1 else f"{name} ({counted(len(folds), 'fold')})"
        columns = zip(*(_overlap_values(_choose(each, per_image)) for each in folds), strict=True)
        rows.append((label, *map(format_mean_std, columns)))
    title = f"percent, {_average(per_image)}"
    if max(counts) > 1:
        n_folds = f"{max(counts)} folds" if len(counts) == 1 else "folds"
        title += f" in each fold; mean ± population standard deviation over {n_folds}"
    return Table(title, _overlap_header(first), tuple(rows))


def image_table(scores: Scores, extra: Mapping[str, Sequence[object]] | None = None) -> Table:
    """Return one row per image for a CSV: fractions, not rounded; empty cells are undefined.

    Parameters
    ----------
    extra : further columns by name, after the id; a float that is NaN is an empty cell
    """
    extra = extra or {}
    header = ["id", *extra, "accuracy"]
    for score in PER_CLASS:
        header += [f"m{score}", *(f"{score}_{name}" for name in scores.classes)]
    rows = []
    for index, image in enumerate(scores.images):
        values: list[object] = [each[index] for each in extra.values()]
        values.append(image.scores.accuracy)
        for score in PER_CLASS:
            by_class = getattr(image.scores, score)
            values += [getattr(image.scores, f"m{score}"), *by_class.values()]
        rows.append((image.id, *map(format_cell, values)))
    return Table("scores of each image", tuple(header), tuple(rows))


def format_cell(value: object) -> str:
    """Return a value for a CSV: floats unrounded, NaN empty.

    Examples
    --------
    >>> format_cell(1 / 3), format_cell(float("nan")), format_cell(2)
    ('0.3333333333333333', '', '2')
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)


def _check_same_classes(entries: Sequence[Scores]) -> Scores:
    if not entries or any(each.classes != entries[0].classes for each in entries):
        raise ValueError("a table needs at least one entry, and the same classes in all of them")
    return entries[0]


def _choose(scores: Scores, per_image: bool) -> OverlapScores:
    return scores.per_image_mean if per_image else scores.pooled


def _average(per_image: bool) -> str:
    return "mean over images" if per_image else "pooled over all pixels"


def _describe(scores: Scores, per_image: bool) -> str:
    return f"percent, {_average(per_image)}, {counted(scores.n_images, 'image')}"


def _overlap_header(scores: Scores) -> tuple[str, ...]:
    """Return the columns as in the published tables: the mean first, then the classes."""
    return (
        "",
        "mIoU",
        *(f"IoU {name}" for name in scores.classes),
        "mDice",
        *(f"Dice {name}" for name in scores.classes),
    )


def _overlap_cells(scores: Scores, *, per_image: bool) -> list[str]:
    values = _overlap_values(_choose(scores, per_image))
    cells = [format_percent(value) for value in values]
    if scores.intervals is not None and not per_image:
        place = 1 + len(scores.classes)
        cells[0] = format_interval(values[0], scores.intervals.miou)
        cells[place] = format_interval(values[place], scores.intervals.mdice)
    return cells


def _overlap_values(scores: OverlapScores) -> list[float]:
    return [scores.miou, *scores.iou.values(), scores.mdice, *scores.dice.values()]
