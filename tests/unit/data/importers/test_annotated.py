"""LabelMe, COCO, QuPath and Fiji files made here: what is drawn, and each way to be incomplete."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from cellenhance.data.annotations.imagej_roi import Roi, encode_roi
from cellenhance.data.annotations.shapes import Area
from cellenhance.data.files.writers import write_image
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.tasks.prepare.prepare import prepare_dataset
from cellenhance.tasks.prepare.requests import PrepareRequest

IMAGE = np.arange(120, dtype=np.uint8).reshape(10, 12, 1)
SQUARE = [(2, 2), (7, 2), (7, 7), (2, 7)]
"""In corner coordinates: rows and columns 2 to 6."""
DOT = [(4, 4), (5, 4), (5, 5), (4, 5)]


Points = Sequence[tuple[float, float]]


def find(source: Path, layout: str = "auto", **options: Any) -> FoundSource:
    return find_source(source, layout, ImportOptions(**options))


def mask_of(source: FoundSource, index: int = 0) -> np.ndarray:
    return source.pairs[index].load_mask(expand_palette=False)


def counts(source: FoundSource, index: int = 0) -> dict[str, int]:
    """Pixels of each class and of ignore in one mask."""
    mask = mask_of(source, index)
    names = {rule.codes[0]: rule.name for rule in source.default_classes} | {255: "ignore"}
    return {names[value]: int((mask == value).sum()) for value in np.unique(mask).tolist()}


# --- LabelMe


def labelme(path: Path, *shapes: dict[str, Any], **changes: Any) -> None:
    """Write a LabelMe file; points are as LabelMe means them, 0 = centre of the first pixel."""
    content: dict[str, Any] = {
        "version": "5.4.1",
        "flags": {},
        "shapes": [{"shape_type": "polygon", "group_id": None, **each} for each in shapes],
        "imagePath": f"{path.stem}.tif",
        "imageData": None,
        "imageHeight": 10,
        "imageWidth": 12,
    }
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def polygon(label: str, points: Points = SQUARE) -> dict[str, Any]:
    return {"label": label, "points": [(x - 0.5, y - 0.5) for x, y in points]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.tif", IMAGE)
    return tmp_path


def test_labelme_polygons_later_ones_count(folder: Path) -> None:
    labelme(folder / "a.json", polygon("nucleus", DOT), polygon("cell"))
    source = find(folder)
    assert (source.layout, source.reason) == ("labelme", "LabelMe shapes in a.json")
    assert counts(source) == {"background": 95, "cell": 25}
    labelme(folder / "a.json", polygon("cell"), polygon("nucleus", DOT))
    source = find(folder)
    assert [rule.name for rule in source.default_classes] == ["background", "cell", "nucleus"]
    assert counts(source) == {"background": 95, "cell": 24, "nucleus": 1}
    assert mask_of(source)[4, 4] == 2
    np.testing.assert_array_equal(source.pairs[0].load_image(None)[0], IMAGE)


def test_labelme_kinds_of_shapes(folder: Path) -> None:
    """Rectangles take both ends, lines are 10 px wide, as LabelMe itself draws them."""
    stamp = base64.b64encode(imagecodecs.png_encode(np.array([[255, 0], [255, 255]], np.uint8)))
    shapes: dict[str, tuple[dict[str, Any], int]] = {
        "rectangle": ({"points": [(2, 3), (4, 7)]}, 3 * 5),
        "circle": ({"points": [(5, 5), (5, 7.3)]}, 21),  # centres within 2.3 px: 5x5 less corners
        "line": ({"points": [(-9, 4.5), (30, 4.5)]}, 120),
        "linestrip": ({"points": [(-9, 9.5), (30, 9.5), (30, 9.5)]}, 5 * 12),
        "point": ({"points": [(0, 0)]}, 26),  # dx^2 + dy^2 <= 25 from 0 on
        "mask": ({"points": [(1, 1), (2, 2)], "mask": stamp.decode()}, 3),
        "oriented_rectangle": ({"points": [(1, 1), (2, 1), (2, 2), (1, 2)]}, 4),
    }
    for kind, (values, expected) in shapes.items():
        labelme(folder / "a.json", {"label": "x", "shape_type": kind, **values})
        assert counts(find(folder)).get("x") == expected, kind
    labelme(folder / "a.json", {"label": "x", "shape_type": "line", "points": [(0, 0), (9, 9)]})
    assert find(folder).notes == (
        "drawn as in LabelMe: 1 line 10 px wide, 0 points as discs of radius 5 px",
    )


def test_labelme_labels_that_mean_ignore_and_background(folder: Path) -> None:
    labelme(
        folder / "a.json", polygon("__ignore__"), polygon("cell", DOT), polygon("_background_", DOT)
    )
    source = find(folder)
    assert counts(source) == {"background": 96, "ignore": 24}
    assert source.notes == ("shapes labelled __ignore__ are ignored",)
    (folder / "labels.txt").write_text("__ignore__\n_background_\nzebra\ncell\n")
    assert [r.name for r in find(folder).default_classes] == ["background", "zebra", "cell"]


def test_labelme_finds_its_image_in_another_folder_or_inside(tmp_path: Path) -> None:
    write_image(tmp_path / "pictures" / "a.tif", IMAGE)
    write_image(tmp_path / "other" / "a.tif", IMAGE)
    (tmp_path / "json").mkdir()
    labelme(tmp_path / "json" / "a.json", polygon("x"), imagePath="..\\pictures\\a.tif")
    found = find(tmp_path)
    assert found.pairs[0].image_label == "pictures/a.tif"
    labelme(tmp_path / "json" / "a.json", polygon("x"), imagePath="../../../elsewhere/a.tif")
    with pytest.raises(DatasetError, match=r"could be other/a\.tif, pictures/a\.tif"):
        find(tmp_path)
    assert find(tmp_path, images=Path("other")).pairs[0].image_label == "other/a.tif"
    png = base64.b64encode(imagecodecs.png_encode(IMAGE[..., 0])).decode()
    labelme(tmp_path / "json" / "a.json", polygon("x"), imagePath="gone.tif", imageData=png)
    inside = find(tmp_path)
    np.testing.assert_array_equal(inside.pairs[0].load_image(None)[0], IMAGE)
    assert counts(inside)["x"] == 25


def test_an_image_path_never_leaves_the_source(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_image(tmp_path / "secret.tif", IMAGE)
    for path in ("../secret.tif", str(tmp_path / "secret.tif"), "..\\secret.tif"):
        labelme(source / "a.json", polygon("x"), imagePath=path)
        found = find(source)
        assert not found.pairs
        assert found.unmatched == (f"a.json (its image '{path}')",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shapes": {}}, "shapes: expected a list, found an object; fix the file"),
        ({"shapes": None}, "shapes: expected a list, found null"),
        ({"imageHeight": "10"}, "the image size is '10'; expected whole pixels"),
        ({"shapes": [3]}, "shape 1: expected a JSON object"),
        ({"shapes": [{"points": SQUARE}]}, "shape 1: has no label"),
        ({"shapes": [{"label": "x", "points": SQUARE[:2]}]}, "at least 3 points"),
        ({"shapes": [{"label": "x", "points": [[0, 0], [1], [2, 3]]}]}, "at least 3 points"),
        ({"shapes": [{"label": "x", "points": [[0, 0], [1, 1e300], [2, 3]]}]}, "far outside"),
        (
            {"shapes": [{"label": "x", "shape_type": "points", "points": [[0, 0]]}]},
            "of the kind 'points'",
        ),
        (
            {"shapes": [{"label": "x", "shape_type": "mask", "points": DOT[:2], "mask": "?"}]},
            "mask: is not base64",
        ),
        ({"imageHeight": 11}, "is 10 x 12 pixels, a.json was drawn on 11 x 12"),
        ({"imageHeight": -1}, "the image size is -1"),
    ],
)
def test_damaged_labelme_files_are_one_line(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    labelme(folder / "a.json", polygon("x"), **change)
    with pytest.raises(DatasetError, match=message):
        mask_of(find(folder))


@pytest.mark.parametrize("text", ['{"shapes": [', "[" * 100_000, "\udcff\xff", "NaN"])
def test_files_that_are_no_json(folder: Path, text: str) -> None:
    (folder / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    labelme(folder / "b.json", polygon("x"), imagePath="a.tif")
    if text == "NaN":
        assert find(folder).notes == ("left out: a.json",)
        return
    with pytest.raises(DatasetError, match=r"a\.json: is not a JSON file .*--exclude a\.json"):
        find(folder)
    assert len(find(folder, exclude=("a.json",)).pairs) == 1


def test_an_image_without_shapes_is_background_and_one_without_file_is_named(folder: Path) -> None:
    write_image(folder / "b.tif", IMAGE)
    labelme(folder / "a.json")
    source = find(folder)
    assert source.unmatched == (str(folder / "b.tif"),)
    assert counts(source) == {"background": 120}
    with pytest.raises(SettingsError, match="--valid-mask does not go with labelme"):
        find(folder, valid_mask=Path("x"))


def test_class_names_of_the_layout_are_mask_values(folder: Path, tmp_path: Path) -> None:
    labelme(
        folder / "a.json",
        polygon("cell"),
        polygon("debris", [(0, 0), (2, 0), (2, 2), (0, 2)]),
        polygon("nucleus", DOT),
        polygon("__ignore__", [(9, 9), (12, 9), (12, 10), (9, 10)]),
    )
    request = PrepareRequest(
        source=folder,
        output=tmp_path / "out",
        classes=("any cell=nucleus,cell", "rest=background"),
        ignore=("debris",),
    )
    dataset = prepare_dataset(request).dataset
    assert dataset.class_names == ("any cell", "rest")
    fingerprint = dataset.description.fingerprint
    assert fingerprint is not None
    assert fingerprint.ignored_share == pytest.approx((4 + 3) / 120)
    assert fingerprint.class_shares["any cell"] == pytest.approx(25 / 113)


def test_a_label_is_ignored_without_naming_the_classes(folder: Path, tmp_path: Path) -> None:
    labelme(folder / "a.json", polygon("cell"), polygon("debris", [(0, 0), (2, 0), (2, 2), (0, 2)]))
    request = PrepareRequest(source=folder, output=tmp_path / "out", ignore=("debris",))
    dataset = prepare_dataset(request).dataset
    assert dataset.class_names == ("background", "cell")
    fingerprint = dataset.description.fingerprint
    assert fingerprint is not None
    assert fingerprint.ignored_share == pytest.approx(4 / 120)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("cell=nucleus",), SettingsError, r"'nucleus' is neither a number nor a name here \(back"),
        (("it=cell",), DatasetError, r"background \(95 px\); .* --class it=1 --class background=0"),
    ],
)
def test_classes_that_do_not_fit_the_labels(
    folder: Path, tmp_path: Path, words: tuple[str, ...], error: type[Exception], message: str
) -> None:
    labelme(folder / "a.json", polygon("cell"))
    with pytest.raises(error, match=message):
        prepare_dataset(PrepareRequest(source=folder, output=tmp_path / "out", classes=words))


def test_background_is_no_class_where_shapes_cover_everything(folder: Path, tmp_path: Path) -> None:
    everything = [(0, 0), (12, 0), (12, 10), (0, 10)]
    labelme(folder / "a.json", polygon("soil", everything), polygon("cell"))
    dataset = prepare_dataset(PrepareRequest(source=folder, output=tmp_path / "out")).dataset
    assert dataset.class_names == ("cell", "soil")


# --- COCO


def coco(path: Path, annotations: list[dict[str, Any]], **changes: Any) -> None:
    content: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "train/a.tif", "height": 10, "width": 12}],
        "annotations": [{"image_id": 7, "iscrowd": 0, **each} for each in annotations],
        "categories": [{"id": 30, "name": "nucleus"}, {"id": 4, "name": "cell"}],
    }
    path.write_text(json.dumps(content | changes))


def flat(points: Points) -> list[float]:
    return [number for point in points for number in point]


def test_coco_polygons_and_both_kinds_of_runs(folder: Path) -> None:
    bar = [(9, 0), (12, 0), (12, 1), (9, 1)]
    plain = {"size": [10, 12], "counts": [0, 2, 118]}
    # 44 pixels down the columns, 1 pixel, 75 pixels: row 4, column 4; 44 = 12 + 1 * 32.
    packed = {"size": [10, 12], "counts": "\\11[2"}
    annotations = [
        {"category_id": 4, "segmentation": [flat(SQUARE), flat(bar)]},
        {"category_id": 30, "segmentation": plain, "iscrowd": 1},
        {"category_id": 30, "segmentation": packed},
    ]
    coco(folder / "annotations.json", annotations)
    source = find(folder)
    assert (source.layout, source.reason) == ("coco", "COCO annotations in annotations.json")
    assert [rule.name for rule in source.default_classes] == ["background", "cell", "nucleus"]
    assert counts(source) == {"background": 90, "cell": 27, "nucleus": 3}
    mask = mask_of(source)
    assert mask[:3, 0].tolist() == [2, 2, 0]
    assert mask[4, 4] == 2
    assert mask[0, 9:].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("annotation", "change", "message"),
    [
        ({"category_id": 4, "bbox": [1, 1, 2, 2]}, {}, "annotation 1: has no outline"),
        ({"category_id": 5, "segmentation": []}, {}, "its category '5' is not listed"),
        ({"category_id": 4, "image_id": 8}, {}, "its image '8' is not among the images"),
        ({"category_id": 4, "segmentation": [[1, 2, 3]]}, {}, "at least 3 points"),
        (
            {"category_id": 4, "segmentation": {"counts": [3]}},
            {},
            "size of its run lengths: expected a list",
        ),
        (
            {"category_id": 4, "segmentation": {"size": [12, 10], "counts": [120]}},
            {},
            "run lengths are of 12 x 10 pixels, its image of 10 x 12",
        ),
        (
            {"category_id": 4, "segmentation": {"size": [10**9, 10**9], "counts": [10**18]}},
            {"images": [{"id": 7, "file_name": "a.tif"}]},
            "larger than any image",
        ),
        (
            {"category_id": 4, "segmentation": [[50, 2, 60, 2, 60, 9]]},
            {},
            r"1 of 1 shapes, of 'cell', lie wholly outside a\.tif \(10 x 12 pixels\)",
        ),
        ({"category_id": 4}, {"images": [{"id": 7}]}, "an image has no file_name"),
        (
            {"category_id": 4},
            {"images": [{"id": 7, "file_name": "a.tif"}, {"id": 7, "file_name": "b.tif"}]},
            "image 2: its id is '7'; expected one of its own",
        ),
        ({"category_id": 4}, {"images": [{"file_name": "a.tif"}]}, "image 1: its id is 'None'"),
        ({"category_id": 4}, {"categories": [{"id": 4}]}, "category 1: expected an id"),
    ],
)
def test_damaged_coco_files_are_one_line(
    folder: Path, annotation: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    coco(folder / "annotations.json", [annotation], **change)
    with pytest.raises(DatasetError, match=message):
        mask_of(find(folder))


def test_coco_categories_of_one_name_are_one_class_and_that_is_said(folder: Path) -> None:
    categories = [{"id": 4, "name": "cell"}, {"id": 30, "name": "cell"}]
    annotations = [{"category_id": each, "segmentation": [flat(SQUARE)]} for each in (4, 30)]
    coco(folder / "one.json", annotations, categories=categories)
    source = find(folder)
    assert counts(source) == {"background": 95, "cell": 25}
    assert "one.json: categories of the same name, 'cell', are one class" in source.notes


def test_coco_images_that_are_missing_or_listed_twice(folder: Path) -> None:
    images = [{"id": 1, "file_name": "a.tif"}, {"id": 2, "file_name": "gone.tif"}]
    coco(folder / "one.json", [], images=images)
    assert find(folder).unmatched == ("gone.tif (listed in one.json)",)
    coco(folder / "two.json", [])
    with pytest.raises(DatasetError, match=r"two\.json: lists .*a\.tif, and so does .*one\.json"):
        find(folder)
    assert len(find(folder, exclude=("two.json",)).pairs) == 1


# --- QuPath


def feature(geometry: dict[str, Any], classification: Any = None) -> dict[str, Any]:
    properties = {"objectType": "annotation", "classification": classification}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def ring(points: Points) -> Points:
    return [*points, points[0]]


def test_qupath_polygons_with_holes_smaller_objects_count(folder: Path) -> None:
    area = {"type": "Polygon", "coordinates": [ring(SQUARE), ring(DOT)]}
    two = {
        "type": "MultiPolygon",
        "coordinates": [[ring(DOT)], [[(9, 0), (12, 0), (12, 1), (9, 1)]]],
    }
    features = [
        feature(two, {"names": ["Tumor", "Positive"]}),
        feature(area, {"name": "cell", "colorRGB": -3670016}),
        feature({"type": "Point", "coordinates": [1, 1]}, {"name": "cell"}),
        feature(
            {"type": "Polygon", "coordinates": [[(0, 9), (12, 9), (12, 10), (0, 10)]]}, "Ignore*"
        ),
    ]
    for content in (features, {"type": "FeatureCollection", "features": features}):
        (folder / "a.tif.geojson").write_text(json.dumps(content))
        source = find(folder)
        assert (source.layout, source.reason) == ("qupath", "GeoJSON objects in a.tif.geojson")
        assert counts(source) == {"background": 80, "cell": 24, "Tumor: Positive": 4, "ignore": 12}
        assert source.notes == (
            "1 point or line left out: no area enclosed",
            "shapes labelled Ignore* are ignored",
        )


def test_qupath_objects_without_a_class(folder: Path) -> None:
    square = {"type": "Polygon", "coordinates": [ring(SQUARE)]}
    (folder / "a.geojson").write_text(json.dumps([feature(square), feature(square)]))
    source = find(folder)
    assert counts(source) == {"background": 95, "object": 25}
    assert source.notes == ("shapes without a class are the class 'object'",)
    (folder / "a.geojson").write_text(json.dumps([feature(square), feature(square, {"name": "x"})]))
    with pytest.raises(DatasetError, match=r"a\.geojson: has shapes without a class while others"):
        find(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([feature({"type": "Ring"})], "its geometry is 'Ring'"),
        ([feature({"type": "Polygon", "coordinates": [[(0, 0), (1, 1)]]})], "at least 3 points"),
        ([feature({"type": "Polygon", "coordinates": 3})], "coordinates: expected a list"),
        ([feature({"type": "Point"}, 3)], "its classification is not a name"),
        ({"type": "FeatureCollection"}, "features: expected a list"),
    ],
)
def test_damaged_geojson_is_one_line(folder: Path, content: Any, message: str) -> None:
    (folder / "a.geojson").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=message):
        find(folder)


# --- Fiji


def zipped(path: Path, *rois: tuple[str, Points, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, points, group) in enumerate(rois):
            roi = Roi(name, group, Area((np.array(points, dtype=np.float64),)))
            archive.writestr(f"{index}.roi", encode_roi(roi))


@pytest.mark.parametrize("place", ["a.zip", "a_RoiSet.zip", "rois/a.zip", "RoiSet.zip"])
def test_fiji_names_are_classes_and_later_selections_count(folder: Path, place: str) -> None:
    zipped(folder / place, ("cell-0001", SQUARE, 0), ("nucleus 1-2", DOT, 0))
    source = find(folder)
    assert (source.layout, source.reason) == ("fiji-rois", f"ImageJ selections in {place}")
    assert counts(source) == {"background": 95, "cell": 24, "nucleus": 1}


def test_fiji_classes_by_list_group_or_none(folder: Path) -> None:
    zipped(folder / "a.zip", ("class1-0001", SQUARE, 0), ("class12", DOT, 0))
    (folder / "labels.txt").write_text("class12\nclass1\n")
    assert counts(find(folder)) == {"background": 95, "class1": 24, "class12": 1}
    (folder / "labels.txt").unlink()
    zipped(folder / "a.zip", ("0123-0456", SQUARE, 3), ("0004-0005-0001", DOT, 8))
    assert counts(find(folder)) == {"background": 95, "group 3": 24, "group 8": 1}
    zipped(folder / "a.zip", ("0123-0456", SQUARE, 0), ("12", DOT, 0))
    assert counts(find(folder)) == {"background": 95, "object": 25}


def test_single_roi_files_and_images_without_any(folder: Path) -> None:
    write_image(folder / "b.tif", IMAGE)
    (folder / "a_rois").mkdir()
    for name, points in (("cell", SQUARE), ("spot", DOT)):
        area = Area((np.array(points, dtype=np.float64),))
        (folder / "a_rois" / f"{name}.roi").write_bytes(encode_roi(Roi("", 0, area)))
    source = find(folder)
    assert counts(source) == {"background": 95, "cell": 24, "spot": 1}
    assert source.unmatched == (str(folder / "b.tif"),)


def damage(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: damage(data), r"a\.zip, cell\.roi: .*(cut short|damaged)"),
        (lambda data: b"Iout" + bytes(2) + b"\3" + data[7:], "line selection, which encloses"),
        (lambda _: b"hello", "is not an ImageJ ROI"),
    ],
)
def test_damaged_rois_are_one_line(
    folder: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    data = encode_roi(Roi("cell", 0, Area((np.array(SQUARE, dtype=np.float64),))))
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("cell.roi", change(data))
    with pytest.raises(DatasetError, match=message):
        find(folder)


def test_a_zip_cut_short_is_no_source_of_rois(folder: Path) -> None:
    zipped(folder / "a.zip", ("cell", SQUARE, 0))
    (folder / "a.zip").write_bytes(damage((folder / "a.zip").read_bytes()))
    with pytest.raises(DatasetError, match="has no ROI file of ImageJ"):
        find(folder, "fiji-rois")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.json", r"a\.json: is not a JSON file .*--exclude a\.json; nothing else in"),
        ("a.geojson", r"a\.geojson: is not a JSON file"),
        ("a_RoiSet.zip", r"a_RoiSet\.zip: is a damaged zip file; save it again; nothing else in"),
    ],
)
def test_auto_names_the_damaged_file_where_no_layout_is_found(
    folder: Path, name: str, message: str
) -> None:
    (folder / name).write_text('{"shapes": [{"la')
    with pytest.raises(DatasetError, match=message):
        find(folder)


def test_shapes_that_lie_outside_in_part_are_cut_off(folder: Path) -> None:
    labelme(folder / "a.json", polygon("cell", [(10, 8), (30, 8), (30, 30), (10, 30)]))
    assert counts(find(folder)) == {"background": 116, "cell": 4}


@pytest.mark.parametrize("layout", ["labelme", "coco", "qupath", "fiji-rois"])
def test_a_source_without_such_files_is_refused(folder: Path, layout: str) -> None:
    with pytest.raises(DatasetError, match="expected"):
        find(folder, layout)
