"""One self-contained HTML page of a run, of each fold of a run, or of a benchmark."""

from __future__ import annotations

from pathlib import Path

from cellenhance.data.files.writers import write_text
from cellenhance.errors import OutputExistsError, SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.report.page import render_report
from cellenhance.runs.folder import run_folders
from cellenhance.tasks.report.benchmark import describe_benchmark, is_benchmark
from cellenhance.tasks.report.requests import ReportRequest
from cellenhance.tasks.report.run import describe_run

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
        write_text(path, render_report(describe_run(folder, request, progress)))
    return paths


def _path(request: ReportRequest, folder: Path) -> Path:
    path = request.output or folder / REPORT_FILE
    if path.is_dir():
        path = path / REPORT_FILE
    if path.exists() and not request.overwrite:
        raise OutputExistsError(f"{path}: exists; give --overwrite or another -o")
    return path
