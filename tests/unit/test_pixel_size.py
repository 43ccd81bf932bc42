"""A pixel size is a side or two, wherever it is written, read, given or shown."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellenhance.data.dataset.manifest import (
    DatasetDescription,
    SampleRow,
    SegmentationClass,
    load_dataset,
    save_dataset,
)
from cellenhance.data.degrade.settings import DegradeSettings
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.pixel_size import (
    PixelSize,
    enlarged,
    parse_pixel_size,
    pixel_area,
    pixel_sides,
    pixel_size,
    pixel_size_option,
    transposed,
    write_pixel_size,
)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (0.65, 0.325, (0.65, 0.325)),
        (0.325, 0.325, 0.325),
        (0.3250000001, 0.325, 0.325),  # one number, rounded in two ways
        (0.326, 0.325, (0.326, 0.325)),
        (None, 0.5, 0.5),
        (0.5, None, 0.5),
        (None, None, None),
        (0, 0.5, None),
        (0.5, -1, None),
        (math.nan, 0.5, None),
        (0.5, math.inf, None),
    ],
)
def test_two_sides_become_one_where_they_are_equal(
    height: float | None, width: float | None, expected: PixelSize | None
) -> None:
    assert pixel_size(height, width) == expected


def test_areas_and_parts_by_hand() -> None:
    assert pixel_area(0.5) == 0.25
    assert pixel_area((0.65, 0.325)) == pytest.approx(0.21125)
    assert pixel_sides(0.5) == (0.5, 0.5)
    assert enlarged((0.65, 0.325), 2) == (1.3, 0.65)
    assert enlarged(0.5, 2) == 1.0
    assert enlarged(None, 2) is None
    assert transposed((0.65, 0.325)) == (0.325, 0.65)


@pytest.mark.parametrize("size", [None, 0.325, (0.65, 0.325)])
def test_what_is_written_is_read(size: PixelSize | None) -> None:
    assert parse_pixel_size(write_pixel_size(size)) == size
    if size is not None:
        assert parse_pixel_size(pixel_size_option(size)) == size


@pytest.mark.parametrize(
    "value",
    [0, -1, "", "x", "1,2,3", "1,", math.nan, [], {"height": 1}, {"h": 1, "w": 2}, [1, None]],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"height and width as in 0\.65,0\.325"):
        parse_pixel_size(value)


def dataset(root: Path, size: Any) -> DatasetDescription:
    classes = (SegmentationClass(index=0, name="cell", color="#000000"),)
    description = DatasetDescription(name="a", classes=classes, channels=1, pixel_size_um=size)
    row = SampleRow("a", "images/a.tif", "masks/a.tif", "a", 4, 4, 1, "uint8", "0")
    save_dataset(root, description, [row])
    return description


@pytest.mark.parametrize("size", [0.325, (0.65, 0.325), None])
def test_a_dataset_keeps_it(tmp_path: Path, size: PixelSize | None) -> None:
    dataset(tmp_path, size)
    assert load_dataset(tmp_path).description.pixel_size_um == size
    written = yaml.safe_load((tmp_path / "dataset.yaml").read_text())["pixel_size_um"]
    # A square is the number that former versions wrote and read.
    assert written == ({"height": 0.65, "width": 0.325} if isinstance(size, tuple) else size)


def test_a_senseless_size_in_a_dataset_is_one_line(tmp_path: Path) -> None:
    dataset(tmp_path, 0.5)
    path = tmp_path / "dataset.yaml"
    path.write_text(path.read_text().replace("pixel_size_um: 0.5", "pixel_size_um: -3"))
    with pytest.raises(DatasetError, match="expected a positive number of um") as e:
        load_dataset(tmp_path)
    assert "\n" not in str(e.value)


def test_a_blur_in_um_is_refused_for_pixels_that_are_no_squares() -> None:
    settings = DegradeSettings(blur_um=(0.65, 1.3))
    assert settings.in_pixels(0.65).blur_px == (1, 2)
    with pytest.raises(
        SettingsError, match=r"pixels are 0.65 um high, 0.325 um wide.*give it in px"
    ):
        settings.in_pixels((0.65, 0.325))
