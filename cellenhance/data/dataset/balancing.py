"""Parts of a split with alike class shares, by swaps of units that hold as many images.

Dealt along the share of the rarest class, parts of few units come out uneven; swaps mend that and
leave the number of images of each part as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.dealing import Unit, UnitAmounts

_BALANCED = 0.05
"""Parts whose class shares are off by at most this part of a share need no swap: what is left to
chance stays so, and seeds differ."""
_MOST_SWAPS = 1000
_MOST_PARTS_TRIED = 10
_MOST_COMPARED = 4_000_000
"""Numbers held at a time while swaps are compared."""


def balance(parts: list[list[Unit]], amounts: UnitAmounts | None, rng: np.random.Generator) -> None:
    """Swap units of as many images between parts until their class shares are alike.

    Nothing is swapped without `amounts`, nor where all shares are close already.

    Notes
    -----
    The part that differs most is mended first, by the swap that lowers the sum of squared
    deviations, each divided by the share of its class in all units (so that rare classes count).
    """
    if amounts is None:
        return
    total = np.sum([amounts[unit] for part in parts for unit in part], axis=0, dtype=np.float64)
    if not total.any():
        return
    wanted = total / total.sum()
    for _ in range(_MOST_SWAPS):
        sums = [np.sum([amounts[unit] for unit in part], axis=0) for part in parts if part]
        if all(_is_balanced(each, wanted) for each in sums) or not _swap_once(
            parts, amounts, wanted, rng
        ):
            return


def _swap_once(
    parts: list[list[Unit]],
    amounts: UnitAmounts,
    wanted: NDArray[np.float64],
    rng: np.random.Generator,
) -> bool:
    """Make the swap that helps the part that differs most, else the next; False without one."""
    filled = [part for part in parts if part]
    off = [_deviation(np.sum([amounts[u] for u in part], axis=0), wanted) for part in filled]
    worst_first = sorted(range(len(filled)), key=lambda index: -float(off[index]))
    for index in worst_first[:_MOST_PARTS_TRIED]:
        here = filled[index]
        others = [other for other in range(len(filled)) if other != index]
        swaps = [(*_best_swap(here, filled[o], amounts, wanted, rng), o) for o in others]
        gain, mine, theirs, other = max(swaps, default=(0.0, 0, 0, 0))
        if gain > 0:
            there = filled[other]
            here[mine], there[theirs] = there[theirs], here[mine]
            return True
    return False


def _deviation(sums: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the shares of (..., K) amounts are from the wanted ones."""
    known = wanted > 0
    shares = sums / np.maximum(sums.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
    squares = (shares - wanted)[..., known] ** 2 / wanted[known]
    deviation: NDArray[np.float64] = squares.sum(axis=-1)
    return deviation


def _is_balanced(sums: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    shares = sums / max(sums.sum(), np.finfo(float).tiny)
    return bool((np.abs(shares - wanted) <= _BALANCED * wanted).all())


def _best_swap(
    here: Sequence[Unit],
    there: Sequence[Unit],
    amounts: UnitAmounts,
    wanted: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[float, int, int]:
    """Return how much the best swap of two units of equal size gains, and their places.

    Of parts with very many units a random choice is compared.
    """
    most = int(np.sqrt(_MOST_COMPARED / len(wanted)))
    places = [
        np.sort(rng.permutation(len(part))[:most]) if len(part) > most else np.arange(len(part))
        for part in (here, there)
    ]
    mine, theirs = (
        np.array([amounts[part[place]] for place in chosen])
        for part, chosen in zip((here, there), places, strict=True)
    )
    sums = [np.sum([amounts[unit] for unit in part], axis=0) for part in (here, there)]
    moved = theirs[None] - mine[:, None]
    before = _deviation(sums[0], wanted) + _deviation(sums[1], wanted)
    gains = before - _deviation(sums[0] + moved, wanted) - _deviation(sums[1] - moved, wanted)
    n_images = [
        np.array([len(part[place]) for place in chosen])
        for part, chosen in zip((here, there), places, strict=True)
    ]
    gains = np.where(n_images[0][:, None] == n_images[1][None], gains, -np.inf)
    first, second = np.unravel_index(int(np.argmax(gains)), gains.shape)
    # Rounding would swap back and forth for ever.
    gain = float(gains[first, second])
    return (gain if gain > 1e-12 else 0.0), int(places[0][first]), int(places[1][second])
