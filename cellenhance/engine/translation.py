"""What an AEP network makes of an image before it segments it; the one record for it.

Filters are not classes: filter k is the k-th additive map of network 1, whatever it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.catalog import load_catalog
from cellenhance.engine.checkpoints import LoadedModel, load_model
from cellenhance.engine.image_pass import PassingImage, Sink
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.sinks import Canvas, thinning_step
from cellenhance.errors import SettingsError
from cellenhance.networks.aep import AEP
from cellenhance.networks.registry import COMPOSED
from cellenhance.runs.folder import checkpoints_of


@dataclass(frozen=True, slots=True)
class Translations:
    """What a network made of one image; made for segmentation, not for measurement.

    Attributes
    ----------
    image : (H, W, C) float32 in [0, 1], the normalised input x
    filters : (N, H, W) float32 >= 0, the additive filters f_k
    enhanced : (N, H, W, C) float32 in [0.5, 1], sigma(x + f_k)
    branch_masks : (S, H, W) uint8, one for each member of the ensemble
    mask : (H, W) uint8, the result
    logit_ranges : (S,) mean over ALL pixels of max - min over the classes of each member's logits
    confidence : mean over ALL pixels of the probability of the class that was chosen
    step : every `step`-th pixel of the image is kept; the sizes above are those of what is kept
    """

    image: FloatImage
    filters: NDArray[np.float32]
    enhanced: NDArray[np.float32]
    branch_masks: MaskArray
    mask: MaskArray
    logit_ranges: NDArray[np.float64]
    confidence: float
    step: int = 1

    @property
    def sums(self) -> NDArray[np.float32]:
        """The sums x + f_k, (N, H, W, C) float32 >= 0."""
        sums: NDArray[np.float32] = self.image[None] + self.filters[..., None]
        return sums

    def member_shares(self, weights: list[float]) -> list[float]:
        """Return each member's share of the logit range: |w_i| r_i over the sum of all.

        The shares sum to 1 (all zero when no member says anything).
        """
        parts = np.abs(weights) * self.logit_ranges
        total = float(parts.sum())
        shares: list[float] = (parts / total if total else parts).tolist()
        return shares


class TranslationSink(Sink[Translations]):
    """The translations of an image of one plane, thinned to at most `max_side_px`; None keeps all.

    Memory is bounded by the tile and by what is kept.
    """

    def __init__(self, max_side_px: int | None = None) -> None:
        self._max_side_px = max_side_px

    def begin(self, image: PassingImage) -> None:
        """Choose which pixels are kept."""
        size = image.info.height, image.info.width
        self._step = 1 if self._max_side_px is None else thinning_step(*size, self._max_side_px)
        self._floats: dict[str, Canvas[np.float32]] = {
            name: Canvas(*size, self._step) for name in ("image", "filters", "enhanced")
        }
        self._masks: dict[str, Canvas[np.uint8]] = {
            name: Canvas(*size, self._step) for name in ("branch_masks", "mask")
        }
        self._range_sums: NDArray[np.float64] | None = None
        self._n_pixels = size[0] * size[1]
        self._confidence = 0.0

    def tile(self, part: TilePrediction) -> None:
        """Keep what is shown of a tile, and sum over all of its pixels."""
        for name, values in zip(("image", "filters", "enhanced"), _maps_of(part), strict=True):
            self._floats[name].put(part.tile, values)
        self._masks["branch_masks"].put(part.tile, np.stack(part.branch_masks()))
        self._masks["mask"].put(part.tile, part.mask())
        self._confidence += float(part.confidence().sum(dtype=np.float64))
        sums = _range_sums(part)
        self._range_sums = sums if self._range_sums is None else self._range_sums + sums

    def finish(self) -> Translations:
        """Return what was kept."""
        assert self._range_sums is not None  # an image has at least one tile
        floats = {name: canvas.array for name, canvas in self._floats.items()}
        return Translations(
            image=np.moveaxis(floats["image"], 0, -1),
            filters=floats["filters"],
            enhanced=np.moveaxis(floats["enhanced"], 1, -1),
            branch_masks=self._masks["branch_masks"].array,
            mask=self._masks["mask"].array,
            logit_ranges=self._range_sums / self._n_pixels,
            confidence=self._confidence / self._n_pixels,
            step=self._step,
        )


def _maps_of(part: TilePrediction) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return x (C, h, w), f (N, h, w) and sigma(x + f) (N, C, h, w) of one tile."""
    output = part.outputs[0]
    assert output.filters is not None
    assert output.translations is not None
    return np.moveaxis(part.image, -1, 0), _numpy(output.filters), _numpy(output.translations)


