"""A plane of an image as a network sees it: normalised and preprocessed, window by window.

Filters that look beyond a pixel, or at statistics of the image, are applied to the whole plane
before it is cut into windows: a tile then shows exactly what the whole image shows, at the price of
memory for the whole plane (4 bytes a pixel and channel, and what the filter takes).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cellenhance.arrays import FloatImage, ImageArray
from cellenhance.data.normalize import Normalization, fit_normalization
from cellenhance.data.preprocess import PreprocessStep, is_pointwise, preprocess
from cellenhance.engine.planes import ArrayPlane, Plane
from cellenhance.engine.tiling import Tile, reflect_indices
from cellenhance.runs.header import ModelHeader

logger = logging.getLogger(__name__)

_LARGE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """A plane and what is still to be done to its windows."""

    plane: Plane
    normalization: Normalization | None
    steps: tuple[PreprocessStep, ...]

    def finish(self, window: ImageArray) -> FloatImage:
        """Return a window of the plane, (h, w, C), as the network takes it."""
        image = window if self.normalization is None else self.normalization.apply(window)
        return preprocess(image, self.steps)


def prepare_input(plane: Plane, header: ModelHeader) -> NetworkInput:
    """Return the plane for one network; limits and filters hold for the whole plane."""
    normalization, steps = header.normalization, header.preprocessing
    per_image = normalization.method == "per-image"
    if is_pointwise(steps) and not per_image:
        return NetworkInput(plane, normalization, steps)
    size = 4 * plane.height * plane.width * plane.channels
    if not is_pointwise(steps) and size > _LARGE_BYTES:
        logger.warning(
            "preprocessing (%s) needs the whole image of %d x %d pixels in memory",
            ", ".join(step.name for step in steps),
            plane.height,
            plane.width,
        )
    whole = plane.read(slice(0, plane.height), slice(0, plane.width))
    if per_image:
        normalization = fit_normalization(
            "dataset",
            [whole],
            low_percentile=normalization.low_percentile,
            high_percentile=normalization.high_percentile,
        )
    if is_pointwise(steps):
        return NetworkInput(plane, normalization, steps)
    return NetworkInput(ArrayPlane(preprocess(normalization.apply(whole), steps)), None, ())


def read_window(plane: Plane, tile: Tile) -> ImageArray:
    """Return the window of a tile, (h, w, C); outside the image its mirror is shown."""
    rows = reflect_indices(tile.rows.window_start, tile.rows.window_stop, plane.height)
    cols = reflect_indices(tile.cols.window_start, tile.cols.window_stop, plane.width)
    top, left = int(rows.min()), int(cols.min())
    region = plane.read(slice(top, int(rows.max()) + 1), slice(left, int(cols.max()) + 1))
    window: ImageArray = region[rows - top][:, cols - left]
    return window
