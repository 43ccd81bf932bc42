"""How good an enhanced image is: contrast against the best blur, and edges where borders lie.

Blur raises the contrast-to-noise ratio of any grainy image and costs sharpness: an enhanced image
has to beat the input under the blur that suits it best, with edges no softer. Nothing here depends
on the order of the classes, or on whether an object is bright or dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.arrays import MaskArray

BLURS_PX = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0)
"""Sigmas of the Gaussians among which the best is taken, half an octave apart."""
_MIN_PIXELS = 20
_BORDER_PX = 4
"""Up to this distance from a border pixels count as beside it."""
_PLATEAU_PX = 6

Score = Callable[[NDArray[np.floating]], float]


@dataclass(frozen=True, slots=True)
class BestBlur:
    """The Gaussian after which a score is highest; sigma 0 where no blur is best."""

    sigma_px: float
    score: float


def pair_contrast(
    image: NDArray[np.floating],
    mask: MaskArray,
    first: int,
    second: int,
    border_px: int | None = None,
) -> float:
    """Return |difference of the means of two classes| over the root of their mean variance.

    Parameters
    ----------
    image : (H, W) intensities
    mask : (H, W) uint8 true classes
    border_px : only pixels of either class within this distance of the other count: contrast
        across the annotated border; None: all pixels

    Returns
    -------
    The ratio, >= 0; NaN where either class has fewer than 20 such pixels, infinity where both are
    constant and differ

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.repeat([[0, 1]], 8, axis=1).repeat(8, axis=0).astype(np.uint8)
    >>> checkerboard = np.tile([[1.0, -1.0], [-1.0, 1.0]], (4, 8))  # mean 0, variance 1
    >>> pair_contrast(3 * mask + checkerboard, mask, 0, 1)
    3.0
    """
    parts = [mask == first, mask == second]
    if border_px is not None:
        if not (parts[0].any() and parts[1].any()):
            return math.nan
        distances = [ndimage.distance_transform_edt(~part) for part in parts]
        parts = [parts[0] & (distances[1] <= border_px), parts[1] & (distances[0] <= border_px)]
    if min(int(part.sum()) for part in parts) < _MIN_PIXELS:
        return math.nan
    one, two = (image[part].astype(np.float64) for part in parts)
    difference = abs(float(one.mean() - two.mean()))
    noise = math.sqrt(float(one.var() + two.var()) / 2)
    if noise == 0:
        return math.inf if difference else 0.0
    return difference / noise


def best_blur(image: NDArray[np.floating], score: Score) -> BestBlur:
    """Return the blur of `BLURS_PX`, or none, after which `score` is highest; NaN if undefined."""
    best = BestBlur(0.0, score(image))
    for sigma in BLURS_PX:
        found = score(ndimage.gaussian_filter(image.astype(np.float64), sigma))
        if found > best.score:
            best = BestBlur(sigma, found)
    return best


def edge_sharpness(image: NDArray[np.floating], mask: MaskArray, first: int, second: int) -> float:
    """Return the steepest part of the mean rise across a class border, as a share of it per px.

    Returns
    -------
    1 for a step that lies on the border, 1 / (sigma sqrt(2 pi)) for one blurred by a Gaussian, less
    where the edges in the image lie beside the annotated ones. NaN where the classes do not meet or
    the image does not differ between them.

    Notes
    -----
    Intensities are averaged at each distance from the border, up to 6 px on both sides; the rise is
    between the means farthest from it. Averages over a whole border are blind to noise.
    """
    profile = [mean for _, mean in _profile(image, mask, first, second)]
    if len(profile) < 4:
        return math.nan
    rise = profile[-1] - profile[0]
    if abs(rise) < 1e-12:
        return math.nan
    return float(np.abs(np.diff(profile)).max() / abs(rise))


def _profile(
    image: NDArray[np.floating], mask: MaskArray, first: int, second: int
) -> Iterator[tuple[int, float]]:
    """Yield the mean intensity by distance: -6 .. -1 px inside `first`, 1 .. 6 inside `second`."""
    inside, beyond = mask == first, mask == second
    if not (inside.any() and beyond.any()):
        return
    to_second = np.rint(ndimage.distance_transform_edt(~beyond)).astype(int)
    to_first = np.rint(ndimage.distance_transform_edt(~inside)).astype(int)
    for distance in range(-_PLATEAU_PX, _PLATEAU_PX + 1):
        where = (
            inside & (to_second == -distance) if distance < 0 else beyond & (to_first == distance)
        )
        if distance and where.sum() >= _MIN_PIXELS:
            yield distance, float(image[where].mean())


def contrast_gains(
    image: NDArray[np.floating],
    enhanced: Mapping[str, NDArray[np.floating]],
    mask: MaskArray,
    classes: Mapping[int, str],
) -> dict[str, dict[str, float]]:
    """Return for each pair of classes the contrast of every picture over that of the best blur.

    Parameters
    ----------
    image : (H, W) the input
    enhanced : pictures of the same size by name
    classes : names by index

    Returns
    -------
    By pair ("background / cell", and "... at borders"), by picture; "input" is among them
    """
    table: dict[str, dict[str, float]] = {}
    for (i, one), (j, two) in combinations(classes.items(), 2):
        for border_px, label in (
            (None, f"{one} / {two}"),
            (_BORDER_PX, f"{one} / {two} at borders"),
        ):

            def score(
                picture: NDArray[np.floating], i: int = i, j: int = j, near: int | None = border_px
            ) -> float:
                return pair_contrast(picture, mask, i, j, near)

            reference = best_blur(image, score).score
            pictures = {"input": image, **enhanced}
            table[label] = {name: score(each) / reference for name, each in pictures.items()}
    return table