def _numpy(batch: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = batch[0].float().cpu().numpy()
    return array


def _range_sums(part: TilePrediction) -> NDArray[np.float64]:
    """Return the sum over pixels of max - min over classes, for each member."""
    logits = [each[0].float() for each in part.outputs[0].branch_logits]
    return np.array([float((x.amax(0) - x.amin(0)).double().sum()) for x in logits])


def load_translator(run: Path) -> tuple[LoadedModel, AEP]:
    """Return the model of one run that has translations, and its network.

    Raises
    ------
    SettingsError
        The run has several folds, or its model makes no translations.
    CheckpointError
        `run` is not a run.
    """
    checkpoints = checkpoints_of(run)
    if len(checkpoints) > 1:
        raise SettingsError(
            f"{run}: holds {len(checkpoints)} folds, and each has learned filters of its own; "
            f"name one of them, such as {checkpoints[0].parent.parent}"
        )
    model = load_model(checkpoints[0])
    return model, require_aep(model, run=run)


def require_aep(*models: LoadedModel, run: Path | None = None) -> AEP:
    """Return the one network of `models` that has translations; SettingsError for any other."""
    [first, *others] = models
    where = run or first.path
    if others:
        raise SettingsError(
            f"{where}: is an average of {len(models)} networks, and each has learned filters of "
            "its own; name one fold"
        )
    # The type says what `has_translations` says; networks that have them are of this one class.
    if isinstance(first.network, AEP):
        return first.network
    entries = load_catalog().entries.values()
    able = [entry.name for entry in entries if COMPOSED.get(entry.architecture) is AEP]
    raise SettingsError(
        f"{where}: its model '{first.header.entry.name}' has no filters to show and makes no "
        f"translations; expected a run of one of {', '.join(able)}"
    )


def ensemble_weights(network: AEP) -> list[float]:
    """Return the raw weight of each member in the result, in the order of `branch_names`."""
    if network.final_branch is not None:
        return [float(i == network.final_branch) for i in range(network.n_filters + 1)]
    if network.ensemble is None:
        return [1.0] * (network.n_filters + 1)
    weights: list[float] = network.ensemble.weight.tolist()
    return weights


def name_channels(n_filters: int, image_channels: Sequence[str]) -> tuple[str, ...]:
    """Return what the channels of an export are called, in their order.

    Parameters
    ----------
    image_channels : names of the channels of the image; a single one is not named again

    >>> name_channels(1, ["grey"])
    ('input', 'filter 1', 'sum 1', 'enhanced 1')
    >>> name_channels(1, ["red", "blue"])[2:5]
    ('filter 1', 'sum 1 red', 'sum 1 blue')
    """
    suffixes = [""] if len(image_channels) == 1 else [f" {name}" for name in image_channels]
    names = [f"input{suffix}" for suffix in suffixes]
    for number in range(1, n_filters + 1):
        names.append(f"filter {number}")
        names += [f"sum {number}{suffix}" for suffix in suffixes]
        names += [f"enhanced {number}{suffix}" for suffix in suffixes]
    return tuple(names)


def stack_channels(part: TilePrediction) -> NDArray[np.float32]:
    """Return the (channels, h, w) float32 of one tile behind the names of `name_channels`."""
    image, filters, translations = _maps_of(part)
    planes = [image]
    for filter_, enhanced in zip(filters, translations, strict=True):
        planes += [filter_[None], image + filter_, enhanced]
    return np.concatenate(planes)
