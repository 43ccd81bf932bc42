"""What a dataset holds, what is suspicious in it, and a contact sheet to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.dealing import build_units
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import Sample, load_sample
from cellenhance.data.dataset.splits import load_split, split_names
from cellenhance.data.files.storage import replacing
from cellenhance.data.inspection.contact_sheet import make_thumbnail, render_contact_sheet
from cellenhance.data.inspection.facts import SampleFacts, measure_sample
from cellenhance.data.inspection.findings import Finding
from cellenhance.data.inspection.inspect import find_problems
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.errors import OutputExistsError, SettingsError
from cellenhance.metrics.contrast import contrast_to_noise
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.datasets.inspect_records import InspectReport, count_values
from cellenhance.tasks.datasets.requests import InspectRequest
from cellenhance.tasks.datasets.split_parts import summarize_split
from cellenhance.texts import counted

PERCENTILES = (0.1, 1.0, 50.0, 99.0, 99.8)
MOST_ON_SHEET = 48
_MOST_OF_A_KIND = 8
_MOST_AT_ONCE_PX, _WINDOW_PX = 4_000_000, 1024


def inspect_dataset(request: InspectRequest, progress: ProgressCallback = silent) -> InspectReport:
    """Read every sample of a dataset once; write a PNG of up to `MOST_ON_SHEET` where asked for.

    Samples with a finding come first on the sheet.

    Raises
    ------
    DatasetError
        The dataset or one of its files is damaged.
    SettingsError, OutputExistsError
        The contact sheet is not to be a PNG, or it exists and overwriting was not asked for.
    """
    contact_sheet = request.output
    if contact_sheet is not None:
        _check_sheet(contact_sheet, overwrite=request.overwrite)
    dataset = load_dataset(request.dataset)
    tables = [load_split(dataset, name) for name in split_names(dataset.root)]
    measured = _measure(dataset, progress)
    facts = measured.facts
    problems = find_problems(dataset, facts, tables)
    remarks = _choose_for_sheet(dataset, problems.findings) if contact_sheet is not None else {}
    if contact_sheet is not None:
        _write_sheet(contact_sheet, dataset, remarks, measured.intensity)
    counts = {each.id: each.class_pixels for each in facts}
    units = build_units(dataset.samples, "column")
    labelled = np.sum([each.class_pixels for each in facts], axis=0)
    n_labelled, n_ignored = int(labelled.sum()), sum(each.n_ignored for each in facts)
    return InspectReport(
        dataset=dataset,
        facts=tuple(facts),
        cnr=measured.cnr,
        sizes=count_values((row.height, row.width) for row in dataset.samples),
        dtypes=count_values(row.dtype for row in dataset.samples),
        groups=count_values(row.group for row in dataset.samples),
        class_shares={
            name: int(n) / max(1, n_labelled)
            for name, n in zip(dataset.class_names, labelled, strict=True)
        },
        ignored_share=n_ignored / max(1, n_ignored + n_labelled),
        intensity=_intensity(measured.intensity),
        saturated_share=float(np.mean([each.saturated for each in facts])),
        splits={table.name: summarize_split(dataset, table, counts, units) for table in tables},
        problems=problems,
        contact_sheet=contact_sheet,
        n_on_sheet=len(remarks),
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one pass over the samples brings."""

    facts: list[SampleFacts]
    cnr: dict[str, NDArray[np.float64]]
    intensity: IntensityStatistics


def _measure(dataset: Dataset, progress: ProgressCallback) -> _Measured:
    measured = _Measured([], {}, IntensityStatistics())
    n_classes = len(dataset.class_names)
    for done, row in enumerate(dataset.samples, start=1):
        sample = load_sample(dataset, row)
        measured.facts.append(measure_sample(sample, n_classes))
        measured.cnr[sample.id] = _contrast(sample, n_classes)
        measured.intensity.add(sample.image)
        progress(done, len(dataset.samples), "inspecting")
    return measured


