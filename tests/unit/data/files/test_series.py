"""Several images in one file are planes where they are alike, else one of them is chosen aloud."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from cellenhance.data.files.readers import open_image, read_image, read_mask
from cellenhance.errors import ImageReadError

RNG = np.random.default_rng(3)
TWO = [RNG.integers(0, 255, (20, 24), dtype=np.uint8) for _ in range(2)]
SMALL = RNG.integers(0, 255, (12, 16), dtype=np.uint8)


def write_series(path: Path, arrays: list[np.ndarray], **options: Any) -> None:
    with tifffile.TiffWriter(path, ome=path.name.endswith(".ome.tif")) as file:
        for number, array in enumerate(arrays):
            names = {"metadata": {"Name": f"Pos-{number}"}} if file._ome else {}
            file.write(array, photometric="minisblack", **{**options, **names})


def planes_of(path: Path, **options: Any) -> list[np.ndarray]:
    with open_image(path, **options) as source:
        return [source.read_plane(i)[..., 0] for i in range(source.info.n_planes)]


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_images_of_one_shape_are_planes(
    tmp_path: Path, name: str, compression: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    path = tmp_path / name
    write_series(path, TWO, compression=compression)
    with open_image(path) as source:
        assert (source.info.plane_axes, source.info.plane_shape) == ("I", (2,))
        part = source.read_region(1, slice(3, 9), slice(5, 20))
    expected = [tifffile.imread(path, series=number) for number in range(2)]
    np.testing.assert_array_equal(planes_of(path), expected)
    np.testing.assert_array_equal(part[..., 0], expected[1][3:9, 5:20])
    assert "holds 2 images: 0 " in caplog.text
    assert "each is read as a plane, --series selects one of them" in caplog.text


@pytest.mark.parametrize("series", ["1", "Pos-1"])
def test_one_of_them_is_chosen_by_number_or_name(tmp_path: Path, series: str) -> None:
    write_series(tmp_path / "a.ome.tif", TWO)
    [plane] = planes_of(tmp_path / "a.ome.tif", series=series)
    np.testing.assert_array_equal(plane, TWO[1])


def test_planes_know_the_names_of_their_images(tmp_path: Path) -> None:
    write_series(tmp_path / "a.ome.tif", TWO)
    with open_image(tmp_path / "a.ome.tif") as source:
        assert source.info.plane_names == ("Pos-0", "Pos-1")


@pytest.mark.parametrize(
    "others",
    [[SMALL], [SMALL, SMALL], [TWO[1].astype(np.uint16)]],
    ids=["smaller", "two smaller", "another type"],
)
def test_of_different_images_the_first_is_read_and_that_is_said(
    tmp_path: Path, others: list[np.ndarray], caplog: pytest.LogCaptureFixture
) -> None:
    write_series(tmp_path / "a.tif", [TWO[0], *others])
    [plane] = planes_of(tmp_path / "a.tif")
    np.testing.assert_array_equal(plane, TWO[0])
    assert "which differ in shape or type; only the first is read, --series selects" in caplog.text
    planes = planes_of(tmp_path / "a.tif", series="1")
    np.testing.assert_array_equal(planes[0], others[0])


def test_images_like_the_first_are_read_beside_a_different_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_series(tmp_path / "a.tif", [TWO[0], SMALL, TWO[1]])
    np.testing.assert_array_equal(planes_of(tmp_path / "a.tif"), TWO)
    assert "the 2 like the first are read" in caplog.text


def test_each_position_may_be_a_stack(tmp_path: Path) -> None:
    stacks = [RNG.integers(0, 255, (3, 20, 24), dtype=np.uint8) for _ in range(2)]
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for stack in stacks:
            file.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(planes_of(path), np.concatenate(stacks))
    expected = [stack.max(axis=0) for stack in stacks]
    np.testing.assert_array_equal(planes_of(path, projection="max"), expected)
    with open_image(path, series="1") as source:
        assert source.info.plane_axes == "Z"


def test_the_facts_are_those_of_the_chosen_image(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for size, names in ((0.5, ["a", "b"]), (0.25, ["c", "d"])):
            metadata = {
                "axes": "CYX",
                "PhysicalSizeX": size,
                "PhysicalSizeY": size,
                "Channel": {"Name": names},
            }
            file.write(np.stack(TWO), photometric="minisblack", metadata=metadata)
    with open_image(path, series="1") as source:
        assert source.info.pixel_size_um == 0.25
        assert source.info.channel_names == ("c", "d")


@pytest.mark.parametrize("series", ["2", "Pos-9", "-1", ""])
def test_an_unknown_series_is_refused_with_those_that_are_there(
    tmp_path: Path, series: str
) -> None:
    write_series(tmp_path / "a.ome.tif", TWO)
    found = r"holds 2 images: 0 Pos-0 \(20 x 24\), 1 Pos-1 \(20 x 24\)"
    with pytest.raises(ImageReadError, match=f"has no series '{series}'; it {found}"):
        open_image(tmp_path / "a.ome.tif", series=series)


def test_a_file_of_one_image_has_the_series_0(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(TWO[0]))
    np.save(tmp_path / "a.npy", TWO[0])
    tifffile.imwrite(tmp_path / "a.tif", TWO[0])
    for name in ("a.png", "a.npy", "a.tif"):
        np.testing.assert_array_equal(planes_of(tmp_path / name, series="0"), [TWO[0]])
        with pytest.raises(ImageReadError, match="has no series '1'; it holds 1 image: 0"):
            open_image(tmp_path / name, series="1")


def test_of_a_mask_the_series_counts_where_there_are_several(tmp_path: Path) -> None:
    write_series(tmp_path / "two.tif", TWO)
    tifffile.imwrite(tmp_path / "one.tif", TWO[0])
    np.testing.assert_array_equal(read_mask(tmp_path / "two.tif", series="1"), TWO[1])
    np.testing.assert_array_equal(read_mask(tmp_path / "two.tif", plane=1), TWO[1])
    np.testing.assert_array_equal(read_mask(tmp_path / "one.tif", series="1"), TWO[0])


def write_pyramid(path: Path, kind: str, full: np.ndarray) -> None:
    """Write an image with copies of half and of quarter size, as one of several programs does."""
    common = {"tile": (16, 16), "photometric": "minisblack", "compression": "zlib"}
    with tifffile.TiffWriter(path, ome=kind == "ome") as file:
        if kind in ("ome", "subifds"):
            metadata = {} if kind == "ome" else {"metadata": None}
            file.write(full, subifds=2, **common, **metadata)
            for step in (2, 4):
                file.write(full[::step, ::step], subfiletype=1, **common, **metadata)
            return
        for step in (1, 2, 4):
            reduced = int(step > 1 and kind == "reduced")
            level = full[::step, ::step]
            file.write(level, subfiletype=reduced, metadata=None, **common)
        if kind == "reduced":  # a thumbnail of another shape
            file.write(full[:20, :20], subfiletype=1, metadata=None, **common)


@pytest.mark.parametrize("kind", ["ome", "subifds", "reduced", "plain"])
def test_copies_of_less_resolution_are_no_series(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    full = RNG.integers(0, 255, (96, 128), dtype=np.uint8)
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    write_pyramid(path, kind, full)
    np.testing.assert_array_equal(read_image(path)[..., 0], full)
    assert not caplog.text
