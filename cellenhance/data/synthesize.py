"""Synthetic dim fluorescence images of a cell layer, with the noise of a real camera.

A honeycomb of cells with soft membranes and irregular nuclei is lit unevenly, blurred by the
optics and counted by a camera: Poisson photons, Gaussian read noise, gain and offset.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from cellenhance.arrays import ImageArray, MaskArray
from cellenhance.data.synthesize_settings import SynthesizeSettings

CLASS_NAMES = ("cytoplasm", "membrane", "nucleus")
CYTOPLASM, MEMBRANE, NUCLEUS = range(3)
PIXEL_SIZE_UM = 0.325

Field2D = NDArray[np.float64]


def synthesize_image(settings: SynthesizeSettings, index: int) -> tuple[ImageArray, MaskArray]:
    """Return image `index` of the set with its true mask.

    Returns
    -------
    image : (H, W, 1) uint16 counts; counts = offset + gain * (Poisson(photons) + read noise)
    mask : (H, W) uint8, 0 cytoplasm, 1 membrane, 2 nucleus
    """
    rng = np.random.default_rng([settings.seed, index])
    mask, signal = _draw_cells(settings, rng)
    blurred = ndimage.gaussian_filter(signal, settings.blur_px, mode="reflect")
    light = _draw_illumination(settings, rng)
    photons = settings.photons * blurred * light + settings.background_photons
    return _record(photons, settings, rng)[..., None], mask


def _record(
    photons: Field2D, settings: SynthesizeSettings, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return the counts of a camera that sees `photons` (expected number a pixel)."""
    electrons = rng.poisson(photons) + rng.normal(0.0, settings.read_noise_e, photons.shape)
    counts = np.rint(settings.offset_adu + settings.gain_adu * electrons)
    return np.clip(counts, 0, 65535).astype(np.uint16)


def _draw_cells(
    settings: SynthesizeSettings, rng: np.random.Generator
) -> tuple[MaskArray, Field2D]:
    """Return the mask and the relative brightness of a cell layer before the optics."""
    size, cell = settings.size_px, settings.cell_px
    seeds = _draw_seeds(size, cell, rng)
    bend = cell * 0.07
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    points = np.stack(
        [y + bend * _smooth(size, cell / 4, rng), x + bend * _smooth(size, cell / 4, rng)]
    )
    distance, owner = cKDTree(seeds).query(points.reshape(2, -1).T, k=2)
    apart = np.linalg.norm(seeds[owner[:, 0]] - seeds[owner[:, 1]], axis=1)
    to_border = ((distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * apart)).reshape(size, size)
    cell_of = owner[:, 0].reshape(size, size)

    nucleus = _draw_nuclei(points - seeds[cell_of].transpose(2, 0, 1), cell_of, cell, rng)
    membrane = to_border < 1.6
    nucleus &= ~(to_border < 3.5)
    mask = np.where(membrane, MEMBRANE, np.where(nucleus, NUCLEUS, CYTOPLASM)).astype(np.uint8)

    n_cells = len(seeds)
    cytoplasm = rng.uniform(0.75, 1.3, n_cells)[cell_of] * (1 + 0.22 * _smooth(size, 3.0, rng))
    inside = rng.uniform(1.35, 2.3, n_cells)[cell_of] * (1 + 0.2 * _smooth(size, 2.0, rng))
    border = (0.9 + 0.25 * _smooth(size, cell / 3, rng)) * np.exp(-((to_border / 1.5) ** 2))
    signal = np.where(nucleus, inside, cytoplasm) + border
    return mask, np.clip(signal, 0.05, None)


def _draw_seeds(size: int, cell: float, rng: np.random.Generator) -> Field2D:
    """Return cell centres on a jittered hexagonal grid that overhangs the image."""
    rows = np.arange(-2, size / (cell * 0.87) + 3)
    columns = np.arange(-2, size / cell + 3)
    grid = np.array([(r * cell * 0.87, (c + 0.5 * (r % 2)) * cell) for r in rows for c in columns])
    shift = rng.uniform(-0.5, 0.5, 2) * cell
    moved: Field2D = grid + shift + rng.normal(0.0, 0.16 * cell, grid.shape)
    return moved


def _draw_nuclei(
    offset: Field2D, cell_of: NDArray[Any], cell: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return where nuclei are: ellipses off centre with a wavy outline; a few cells have none."""
    n_cells = int(cell_of.max()) + 1
    centre = rng.normal(0.0, 0.05 * cell, (n_cells, 2))[cell_of].transpose(2, 0, 1)
    radius = cell * rng.uniform(0.19, 0.29, n_cells) * (rng.random(n_cells) > 0.04)
    turn, stretch = rng.uniform(0, np.pi, n_cells), rng.uniform(1.0, 1.5, n_cells)
    wave, phase = rng.uniform(0.0, 0.12, (2, n_cells)), rng.uniform(0, 2 * np.pi, (2, n_cells))
    y, x = offset - centre
    along = np.cos(turn)[cell_of] * x + np.sin(turn)[cell_of] * y
    across = np.cos(turn)[cell_of] * y - np.sin(turn)[cell_of] * x
    angle = np.arctan2(across, along)
    outline = 1 + sum(
        wave[i][cell_of] * np.cos((i + 2) * angle + phase[i][cell_of]) for i in range(2)
    )
    reach = np.hypot(along / np.sqrt(stretch)[cell_of], across * np.sqrt(stretch)[cell_of])
    inside: NDArray[np.bool_] = reach < radius[cell_of] * outline
    return inside


def _draw_illumination(settings: SynthesizeSettings, rng: np.random.Generator) -> Field2D:
    """Return relative light: a bright spot off centre that falls to 1 - vignetting, mean 1."""
    size = settings.size_px
    centre = size * rng.uniform(0.3, 0.7, 2)
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    radius2 = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (0.5 * size**2)
    light = 1 - settings.vignetting * np.clip(radius2, 0, 1)
    uneven: Field2D = light * (1 + 0.08 * _smooth(size, size / 8, rng))
    return uneven / float(uneven.mean())


def _smooth(size: int, sigma: float, rng: np.random.Generator) -> Field2D:
    """Return a smooth random field of mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(rng.normal(size=(size, size)), sigma, mode="wrap")
    centred: Field2D = field - field.mean()
    return centred / max(float(centred.std()), 1e-12)
