"""COCO's run lengths: pixels column by column, runs of 0 and 1 in turn, the first of 0.

Source: the format as pycocotools reads and writes it (`rleToString`, `rleFrString`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_PIXELS = 2**31
"""Runs are a few bytes whatever size they state; no image that is read is larger."""


def decode_runs(counts: Sequence[int] | str, height: int, width: int) -> NDArray[np.bool_]:
    """Return the (height, width) pixels of plain or compressed run lengths.

    Raises
    ------
    ValueError
        The runs are no numbers, do not cover the image exactly, or state an absurd size.

    Examples
    --------
    >>> decode_runs([1, 2, 3], 2, 3).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """
    if height * width > _MOST_PIXELS:
        raise ValueError(f"run lengths of {height} x {width} pixels are larger than any image")
    runs = _decompress(counts) if isinstance(counts, str) else list(counts)
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in runs):
        raise ValueError("run lengths are whole numbers from 0")
    if sum(runs) != height * width:
        raise ValueError(f"run lengths cover {sum(runs)} pixels, the image has {height * width}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def encode_runs(pixels: NDArray[np.bool_]) -> list[int]:
    """Return the plain run lengths of (H, W) pixels.

    Examples
    --------
    >>> encode_runs(np.array([[0, 1, 0], [1, 0, 0]], bool))
    [1, 2, 3]
    """
    flat = np.concatenate([[False], pixels.T.ravel()])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(n) for n in np.diff([0, *changes, flat.size - 1])]


def _decompress(text: str) -> list[int]:
    """Return the runs behind letters of 5 bits each; from the fourth on they are differences."""
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 40:
            raise ValueError("compressed run lengths contain an invalid character")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("compressed run lengths end in the middle of a number")
    return runs
