"""Warping error: what is wrong with a segmentation apart from where exactly its borders run.

The true region is bent towards the prediction pixel by pixel, as far as its topology (segments and
holes) stays the same. Pixels that still differ would split, merge, invent or lose something. The
metric is optional: results depend on the order of the bending, and the challenge that once ranked
by it gave it up. Cost grows with the number of pixels that differ, not with the image.

Source: Jain et al. (2010), CVPR, "Boundary learning by optimization with topological constraints";
methods.md 10. Foreground is 4-connected, background 8-connected; outside the image is background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_EIGHT = np.ones((3, 3), np.uint8)
Places: TypeAlias = tuple[tuple[int, int], ...]
_BESIDE: Places = ((0, 1), (1, 0), (1, 2), (2, 1))
_AROUND: Places = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))
"""The 8 neighbours in a 3 x 3 window; bit i of a neighbourhood's code is neighbour i."""


@dataclass(frozen=True, slots=True)
class Warping:
    """The bent truth, and the part of the prediction that it could not reach.

    Attributes
    ----------
    warped : (H, W) bool, the true region after bending: the truth's topology, almost the prediction
    n_px : pixels that count
    n_mismatches : of them, pixels where it still differs from the prediction
    n_splits : of these, pixels predicted as border that cut a segment in two
    n_merges : of these, pixels predicted as cell that join two segments
    """

    warped: NDArray[np.bool_]
    n_px: int
    n_mismatches: int
    n_splits: int
    n_merges: int

    @property
    def error(self) -> float:
        """Return mismatches / pixels, in [0, 1], 0 is best; NaN without any pixel."""
        return self.n_mismatches / self.n_px if self.n_px else float("nan")


def warp(
    truth: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    *,
    strength: NDArray[np.floating] | None = None,
    annotated: NDArray[np.bool_] | None = None,
) -> Warping:
    """Return the truth bent towards the prediction by flipping simple points only.

    Parameters
    ----------
    truth, prediction : (H, W) bool, True inside cells
    strength : (H, W), |probability - threshold|: pixels are tried from the largest down, those of
        equal strength row by row; without it all are equal
    annotated : (H, W) bool; other pixels are never flipped and do not count; by default all are

    Notes
    -----
    A pixel is simple if its 8 neighbours hold exactly one 4-connected part of the foreground that
    touches it by a side and exactly one 8-connected part of the background: flipping it changes
    neither the number of segments nor that of holes. Flipping repeats until nothing changes.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 0, 1, 1]] * 3, bool)
    >>> moved, bridged = truth.copy(), truth.copy()
    >>> moved[:, 1:4] = [0, 1, 1]
    >>> bridged[1, 2] = True
    >>> warp(truth, bridged).n_merges, warp(truth, bridged).n_mismatches
    (1, 1)
    """
    counted = np.ones(truth.shape, bool) if annotated is None else annotated
    # Only pixels that differ are candidates. The image gets a border of background, so that every
    # pixel has eight neighbours and its place in the flat array is enough to find them.
    wanted = np.where(counted, prediction, truth)
    order = np.flatnonzero(np.pad(wanted != truth, 1))
    if strength is not None:
        order = order[np.argsort(-np.pad(strength, 1).ravel()[order], kind="stable")]
    flat = bytearray(np.pad(truth, 1).astype(np.uint8).tobytes())
    _flip_simple_points(flat, order.tolist(), truth.shape[1] + 2)
    padded = np.frombuffer(flat, np.uint8).reshape(np.array(truth.shape) + 2) > 0
    warped = padded[1:-1, 1:-1]
    rest = np.argwhere(warped != wanted)
    return Warping(
        warped=warped,
        n_px=int(np.count_nonzero(counted)),
        n_mismatches=len(rest),
        n_splits=_count_splits(padded, rest[warped[tuple(rest.T)]]),
        n_merges=_count_merges(padded, rest[~warped[tuple(rest.T)]]),
    )


