"""What ``dataset inspect`` hands back: the numbers of a set, its samples, and its findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.inspection.facts import SampleFacts
from cellenhance.data.inspection.inspect import Problems
from cellenhance.pixel_size import write_pixel_size
from cellenhance.tasks.datasets.split_parts import SubsetSummary


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 10th and 90th percentile over the images where a number is defined."""

    median: float
    p10: float
    p90: float
    n_images: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of the finite values; NaN without any."""
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return cls(math.nan, math.nan, math.nan, 0)
        p10, median, p90 = (float(each) for each in np.percentile(finite, [10, 50, 90]))
        return cls(median, p10, p90, len(finite))


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """Background offset and noise sigma of one channel, in the units of the files."""

    channel: int
    offset: Spread
    noise: Spread


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """How a class stands out in one channel.

    Attributes
    ----------
    mean, noise : of the pixels of the class, in the units of the files
    snr : (mean - background offset) / noise within the class
    cnr : |mean - mean of the neighbours| / noise of both, see `contrast_to_noise`
    """

    name: str
    channel: int
    mean: Spread
    noise: Spread
    snr: Spread
    cnr: Spread


@dataclass(frozen=True, slots=True)
class InspectReport:
    """The result of `inspect_dataset`; `intensity` has one mapping a channel.

    Attributes
    ----------
    groups : number of images of each group
    cnr : by sample id, (K, C)
    """

    dataset: Dataset
    facts: tuple[SampleFacts, ...]
    cnr: dict[str, NDArray[np.float64]]
    sizes: dict[tuple[int, int], int]
    dtypes: dict[str, int]
    groups: dict[str, int]
    class_shares: dict[str, float]
    ignored_share: float
    intensity: tuple[dict[str, float], ...]
    saturated_share: float
    splits: dict[str, tuple[SubsetSummary, ...]]
    problems: Problems
    contact_sheet: Path | None
    n_on_sheet: int

    @property
    def channels(self) -> tuple[ChannelQuality, ...]:
        """Background and noise over the images, a record a channel."""
        return tuple(
            ChannelQuality(
                index,
                Spread.of(each.quality.offset[index] for each in self.facts),
                Spread.of(each.quality.noise[index] for each in self.facts),
            )
            for index in range(self.dataset.description.channels)
        )

    @property
    def classes(self) -> tuple[ClassQuality, ...]:
        """Signal and contrast over the images, a record a class and channel."""
        return tuple(
            ClassQuality(
                name,
                channel,
                Spread.of(each.quality.class_mean[index, channel] for each in self.facts),
                Spread.of(each.quality.class_noise[index, channel] for each in self.facts),
                Spread.of(each.quality.snr[index, channel] for each in self.facts),
                Spread.of(self.cnr[each.id][index, channel] for each in self.facts),
            )
            for index, name in enumerate(self.dataset.class_names)
            for channel in range(self.dataset.description.channels)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report with plain values; what is undefined is None."""
        description = self.dataset.description
        report = {
            "name": description.name,
            "n_samples": len(self.dataset.samples),
            "channels": description.channels,
            "pixel_size_um": write_pixel_size(description.pixel_size_um),
            "sizes": [{"height": h, "width": w, "n": n} for (h, w), n in self.sizes.items()],
            "dtypes": self.dtypes,
            "n_groups": len(self.groups),
            "groups": self.groups,
            "class_shares": self.class_shares,
            "ignored_share": self.ignored_share,
            "intensity": list(self.intensity),
            "saturated_share": self.saturated_share,
            "noise": [asdict(each) for each in self.channels],
            "contrast": [asdict(each) for each in self.classes],
            "samples": [self._sample(each) for each in self.facts],
            "splits": {name: [asdict(s) for s in rows] for name, rows in self.splits.items()},
            "near_duplicates": [asdict(each) for each in self.problems.near_duplicates],
            "findings": [asdict(each) for each in self.problems.findings],
            "contact_sheet": None if self.contact_sheet is None else str(self.contact_sheet),
        }
        plain: dict[str, Any] = _plain(report)
        return plain

    def _sample(self, facts: SampleFacts) -> dict[str, Any]:
        return {
            "id": facts.id,
            "minimum": facts.minimum,
            "maximum": facts.maximum,
            "saturated_share": facts.saturated,
            "class_pixels": facts.class_pixels.tolist(),
            "n_ignored": facts.n_ignored,
            "offset": facts.quality.offset.tolist(),
            "noise": facts.quality.noise.tolist(),
            "snr": facts.quality.snr.tolist(),
            "cnr": self.cnr[facts.id].tolist(),
        }


def count_values(values: Iterable[Any]) -> dict[Any, int]:
    """Return how often each value occurs, in order of first occurrence."""
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _plain(value: Any) -> Any:
    """Return `value` with None where a number is undefined or infinite, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
