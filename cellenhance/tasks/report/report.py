"""One self-contained HTML page of a run, of each fold of a run, or of a benchmark."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from cellenhance import __version__
from cellenhance.data.files.writers import write_text
from cellenhance.engine.checkpoints import load_model
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import make_predictor
from cellenhance.errors import OutputExistsError, SettingsError
from cellenhance.metrics.bootstrap import Interval
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.confusion_figure import draw_confusion
from cellenhance.render.figures import draw_png
from cellenhance.render.report.curves import draw_curves
from cellenhance.render.report.page import (
    Fact,
    Numbers,
    Paragraph,
    Picture,
    Report,
    Section,
    render_report,
)
from cellenhance.render.tables import format_percent
from cellenhance.runs.folder import RunFolder, read_record, read_table, run_folders
from cellenhance.tasks.evaluate.requests import EvaluateRunRequest
from cellenhance.tasks.evaluate.run import evaluate_source, source_of_folder
from cellenhance.tasks.report.benchmark import describe_benchmark, is_benchmark
from cellenhance.tasks.report.pictures import image_sections, translation_sections
from cellenhance.tasks.report.record import STYLE, ReportedRun
from cellenhance.tasks.report.requests import ReportRequest
from cellenhance.tasks.report.texts import data_section, methods_section, settings_section
from cellenhance.texts import counted

REPORT_FILE = "report.html"


def report(request: ReportRequest, progress: ProgressCallback = silent) -> list[Path]:
    """Write the page, or one for each fold, and return where they are.

    A run is evaluated anew, so that its page shows what its weights give now; the files of former
    evaluations stay as they are. A benchmark is shown as it stands.

    Raises
    ------
    CheckpointError, DatasetError, DeviceError
        The run, its dataset or the device is not there.
    OutputExistsError
        A page is there already, without `overwrite`.
    SettingsError
        One page is asked for several folds, or a checkpoint file is given.
    """
    if is_benchmark(request.run):
        path = _path(request, request.run)
        write_text(path, render_report(describe_benchmark(request.run)))
        return [path]
    if request.run.suffix == ".safetensors":
        raise SettingsError(
            f"{request.run}: a checkpoint alone has no curves and no dataset to report on; give "
            "its run folder"
        )
    folders = run_folders(request.run)
    if len(folders) > 1 and request.output is not None:
        raise SettingsError(
            f"{request.run}: has {len(folders)} folds with a page each; leave out -o (they go into "
            "the folds) or name one fold"
        )
    paths = [_path(request, folder.root) for folder in folders]
    for folder, path in zip(folders, paths, strict=True):
        write_text(path, render_report(_describe_run(folder, request, progress)))
    return paths


def _path(request: ReportRequest, folder: Path) -> Path:
    path = request.output or folder / REPORT_FILE
    if path.is_dir():
        path = path / REPORT_FILE
    if path.exists() and not request.overwrite:
        raise OutputExistsError(f"{path}: exists; give --overwrite or another -o")
    return path


def _describe_run(
    folder: RunFolder, request: ReportRequest, progress: ProgressCallback = silent
) -> Report:
    """Return the page of a run, evaluated anew on the subset; errors as in `report`."""
    run = _evaluate(folder, request, progress)
    record, subset, n_images = run.record, request.subset, request.n_images
    sections = [
        _scores_section(run),
        _training_section(run),
        *image_sections(run, n_images, progress),
        *translation_sections(run, n_images, progress),
        data_section(run),
        settings_section(run),
        methods_section(run),
    ]
    return Report(
        title=f"{run.name} on {record.dataset_name}",
        subtitle=f"Run {folder.root.resolve().name}, fold {record.settings.fold} of split "
        f"{record.settings.split}, scored on the {subset} part",
        facts=_facts(run),
        sections=tuple(sections),
        footer=f"Made by cellenhance {__version__}. Everything shown is "
        "in this file; nothing is loaded from elsewhere.",
    )


def _evaluate(folder: RunFolder, request: ReportRequest, progress: ProgressCallback) -> ReportedRun:
    """Return the run with its scores; the checkpoint is read once."""
    model = load_model(folder.best_path)
    predictor = make_predictor([model], choose_compute(request.compute.device, "fp32"))
    scored = EvaluateRunRequest(run=folder.root, subset=request.subset)
    source = source_of_folder(scored, folder)
    # Nothing is written: what an evaluation with more metrics has written must stay.
    result = evaluate_source(scored, replace(source, output=None), predictor, progress)
    return ReportedRun(folder, read_record(folder), model, predictor, source.subset, result)


def _facts(run: ReportedRun) -> tuple[Fact, ...]:
    scores, majority, intervals = run.scores, run.result.majority, run.scores.intervals
    facts = [
        Fact(
            "Mean IoU, pooled",
            f"{format_percent(scores.pooled.miou)} %",
            _interval(None if intervals is None else intervals.miou),
        ),
        Fact(
            "Mean Dice, pooled",
            f"{format_percent(scores.pooled.mdice)} %",
            _interval(None if intervals is None else intervals.mdice),
        ),
    ]
    if majority is not None:
        facts.append(
            Fact(
                "Mean IoU of guessing",
                f"{format_percent(majority.pooled.miou)} %",
                f"everything {run.result.majority_class}, the class most frequent in training",
            )
        )
    n_groups = len(set(run.subset.groups))
    return (
        *facts,
        Fact("Images scored", str(scores.n_images), f"in {counted(n_groups, 'group')}"),
        Fact("Images trained on", str(run.record.n_train), f"{run.record.n_val} to validate"),
        Fact("Parameters", f"{run.n_parameters:,}"),
    )


def _interval(interval: Interval | None) -> str:
    if interval is None or math.isnan(interval.low):
        return "no interval: too few images or groups"
    low, high = format_percent(interval.low), format_percent(interval.high)
    return f"95 % interval {low} to {high}"


def _scores_section(run: ReportedRun) -> Section:
    evaluation, scores = run.result.evaluation, run.scores
    tables = [Numbers(table) for table in evaluation.tables()]
    caption = "Pixels by true class (rows) and class in the result (columns), all images pooled"
    figure = draw_confusion(scores.matrix, scores.classes, STYLE, caption=caption)
    alt = f"Confusion matrix of {', '.join(scores.classes)}; evaluate writes it as confusion.csv"
    return Section("Scores", (*tables, Picture(draw_png(figure), alt)))


def _training_section(run: ReportedRun) -> Section:
    rows, best = run.epochs(), run.best_epoch()
    seconds = sum(float(row["train_s"] or 0) for row in read_table(run.folder.timing_path))
    chosen = (
        f"epoch {best} had the best mean IoU on the validation part and is what is scored here"
        if run.record.n_val
        else "the last one is scored here, as there was no validation part"
    )
    epochs = counted(len(rows), "epoch")
    text = (
        f"{epochs}, {seconds / 60:.1f} minutes of training ({run.record.compute_reason}); {chosen}."
    )
    alt = f"Loss and validation IoU over {epochs}; the numbers are in metrics.csv"
    return Section("Training", (Paragraph(text), Picture(draw_png(draw_curves(rows, best)), alt)))
