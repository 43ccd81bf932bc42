"""Pixels lie as the orientation mark of their file says; Pillow says what is right."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from cellenhance.data.files.formats import tiff_pages
from cellenhance.data.files.readers import open_image, read_image, read_mask
from cellenhance.errors import ImageReadError

RNG = np.random.default_rng(9)
GREY = RNG.integers(0, 255, (37, 53), dtype=np.uint8)
RGB = RNG.integers(0, 255, (37, 53, 3), dtype=np.uint8)
MARKS = range(1, 9)


def write_raster(path: Path, pixels: np.ndarray, mark: int, **options: Any) -> None:
    exif = Image.Exif()
    exif[274] = mark
    Image.fromarray(pixels).save(path, exif=exif, **options)


def write_tiff(path: Path, pixels: np.ndarray, mark: int, **options: Any) -> None:
    options = {"photometric": "rgb" if pixels.shape[-1] == 3 else "minisblack", **options}
    tifffile.imwrite(path, pixels, extratags=[(274, "H", 1, mark, True)], **options)


def upright(pixels: np.ndarray, mark: int) -> np.ndarray:
    """Return pixels (H, W) or (H, W, C) as Pillow turns them."""
    picture = Image.fromarray(pixels)
    picture.getexif()[274] = mark
    return np.asarray(ImageOps.exif_transpose(picture))


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_png_and_jpeg(tmp_path: Path, suffix: str, pixels: np.ndarray, mark: int) -> None:
    path = tmp_path / f"a.{suffix}"
    write_raster(path, pixels, mark, **({"quality": 95} if suffix == "jpg" else {}))
    with Image.open(path) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    image = read_image(path)
    image = image if pixels is RGB else image[..., 0]
    assert image.shape == expected.shape
    # Two decoders of a JPEG file may round differently.
    assert np.abs(image.astype(int) - expected).max() <= (2 if suffix == "jpg" else 0)


TIFF_OPTIONS: list[dict[str, Any]] = [
    {},
    {"compression": "zlib", "rowsperstrip": 5},
    {"compression": "lzw", "tile": (16, 32)},
    {"tile": (16, 16)},
    {"byteorder": ">", "compression": "zlib"},
    {"metadata": None},
]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("options", TIFF_OPTIONS, ids=str)
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "rgb"])
def test_tiff_whole_and_in_regions(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, Any], mark: int
) -> None:
    path = tmp_path / "a.tif"
    write_tiff(path, pixels, mark, **options)
    expected = upright(pixels, mark)
    expected = expected if pixels is RGB else expected[..., None]
    with open_image(path) as source:
        assert (source.info.height, source.info.width) == expected.shape[:2]
        assert source.info.orientation == mark
        assert source.info.is_turned == (mark != 1)
        np.testing.assert_array_equal(source.read_plane(), expected)
        for rows, cols in ((slice(3, 30), slice(17, 31)), (slice(30, None), slice(0, 1))):
            region = source.read_region(0, rows, cols)
            np.testing.assert_array_equal(region, expected[rows, cols])
            assert region.flags.c_contiguous


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("options", [{}, {"metadata": None}], ids=str)
def test_every_plane_of_a_stack(tmp_path: Path, options: dict[str, Any], mark: int) -> None:
    stack = RNG.integers(0, 4000, (3, 37, 53), dtype=np.uint16)
    tags = [(274, "H", 1, mark, False)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        photometric="minisblack",
        compression="zlib",
        extratags=tags,
        **options,
    )
    with open_image(tmp_path / "a.tif") as source:
        for number, page in enumerate(stack):
            np.testing.assert_array_equal(source.read_plane(number)[..., 0], upright(page, mark))


@pytest.mark.parametrize("mark", [3, 6])
def test_only_the_tiles_that_a_turned_region_touches_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: int
) -> None:
    path = tmp_path / "a.tif"
    write_tiff(path, np.zeros((256, 256), np.uint8), mark, tile=(64, 64), compression="zlib")
    decoded: list[int] = []
    paste = tiff_pages.paste_segment

    def counting(page: Any, segment: int, region: Any, origin: Any) -> None:
        decoded.append(segment)
        paste(page, segment, region, origin)

    monkeypatch.setattr(tiff_pages, "paste_segment", counting)
    with open_image(path) as source:
        source.read_region(0, slice(0, 10), slice(0, 70))  # the first and half the second tile
    # 180 degrees: the last tiles of the last row. A quarter turn: those at the end of column 0.
    assert decoded == {3: [14, 15], 6: [8, 12]}[mark]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_masks_are_turned_like_images(tmp_path: Path, suffix: str, mark: int) -> None:
    path = tmp_path / f"m.{suffix}"
    (write_tiff if suffix == "tif" else write_raster)(path, GREY % 3, mark)
    np.testing.assert_array_equal(read_mask(path), upright(GREY % 3, mark))
    np.testing.assert_array_equal(read_mask(path, orientation="ignore"), GREY % 3)


def test_palette_masks_are_turned_as_indices_and_as_colours(tmp_path: Path) -> None:
    picture = Image.fromarray(GREY % 3)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 16, 255])
    exif = Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / "m.png", exif=exif)
    turned = np.rot90(GREY % 3, -1)
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 16, 255]], np.uint8)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), turned)
    np.testing.assert_array_equal(
        read_mask(tmp_path / "m.png", expand_palette=True), colors[turned]
    )


@pytest.mark.parametrize("program", [{"imagej": True}, {"ome": True}], ids=["ImageJ", "OME"])
def test_files_of_programs_that_look_at_no_mark_are_read_as_stored(
    tmp_path: Path, program: dict[str, bool], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    write_tiff(tmp_path / "a.tif", GREY, 6, **program)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], GREY)
    assert "is read as it is stored and not turned as its orientation mark (6) says" in caplog.text
    with open_image(tmp_path / "a.tif", orientation="apply") as source:
        np.testing.assert_array_equal(source.read_plane()[..., 0], np.rot90(GREY, -1))


def test_what_was_done_is_said_and_can_be_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    write_raster(tmp_path / "a.png", GREY, 3)
    read_image(tmp_path / "a.png")
    assert caplog.messages == [
        f"{tmp_path / 'a.png'}: is turned upright, as its orientation mark (3) says; "
        "--orientation ignore reads it as it is stored"
    ]
    with open_image(tmp_path / "a.png", orientation="ignore") as source:
        np.testing.assert_array_equal(source.read_plane()[..., 0], GREY)
        assert (source.info.orientation, source.info.is_turned) == (3, False)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_pages_with_different_marks_are_refused(
    tmp_path: Path, byteorder: Any, bigtiff: bool
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff, byteorder=byteorder) as file:
        for mark in (1, 1, 1, 3, *[1] * 9):  # so many that tifffile looks at a few of them only
            file.write(
                GREY,
                photometric="minisblack",
                metadata=None,
                extratags=[(274, "H", 1, mark, True)],
            )
    with pytest.raises(ImageReadError, match="its pages have different orientation marks; save"):
        open_image(tmp_path / "a.tif")
    with open_image(tmp_path / "a.tif", orientation="ignore") as source:
        np.testing.assert_array_equal(source.read_plane(1)[..., 0], GREY)


def exif_bytes(value: int, *, kind: int = 3, count: int = 1, order: str = "little") -> bytes:
    """Return an EXIF block of one tag, by hand after the TIFF specification."""
    head = b"II*\0" if order == "little" else b"MM\0*"
    field = value.to_bytes(2 if kind == 3 else 4, order).ljust(4, b"\0")  # type: ignore[arg-type]
    numbers = [(8, 4), (1, 2), (274, 2), (kind, 2), (count, 4)]
    body = b"".join(number.to_bytes(size, order) for number, size in numbers)  # type: ignore[arg-type]
    return head + body + field + bytes(4)


@pytest.mark.parametrize(
    ("exif", "mark"),
    [
        (exif_bytes(6), 6),
        (exif_bytes(6, order="big"), 6),
        (exif_bytes(8, kind=4), 8),
        (exif_bytes(0), 1),
        (exif_bytes(9), 1),
        (exif_bytes(6, count=2), 1),
        (exif_bytes(6)[:15], 1),
        (b"II*\0\xff\xff\xff\x7f", 1),
        (b"nonsense", 1),
        (b"", 1),
    ],
)
def test_marks_of_both_byte_orders_and_damaged_ones(tmp_path: Path, exif: bytes, mark: int) -> None:
    target = io.BytesIO()
    Image.fromarray(GREY).save(target, "PNG")
    data = target.getvalue()
    chunk = len(exif).to_bytes(4, "big") + b"eXIf" + exif
    import zlib

    chunk += zlib.crc32(b"eXIf" + exif).to_bytes(4, "big")
    end = data.index(b"IDAT") - 4
    for name, place in (("before.png", end), ("after.png", len(data) - 12)):
        (tmp_path / name).write_bytes(data[:place] + chunk + data[place:])
        with open_image(tmp_path / name) as source:
            assert source.info.orientation == mark


def test_missing_pixels_of_a_turned_image_are_kept_where_asked(tmp_path: Path) -> None:
    pixels = RNG.random((37, 53, 3), dtype=np.float32)
    pixels[0, 0] = np.nan
    write_tiff(tmp_path / "a.tif", pixels, 6)
    with open_image(tmp_path / "a.tif", channel="mean", keep_missing=True) as source:
        assert np.isnan(source.read_plane()[0, -1, 0])
    with (
        open_image(tmp_path / "a.tif", channel="mean") as source,
        pytest.raises(ImageReadError, match="1 of 1961 pixels are NaN"),
    ):
        source.read_plane()
