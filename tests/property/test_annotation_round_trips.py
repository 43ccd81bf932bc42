"""What holds of every mask: outlines give it back, in each format, with ignore and all classes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellenhance.data.annotations.coco_rle import decode_runs, encode_runs
from cellenhance.data.annotations.outlines import trace_regions
from cellenhance.data.annotations.rasterize import fill_area
from cellenhance.data.dataset.manifest import DatasetDescription, SegmentationClass
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import ExportTarget
from cellenhance.data.exporters.outlined import MOST_CHANGED
from cellenhance.data.exporters.registry import EXPORTERS
from cellenhance.data.importers.contract import ImportOptions
from cellenhance.data.importers.registry import find_source

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))
MASKS = arrays(np.uint8, SIDES, elements=st.sampled_from([0, 1, 2, 255]))
NAMES = st.sampled_from(
    [("background", "cell", "nucleus"), ("soil", "background", "class1"), ("b", "a 1", "Ünï/c,d")]
)


def description(names: tuple[str, ...]) -> DatasetDescription:
    classes = [SegmentationClass(index=i, name=n, color="#000000") for i, n in enumerate(names)]
    return DatasetDescription(name="x", classes=tuple(classes), channels=1)


def round_trip(
    mask: np.ndarray, names: tuple[str, ...], layout: str, tolerance: float
) -> tuple[np.ndarray, int]:
    """Export and import one mask; also return how many pixels the exporter says have changed."""
    image = np.zeros((*mask.shape, 1), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        exporter = EXPORTERS[layout](ExportTarget(root, description(names), tolerance))
        change = exporter.add(Sample("a", image, mask))
        exporter.finish()
        source = find_source(root, "auto", ImportOptions())
        assert source.layout == layout
        codes = source.pairs[0].load_mask(expand_palette=False)
    rules = [rule for rule in source.default_classes if rule.name in names]
    assert [rule.name for rule in rules] == list(names)
    index_of = {rule.codes[0]: index for index, rule in enumerate(rules)} | {255: 255}
    back = np.vectorize(index_of.__getitem__, otypes=[int])(codes)
    return back, change.n_changed_px


@settings(max_examples=60, deadline=None)
@given(MASKS, NAMES, st.sampled_from(["labelme", "coco", "qupath", "fiji-rois"]))
def test_without_simplification_every_pixel_comes_back(
    mask: np.ndarray, names: tuple[str, ...], layout: str
) -> None:
    back, n_changed = round_trip(mask, names, layout, 0.0)
    np.testing.assert_array_equal(back, mask)
    assert n_changed == 0


@settings(max_examples=25, deadline=None)
@given(mask=MASKS)
@pytest.mark.parametrize("layout", ["labelme", "coco", "qupath", "fiji-rois"])
def test_simplification_keeps_its_limits_and_says_what_it_changed(
    layout: str, mask: np.ndarray
) -> None:
    mask = np.kron(mask, np.ones((5, 4), np.uint8))
    back, n_changed = round_trip(mask, ("background", "a", "b"), layout, 0.5)
    assert np.count_nonzero(back != mask) == n_changed <= MOST_CHANGED * mask.size
    assert set(np.unique(back)) == set(np.unique(mask))


@settings(max_examples=60, deadline=None)
@given(MASKS, st.floats(0, 5))
def test_simplified_regions_leave_no_gap(mask: np.ndarray, tolerance: float) -> None:
    """Each border has the same line on both sides, so every pixel is in an odd number of areas."""
    mask = np.kron(mask, np.ones((3, 2), np.uint8))
    total = np.zeros(mask.shape, dtype=int)
    for region in trace_regions(mask, tolerance):
        filled = fill_area(region.area, *mask.shape)
        total[filled.rows, filled.cols] += filled.inside
    assert (total % 2 == 1).all()


@given(arrays(np.bool_, SIDES))
def test_runs_are_read_as_written(pixels: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_runs(encode_runs(pixels), *pixels.shape), pixels)
