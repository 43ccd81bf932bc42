"""What a dataset holds, what is suspicious in it, and a contact sheet to look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.data.contact_sheet import Thumbnail, make_thumbnail, render_contact_sheet
from cellenhance.data.dealing import build_units
from cellenhance.data.inspect import Finding, SampleFacts, find_problems, measure_sample
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.data.manifest import Dataset, load_dataset
from cellenhance.data.samples import load_sample
from cellenhance.data.splits import load_split, split_names
from cellenhance.data.writers import replacing
from cellenhance.errors import OutputExistsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.split_dataset import SubsetSummary, summarize_split

PERCENTILES = (0.1, 1.0, 50.0, 99.0, 99.8)
MOST_ON_SHEET = 48


@dataclass(frozen=True, slots=True)
class InspectReport:
    """The result of `inspect_dataset`; `intensity` has one mapping a channel."""

    dataset: Dataset
    sizes: dict[tuple[int, int], int]
    dtypes: dict[str, int]
    class_shares: dict[str, float]
    ignored_share: float
    intensity: tuple[dict[str, float], ...]
    saturated_share: float
    splits: dict[str, tuple[SubsetSummary, ...]]
    findings: tuple[Finding, ...]
    contact_sheet: Path | None
    n_on_sheet: int

    def to_json(self) -> dict[str, Any]:
        """Return the report with plain values."""
        description = self.dataset.description
        return {
            "name": description.name,
            "n_samples": len(self.dataset.samples),
            "channels": description.channels,
            "pixel_size_um": description.pixel_size_um,
            "sizes": [{"height": h, "width": w, "n": n} for (h, w), n in self.sizes.items()],
            "dtypes": self.dtypes,
            "class_shares": self.class_shares,
            "ignored_share": self.ignored_share,
            "intensity": list(self.intensity),
            "saturated_share": self.saturated_share,
            "splits": {name: [asdict(s) for s in rows] for name, rows in self.splits.items()},
            "findings": [asdict(finding) for finding in self.findings],
            "contact_sheet": None if self.contact_sheet is None else str(self.contact_sheet),
        }


def inspect_dataset(
    path: Path,
    *,
    contact_sheet: Path | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> InspectReport:
    """Read every sample of the dataset in `path` once.

    Parameters
    ----------
    contact_sheet : where to write a PNG of the first `MOST_ON_SHEET` samples; None for none

    Raises
    ------
    DatasetError
        The dataset or one of its files is damaged.
    OutputExistsError
        The contact sheet exists and `overwrite` is not given.
    """
    if contact_sheet is not None and contact_sheet.exists() and not overwrite:
        raise OutputExistsError(f"{contact_sheet}: exists; give --overwrite or another -o")
    dataset = load_dataset(path)
    tables = [load_split(dataset, name) for name in split_names(dataset.root)]
    statistics = IntensityStatistics()
    facts: list[SampleFacts] = []
    thumbnails: list[Thumbnail] = []
    for done, row in enumerate(dataset.samples, start=1):
        sample = load_sample(dataset, row)
        facts.append(measure_sample(sample, len(dataset.class_names)))
        statistics.add(sample.image)
        if contact_sheet is not None and len(thumbnails) < MOST_ON_SHEET:
            thumbnails.append(make_thumbnail(sample.id, sample.image, sample.mask))
        progress(done, len(dataset.samples), "inspecting")
    if contact_sheet is not None:
        _write_sheet(contact_sheet, dataset, thumbnails, statistics)
    counts = {each.id: each.class_pixels for each in facts}
    units = build_units(dataset.samples, "column")
    labelled = np.sum([each.class_pixels for each in facts], axis=0)
    n_labelled, n_ignored = int(labelled.sum()), sum(each.n_ignored for each in facts)
    return InspectReport(
        dataset=dataset,
        sizes=_count((row.height, row.width) for row in dataset.samples),
        dtypes=_count(row.dtype for row in dataset.samples),
        class_shares={
            name: int(n) / max(1, n_labelled)
            for name, n in zip(dataset.class_names, labelled, strict=True)
        },
        ignored_share=n_ignored / max(1, n_ignored + n_labelled),
        intensity=_intensity(statistics),
        saturated_share=float(np.mean([each.saturated for each in facts])),
        splits={table.name: summarize_split(dataset, table, counts, units) for table in tables},
        findings=tuple(find_problems(dataset, facts, tables)),
        contact_sheet=contact_sheet,
        n_on_sheet=len(thumbnails),
    )


def _intensity(statistics: IntensityStatistics) -> tuple[dict[str, float], ...]:
    columns = {"min": statistics.minimum}
    columns |= {f"p{percent:g}": statistics.percentile(percent) for percent in PERCENTILES}
    columns["max"] = statistics.maximum
    return tuple(
        {name: values[channel] for name, values in columns.items()}
        for channel in range(statistics.n_channels)
    )


def _write_sheet(
    path: Path,
    dataset: Dataset,
    thumbnails: list[Thumbnail],
    statistics: IntensityStatistics,
) -> None:
    low, high = statistics.percentile(0.1), statistics.percentile(99.8)
    shown = ", ".join(f"{a:g} to {b:g}" for a, b in zip(low, high, strict=True))
    png = render_contact_sheet(
        thumbnails,
        low=low,
        high=high,
        colors=[each.color for each in dataset.description.classes],
        title=f"{dataset.description.name}: {len(thumbnails)} of {len(dataset.samples)} samples, "
        f"display range {shown}",
    )
    with replacing(path) as temporary:
        temporary.write_bytes(png)


def _count(values: Any) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
