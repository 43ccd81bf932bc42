"""Organelles as the electron microscope shows them: mitochondria and vesicles."""

from __future__ import annotations

import numpy as np

from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.outlines import Stamped
from cellenhance.data.world.placing import Points


def striped_mitochondria(shapes: Stamped, width_px: float, rng: np.random.Generator) -> Field:
    """Return (H, W) grey of mitochondria: a double membrane around a matrix with cristae.

    Each has its own grey and its own direction of the cristae; beyond the outlines it has no
    meaning. 1 is the grey of clear cytoplasm.
    """
    size_px = len(shapes.depth)
    n = int(shapes.nearest.max(initial=0)) + 1
    matrix, turn = rng.uniform(0.25, 0.75, n), rng.uniform(0, np.pi, n)
    contrast, period = rng.uniform(0.1, 0.4, n), width_px * rng.uniform(1.6, 3.0, n)
    wave = 2 * np.pi / period.astype(np.float32)
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32)
    cos, sin = np.cos(turn).astype(np.float32), np.sin(turn).astype(np.float32)
    who = shapes.nearest
    across = (cos[who] * x + sin[who] * y) * wave[who]
    across += np.float32(rng.uniform(0.8, 2.2)) * smooth_field(size_px, 2 * width_px, rng)
    cristae = np.sin(across) + np.float32(rng.uniform(0.3, 1)) * smooth_field(
        size_px, 0.6 * width_px, rng
    )
    grey = matrix.astype(np.float32)[who] + contrast.astype(np.float32)[who] * np.clip(
        cristae, -1, 1
    )
    grey += np.float32(0.06) * grainy_field(size_px, 3.0, 0.5, rng)
    depth = shapes.depth
    outer = np.exp(-(((depth - np.float32(0.4 * width_px)) / np.float32(0.4 * width_px)) ** 2))
    cleft = np.exp(-(((depth - np.float32(1.3 * width_px)) / np.float32(0.4 * width_px)) ** 2))
    membrane: Field = grey - np.float32(0.5) * outer * (grey > 0.2) + np.float32(0.15) * cleft
    return membrane


def rings(size_px: int, centres: Points, radius_px: float, rng: np.random.Generator) -> Field:
    """Return (H, W) float32: round vesicles with dark walls, some with a dense core."""
    result = np.zeros((size_px, size_px), np.float32)
    radius_px = float(np.clip(radius_px, 1.5, 8))
    for centre in centres:
        radius = radius_px * rng.uniform(0.7, 1.3)
        height, is_dense = np.float32(rng.uniform(0.2, 0.5)), rng.random() < 0.15
        reach = radius + 3
        low = [max(0, int(at - reach)) for at in centre]
        high = [min(size_px, int(at + reach) + 2) for at in centre]
        y = np.arange(low[0], high[0], dtype=np.float32)[:, None] - np.float32(centre[0])
        x = np.arange(low[1], high[1], dtype=np.float32) - np.float32(centre[1])
        away = np.hypot(y, x)
        if is_dense:
            spot = 1 / (1 + np.exp(2 * (away - np.float32(0.8 * radius))))
        else:
            spot = np.exp(-(((away - np.float32(radius)) / np.float32(0.3 * radius + 0.3)) ** 2))
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        result[window] = np.maximum(result[window], height * spot)
    return result
