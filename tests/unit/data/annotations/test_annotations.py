"""Shapes to pixels and back: what belongs to a shape, outlines, run lengths, ROI files, labels."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from skimage.draw import polygon2mask

from cellenhance.data.annotations.coco_rle import decode_runs, encode_runs
from cellenhance.data.annotations.imagej_roi import Roi, decode_roi, encode_roi
from cellenhance.data.annotations.labels import LabelTable, build_label_table
from cellenhance.data.annotations.outlines import trace_regions
from cellenhance.data.annotations.rasterize import fill_area, paint_shapes
from cellenhance.data.annotations.shapes import Area, Shape, Stencil, ring_area_px
from cellenhance.errors import DatasetError

SQUARE = np.array([(1, 1), (4, 1), (4, 4), (1, 4)], dtype=np.float64)


def pixels(area: Area, height: int = 6, width: int = 6) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    filled = fill_area(area, height, width)
    mask[filled.rows, filled.cols] = filled.inside
    return mask


def painted(shapes: list[Shape], shape: tuple[int, int] = (6, 6), **codes: int) -> np.ndarray:
    canvas = np.zeros(shape, dtype=np.int64)
    paint_shapes(canvas, shapes, codes)
    return canvas


def test_whole_coordinates_are_pixel_corners() -> None:
    expected = np.zeros((6, 6), dtype=bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(pixels(Area((SQUARE,))), expected)
    np.testing.assert_array_equal(pixels(Area((SQUARE[::-1],))), expected)


def test_areas_that_share_an_outline_neither_overlap_nor_gap() -> None:
    """Even where the common line runs through pixel centres."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        cut = rng.integers(0, 21, (2, 2)) / 2
        left = Area((np.array([(0, 0), cut[0] * (1, 0), (cut[1][0], 10), (0, 10)]),))
        right = Area((np.array([(10, 0), (10, 10), (cut[1][0], 10), cut[0] * (1, 0)]),))
        total = pixels(left, 10, 10).astype(int) + pixels(right, 10, 10)
        assert (total == 1).all()


def test_fill_agrees_with_another_library_off_the_outline() -> None:
    rng = np.random.default_rng(1)
    for n_points in (3, 5, 9, 40):
        ring = rng.uniform(-5, 45, (n_points, 2))
        other = polygon2mask((40, 40), ring[:, ::-1] - 0.5)
        np.testing.assert_array_equal(pixels(Area((ring,)), 40, 40), other)


def test_holes_and_what_lies_outside_the_image() -> None:
    hole = SQUARE / 3 + 2 - 1 / 3  # from 2 to 3
    mask = pixels(Area((SQUARE, hole)))
    assert mask.sum() == 8
    assert not mask[2, 2]
    assert pixels(Area((SQUARE - 3,))).sum() == 1
    assert pixels(Area((SQUARE + 50,))).sum() == 0
    assert pixels(Area((SQUARE * 1000 - 1500,))).all()


def test_later_shapes_count_and_stencils_are_cut_at_the_border() -> None:
    stencil = Stencil(np.ones((3, 3), dtype=bool), top=-2, left=4)
    canvas = painted([Shape("a", (Area((SQUARE,)),)), Shape("b", (stencil,))], a=1, b=2)
    assert (canvas == 1).sum() == 9
    assert canvas[0].tolist() == [0, 0, 0, 0, 2, 2]
    again = painted([Shape("b", (Area((SQUARE,)),)), Shape("a", (Area((SQUARE,)),))], a=1, b=2)
    assert (again == 1).sum() == 9


MASKS = [
    np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]),  # a hole
    np.array([[1, 0], [0, 1]]),  # touching corners are two regions
    np.array([[0, 1, 1], [1, 2, 1], [1, 1, 0]]),
    np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 1, 1], [1, 1, 1, 0]]),  # touches itself
    np.array([[255]]),
    np.arange(16).reshape(4, 4) % 5,
]


@pytest.mark.parametrize("mask", MASKS, ids=range(len(MASKS)))
def test_unsimplified_outlines_give_every_pixel_back(mask: np.ndarray) -> None:
    regions = trace_regions(mask.astype(np.uint8), 0)
    codes = {str(value): int(value) for value in np.unique(mask)}
    with_holes = [Shape(str(r.value), (r.area,)) for r in reversed(regions)]
    np.testing.assert_array_equal(painted(with_holes, mask.shape, **codes), mask)
    nested = [Shape(str(r.value), (Area((r.outer,)),)) for r in regions]
    np.testing.assert_array_equal(painted(nested, mask.shape, **codes), mask)


