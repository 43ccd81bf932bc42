"""Which channels of foreign images become the channels of a dataset; never a luminance mix.

Grey stored as RGB becomes one channel. Real colours stay three channels unless the user chooses
one (``--channel``) or their mean (``--grey mean``); what was decided is always said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.sources import ALPHA_NAME, RGB_NAMES
from cellenhance.data.files.views import channel_mean
from cellenhance.errors import DatasetError
from cellenhance.texts import counted

MOSTLY_ONE_CHANNEL = 0.75
"""Share of the contrast in one channel from which the others are said to carry little."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What one image says of its channels; `label` names the file in messages.

    Attributes
    ----------
    variances : of the pixels of each channel, without alpha
    """

    label: str
    n_channels: int
    names: tuple[str, ...]
    has_alpha: bool
    is_opaque: bool
    is_grey_rgb: bool
    variances: tuple[float, ...]

    @property
    def n_colors(self) -> int:
        """Number of channels without alpha."""
        return self.n_channels - self.has_alpha

    @property
    def is_rgb(self) -> bool:
        """Tell whether the file itself says red, green and blue."""
        return self.names[:3] == RGB_NAMES


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What a dataset keeps of the channels, and the decisions as sentences.

    Attributes
    ----------
    is_mean : the one channel is the mean of all colours
    decision : what is kept and how to have it otherwise
    warnings : what a user should look at before training
    """

    n_channels: int
    names: tuple[str, ...]
    decision: str
    is_mean: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def apply(self, image: ImageArray, facts: ChannelFacts) -> ImageArray:
        """Return of (H, W, C) what is kept, in the dtype of the image."""
        colors = image[..., : facts.n_colors]
        return channel_mean(colors) if self.is_mean else colors[..., : self.n_channels]


def channel_facts(label: str, image: ImageArray, names: tuple[str, ...]) -> ChannelFacts:
    """Return the facts of one (H, W, C) image."""
    has_alpha = names[-1:] == (ALPHA_NAME,)
    top = 1.0 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    is_opaque = has_alpha and bool((image[..., -1] == top).all())
    colors = image[..., :-1] if has_alpha else image
    is_grey = colors.shape[2] == 3 and bool((colors == colors[..., :1]).all())
    several = colors.shape[2] > 1 and not is_grey
    variances = colors.var(axis=(0, 1), dtype=np.float64) if several else ()
    return ChannelFacts(
        label, image.shape[2], names, has_alpha, is_opaque, is_grey, tuple(map(float, variances))
    )


def plan_channels(facts: Sequence[ChannelFacts], *, grey: bool = False) -> ChannelPlan:
    """Decide what all images of a set keep.

    Opaque alpha is dropped; three equal channels in all colour images become one; real colours
    stay three channels, or become their mean.

    Parameters
    ----------
    grey : keep the mean of all channels but alpha

    Raises
    ------
    DatasetError
        Alpha is not opaque, or the images differ in their number of channels.
    """
    notes = _alpha_notes(facts)
    in_color = [each for each in facts if each.n_colors == 3]
    if in_color and all(e.n_colors == 1 or e.is_grey_rgb for e in facts):
        notes.append(
            f"{counted(len(in_color), 'image')} with grey stored as RGB: kept as one channel"
        )
        return ChannelPlan(1, (), "1: grey stored as RGB, all three are equal", notes=tuple(notes))
    numbers = sorted({each.n_colors for each in facts})
    if grey:
        several = sum(each.n_colors > 1 for each in facts)
        where = f"in {several} of {counted(len(facts), 'image')}"
        said = f"1: the mean of all channels (--grey mean), {where}"
        return ChannelPlan(1, (), said, is_mean=True, notes=tuple(notes))
    if len(numbers) > 1:
        examples = [next(e for e in facts if e.n_colors == n) for n in numbers[:2]]
        raise DatasetError(
            "images differ in their number of channels: "
            + ", ".join(f"{e.label} has {e.n_colors}" for e in examples)
            + "; give all the same, or make one channel of each (--channel N from 0, or "
            "--grey mean)"
        )
    [n_channels] = numbers
    if n_channels == 1:
        return ChannelPlan(1, (), "1", notes=tuple(notes))
    all_names = {each.names[:n_channels] for each in facts}
    names = all_names.pop() if len(all_names) == 1 else ()
    return _keep_all(facts, names, notes)


def _keep_all(
    facts: Sequence[ChannelFacts], names: tuple[str, ...], notes: list[str]
) -> ChannelPlan:
    n_channels = facts[0].n_colors
    shown = names or tuple(f"channel {index}" for index in range(n_channels))
    is_rgb = all(each.is_rgb for each in facts)
    kept = "images are RGB: kept as three channels" if is_rgb else f"{n_channels} channels kept"
    cure = "--channel N keeps one, --grey mean their mean"
    notes.append(f"{kept} ({', '.join(shown)}); {cure}")
    shares = _contrast_shares(facts)
    said = ", ".join(
        f"{name} {100 * share:.0f} %" for name, share in zip(shown, shares, strict=True)
    )
    warnings = []
    best = int(np.argmax(shares))
    if shares[best] > MOSTLY_ONE_CHANNEL:
        warnings.append(
            f"most of the contrast is in {shown[best]} ({said} of the variance); --channel {best} "
            f"keeps {shown[best]} alone"
        )
    decision = f"{n_channels}: {', '.join(shown)} (contrast: {said}); {cure}"
    return ChannelPlan(n_channels, names, decision, notes=tuple(notes), warnings=tuple(warnings))


def _alpha_notes(facts: Sequence[ChannelFacts]) -> list[str]:
    with_alpha = [each for each in facts if each.has_alpha]
    glassy = next((each for each in with_alpha if not each.is_opaque), None)
    if glassy is not None:
        raise DatasetError(
            f"{glassy.label}: has a transparency channel that is not opaque; "
            "remove it, or keep one channel (--channel 0)"
        )
    n_images = counted(len(with_alpha), "image")
    return [f"opaque alpha channel of {n_images} dropped"] if with_alpha else []


def _contrast_shares(facts: Sequence[ChannelFacts]) -> NDArray[np.float64]:
    """Return each channel's share of the variance, averaged over the images that have any."""
    variances = np.array([each.variances for each in facts if sum(each.variances) > 0])
    if variances.size == 0:
        return np.full(facts[0].n_colors, 1.0 / facts[0].n_colors)
    shares: NDArray[np.float64] = (variances / variances.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares
