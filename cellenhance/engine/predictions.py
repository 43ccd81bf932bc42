"""What networks say of one tile or one image, as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.engine.tiling import Tile
from cellenhance.engine.windows import WeightedTile
from cellenhance.networks.outputs import SegmentationOutput


@dataclass(frozen=True, slots=True)
class TilePrediction:
    """What the networks say about the core of one tile.

    Attributes
    ----------
    outputs : one a network, cropped to the core, batch of 1
    image : (h, w, C) float32 in [0, 1], the core as the first network takes it
    """

    tile: Tile
    outputs: tuple[SegmentationOutput, ...]
    image: FloatImage

    def probabilities(self) -> NDArray[np.float32]:
        """Return (K, h, w) float32 summing to 1: the mean over the networks."""
        members = [torch.softmax(output.logits[0].float(), dim=0) for output in self.outputs]
        mean: NDArray[np.float32] = torch.stack(members).mean(dim=0).cpu().numpy()
        return mean

    def mask(self) -> MaskArray:
        """Return (h, w) uint8 class indices: the most probable class."""
        if len(self.outputs) == 1:
            return mask_of(self.outputs[0].logits)
        mask: MaskArray = self.probabilities().argmax(axis=0).astype(np.uint8)
        return mask

    def branch_masks(self) -> list[MaskArray]:
        """Return the mask of each branch of a single network."""
        return [mask_of(logits) for logits in self.outputs[0].branch_logits]


def mask_of(logits: Tensor) -> MaskArray:
    """Return the most probable class (h, w) uint8 of the first of a batch of logits."""
    mask: MaskArray = logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    return mask


@dataclass(frozen=True, slots=True)
class Prediction:
    """A whole image: mask (H, W) uint8 and probabilities (K, H, W) float32."""

    mask: MaskArray
    probabilities: NDArray[np.float32]


def mix_windows(
    parts: Sequence[WeightedTile], known: Mapping[tuple[int, int], TilePrediction]
) -> TilePrediction:
    """Return a cell as the weighted mean of the windows that cover it.

    Parameters
    ----------
    parts : the windows of one cell with their weights, which sum to 1
    known : whole windows by the row and column where they start
    """
    windows = [known[part.start] for part in parts]
    members = []
    for index in range(len(windows[0].outputs)):
        sums: list[Tensor] = []
        for part, window in zip(parts, windows, strict=True):
            tile, output = part.tile, window.outputs[index]
            weight = torch.from_numpy(part.weight).to(output.logits.device)
            rows, cols = tile.rows.core_in_window, tile.cols.core_in_window
            shares = [weight * x[..., rows, cols].float() for x in output.tensors()]
            sums = [a + b for a, b in zip(sums, shares, strict=True)] if sums else shares
        members.append(windows[0].outputs[index].with_tensors(sums))
    tile = parts[-1].tile
    core = windows[-1].image[tile.rows.core_in_window, tile.cols.core_in_window]
    return TilePrediction(tile, tuple(members), core)
