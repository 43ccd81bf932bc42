"""Count pixels by (true class, predicted class) once; every overlap score follows from it.

Must not know files, class names or images: two masks in, one matrix out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MAX_CLASSES, MaskArray
from cellenhance.texts import counted

_BLOCK_PX = 1 << 20  # pixels counted at a time: bounds the temporary memory to some 10 MB


def confusion_matrix(
    truth: MaskArray, prediction: MaskArray, n_classes: int, ignore: int | None = IGNORE
) -> NDArray[np.int64]:
    """Return how many pixels of each true class were predicted as each class.

    Parameters
    ----------
    truth : (H, W) uint8, class indices below `n_classes`, or `ignore`
    prediction : (H, W) uint8, class indices below `n_classes`
    n_classes : number of classes K, 1 to 255
    ignore : value of `truth` whose pixels do not count, whatever is predicted there; None for none

    Returns
    -------
    (K, K) int64; element [i, j] counts the pixels of class i that were predicted as j

    Raises
    ------
    ValueError
        The shapes or dtypes differ from the above, or a pixel that counts holds a value that is
        not a class: a mask from elsewhere must be mapped to class indices first.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[0, 0, 1, 255]], np.uint8)
    >>> prediction = np.array([[0, 1, 1, 0]], np.uint8)
    >>> confusion_matrix(truth, prediction, 2).tolist()
    [[1, 1], [0, 1]]
    """
    _check(truth, prediction, n_classes)
    pairs = _count_pairs(truth, prediction)
    if ignore is not None:
        pairs[ignore] = 0
    matrix = pairs[:n_classes, :n_classes]
    if matrix.sum() != pairs.sum():
        raise ValueError(_describe_strays(pairs, n_classes))
    return matrix.copy()


def _count_pairs(truth: MaskArray, prediction: MaskArray) -> NDArray[np.int64]:
    """Return how often each pair of the 256 values occurs, (256, 256), strays included."""
    rows, columns = truth.ravel(), prediction.ravel()
    pairs = np.zeros(0, np.int64)
    for start in range(0, max(rows.size, 1), _BLOCK_PX):
        block = slice(start, start + _BLOCK_PX)
        # Both values of a pixel in one code, true value x 256 + predicted value.
        codes = rows[block].astype(np.uint16)
        codes <<= 8
        codes |= columns[block]
        counts = np.bincount(codes, minlength=1 << 16)
        pairs = np.add(pairs, counts, out=pairs) if pairs.size else counts
    return pairs.reshape(256, 256)


def _check(truth: MaskArray, prediction: MaskArray, n_classes: int) -> None:
    if not 1 <= n_classes <= MAX_CLASSES:
        raise ValueError(f"expected 1 to {MAX_CLASSES} classes, not {n_classes}")
    for name, mask in (("truth", truth), ("prediction", prediction)):
        if mask.dtype != np.uint8:
            raise ValueError(f"the {name} must hold uint8 class indices, not {mask.dtype}")
    if truth.shape != prediction.shape:
        raise ValueError(
            f"the truth has shape {truth.shape}, but the prediction {prediction.shape}"
        )


def _describe_strays(pairs: NDArray[np.int64], n_classes: int) -> str:
    """Name the values that count but are not classes, with their pixel counts."""
    counts = {"truth": pairs.sum(axis=1), "prediction": pairs.sum(axis=0)}
    found = [
        f"the {name} holds {value} in {counted(int(count[value]), 'pixel')}"
        for name, count in counts.items()
        for value in np.flatnonzero(count)
        if value >= n_classes
    ]
    return f"{', '.join(found)}; expected class indices 0 to {n_classes - 1}"