def test_a_region_that_touches_itself_has_a_hole_and_no_repeated_point() -> None:
    region = max(trace_regions(MASKS[3].astype(np.uint8), 0), key=lambda each: each.bounds_px)
    outer, hole = region.area.rings
    assert ring_area_px(outer) > 0 > ring_area_px(hole)
    for ring in (outer, hole):
        assert len(np.unique(ring, axis=0)) == len(ring)


def test_straight_pieces_have_no_points_between_their_ends() -> None:
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[2:6, 2:6] = 1
    square = next(r for r in trace_regions(mask, 0) if r.value == 1)
    assert len(square.outer) == 8  # corners are cut between the middles of pixel edges
    whole = next(r for r in trace_regions(np.zeros((5, 9), np.uint8), 0))
    assert sorted(map(tuple, whole.outer.tolist())) == [(0, 0), (0, 5), (9, 0), (9, 5)]
    assert whole.at_border


def test_simplified_neighbours_keep_a_common_border() -> None:
    rng = np.random.default_rng(2)
    mask = np.kron(rng.integers(0, 4, (6, 6)), np.ones((7, 7), int)).astype(np.uint8)
    mask = np.where(rng.random(mask.shape) < 0.02, 3, mask).astype(np.uint8)
    regions = trace_regions(mask, 2.0)
    total = np.sum([pixels(region.area, *mask.shape) for region in regions], axis=0, dtype=int)
    assert (total % 2 == 1).all()
    exact = sum(len(r.outer) for r in trace_regions(mask, 0))
    assert sum(len(r.outer) for r in regions) < exact


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("123", [1, 2, 3]),
        ("1230", [1, 2, 3, 2]),  # the fourth is the difference to the second
        ("X1", [40]),  # 40 = 8 + 1 * 32: the first letter says that there is more
        ("`0", [16]),  # 16 would read as negative without a second letter
        ("X16X10M", [40, 6, 40, 6, 37]),  # -3 is one letter with its sign bit
    ],
)
def test_compressed_runs_by_hand(text: str, runs: list[int]) -> None:
    height = sum(runs)
    expected = decode_runs(runs, height, 1)
    np.testing.assert_array_equal(decode_runs(text, height, 1), expected)
    assert encode_runs(expected) == runs


def test_runs_go_down_the_columns() -> None:
    image = np.array([[0, 1, 0], [1, 0, 0]], dtype=bool)
    assert encode_runs(image) == [1, 2, 3]
    assert encode_runs(~image) == [0, 1, 2, 3]
    np.testing.assert_array_equal(decode_runs([1, 2, 3], 2, 3), image)


@pytest.mark.parametrize("counts", [[5], [-1, 7], [1.0, 5], "1", "X", "\x7f", [True, 5]])
def test_runs_that_do_not_fit_are_refused(counts: object) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        decode_runs(counts, 2, 3)  # type: ignore[arg-type]


def roi_bytes(kind: int, box: tuple[int, int, int, int], body: bytes = b"", **fields: int) -> bytes:
    """A ROI file by hand: `box` is top, left, bottom, right."""
    head = bytearray(64)
    head[:4] = b"Iout"
    struct.pack_into(">hBx4h", head, 4, 228, kind, *box)
    places = {"n": (">H", 16), "path": (">i", 36), "subtype": (">h", 48), "options": (">h", 50)}
    for name, value in fields.items():
        form, offset = places[name]
        struct.pack_into(form, head, offset, value)
    return bytes(head) + body


def test_polygon_rectangle_and_oval_of_imagej() -> None:
    xs, ys = (0, 3, 3, 0), (0, 0, 3, 3)
    polygon = roi_bytes(0, (1, 1, 4, 4), struct.pack(">8h", *xs, *ys), n=4)
    expected = pixels(Area((SQUARE,)))
    np.testing.assert_array_equal(pixels(decode_roi(polygon).area), expected)
    np.testing.assert_array_equal(pixels(decode_roi(roi_bytes(1, (1, 1, 4, 4))).area), expected)
    oval = pixels(decode_roi(roi_bytes(2, (0, 0, 100, 60))).area, 100, 60)
    assert abs(oval.sum() - np.pi * 50 * 30) < 0.002 * oval.size


