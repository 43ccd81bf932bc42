"""One image through an AEP network with everything between kept, thinned to a size to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import Plane
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.tiling import Span


@dataclass(frozen=True, slots=True)
class Translated:
    """What a network made of one image; every n-th pixel (`step`) of it, h x w.

    Attributes
    ----------
    image : (h, w, C) float32 in [0, 1], the normalised input
    filters : (N, h, w) float32 >= 0
    enhanced : (N, h, w, C) float32 in [0.5, 1)
    branch_masks : (S, h, w) uint8, one a member of the ensemble
    mask : (h, w) uint8, the result
    logit_ranges : (S,) mean over ALL pixels of max - min over the classes of each member's logits
    """

    image: FloatImage
    filters: NDArray[np.float32]
    enhanced: NDArray[np.float32]
    branch_masks: MaskArray
    mask: MaskArray
    logit_ranges: NDArray[np.float64]
    step: int
    range_warning: str | None

    def member_shares(self, weights: list[float]) -> list[float]:
        """Return each member's share of the logit range: |w_i| r_i over the sum of all.

        The shares sum to 1 (all zero when no member says anything).
        """
        parts = np.abs(weights) * self.logit_ranges
        total = float(parts.sum())
        shares: list[float] = (parts / total if total else parts).tolist()
        return shares


def translate_plane(predictor: Predictor, plane: Plane, max_side_px: int) -> Translated:
    """Run an AEP predictor over a plane tile by tile and keep what a panel shows.

    Memory is bounded by the tile and by `max_side_px`, the largest side of what is kept.
    """
    step = max(1, -(-max(plane.height, plane.width) // max_side_px))
    height, width = -(-plane.height // step), -(-plane.width // step)
    parts: list[tuple[slice, slice, dict[str, NDArray[np.generic]]]] = []
    watch = RangeWatch(predictor.header.normalization)
    sums, n_pixels = np.zeros(len(predictor.output_names) - 1), 0
    for part in predictor.predict_tiles(plane, watch):
        rows, thin_rows = _thin(part.tile.rows, step)
        cols, thin_cols = _thin(part.tile.cols, step)
        arrays = _tile_arrays(part)
        kept = {name: array[..., rows, cols].copy() for name, array in arrays.items()}
        parts.append((thin_rows, thin_cols, kept))
        sums += _range_sums(part)
        n_pixels += part.image.shape[0] * part.image.shape[1]
    whole = {
        name: np.empty((*array.shape[:-2], height, width), array.dtype)
        for name, array in parts[0][2].items()
    }
    for thin_rows, thin_cols, kept in parts:
        for name, array in kept.items():
            whole[name][..., thin_rows, thin_cols] = array
    return Translated(
        image=np.moveaxis(whole["image"], 0, -1),
        filters=whole["filters"],
        enhanced=np.moveaxis(whole["enhanced"], 1, -1),
        branch_masks=whole["branch_masks"],
        mask=whole["mask"],
        logit_ranges=sums / n_pixels,
        step=step,
        range_warning=watch.verdict(),
    )


def _thin(span: Span, step: int) -> tuple[slice, slice]:
    """Return which rows of a core are kept, and where they go in the thinned image."""
    first = -span.core_start % step
    target = -(-span.core_start // step)
    n_kept = len(range(first, span.core_stop - span.core_start, step))
    return slice(first, None, step), slice(target, target + n_kept)


def _tile_arrays(part: TilePrediction) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of one tile, rows and columns last."""
    output = part.outputs[0]
    assert output.filters is not None
    assert output.translations is not None
    return {
        "image": np.moveaxis(part.image, -1, 0),
        "filters": _numpy(output.filters[0]),
        "enhanced": _numpy(output.translations[0]),
        "branch_masks": np.stack(part.branch_masks()),
        "mask": part.mask(),
    }


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _range_sums(part: TilePrediction) -> NDArray[np.float64]:
    """Return the sum over pixels of max - min over classes, for each member."""
    logits = [each[0].float() for each in part.outputs[0].branch_logits]
    return np.array([float((x.amax(0) - x.amin(0)).double().sum()) for x in logits])