def _contrast(sample: Sample, n_classes: int) -> NDArray[np.float64]:
    """Return the (K, C) contrast-to-noise ratio of each class in each channel; NaN where absent.

    Of an image beyond 4 million pixels nine windows of 1024 pixels stand for the whole: their mean.
    """
    n_channels = sample.image.shape[2]
    total, n_defined = np.zeros((2, n_classes, n_channels))
    for rows, columns in _windows(*sample.mask.shape):
        mask = sample.mask[rows, columns]
        present = np.bincount(mask.ravel(), minlength=256)[:n_classes]
        for index, channel in product(np.flatnonzero(present), range(n_channels)):
            ratio = contrast_to_noise(sample.image[rows, columns, channel], mask, int(index))
            if np.isfinite(ratio):
                total[index, channel] += ratio
                n_defined[index, channel] += 1
    return np.where(n_defined > 0, total / np.maximum(n_defined, 1), np.nan)


def _windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return the whole image or, of a large one, a grid of windows."""
    if height * width <= _MOST_AT_ONCE_PX:
        return [(slice(None), slice(None))]
    rows, columns = (
        [
            slice(at, at + _WINDOW_PX)
            for at in np.linspace(0, max(0, side - _WINDOW_PX), 3, dtype=int)
        ]
        for side in (height, width)
    )
    return list(product(rows, columns))


def _intensity(statistics: IntensityStatistics) -> tuple[dict[str, float], ...]:
    columns = {"min": statistics.minimum}
    columns |= {f"p{percent:g}": statistics.percentile(percent) for percent in PERCENTILES}
    columns["max"] = statistics.maximum
    return tuple(
        {name: values[channel] for name, values in columns.items()}
        for channel in range(statistics.n_channels)
    )


def _choose_for_sheet(dataset: Dataset, findings: Sequence[Finding]) -> dict[str, str]:
    """Return the ids to show with the code of their finding: those first, the rest spread evenly.

    Of each kind of finding some samples are shown, rare kinds before frequent ones.
    """
    remarks: dict[str, str] = {}
    room = MOST_ON_SHEET // 2 if len(dataset.samples) > MOST_ON_SHEET else MOST_ON_SHEET
    serious = sorted((each for each in findings if each.level != "note"), key=lambda f: len(f.ids))
    for finding in serious:
        for sample_id in finding.ids[:_MOST_OF_A_KIND]:
            if len(remarks) < room:
                remarks.setdefault(sample_id, finding.code)
    rest = [row.id for row in dataset.samples if row.id not in remarks]
    n_more = min(len(rest), MOST_ON_SHEET - len(remarks))
    # The middle of equal stretches, so that a long series is seen from start to end.
    places = [int((index + 0.5) * len(rest) / n_more) for index in range(n_more)]
    return remarks | {rest[place]: "" for place in places}


def _check_sheet(path: Path, *, overwrite: bool) -> None:
    if path.suffix.lower() != ".png":
        raise SettingsError(f"{path}: the contact sheet is a PNG; give a name that ends in .png")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path}: exists; give --overwrite or another -o")


def _write_sheet(
    path: Path,
    dataset: Dataset,
    remarks: Mapping[str, str],
    statistics: IntensityStatistics,
) -> None:
    thumbnails = []
    for sample_id, remark in remarks.items():
        sample = load_sample(dataset, dataset.row(sample_id))
        thumbnails.append(make_thumbnail(sample.id, sample.image, sample.mask, remark))
    low, high = statistics.percentile(0.1), statistics.percentile(99.8)
    shown = ", ".join(f"{a:g} to {b:g}" for a, b in zip(low, high, strict=True))
    png = render_contact_sheet(
        thumbnails,
        low=low,
        high=high,
        colors={each.name: each.color for each in dataset.description.classes},
        title=f"{dataset.description.name}: {len(thumbnails)} of "
        f"{counted(len(dataset.samples), 'sample')}, display range {shown}",
    )
    with replacing(path) as temporary:
        temporary.write_bytes(png)
