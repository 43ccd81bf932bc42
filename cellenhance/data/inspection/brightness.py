"""Sets whose images no single scale of brightness fits: kinds of picture mixed, background adrift.

A network sees all images on one scale. Where the same tissue reads 1,400 counts in one image and
3,900 in the next, it learns values that mean something else in a new image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.inspection.facts import SampleFacts

_DARK_BELOW, _BRIGHT_ABOVE = 0.3, 0.6
"""Where the median of an image lies between its 1st and 99th percentile: up to 0.1 in seven sets of
fluorescence and to 0.38 in two that are crowded; from 0.83 in the histology of dsb2018 and from 0.5
in blood smears."""
_MOST_BETWEEN = 0.2
"""Two kinds leave a gap; in sets of one kind (phase contrast, electron microscopy) images lie in
between."""
_LARGEST_DRIFT = 0.65
_LARGEST_FOLD, _DRIFT_OF_FOLD = 3.0, 0.3
"""Spread of the background over the brightness range of an image: 1.5 in nist-phase, where images
inside the training range failed, at most 0.48 in seventeen other sets. Smaller spreads count where
the background differs many fold and is no dark frame: of those sets at most 0.24."""
_FEWEST_IMAGES = 4


@dataclass(frozen=True, slots=True)
class MixedKinds:
    """Images with bright structures on a dark background, and the reverse, in one set (ids)."""

    bright_on_dark: tuple[str, ...]
    dark_on_bright: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackgroundDrift:
    """The channel whose background differs most between images.

    Attributes
    ----------
    low, high : 10th and 90th percentile of the background offset over the images
    in_ranges : their difference, in brightness ranges (1st to 99th percentile) of an image
    ids : images whose background is beyond either
    """

    channel: int
    low: float
    high: float
    in_ranges: float
    ids: tuple[str, ...]


def find_mixed_kinds(facts: Sequence[SampleFacts], background: int | None) -> MixedKinds | None:
    """Return the two kinds of picture that a set mixes, None for a set of one kind.

    Where classes say the contrary (an image crowded with bright cells has a bright median too) an
    image is of neither kind; a kind of a single image counts only where they say the same.
    """
    levels = np.array([_median_level(each) for each in facts])
    polarity = np.array([_polarity(each, background) for each in facts])
    bright_on_dark = (levels < _DARK_BELOW) & (polarity >= 0)
    dark_on_bright = (levels > _BRIGHT_ABOVE) & (polarity <= 0)
    if np.mean(~(bright_on_dark | dark_on_bright)) > _MOST_BETWEEN:
        return None
    for members, sign in ((bright_on_dark, 1), (dark_on_bright, -1)):
        if members.sum() < 2 and not (members & (polarity == sign)).any():
            return None
    ids = np.array([each.id for each in facts], dtype=object)
    return MixedKinds(tuple(ids[bright_on_dark]), tuple(ids[dark_on_bright]))


def find_drift(facts: Sequence[SampleFacts]) -> BackgroundDrift | None:
    """Return how far the background differs between images, None where one scale fits all."""
    if len(facts) < _FEWEST_IMAGES:
        return None
    offsets = np.array([each.quality.offset for each in facts])  # images, channels
    ranges = np.array([each.quality.high - each.quality.low for each in facts])
    low, high = np.percentile(offsets, [10, 90], axis=0)
    typical = np.maximum(np.median(ranges, axis=0), np.finfo(float).tiny)
    drift = (high - low) / typical
    channel = int(np.argmax(drift))
    is_many_fold = high[channel] >= _LARGEST_FOLD * low[channel] > 0
    if drift[channel] < (_DRIFT_OF_FOLD if is_many_fold else _LARGEST_DRIFT):
        return None
    mine = offsets[:, channel]
    beyond = (mine < low[channel]) | (mine > high[channel])
    return BackgroundDrift(
        channel,
        float(low[channel]),
        float(high[channel]),
        float(drift[channel]),
        tuple(each.id for each, is_one in zip(facts, beyond, strict=True) if is_one),
    )


def _median_level(facts: SampleFacts) -> float:
    """Return where the median lies between the 1st and 99th percentile, averaged over channels."""
    quality = facts.quality
    ranges = quality.high - quality.low
    is_picture = ranges > 0
    if not is_picture.any():
        return float("nan")
    level: NDArray[np.float64] = (quality.median - quality.low)[is_picture] / ranges[is_picture]
    return float(level.mean())


def _polarity(facts: SampleFacts, background: int | None) -> int:
    """Return 1 where the other classes are brighter than the background, -1 darker, 0 unknown."""
    if background is None:
        return 0
    weights = np.delete(facts.class_pixels, background).astype(np.float64)
    others = np.delete(facts.quality.class_mean, background, axis=0).mean(axis=1)
    if not weights.any() or not facts.class_pixels[background]:
        return 0
    around = facts.quality.class_mean[background].mean()
    inside = np.average(np.nan_to_num(others), weights=weights)
    return int(np.sign(inside - around))
