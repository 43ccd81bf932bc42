"""What parts of a trained network are good for: each is muted, and the scores are compared.

Filters of an AEP network: nothing in the method ties filter k to class k. Instead of naming
filters, they are measured on images with truth: the weights of network 1's classifier, what muting
a filter costs, and whether it is zero or saturated everywhere.

Deep maps of a decoder: a level's are set to zero, everything else stays.
Source: low-level feature fusion (PRCV 2021, cbmi-group/icss-segmentation), which sets the deep half
of the first decoder convolution of a trained U-Net to zero, level by level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cellenhance.data.dataset.samples import Sample
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.device import Compute
from cellenhance.engine.evaluation import count_pixels
from cellenhance.engine.image_pass import Sink, array_image, show_image
from cellenhance.engine.inference import Predictor
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.translation import require_aep
from cellenhance.networks.aep import AEP
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.progress import ProgressCallback, silent

SATURATED_ABOVE = 0.99
"""Enhanced intensities above this are as good as 1: what was there is gone."""


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """One filter as measured on images with truth.

    Attributes
    ----------
    number : counts from 1, as in all names and panels
    head_weights : weight of this map in network 1's classifier, by class; empty where network 1
        has no 1 x 1 classifier on its maps
    iou_loss : pooled IoU with all filters minus IoU with this one muted, by class (fractions)
    mean, maximum : of the filter over all pixels
    zero_share : share of pixels where it is exactly 0
    saturated_share : share of pixels whose enhanced intensity is above 0.99
    """

    number: int
    head_weights: dict[str, float]
    iou_loss: dict[str, float]
    mean: float
    maximum: float
    zero_share: float
    saturated_share: float

    @property
    def flag(self) -> str | None:
        """Return a warning in words when the filter does nothing or destroys its input."""
        if self.zero_share == 1:
            return f"filter {self.number} is zero everywhere"
        if self.saturated_share > 0.5:
            share = 100 * self.saturated_share
            return f"filter {self.number} saturates {share:.0f} % of the enhanced pixels"
        return None


class MutingAEP(SegmentationNetwork):
    """An AEP network whose branches are its results without each filter, all in one forward.

    A branch without its filter sees the image translated by a filter of zero. That is the same for
    all of them: one more pass of network 2 serves every filter, unless network 2 keeps statistics
    for each translation. Eval mode only.
    """

    def __init__(self, network: AEP) -> None:
        super().__init__(network.in_channels, network.n_classes, network.feature_channels)
        self.network = network
        self.stride = network.stride
        self.min_size = network.min_size
        self.receptive_field_px = network.receptive_field_px
        self.branch_names = tuple(f"without filter {k + 1}" for k in range(network.n_filters))

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment as usual, and once without each filter."""
        usual: SegmentationOutput = self.network(image)
        assert usual.branch_logits is not None
        assert usual.filters is not None
        unfiltered = self.network.translate(image, torch.zeros_like(usual.filters[:, :1]))
        results = []
        for k in range(self.network.n_filters):
            if k == 0 or self.network.distinguishes_translations:
                muted = self.network.segment(unfiltered[:, 0], k)
            branches = list(usual.branch_logits)
            branches[k + 1] = muted
            results.append(self.network.mix(branches))
        return replace(usual, branch_logits=tuple(results))


def measure_filters(
    model: LoadedModel,
    compute: Compute,
    samples: Sequence[Sample],
    progress: ProgressCallback = silent,
) -> list[FilterFacts]:
    """Return the facts of every filter, measured on `samples` (usually the validation part).

    Raises
    ------
    SettingsError
        The network has no filters.
    """
    network = require_aep(model)
    classes = model.header.class_names
    progress(0, 2, "measuring filters")
    muting = Predictor([replace(model, network=MutingAEP(network))], compute)
    scores = count_pixels(muting, samples).scores(classes)
    progress(1, 2, "measuring filters")
    statistics = _intensity_statistics(Predictor([model], compute), samples)
    progress(2, 2, "measuring filters")
    return [
        FilterFacts(
            number=index + 1,
            head_weights=_head_weights(network.translator, index, classes),
            iou_loss={name: scores.pooled.iou[name] - muted.pooled.iou[name] for name in classes},
            **{name: float(values[index]) for name, values in statistics.items()},
        )
        for index, muted in enumerate(scores.branches.values())
        if index < network.n_filters
    ]


def _head_weights(
    translator: SegmentationNetwork, index: int, classes: tuple[str, ...]
) -> dict[str, float]:
    """Return the classifier's weights of one map; empty where no 1 x 1 classifier reads it."""
    classifier = getattr(translator, "classifier", None)
    if not isinstance(classifier, nn.Conv2d) or classifier.kernel_size != (1, 1):
        return {}
    return dict(zip(classes, classifier.weight[:, index, 0, 0].tolist(), strict=True))


def _intensity_statistics(
    predictor: Predictor, samples: Sequence[Sample]
) -> dict[str, NDArray[np.float64]]:
    """Return mean, maximum, share of zeros and of saturated pixels of each filter."""
    rows: list[NDArray[np.float64]] = []
    for sample in samples:
        [tiles] = show_image(predictor, array_image(sample.image), [_FilterStatistics()])
        rows += tiles
    table = np.stack(rows)  # tiles,4,N
    totals = table.sum(axis=0) / sum(sample.mask.size for sample in samples)
    return {
        "mean": totals[0],
        "maximum": table[:, 1].max(axis=0),
        "zero_share": totals[2],
        "saturated_share": totals[3],
    }


class _FilterStatistics(Sink[list[NDArray[np.float64]]]):
    """Sum, maximum, zeros and saturated pixels of each filter, (4, N) for each tile."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.float64]] = []

    def tile(self, part: TilePrediction) -> None:
        """Measure the filters of a tile."""
        output = part.outputs[0]
        assert output.filters is not None
        assert output.translations is not None
        filters = output.filters[0].float().flatten(1)  # N,h*w
        enhanced = output.translations[0].float().flatten(2).amin(1)  # N,h*w
        rows = [
            filters.sum(1),
            filters.amax(1),
            (filters == 0).sum(1),
            (enhanced > SATURATED_ABOVE).sum(1),
        ]
        self._rows.append(np.stack([row.double().cpu().numpy() for row in rows]))

    def finish(self) -> list[NDArray[np.float64]]:
        """Return one row for each tile."""
        return self._rows


def probed_levels(network: SegmentationNetwork) -> tuple[str, ...]:
    """Return the levels that can be probed, deepest first; none for networks without skips."""
    return tuple(dict.fromkeys(each.level for each in network.deep_inputs()))


@contextmanager
def without_deep_half(network: SegmentationNetwork, level: str) -> Iterator[None]:
    """Within the block the deep inputs at `level` count as zero; the weights come back after it."""
    mine = [each for each in network.deep_inputs() if each.level == level]
    kept = [each.convolution.weight.detach().clone() for each in mine]
    try:
        with torch.no_grad():
            for each in mine:
                # A weight of zero is the same as an input of zero.
                each.convolution.weight[:, each.channels] = 0
        yield
    finally:
        with torch.no_grad():
            for each, weight in zip(mine, kept, strict=True):
                each.convolution.weight.copy_(weight)