def test_composites_with_holes_and_curves() -> None:
    path = [0, 1, 1, 1, 4, 1, 1, 4, 4, 1, 1, 4, 4]  # move, three lines, close
    path += [0, 2, 2, 1, 3, 2, 1, 3, 3, 1, 2, 3, 4]
    body = np.array(path, ">f4").tobytes()
    roi = decode_roi(roi_bytes(1, (1, 1, 4, 4), body, path=len(path)))
    assert pixels(roi.area).sum() == 8
    arc = [0, 0, 0, 3, 0, 56, 40, 96, 96, 96, 1, 96, 0, 4]  # a cubic curve from 0,0 to 96,96
    body = np.array(arc, ">f4").tobytes()
    area = decode_roi(roi_bytes(1, (0, 0, 96, 96), body, path=len(arc))).area
    t = np.linspace(0, 1, 2001)[:, None]  # Bernstein's form of the same curve
    curve = 3 * (1 - t) ** 2 * t * (0, 56) + 3 * (1 - t) * t**2 * (40, 96) + t**3 * (96, 96)
    exact = abs(ring_area_px(np.vstack([curve, [(96, 0)]])))
    assert abs(pixels(area, 96, 96).sum() - exact) < 0.005 * exact


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ImageJ ROI"),
        (b"PK\x03\x04" * 40, "not an ImageJ ROI"),
        (roi_bytes(0, (0, 0, 4, 4), n=40), "cut short"),
        (roi_bytes(3, (0, 0, 4, 4)), "line selection, which encloses no area"),
        (roi_bytes(10, (0, 0, 4, 4)), "point selection"),
        (roi_bytes(1, (0, 0, 4, 4), subtype=1), "text selection"),
        (roi_bytes(1, (0, 0, 4, 4), b"\x41\x10\0\0", path=1), "damaged"),
        (roi_bytes(7, (0, 0, 4, 4), bytes(16), n=4, options=1), "spline"),
        (roi_bytes(6, (0, 0, 4, 4)), "kind 6"),
        (roi_bytes(0, (0, 0, 4, 4)), "without an outline"),
    ],
)
def test_selections_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_roi(data)


@pytest.mark.parametrize("rings", [(SQUARE,), (SQUARE, SQUARE / 3 + 1.5)], ids=["plain", "hole"])
def test_rois_are_read_as_written(rings: tuple[np.ndarray, ...]) -> None:
    roi = decode_roi(encode_roi(Roi("Zelle ü-0001", 7, Area(rings))))
    assert (roi.name, roi.group) == ("Zelle ü-0001", 7)
    for read, written in zip(roi.area.rings, rings, strict=True):
        np.testing.assert_allclose(read, written, atol=1e-5)


def table(*labels: str, listed: tuple[str, ...] = ()) -> LabelTable:
    return build_label_table([(label, "a.json") for label in labels], listed)


def test_classes_are_sorted_or_as_listed() -> None:
    assert table("nucleus", "cell", "nucleus").names == ("background", "cell", "nucleus")
    assert table("cell", "_background_", "__ignore__").names == ("background", "cell")
    assert table("cell", "Background").names == ("Background", "cell")
    listed = table("cell", listed=("__ignore__", "soil", "_background_", "cell"))
    assert listed.names == ("soil", "background", "cell")
    assert (listed.code("_background_"), listed.code("cell"), listed.code("Ignore*")) == (1, 2, 255)
    assert listed.is_background_listed
    assert not table("cell", listed=("soil", "cell")).is_background_listed
    assert table("", "").names == ("background", "object")


@pytest.mark.parametrize(
    ("labels", "listed", "message"),
    [
        (("nucelus",), ("nucleus",), "'nucelus' is not among the listed labels"),
        (("a\nb",), (), "not a class name"),
        (("", "cell"), (), "shapes without a class"),
    ],
)
def test_labels_that_are_refused(
    labels: tuple[str, ...], listed: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        table(*labels, listed=listed)
