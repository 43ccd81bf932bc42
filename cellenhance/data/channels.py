"""Which channels of foreign images become the channels of a dataset; never a luminance mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellenhance.arrays import ImageArray
from cellenhance.data.sources import ALPHA_NAME
from cellenhance.errors import DatasetError


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What one image says of its channels; `label` names the file in messages."""

    label: str
    n_channels: int
    names: tuple[str, ...]
    has_alpha: bool
    is_opaque: bool
    is_grey_rgb: bool

    @property
    def n_colors(self) -> int:
        """Number of channels without alpha."""
        return self.n_channels - self.has_alpha


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What a dataset keeps: the number and names of channels, and the decisions as sentences."""

    n_channels: int
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def apply(self, image: ImageArray) -> ImageArray:
        """Return the channels of (H, W, C) that are kept."""
        return image[..., : self.n_channels]


def channel_facts(label: str, image: ImageArray, names: tuple[str, ...]) -> ChannelFacts:
    """Return the facts of one (H, W, C) image."""
    has_alpha = names[-1:] == (ALPHA_NAME,)
    top = 1.0 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    is_opaque = has_alpha and bool((image[..., -1] == top).all())
    colors = image[..., :-1] if has_alpha else image
    is_grey = colors.shape[2] == 3 and bool((colors == colors[..., :1]).all())
    return ChannelFacts(label, image.shape[2], names, has_alpha, is_opaque, is_grey)


def plan_channels(facts: Sequence[ChannelFacts]) -> ChannelPlan:
    """Decide what all images of a set keep.

    Opaque alpha is dropped; three equal channels in all colour images become one; real colours
    stay three channels.

    Raises
    ------
    DatasetError
        Alpha is not opaque, or the images differ in their number of channels.
    """
    notes: list[str] = []
    with_alpha = [each for each in facts if each.has_alpha]
    glassy = next((each for each in with_alpha if not each.is_opaque), None)
    if glassy is not None:
        raise DatasetError(
            f"{glassy.label}: has a transparency channel that is not opaque; "
            "remove it, or keep one channel (--channel 0)"
        )
    if with_alpha:
        notes.append(f"opaque alpha channel of {len(with_alpha)} image(s) dropped")
    in_color = [each for each in facts if each.n_colors == 3]
    all_grey = all(e.n_colors == 1 or e.is_grey_rgb for e in facts)
    if in_color and all_grey:
        notes.append(f"{len(in_color)} image(s) are grey stored as RGB: kept as one channel")
        return ChannelPlan(1, (), tuple(notes))
    numbers = sorted({each.n_colors for each in facts})
    if len(numbers) > 1:
        examples = [next(e for e in facts if e.n_colors == n) for n in numbers[:2]]
        raise DatasetError(
            "images differ in their number of channels: "
            + ", ".join(f"{e.label} has {e.n_colors}" for e in examples)
            + "; give all the same, or choose one (--channel N, from 0)"
        )
    names = {each.names[: numbers[0]] for each in facts}
    if in_color:
        notes.append("images are RGB: kept as three channels")
    kept = names.pop() if len(names) == 1 else ()
    return ChannelPlan(numbers[0], kept if numbers[0] > 1 else (), tuple(notes))
