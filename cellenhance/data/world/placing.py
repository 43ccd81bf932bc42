"""Where objects lie: apart, in clusters, or side by side in a layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_TRIES = 12


def place_apart(
    size_px: int,
    radii_px: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    clustered: float,
    closeness: float,
) -> tuple[Points, NDArray[np.intp]]:
    """Return (n, 2) centres and the indices of the radii that found a place.

    Parameters
    ----------
    clustered : share of the objects that are put beside another one
    closeness : least distance of two centres, as a share of the sum of their radii
    """
    centres = np.empty((len(radii_px), 2))
    kept: list[int] = []
    for index, radius in enumerate(radii_px):
        for _ in range(_TRIES):
            if kept and rng.random() < clustered:
                beside = kept[int(rng.integers(len(kept)))]
                angle = rng.uniform(0, 2 * np.pi)
                away = closeness * 1.03 * (radius + radii_px[beside])
                place = centres[beside] + away * np.array([np.sin(angle), np.cos(angle)])
            else:
                place = rng.uniform(-radius, size_px + radius, 2)
            others = centres[kept] - place
            least = closeness * (radii_px[kept] + radius)
            is_inside = (np.abs(place - size_px / 2) < size_px / 2 + radius).all()
            if is_inside and (np.einsum("ij,ij->i", others, others) >= least**2).all():
                centres[index] = place
                kept.append(index)
                break
    return centres[kept], np.array(kept, dtype=np.intp)


def place_in_layer(
    size_px: int, spacing_px: float, disorder: float, rng: np.random.Generator
) -> Points:
    """Return (n, 2) centres on a jittered hexagonal grid that overhangs the image on all sides.

    Parameters
    ----------
    disorder : standard deviation of the jitter, as a share of the spacing
    """
    rows = np.arange(-2, size_px / (spacing_px * 0.866) + 3)
    columns = np.arange(-2, size_px / spacing_px + 3)
    row, column = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    grid = np.stack([row * 0.866, column + 0.5 * (row % 2)], axis=1) * spacing_px
    moved: Points = grid + rng.uniform(-0.5, 0.5, 2) * spacing_px
    return moved + disorder * spacing_px * rng.standard_normal(grid.shape)
