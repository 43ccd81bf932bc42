"""What networks say of one tile or one image, as records.

Members are what is averaged: several networks, one network on several orientations, or, for a
single network on the image as it is, its branches where it has some (AEP, deep supervision).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellenhance.arrays import FloatImage, ImageArray, MaskArray
from cellenhance.engine.tiling import Tile
from cellenhance.engine.windows import WeightedTile
from cellenhance.networks.outputs import SegmentationOutput


@dataclass(frozen=True)  # no slots: several sinks ask for the same maps, which are kept
class TilePrediction:
    """What the networks say about the core of one tile.

    Attributes
    ----------
    outputs : one for each network and orientation, cropped to the core, batch of 1
    image : (h, w, C) float32 in [0, 1], the core as the first network takes it
    pixels : (h, w, C), the core in the dtype and the intensities of the file
    """

    tile: Tile
    outputs: tuple[SegmentationOutput, ...]
    image: FloatImage
    pixels: ImageArray

    @cached_property
    def _mean(self) -> Tensor:
        """Mean over the outputs of their probabilities, (K, h, w) float32 on the device."""
        members = [torch.softmax(output.logits[0].float(), dim=0) for output in self.outputs]
        return torch.stack(members).mean(dim=0)

    def probabilities(self) -> NDArray[np.float32]:
        """Return (K, h, w) float32 summing to 1: the mean over the outputs."""
        return _to_numpy(self._mean)

    def mask(self) -> MaskArray:
        """Return (h, w) uint8 class indices: the most probable class."""
        if len(self.outputs) == 1:
            return mask_of(self.outputs[0].logits)
        mask: MaskArray = self.probabilities().argmax(axis=0).astype(np.uint8)
        return mask

    def branch_masks(self) -> list[MaskArray]:
        """Return the mask of each branch of a single network."""
        return [mask_of(logits) for logits in self.outputs[0].branch_logits]

    def confidence(self) -> NDArray[np.float32]:
        """Return (h, w) float32: the probability of the most probable class."""
        return _to_numpy(self._mean.amax(dim=0))

    @cached_property
    def entropy(self) -> NDArray[np.float32]:
        """Entropy of the result, (h, w) float32 in [0, 1]; see `relative_entropy`."""
        return _to_numpy(relative_entropy(self._mean))

    @cached_property
    def disagreement(self) -> NDArray[np.float32] | None:
        """Disagreement of the members, (h, w) float32 in [0, 1]; None where there is only one."""
        if len(self.outputs) > 1:
            return _to_numpy(disagreement([each.logits[0] for each in self.outputs]))
        members = [logits[0] for logits in self.outputs[0].branch_logits]
        return _to_numpy(disagreement(members)) if members else None


def relative_entropy(probabilities: Tensor) -> Tensor:
    """Return how undecided probabilities are: 0 for one sure class, 1 where all are equal.

    Parameters
    ----------
    probabilities : (K, h, w) float32, summing to 1 over K

    Returns
    -------
    (h, w) float32 in [0, 1]

    Notes
    -----
    H(p) / log K with H(p) = -sum_k p_k log p_k and 0 log 0 = 0.
    """
    entropy: Tensor = torch.special.entr(probabilities).sum(dim=0)
    return (entropy / math.log(max(2, len(probabilities)))).clamp(0, 1)


def disagreement(members: Iterable[Tensor]) -> Tensor:
    """Return how much members contradict each other: 0 where they say the same.

    Parameters
    ----------
    members : logits of each member, (K, h, w)

    Returns
    -------
    (h, w) float32 in [0, 1]; 1 only where as many members as classes are each sure of another class

    Notes
    -----
    The Jensen-Shannon divergence of the M members, each of the same weight, over log K:
    (H(mean_m p_m) - mean_m H(p_m)) / log K. It is the part of the uncertainty that comes from the
    members' contradiction; what all of them are undecided about is in the entropy alone.
    """
    probabilities = [torch.softmax(logits.float(), dim=0) for logits in members]
    mean = torch.stack(probabilities).mean(dim=0)
    own = torch.stack([relative_entropy(each) for each in probabilities]).mean(dim=0)
    return (relative_entropy(mean) - own).clamp(0, 1)


def mask_of(logits: Tensor) -> MaskArray:
    """Return the most probable class (h, w) uint8 of the first of a batch of logits."""
    mask: MaskArray = logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    return mask


def _to_numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.cpu().numpy()
    return array


@dataclass(frozen=True, slots=True)
class Prediction:
    """A whole image as predicted.

    Attributes
    ----------
    mask : (H, W) uint8 class indices
    probabilities : (K, H, W) float32, summing to 1 over the classes
    entropy : (H, W) float32 in [0, 1], 0 where the result is sure of a class
    disagreement : (H, W) float32 in [0, 1], 0 where the members agree; None where there is only one
    """

    mask: MaskArray
    probabilities: NDArray[np.float32]
    entropy: NDArray[np.float32]
    disagreement: NDArray[np.float32] | None


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
    core = tile.rows.core_in_window, tile.cols.core_in_window
    return TilePrediction(tile, tuple(members), windows[-1].image[core], windows[-1].pixels[core])
