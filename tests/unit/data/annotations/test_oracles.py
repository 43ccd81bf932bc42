"""Our run lengths and ROI files against the libraries of those formats: pycocotools, roifile."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco
from roifile import ROI_TYPE, ImagejRoi

from cellenhance.data.annotations.coco_rle import decode_runs, encode_runs
from cellenhance.data.annotations.imagej_roi import Roi, decode_roi, encode_roi
from cellenhance.data.annotations.rasterize import fill_area
from cellenhance.data.annotations.shapes import Area

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"  # theirs
)

RING = np.array([(2.5, 1), (30, 4.25), (21, 33), (3, 28)], dtype=np.float64)
HOLE = np.array([(10, 10), (18, 11), (15, 20)], dtype=np.float64)


def blobs(height: int, width: int, share: float) -> NDArray[np.bool_]:
    rng = np.random.default_rng([height, width])
    return np.asarray(rng.random((height, width)) < share)


MASKS = [blobs(7, 5, 0.5), blobs(40, 61, 0.02), blobs(64, 3, 0.97), np.ones((3, 4), bool)]
MASKS += [np.zeros((5, 2), bool)]


@pytest.mark.parametrize("pixels", MASKS, ids=lambda each: f"{each.shape}"[1:-1])
def test_compressed_runs_of_pycocotools_are_read(pixels: NDArray[np.bool_]) -> None:
    theirs = coco.encode(np.asfortranarray(pixels, np.uint8))
    found = decode_runs(theirs["counts"].decode(), *pixels.shape)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("pixels", MASKS, ids=lambda each: f"{each.shape}"[1:-1])
def test_pycocotools_reads_our_runs(pixels: NDArray[np.bool_]) -> None:
    ours = {"size": list(pixels.shape), "counts": encode_runs(pixels)}
    read = coco.decode(coco.frPyObjects(ours, *pixels.shape))
    np.testing.assert_array_equal(read.astype(bool), pixels)


def test_pycocotools_finds_the_area_and_the_box_that_we_write() -> None:
    """Of run lengths along pixel borders; its way of filling polygons is another one."""
    outer = np.array([(2, 1), (30, 1), (30, 33), (2, 33)], dtype=np.float64)
    filled = fill_area(Area((outer, HOLE)), 40, 40)
    pixels = np.zeros((40, 40), bool)
    pixels[filled.rows, filled.cols] = filled.inside
    ours = coco.frPyObjects({"size": [40, 40], "counts": encode_runs(pixels)}, 40, 40)
    assert coco.area(ours) == np.count_nonzero(filled.inside)
    left, top, width, height = coco.toBbox(ours)
    assert (left, left + width) == (filled.cols.start, filled.cols.stop)
    assert (top, top + height) == (filled.rows.start, filled.rows.stop)


def test_roifile_reads_a_polygon_that_we_wrote() -> None:
    read = ImagejRoi.frombytes(encode_roi(Roi("Zelle ü-0001", 7, Area((RING,)))))
    assert read.roitype is ROI_TYPE.POLYGON
    assert (read.name, read.group) == ("Zelle ü-0001", 7)
    assert (read.left, read.top, read.right, read.bottom) == (2, 1, 30, 33)
    np.testing.assert_allclose(read.coordinates(), RING, atol=1e-5)


def test_roifile_reads_a_region_with_a_hole_that_we_wrote() -> None:
    read = ImagejRoi.frombytes(encode_roi(Roi("ring", 0, Area((RING, HOLE)))))
    assert read.composite
    outer, inner = read.coordinates(multi=True)
    # roifile repeats the first point of a closed path at its end.
    np.testing.assert_allclose(outer[: len(RING)], RING, atol=1e-5)
    np.testing.assert_allclose(inner[: len(HOLE)], HOLE, atol=1e-5)


@pytest.mark.parametrize("points", [RING, np.rint(RING)], ids=["sub-pixel", "whole"])
def test_a_polygon_that_roifile_wrote_is_read(points: NDArray[np.float64]) -> None:
    theirs = ImagejRoi.frompoints(points.astype(np.float32), name="cell")
    theirs.group = 3
    found = decode_roi(theirs.tobytes())
    assert (found.name, found.group) == ("cell", 3)
    [ring] = found.area.rings
    np.testing.assert_allclose(ring, points, atol=1e-5)
