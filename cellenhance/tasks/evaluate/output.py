"""The files of an evaluation: JSON and CSV for programs, tables and figures for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cellenhance.data.files.writers import write_csv, write_json, write_text
from cellenhance.errors import OutputExistsError
from cellenhance.pixel_size import PixelSize
from cellenhance.render.confusion_figure import draw_confusion
from cellenhance.render.figures import save_all
from cellenhance.render.style import FigureStyle
from cellenhance.render.table_files import to_latex, to_markdown
from cellenhance.render.tables import Table, image_table
from cellenhance.runs.stored_confusion import (
    IMAGE_CONFUSION_FILE,
    RESULT,
    ImageMatrices,
    write_image_confusion,
)
from cellenhance.tasks.evaluate.images import WorstImages, write_worst
from cellenhance.tasks.evaluate.record import Evaluation
from cellenhance.tasks.evaluate.threshold import SWEEP_COLUMNS, SWEEP_FILE, ThresholdScores
from cellenhance.texts import counted

SUMMARY_FILE = "summary.json"
IMAGES_FILE = "per_image.csv"
CONFUSION_FILE = "confusion.csv"


def refuse_former(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputExistsError when an evaluation lies in a folder the user named."""
    path = folder / SUMMARY_FILE
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path}: exists already; give --overwrite or another -o")


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    worst: WorstImages,
    style: FigureStyle,
    pixel_size_um: PixelSize | None = None,
) -> None:
    """Write all files of one evaluation into `folder`, `summary.json` last.

    Files of former evaluations there that this one does not make are removed, so that what lies
    together belongs together.
    """
    scores = evaluation.scores
    (folder / SUMMARY_FILE).unlink(missing_ok=True)
    table = image_table(scores, _image_columns(evaluation))
    write_csv(folder / IMAGES_FILE, table.header, table.rows)
    rows = [(name, *row) for name, row in zip(scores.classes, scores.matrix.tolist(), strict=True)]
    write_csv(folder / CONFUSION_FILE, ("true class", *scores.classes), rows)
    write_image_confusion(folder / IMAGE_CONFUSION_FILE, _matrices(evaluation))
    caption = f"{evaluation.title}: {counted(scores.n_images, 'image')}, pooled over all pixels"
    figure = draw_confusion(scores.matrix, scores.classes, style, caption=caption)
    for path in folder.glob("confusion.*"):
        if path.suffix in (".png", ".pdf", ".svg"):
            path.unlink()
    save_all(figure, folder / "confusion", style)
    write_tables(folder, evaluation.tables(), evaluation.title)
    _write_sweep(folder / SWEEP_FILE, evaluation.thresholds)
    write_worst(folder, worst, evaluation.looks, style, pixel_size_um)
    write_json(folder / SUMMARY_FILE, evaluation.to_json())


def write_tables(folder: Path, tables: Sequence[Table], heading: str) -> None:
    """Write `table.md` and `table.tex`."""
    write_text(folder / "table.md", to_markdown(tables, heading))
    write_text(folder / "table.tex", to_latex(tables, heading))


def _write_sweep(path: Path, thresholds: Sequence[ThresholdScores]) -> None:
    """Write what each threshold scored on the validation part, if any was chosen."""
    path.unlink(missing_ok=True)
    if thresholds:
        write_csv(path, SWEEP_COLUMNS, [row for each in thresholds for row in each.sweep_rows()])


def _image_columns(evaluation: Evaluation) -> dict[str, Sequence[object]]:
    """Return the columns of `per_image.csv` beside the overlap scores."""
    counted = evaluation.scores.matrices.sum(axis=(1, 2)).tolist()
    ignored = [n - each for n, each in zip(evaluation.n_pixels, counted, strict=True)]
    columns: dict[str, Sequence[object]] = {
        "group": evaluation.groups,
        "n_px": counted,
        "n_ignored_px": ignored,
    }
    for each in evaluation.further:
        for index, column in enumerate(each.columns):
            columns[each.column_name(column)] = each.values[:, index].tolist()
    for scores in evaluation.thresholds:
        name = f"{scores.metric.name}_{scores.name}_at_threshold"
        columns[name] = scores.chosen.tolist()
    return columns


def _matrices(evaluation: Evaluation) -> dict[str, ImageMatrices]:
    """Return the matrices of the result, of each branch and of each variant."""
    scores = evaluation.scores
    outputs = {RESULT: scores, **scores.branches}
    ids = tuple(image.id for image in scores.images)
    return {
        name: ImageMatrices(scores.classes, ids, evaluation.groups, each.matrices)
        for name, each in outputs.items()
    }
