"""Whether a mask lies beside its image: moved by some pixels, as by a crop or a registration.

A mask fits where its classes explain the image: the share of the variance that lies between the
classes. That share is computed for every shift of the mask up to 16 pixels; a mask that is moved
has its peak elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from cellenhance.arrays import IGNORE, ImageArray, MaskArray

LARGEST_SIDE_PX = 512
"""Larger images are judged on block means, 2, 3 ... pixels wide, and so in such steps."""
LARGEST_SHIFT = 16
_SIDES_A_SHIFT = 6
"""In small images shifts up to a sixth of the side are tried: more leaves too little to judge."""
LEAST_SHIFT = 3.0
"""Smaller shifts are within what annotators differ by (in block means from 512 pixels on)."""
LEAST_GAIN = 1.4
"""The peak explains so many times what the mask explains where it lies."""
LEAST_EXPLAINED = 0.03
LEAST_SET_GAIN = 1.25
"""The same for the mean over all images of a set, where chance does not count any more."""
_ENOUGH_IMAGES = 5
_TELLS_LITTLE = 0.1
_AGREE_PX = 2.0
_LEAST_T = 6.0

Surface = NDArray[np.float32]
"""(2R+1, 2R+1) share of the variance that the classes explain; row, column = shift + R."""


@dataclass(frozen=True, slots=True)
class ShiftEvidence:
    """How well the mask of one image fits at each shift.

    Attributes
    ----------
    explained : variance of the image, low frequencies left out, between the classes; in 0 to 1
    step_px : pixels of the image a step of `explained` stands for
    down_px, right_px : how far the mask lies from where it fits best, in pixels of the image
    gain : explained at the peak, in multiples of explained where the mask lies
    is_strong : whether the evidence of this image alone speaks for a shift
    """

    explained: Surface
    step_px: int
    down_px: int
    right_px: int
    gain: float
    is_strong: bool


def measure_shift(image: ImageArray, mask: MaskArray) -> ShiftEvidence | None:
    """Return how well a (H, W) mask fits its (H, W, C) image at shifts around where it lies.

    Returns
    -------
    The evidence; None for a mask of fewer than two classes, an image without contrast or one below
    24 pixels a side

    Notes
    -----
    The image is the channel with the largest spread for its mean, between two Gaussians of 1 and 8
    pixels, so that uneven light does not count. Where the classes explain less than a tenth of it
    (cells in phase contrast), the local strength of edges is tried in place of brightness. Evidence
    is strong when the peak lies 3 pixels off or more but inside the range that was tried, explains
    1.4 times what the mask explains where it lies, and both halves of a chessboard of 4 x 4 fields
    have their peaks within 2 pixels of it.
    """
    step = -(-max(mask.shape) // LARGEST_SIDE_PX)
    picture = _block_means(_most_telling(image), step)
    small = mask[step // 2 :: step, step // 2 :: step][: picture.shape[0], : picture.shape[1]]
    reach = min(LARGEST_SHIFT, min(small.shape) // _SIDES_A_SHIFT)
    labels = [int(each) for each in np.unique(small) if each != IGNORE]
    if len(labels) < 2 or reach < 4 or float(np.ptp(picture)) == 0:
        return None
    feature = _brightness(picture)
    explained = _explain(feature, small, labels, reach)
    if explained.max() < _TELLS_LITTLE:
        edges = _edge_strength(picture)
        by_edges = _explain(edges, small, labels, reach)
        if by_edges.max() > 2 * explained.max():
            feature, explained = edges, by_edges
    down, right = _peak(explained)
    gain = _gain(explained)
    believed = (
        float(np.hypot(down, right)) >= LEAST_SHIFT
        and _is_bracketed(explained)
        and gain >= LEAST_GAIN
        and float(explained.max()) >= LEAST_EXPLAINED
        and _halves_agree(feature, small, labels, (down, right, reach))
    )
    return ShiftEvidence(explained, step, -down * step, -right * step, gain, believed)


@dataclass(frozen=True, slots=True)
class SetShift:
    """A shift that the masks of a whole set share; fields as in `ShiftEvidence`."""

    n_images: int
    step_px: int
    down_px: int
    right_px: int
    gain: float


@dataclass(frozen=True, slots=True)
class ShiftVerdict:
    """What all images together say.

    Attributes
    ----------
    of_set : the shift that all masks share, or None
    shifted : positions in the list of the images whose masks lie elsewhere than the others'
    """

    of_set: SetShift | None
    shifted: tuple[int, ...]


def judge_shifts(evidence: Sequence[ShiftEvidence | None]) -> ShiftVerdict:
    """Return which masks are moved, judged beside the other masks of the set.

    A single image is believed only where the method works on the set: where at least half of the
    images either peak within 3 pixels of the common place or have strong evidence of their own. In
    small patches full of noise neither holds, and chance would speak.
    """
    known = [each for each in evidence if each is not None]
    of_set = _find_set_shift(known)
    common = (of_set.down_px, of_set.right_px) if of_set else (0, 0)
    steady = [_is_at(each, common, LEAST_SHIFT) for each in known]
    telling = [at or each.is_strong for at, each in zip(steady, known, strict=True)]
    if not known or sum(telling) < len(known) / 2:
        return ShiftVerdict(of_set, ())
    shifted = [
        index
        for index, each in enumerate(evidence)
        if each is not None and each.is_strong and not _is_at(each, common, LEAST_SHIFT)
    ]
    return ShiftVerdict(of_set, tuple(shifted))


def _is_at(evidence: ShiftEvidence, place: tuple[int, int], within: float) -> bool:
    apart = np.hypot(evidence.down_px - place[0], evidence.right_px - place[1])
    return float(apart) < within * evidence.step_px


def _find_set_shift(evidence: Sequence[ShiftEvidence]) -> SetShift | None:
    """Return the shift that all masks share, or None.

    Images of one size step are judged together, those of the most frequent one; 5 at least. Their
    mean shows what a single small or noisy image cannot.
    """
    kinds: dict[tuple[int, int], list[Surface]] = {}
    for each in evidence:
        kinds.setdefault((each.step_px, len(each.explained)), []).append(each.explained)
    if not kinds:
        return None
    # Only surfaces over the same shifts, in steps of the same size, can be averaged.
    (step, _), surfaces = max(kinds.items(), key=lambda item: len(item[1]))
    mean = np.mean(surfaces, axis=0)
    down, right = _peak(mean)
    gain = _gain(mean)
    far = float(np.hypot(down, right)) >= LEAST_SHIFT and _is_bracketed(mean)
    if len(surfaces) < _ENOUGH_IMAGES or not far or gain < LEAST_SET_GAIN:
        return None
    if not _is_shared(np.stack(surfaces), (down, right)):
        return None
    return SetShift(len(surfaces), step, -down * step, -right * step, gain)


def _is_shared(surfaces: NDArray[np.float32], peak: tuple[int, int]) -> bool:
    """Tell whether the images, (N, 2R+1, 2R+1), share the peak of their mean beyond chance.

    Every second image and the others must peak within 2 pixels of it, and what images explain more
    there than without a shift must be 6 times the standard error of its mean: the largest of about
    a thousand shifts reaches 4 by chance.
    """
    for half in (surfaces[::2], surfaces[1::2]):
        there = _peak(half.mean(axis=0))
        if float(np.hypot(there[0] - peak[0], there[1] - peak[1])) > _AGREE_PX:
            return False
    reach = surfaces.shape[1] // 2
    more = surfaces[:, reach + peak[0], reach + peak[1]] - surfaces[:, reach, reach]
    error = float(more.std(ddof=1)) / len(more) ** 0.5
    return bool(float(more.mean()) >= _LEAST_T * error)


def _gain(surface: Surface) -> float:
    """Return the peak in multiples of the value at no shift."""
    middle = len(surface) // 2
    return float(surface.max()) / max(float(surface[middle, middle]), 1e-12)


def _is_bracketed(surface: Surface) -> bool:
    """Tell whether the peak lies inside: at the rim the true one may be farther away."""
    return max(map(abs, _peak(surface))) < len(surface) // 2


def _most_telling(image: ImageArray) -> NDArray[np.float32]:
    pixels = image.astype(np.float32)
    spread = pixels.std(axis=(0, 1)) / (np.abs(pixels.mean(axis=(0, 1))) + 1e-9)
    channel: NDArray[np.float32] = pixels[..., int(np.argmax(spread))]
    return channel


def _block_means(picture: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    if step == 1:
        return picture
    rows, columns = (side // step for side in picture.shape)
    blocks = picture[: rows * step, : columns * step].reshape(rows, step, columns, step)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


def _brightness(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    fine = ndimage.gaussian_filter(picture, 1.0, mode="nearest")
    return _clip_tails(fine - ndimage.gaussian_filter(picture, 8.0, mode="nearest"))


def _edge_strength(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    strength = ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(picture, 1.0), 1.5)
    strength = np.log(strength + 0.1 * float(np.median(strength)) + 1e-12)
    return _clip_tails(strength - ndimage.uniform_filter(strength, 49, mode="nearest"))


def _clip_tails(feature: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep a few very bright spots from deciding, and bring the rest to spread 1."""
    low, high = np.percentile(feature, [1, 99])
    clipped: NDArray[np.float32] = np.clip(feature, low, high).astype(np.float32)
    return clipped / max(float(clipped.std()), 1e-12)


