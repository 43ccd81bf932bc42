"""How well the segments between borders agree: V_rand, V_info and their split and merge parts.

One wrong border pixel can merge two cells, which pixel scores do not see and these do. The segments
are the 4-connected components of the class (cell interior); all the rest is border. One contingency
table of true and predicted segments answers everything.

Must not choose thresholds or look at probabilities: two regions in, numbers out.

Source: Arganda-Carreras et al. (2015), Frontiers in Neuroanatomy 9:142, equations 1 to 5, and the
evaluation of the ISBI 2012 challenge in Fiji's Trainable_Segmentation; methods.md 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse, special
from skimage.segmentation import watershed


@dataclass(frozen=True, slots=True)
class PartitionScores:
    """Scores in [0, 1], 1 is best; NaN where there is no pixel to compare.

    Attributes
    ----------
    v_rand, v_info : the F-scores that the challenge ranks by: harmonic means of the two parts
    v_rand_split, v_info_split : low where true segments are cut apart
    v_rand_merge, v_info_merge : low where true segments run together
    """

    v_rand: float
    v_rand_split: float
    v_rand_merge: float
    v_info: float
    v_info_split: float
    v_info_merge: float

    @property
    def rand_error(self) -> float:
        """Return 1 - V_rand, the foreground-restricted Rand error of the older challenge."""
        return 1 - self.v_rand


def compare_partitions(
    truth: NDArray[np.bool_], prediction: NDArray[np.bool_], *, simplified: bool = False
) -> PartitionScores:
    """Return V_rand and V_info of the segments of two regions.

    Parameters
    ----------
    truth : (H, W), True inside cells; False on borders and where the truth is unknown (ignored)
    prediction : (H, W), True inside cells
    simplified : look only at pixels inside cells in BOTH, as some published programs do. A model
        that predicts wide borders is then not charged for them: not comparable with the challenge.

    Notes
    -----
    p_ij is the share of the pixels inside true cells (n of them) in true segment i and predicted
    segment j; t_i and s_j its sums. Border predicted inside true cells (mass p_0) counts as
    segments of one pixel each:

        P = sum p_ij^2 + p_0 / n,  S = sum s_j^2 + p_0 / n,  T = sum t_i^2
        V_rand: split P / T, merge P / S, both 2 P / (T + S)

        H(T) = -sum t log t,  H(S) = -sum s log s + p_0 log n,  I = H(S) + H(T) - H(S, T)
        V_info: split I / H(S), merge I / H(T), both 2 I / (H(S) + H(T))

    An entropy of 0 means that there is nothing to split or to merge: that part is 1.

    Raises
    ------
    ValueError
        The regions differ in shape or are not bool.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.ones((5, 9), bool)
    >>> truth[:, 4] = False
    >>> bridged = truth.copy()
    >>> bridged[2, 4] = True
    >>> scores = compare_partitions(truth, bridged)
    >>> round(scores.v_rand, 4), scores.v_rand_split, scores.v_rand_merge, scores.v_info
    (0.6667, 1.0, 0.5, 0.0)
    """
    if truth.shape != prediction.shape:
        raise ValueError(
            f"the truth has shape {truth.shape}, but the prediction {prediction.shape}"
        )
    if truth.dtype != np.bool_ or prediction.dtype != np.bool_:
        raise ValueError("expected bool regions; compare a mask with the index of a class first")
    segments, _ = ndimage.label(truth)
    others, _ = ndimage.label(prediction)
    looked_at = truth & prediction if simplified else truth
    pairs = (others[looked_at], segments[looked_at])
    shape = (int(others.max(initial=0)) + 1, int(segments.max(initial=0)) + 1)
    ones = np.ones(pairs[0].size, np.int64)
    return _score(sparse.coo_array((ones, pairs), shape=shape).tocsr())


def thin_borders(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the region grown until its 4-connected segments are one pixel apart.

    The challenge thins predicted borders like this before comparing, since their width says nothing
    about splits and merges. The segments grow at equal speed (watershed on a flat image).

    Examples
    --------
    >>> import numpy as np
    >>> thin_borders(np.array([[1, 0, 0, 0, 1]], bool)).astype(int).tolist()
    [[1, 1, 0, 1, 1]]
    """
    segments, n_segments = ndimage.label(region)
    if not n_segments:
        return region.copy()
    flat = np.zeros(region.shape, np.uint8)
    grown = watershed(flat, markers=segments, connectivity=1, watershed_line=True)
    return np.asarray(grown > 0, np.bool_)


def _score(table: sparse.csr_array) -> PartitionScores:
    """Return the scores of a table of pixels: predicted segments as rows, row 0 the border."""
    n_px = int(table.sum())
    if not n_px:
        return PartitionScores(*[float("nan")] * 6)
    # Names as in the equations of `compare_partitions`: joint is p_ij, true t_i, predicted s_j,
    # border p_0.
    border = float(table[[0]].sum()) / n_px
    joint, true = table[1:].data / n_px, table.sum(axis=0) / n_px
    predicted = table.sum(axis=1)[1:] / n_px
    alone = border / n_px  # sum of squares of the one-pixel segments
    pairs, segments = (joint**2).sum() + alone, (predicted**2).sum() + alone
    truths = (true**2).sum()
    # Each pixel of predicted border is a segment of its own, with entropy -(1 / n) log(1 / n).
    spread = border * np.log(n_px)
    h_predicted, h_true = _entropy(predicted) + spread, _entropy(true)
    # Rounding can make the mutual information slightly negative.
    shared = max(h_predicted + h_true - _entropy(joint) - spread, 0.0)
    return PartitionScores(
        v_rand=float(2 * pairs / (truths + segments)),
        v_rand_split=float(pairs / truths),
        v_rand_merge=float(pairs / segments),
        v_info=_share(2 * shared, h_predicted + h_true),
        v_info_split=_share(shared, h_predicted),
        v_info_merge=_share(shared, h_true),
    )


def _entropy(shares: NDArray[np.float64]) -> float:
    return float(special.entr(shares).sum())


def _share(part: float, whole: float) -> float:
    """Return part / whole, at most 1, and 1 where there is nothing to lose."""
    return float(min(part / whole, 1.0)) if whole > 0 else 1.0
