"""A dataset as files of annotation programs, so that masks can be corrected and prepared again."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.arrays import IGNORE
from cellenhance.data.annotations.labels import CHANGES_FILE, is_ignore
from cellenhance.data.dataset.build import check_output_folder
from cellenhance.data.dataset.manifest import Dataset, SampleRow, load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import rows_of_subset
from cellenhance.data.exporters.contract import Change, ExportTarget
from cellenhance.data.exporters.registry import exporter_type
from cellenhance.data.files.storage import replacing_folder
from cellenhance.data.files.writers import write_csv, write_text
from cellenhance.errors import SettingsError
from cellenhance.pixel_size import pixel_size_option, write_pixel_size
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import format_yaml
from cellenhance.tasks.datasets.requests import FOLDERS, ExportRequest

logger = logging.getLogger(__name__)

RECORD_FILE = "export.yaml"
"""Says what an export is; an output without it is never replaced."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """The samples of an export that may be written."""

    request: ExportRequest
    dataset: Dataset
    samples: tuple[SampleRow, ...]

    @property
    def way_back(self) -> str:
        """The command that makes a dataset of the export again."""
        description, request = self.dataset.description, self.request
        words = ["cellenhance", "dataset", "prepare", str(request.output), "-o", "CORRECTED"]
        if request.to == FOLDERS:
            for each in description.classes:
                words += ["--class", f"{each.name}={each.index}"]
            words += ["--ignore", str(IGNORE)]
        else:
            words += ["--layout", request.to]
        if description.background is not None and description.background.lower() != "background":
            words += ["--background", description.background]
        if description.pixel_size_um is not None:
            words += ["--pixel-size", pixel_size_option(description.pixel_size_um)]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written, and what reading it back changes."""

    plan: ExportPlan
    changes: tuple[Change, ...]

    @property
    def most_changed(self) -> float:
        """Largest share of the pixels of one image that its outlines change."""
        return max(each.n_changed_px / each.n_pixels for each in self.changes)

    @property
    def n_finer(self) -> int:
        """Number of images whose outlines were simplified less than asked for."""
        request = self.plan.request
        if request.to == FOLDERS:
            return 0
        return sum(each.tolerance_px < request.simplify for each in self.changes)


def plan_export(request: ExportRequest) -> ExportPlan:
    """Return what would be written; writes nothing.

    Raises
    ------
    DatasetError
        The dataset is damaged, or the subset is empty.
    SettingsError, OutputExistsError
        An option does not fit, a class cannot be told from ignore, or the output exists.
    """
    exporter_type(request.to)
    check_output_folder(request.output, overwrite=request.overwrite, record=RECORD_FILE)
    dataset = load_dataset(request.dataset)
    blurred = [name for name in dataset.class_names if is_ignore(name)]
    if blurred and request.to != FOLDERS:
        raise SettingsError(
            f"class '{blurred[0]}' means 'not annotated' in these files and would come back as "
            "ignore; rename it in dataset.yaml, or use --to folders"
        )
    return ExportPlan(request, dataset, tuple(_rows(dataset, request)))


def export_dataset(request: ExportRequest, progress: ProgressCallback = silent) -> ExportResult:
    """Plan and write an export; errors as in `plan_export`."""
    return write_export(plan_export(request), progress)


def write_export(plan: ExportPlan, progress: ProgressCallback = silent) -> ExportResult:
    """Write the export; it appears complete or not at all."""
    request, description = plan.request, plan.dataset.description
    changes: list[Change] = []
    with replacing_folder(request.output, overwrite=request.overwrite) as folder:
        target = ExportTarget(folder, description, request.simplify)
        exporter = exporter_type(request.to)(target)
        for row in plan.samples:
            changes.append(exporter.add(load_sample(plan.dataset, row)))
            progress(len(changes), len(plan.samples), "exporting")
        exporter.finish()
        _write_record(folder, plan, changes)
    if len({row.group for row in plan.samples}) < len(plan.samples):
        logger.warning(
            "groups are not part of these files: samples that belong together are on their own "
            "when they come back"
        )
    return ExportResult(plan, tuple(changes))


def _rows(dataset: Dataset, request: ExportRequest) -> Sequence[SampleRow]:
    if request.subset is None:
        return dataset.samples
    return rows_of_subset(dataset, request.split, request.subset)


def _write_record(folder: Path, plan: ExportPlan, changes: Sequence[Change]) -> None:
    description = plan.dataset.description
    record = {
        "format": plan.request.to,
        "dataset": description.name,
        "classes": [each.name for each in description.classes],
        "background": description.background,
        "pixel_size_um": write_pixel_size(description.pixel_size_um),
        "simplify_px": plan.request.simplify,
        "licence": description.licence,
        "way_back": plan.way_back,
    }
    text = format_yaml(record)
    write_text(folder / RECORD_FILE, text)
    rows = [
        (each.sample_id, each.tolerance_px, each.n_changed_px, each.n_changed_px / each.n_pixels)
        for each in changes
    ]
    header = ("id", "simplify_px", "changed_px", "changed_share")
    write_csv(folder / CHANGES_FILE, header, rows)