def _explain(
    feature: NDArray[np.float32], mask: MaskArray, labels: Sequence[int], reach: int
) -> Surface:
    """Return the share of variance between classes for every shift of the mask up to `reach`.

    eta^2(d) = (sum_k s_k^2 / n_k - s^2 / n) / (q - s^2 / n), where n, s and q are number, sum and
    sum of squares of the pixels below the mask moved by d, of class k or of all classes.
    """
    # A correlation by FFT gives all shifts at once; with `reach` zeros no shift wraps round.
    shape = [fft.next_fast_len(side + reach, real=True) for side in feature.shape]
    near = np.r_[-reach : reach + 1]

    def spectrum(picture: NDArray[np.float32]) -> NDArray[np.complexfloating]:
        return fft.rfft2(picture, shape)  # type: ignore[no-any-return]

    def below(
        area: NDArray[np.complexfloating], values: NDArray[np.complexfloating]
    ) -> NDArray[np.float64]:
        total = fft.irfft2(np.conj(area) * values, shape)
        return total[np.ix_(near, near)].astype(np.float64)  # type: ignore[no-any-return]

    values, frame = spectrum(feature), spectrum(np.ones_like(feature))
    between, n_all, sum_all = np.zeros((3, 2 * reach + 1, 2 * reach + 1))
    for label in labels:
        area = spectrum((mask == label).astype(np.float32))
        # Of the moved class only pixels inside the image count, so n depends on the shift.
        n, total = np.rint(below(area, frame)), below(area, values)
        seen = n >= 1
        between += np.where(seen, total**2 / np.maximum(n, 1), 0)
        n_all += np.where(seen, n, 0)
        sum_all += np.where(seen, total, 0)
    known = spectrum((mask != IGNORE).astype(np.float32))
    mean_part = sum_all**2 / np.maximum(n_all, 1)
    spread = below(known, spectrum(feature**2)) - mean_part
    share = np.clip((between - mean_part) / np.maximum(spread, 1e-9), 0, 1)
    return share.astype(np.float32)


def _peak(surface: Surface) -> tuple[int, int]:
    """Return by how much the mask should move, rows and columns."""
    reach = len(surface) // 2
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return int(row) - reach, int(column) - reach


def _halves_agree(
    feature: NDArray[np.float32], mask: MaskArray, labels: Sequence[int], peak: tuple[int, int, int]
) -> bool:
    """Tell whether both colours of a chessboard of 4 x 4 fields see the peak of the whole."""
    down, right, reach = peak
    row, column = (np.arange(side) * 4 // side for side in mask.shape)
    black = (row[:, None] + column[None, :]) % 2 == 0
    for half in (black, ~black):
        part = np.where(half, mask, np.uint8(IGNORE))
        there = _peak(_explain(feature, part, labels, reach))
        if float(np.hypot(there[0] - down, there[1] - right)) > _AGREE_PX:
            return False
    return True
