"""The eight orientations of a square: an image mirrored or not, then turned by quarter turns.

A microscope has no up and down: a network that sees an image in all of them and is averaged
depends less on how the slide lay (test-time augmentation).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight; `apply` then `undo` gives back the same values."""

    is_mirrored: bool = False
    quarter_turns: int = 0

    def apply(self, image: Tensor) -> Tensor:
        """Return (..., H, W) in this orientation; an odd number of quarter turns swaps H and W."""
        if self.is_mirrored:
            image = image.flip(-1)
        return torch.rot90(image, self.quarter_turns, (-2, -1)) if self.quarter_turns else image

    def undo(self, image: Tensor) -> Tensor:
        """Return (..., H, W) as it was before `apply`."""
        if self.quarter_turns:
            image = torch.rot90(image, -self.quarter_turns, (-2, -1))
        return image.flip(-1) if self.is_mirrored else image


AS_IT_IS = (Orientation(),)
ALL_ORIENTATIONS = tuple(
    Orientation(is_mirrored, turns) for is_mirrored in (False, True) for turns in range(4)
)