def _flip_simple_points(flat: bytearray, pending: list[int], width: int) -> None:
    """Flip the pending pixels that are simple, in this order, until none of them is.

    A pixel is looked at again only after one of its neighbours was flipped.
    """
    simple = _SIMPLE  # a local name is faster in the loop below
    # Offsets of the neighbours in the order of `_AROUND`, the order of the bits of a code.
    a, b, c, d = -width - 1, -width, -width + 1, -1
    e, f, g, h = 1, width - 1, width, width + 1
    changed = bytearray(len(flat))
    for each in pending:
        changed[each] = 1
    # Each pass tries the pixels that are left, until a pass changes nothing. Whether a pixel is
    # simple depends on its neighbours alone: unless one of them was flipped, the last answer holds.
    while pending:
        rest = []
        n_flips = 0
        for i in pending:
            if changed[i]:
                changed[i] = 0
                code = flat[i + a] | flat[i + b] << 1 | flat[i + c] << 2 | flat[i + d] << 3
                code |= flat[i + e] << 4 | flat[i + f] << 5 | flat[i + g] << 6 | flat[i + h] << 7
                if simple[code]:
                    flat[i] ^= 1
                    n_flips += 1
                    for offset in (a, b, c, d, e, f, g, h):
                        changed[i + offset] = 1
                    continue
            rest.append(i)
        if not n_flips:
            return
        pending = rest


def _count_splits(padded: NDArray[np.bool_], points: NDArray[np.int64]) -> int:
    """Return how many foreground pixels would cut their segment in two if they were background.

    Around such a pixel two parts of the background are apart, but belong together elsewhere: joined
    through the pixel they would close a line around a part of the segment.
    """
    # Parts around the pixel (by its neighbourhood) against parts in the whole image (by label).
    around = _neighbours(ndimage.label(~padded, _EIGHT)[0], points, _AROUND)
    codes = ((around == 0) << np.arange(8)[:, None]).sum(axis=0)
    n_parts = np.frombuffer(_BACKGROUND_PARTS, np.uint8)[codes]
    return int(np.count_nonzero(_count_kinds(around) < n_parts))


def _count_merges(padded: NDArray[np.bool_], points: NDArray[np.int64]) -> int:
    """Return how many background pixels touch two segments or more by a side."""
    beside = _neighbours(ndimage.label(padded)[0], points, _BESIDE)
    return int(np.count_nonzero(_count_kinds(beside) >= 2))


def _neighbours(
    labels: NDArray[np.int32], points: NDArray[np.int64], places: Places
) -> NDArray[np.int32]:
    """Return the labels at these places of the window around each point, (places, n)."""
    rows, columns = points.T
    return np.stack([labels[rows + down, columns + right] for down, right in places])


def _count_kinds(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many different labels above 0 each column has."""
    kinds: NDArray[np.int64] = (np.diff(np.sort(labels, axis=0), axis=0, prepend=0) > 0).sum(axis=0)
    return kinds


def _window_of(code: int) -> NDArray[np.uint8]:
    """Return the 3 x 3 neighbourhood of this code, its middle 0."""
    window = np.zeros((3, 3), np.uint8)
    for bit, place in enumerate(_AROUND):
        window[place] = code >> bit & 1
    return window


def _count_background_parts(window: NDArray[np.uint8]) -> int:
    """Return how many 8-connected parts of background there are around the middle."""
    background = 1 - window
    background[1, 1] = 0
    return int(ndimage.label(background, _EIGHT)[1])


def _is_simple(window: NDArray[np.uint8]) -> bool:
    parts = ndimage.label(window)[0]
    touching = {int(parts[place]) for place in _BESIDE} - {0}
    return len(touching) == 1 and _count_background_parts(window) == 1


_WINDOWS = [_window_of(code) for code in range(256)]
_SIMPLE = bytes(_is_simple(each) for each in _WINDOWS)
"""For each neighbourhood whether the pixel in its middle may be flipped."""
_BACKGROUND_PARTS = bytes(_count_background_parts(each) for each in _WINDOWS)
