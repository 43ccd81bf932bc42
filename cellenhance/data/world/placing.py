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
    overhang: float = 1.0,
) -> tuple[Points, NDArray[np.intp]]:
    """Return (n, 2) centres and the indices of the radii that found a place.

    Parameters
    ----------
    clustered : share of the objects that are put beside another one
    closeness : least distance of two centres, as a share of the sum of their radii
    overhang : how far a centre may lie outside the image, as a share of its radius
    """
    centres, kept = np.empty((len(radii_px), 2)), np.empty(len(radii_px), dtype=np.intp)
    reaches, n = np.empty(len(radii_px)), 0  # radii of those that have a place
    for index, radius in enumerate(radii_px):
        for _ in range(_TRIES):
            if n and rng.random() < clustered:
                beside = int(rng.integers(n))
                angle = rng.uniform(0, 2 * np.pi)
                away = closeness * 1.03 * (radius + reaches[beside])
                place = centres[beside] + away * np.array([np.sin(angle), np.cos(angle)])
            else:
                beyond = overhang * radius if n else 0.0  # the first is seen, whatever the size
                place = rng.uniform(-beyond, size_px + beyond, 2)
            others, least = centres[:n] - place, closeness * (reaches[:n] + radius)
            is_inside = (np.abs(place - size_px / 2) < size_px / 2 + overhang * radius).all()
            if is_inside and (np.einsum("ij,ij->i", others, others) >= least**2).all():
                centres[n], reaches[n], kept[n] = place, radius, index
                n += 1
                break
    return centres[:n], kept[:n]


def place_in_layer(
    size_px: int,
    spacing_px: float,
    disorder: float,
    rng: np.random.Generator,
    *,
    flattening: float = 1.0,
) -> Points:
    """Return (n, 2) centres on a jittered hexagonal grid that overhangs the image on all sides.

    Parameters
    ----------
    disorder : standard deviation of the jitter, as a share of the spacing
    flattening : ratio of the spacings in two directions that are drawn, from 1; same density
    """
    half = 0.75 * size_px * np.sqrt(flattening) + 3 * spacing_px  # reaches the corners when turned
    steps = np.arange(-int(half / (0.866 * spacing_px)), int(half / (0.866 * spacing_px)) + 1)
    row, column = (each.ravel() for each in np.meshgrid(steps, steps, indexing="ij"))
    grid = np.stack([row * 0.866, column + 0.5 * (row % 2)], axis=1)
    grid = (grid + rng.uniform(-0.5, 0.5, 2)) * spacing_px
    grid += disorder * spacing_px * rng.standard_normal(grid.shape)
    turn, root = rng.uniform(0, np.pi), np.sqrt(flattening)
    cos, sin = np.cos(turn), np.sin(turn)
    placed: Points = grid @ np.array([[cos * root, sin * root], [-sin / root, cos / root]])
    placed += size_px / 2
    overhang = 2.5 * spacing_px
    return placed[((placed > -overhang) & (placed < size_px + overhang)).all(axis=1)]
