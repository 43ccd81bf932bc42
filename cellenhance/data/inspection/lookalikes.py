"""Images of a set that show the same picture though their pixels differ.

Two steps. A perceptual hash (63 signs of low cosine frequencies) names candidates among all pairs;
the fine detail of both images, laid over each other, decides. The hash alone takes any two
pictures with one cell in the middle for equal.

Found are copies with other brightness, contrast or gamma, other noise or dose, other compression,
size or sharpness, mirrored or turned by quarters, moved by a few percent of a side. Not found are
crops (90 % of a side already), free rotations, inverted copies and neighbours in tilings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from cellenhance.arrays import ImageArray

_HASH_SIDE, _KEPT = 32, 8
N_BITS = _KEPT * _KEPT - 1
_DETAIL_SIDE = 64
_FINE, _COARSE = 1.0, 3.0
"""Detail is what lies between these two Gaussians, in pixels of the 64 x 64 picture."""
MOST_BITS = 12
"""Candidates differ in at most so many of the 63 bits; unrelated pictures mostly in 20 or more.

Copies differ in up to 8, or up to 12 where little light or a shift comes in. Of all pairs of white
blood cells, the most similar pictures among the real sets tried, 3 % are candidates, of other sets
of separate fields less than 1 %.
"""
LEAST_CORRELATION = 0.85
"""Correlation of detail from which two pictures count as one.

Measured on sixteen real sets: different pictures reach 0.80 (blood cells that are alike, serial
sections, frames of one film); one cell cut out twice has 0.92 to 0.97, overlapping patches of an
electron micrograph 0.98; copies with noise of 10 % of the range, 10 photons at the brightest pixel,
JPEG quality 30, half the size or a gamma of 0.5 have 0.86 or more, save patches of 64 pixels that
are mostly noise themselves.
"""
_LARGEST_SHIFT = _DETAIL_SIDE // 8
_CHUNK = 256

Picture: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of an image: 8 kB, whatever its size.

    Attributes
    ----------
    bits : (8, 63) of +1 or -1, the hash as the picture stands and in its seven other orientations
    detail : (64, 64) float16 of mean 0 and norm 1; all 0 for a picture without detail
    """

    bits: NDArray[np.int8]
    detail: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Two images, by their position in the list, that show one picture.

    Attributes
    ----------
    correlation : of the detail of the two where they overlap, up to 1
    turned : whether one has to be mirrored or turned to lie on the other
    """

    first: int
    second: int
    correlation: float
    turned: bool


def sketch_image(image: ImageArray) -> Sketch:
    """Return the sketch of a (H, W, C) image; channels count by their mean."""
    grey = image.mean(axis=2, dtype=np.float32)
    small = _shrink(grey, _HASH_SIDE)
    cosines = fft.dctn(small - small.mean(), norm="ortho")[:_KEPT, :_KEPT]
    bits = np.stack([_sign(each) for each in _orientations(cosines, _flip_cosines)])
    picture = _shrink(grey, _DETAIL_SIDE)
    detail = ndimage.gaussian_filter(picture, _FINE) - ndimage.gaussian_filter(picture, _COARSE)
    detail -= detail.mean()
    norm = float(np.linalg.norm(detail))
    spread = float(np.abs(picture).max())
    # What rounding leaves of a smooth picture is no detail.
    scaled = detail / norm if norm > 1e-5 * max(spread, 1e-30) * _DETAIL_SIDE else detail * 0
    return Sketch(bits.astype(np.int8), scaled.astype(np.float16))


def find_lookalikes(sketches: Sequence[Sketch]) -> list[Lookalike]:
    """Return all pairs that show one picture, first index below second, in order.

    Notes
    -----
    All pairs are hashed against each other in blocks (10,000 images: seconds), only candidates are
    laid over each other, about 0.1 ms each.
    """
    found = []
    for first, second, turn in _candidates(sketches):
        still = sketches[first].detail.astype(np.float32)
        moved = _orientations(sketches[second].detail.astype(np.float32), _flip_pixels)[turn]
        correlation = overlay(still, moved)
        if correlation >= LEAST_CORRELATION:
            found.append(Lookalike(first, second, correlation, turn != 0))
    return found


def overlay(first: Picture, second: Picture) -> float:
    """Return the correlation of two square pictures at the best shift up to an eighth of a side."""
    product = np.conj(fft.rfft2(first)) * fft.rfft2(second)
    surface = fft.irfft2(product, first.shape)
    near = np.r_[0 : _LARGEST_SHIFT + 1, -_LARGEST_SHIFT:0]
    surface = surface[np.ix_(near, near)]
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    down, right = int(near[row]), int(near[column])
    a = first[_kept(-down), :][:, _kept(-right)].ravel()
    b = second[_kept(down), :][:, _kept(right)].ravel()
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 0 else 0.0


def _kept(shift: int) -> slice:
    """Return the part of a side that still overlaps after a shift."""
    return slice(shift, None) if shift >= 0 else slice(None, shift)


def _candidates(sketches: Sequence[Sketch]) -> list[tuple[int, int, int]]:
    """Return pairs with close hashes and the orientation of the second that is closest."""
    if len(sketches) < 2:
        return []
    detailed = np.array([bool(each.detail.any()) for each in sketches])
    plain = np.stack([each.bits[0] for each in sketches]).astype(np.float32)
    turned = np.stack([each.bits for each in sketches], axis=1).astype(np.float32)  # 8,N,63
    least = N_BITS - 2 * MOST_BITS
    pairs = []
    for start in range(0, len(sketches), _CHUNK):
        agree = turned @ plain[start : start + _CHUNK].T  # 8,N,chunk: bits alike minus bits unlike
        closest = agree.max(axis=0)
        for second, first in np.argwhere(closest >= least):
            if start + first < second and detailed[second] and detailed[start + first]:
                turn = int(agree[:, second, first].argmax())
                pairs.append((int(start + first), int(second), turn))
    return sorted(pairs)


def _sign(cosines: Picture) -> NDArray[np.int64]:
    """Return +1 where a low frequency, the mean left out, lies above their median, else -1."""
    low = cosines.ravel()[1:]
    return np.where(low > np.median(low), 1, -1)


def _orientations(picture: Picture, flip: Callable[[Picture, int], Picture]) -> list[Picture]:
    """Return the picture as it stands and in its seven other orientations, always in one order."""
    rows = [picture, flip(picture, 0)]
    four = [*rows, *(flip(each, 1) for each in rows)]
    return [*four, *(each.T for each in four)]


def _flip_pixels(picture: Picture, axis: int) -> Picture:
    return np.flip(picture, axis)


def _flip_cosines(cosines: Picture, axis: int) -> Picture:
    """Mirror a picture that is given by its cosines: the odd ones change sign."""
    signs = np.where(np.arange(len(cosines)) % 2, -1, 1).astype(np.float32)
    return cosines * (signs[:, None] if axis == 0 else signs[None, :])


def _shrink(picture: Picture, side: int) -> Picture:
    """Return a square picture whose pixels are means over equal areas of the whole."""
    height, width = picture.shape
    small = _area_weights(height, side) @ picture @ _area_weights(width, side).T
    return np.asarray(small, np.float32)


@cache
def _area_weights(length: int, side: int) -> Picture:
    """Return (side, length) weights; each row sums to 1 and covers length / side pixels."""
    edges = np.linspace(0, length, side + 1)
    pixel = np.arange(length)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: Picture = (np.clip(covered, 0, None) * side / length).astype(np.float32)
    return weights
