"""Files are read by content, region by region, and every damage is one clear line."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from cellenhance.data.files.formats import tiff_pages
from cellenhance.data.files.readers import image_stem, open_image, read_image, read_mask
from cellenhance.errors import ImageReadError

RNG = np.random.default_rng(7)
GREY8 = RNG.integers(0, 256, (37, 53), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (37, 53), dtype=np.uint16)
RGB8 = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
FLOATS = RNG.random((37, 53), dtype=np.float32)


def npy_bytes(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("grey8.png", imagecodecs.png_encode(GREY8), GREY8),
        ("grey16.png", imagecodecs.png_encode(GREY16), GREY16),
        ("rgb.png", imagecodecs.png_encode(RGB8), RGB8),
        ("rgb16.png", imagecodecs.png_encode(RGB8.astype(np.uint16) * 257), RGB8 * np.uint16(257)),
        ("rgb.bmp", iio.imwrite("<bytes>", RGB8, extension=".bmp"), RGB8),
        ("grey.npy", npy_bytes(FLOATS), FLOATS),
        ("channels.npy", npy_bytes(RGB8), RGB8),
        ("big_endian.npy", npy_bytes(GREY16.astype(">u2")), GREY16),
    ],
)
def test_eager_formats_return_the_stored_values(
    tmp_path: Path, name: str, content: bytes, expected: np.ndarray
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    image = read_image(path)
    assert image.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(image, expected.reshape(37, 53, -1))


def test_jpeg_is_decoded_like_another_library_does(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(imagecodecs.jpeg_encode(RGB8, level=95))
    expected = imagecodecs.jpeg_decode(path.read_bytes())
    assert np.abs(read_image(path).astype(int) - expected).max() <= 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zlib", "rowsperstrip": 5},
        {"tile": (16, 32)},
        {"tile": (16, 16), "compression": "zlib"},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib", "rowsperstrip": 9},
        {"bigtiff": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "array",
    [GREY8, GREY16, RGB8, FLOATS, GREY16.astype(np.int16)],
    ids=["u8", "u16", "rgb", "f32", "i16"],
)
def test_tiff_regions_equal_the_array(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any]
) -> None:
    path = tmp_path / "lies.jpg"
    photometric = "rgb" if array.ndim == 3 else "minisblack"
    tifffile.imwrite(path, array, photometric=photometric, **options)
    expected = array.reshape(37, 53, -1)
    with open_image(path) as source:
        assert source.info.dtype == array.dtype
        np.testing.assert_array_equal(source.read_plane(), expected)
        region = source.read_region(0, slice(3, 30), slice(17, 49))
        np.testing.assert_array_equal(region, expected[3:30, 17:49])
        edge = source.read_region(0, slice(30, 99), slice(50, None))
        np.testing.assert_array_equal(edge, expected[30:, 50:])


def test_separate_sample_planes_are_channels(tmp_path: Path) -> None:
    path = tmp_path / "planar.tif"
    planar = np.ascontiguousarray(RGB8.transpose(2, 0, 1))
    tifffile.imwrite(
        path, planar, photometric="rgb", planarconfig="separate", compression="zlib", tile=(16, 16)
    )
    np.testing.assert_array_equal(read_image(path), RGB8)
    np.testing.assert_array_equal(read_image(path, channel=2)[..., 0], RGB8[..., 2])


def test_one_bit_tiff_is_zero_and_one(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "bits.tif", GREY8 > 99, compression="packbits")
    image = read_image(tmp_path / "bits.tif")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[..., 0], GREY8 > 99)


def test_a_region_decodes_only_the_tiles_it_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiled.tif"
    tifffile.imwrite(path, np.zeros((256, 256), np.uint8), tile=(64, 64), compression="zlib")
    pasted: list[int] = []
    paste = tiff_pages.paste_segment

    def counting(page, segment, region, origin):  # type: ignore[no-untyped-def]
        pasted.append(segment)
        paste(page, segment, region, origin)

    monkeypatch.setattr(tiff_pages, "paste_segment", counting)
    with open_image(path) as source:
        source.read_region(0, slice(60, 70), slice(130, 140))
    assert pasted == [2, 6]  # rows of tiles 0 and 1, column 2 of 4


def test_ome_axes_pixel_size_and_channel_names(tmp_path: Path) -> None:
    stack = RNG.integers(0, 999, (2, 3, 2, 20, 24), dtype=np.uint16)
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "TZCYX",
        "PhysicalSizeX": 250.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 250.0,
        "PhysicalSizeYUnit": "nm",
        "Channel": {"Name": ["DAPI", "actin"]},
    }
    tifffile.imwrite(path, stack, metadata=metadata, compression="zlib")
    with open_image(path) as source:
        info = source.info
        assert (info.plane_axes, info.plane_shape, info.n_planes) == ("TZ", (2, 3), 6)
        assert info.channel_names == ("DAPI", "actin")
        assert info.pixel_size_um == pytest.approx(0.25)
        np.testing.assert_array_equal(source.read_plane(4), stack[1, 1].transpose(1, 2, 0))
    with open_image(path, channel=1) as source:
        np.testing.assert_array_equal(source.read_plane(5)[..., 0], stack[1, 2, 1])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_hyperstack(tmp_path: Path, compression: str | None) -> None:
    stack = RNG.integers(0, 999, (3, 2, 20, 24), dtype=np.uint16)
    path = tmp_path / "ij.tif"
    tifffile.imwrite(
        path,
        stack,
        imagej=True,
        compression=compression,
        resolution=(5.0, 5.0),
        metadata={"axes": "ZCYX", "unit": "um"},
    )
    with open_image(path) as source:
        assert (source.info.plane_axes, source.info.channels) == ("Z", 2)
        assert source.info.pixel_size_um == pytest.approx(0.2)
        np.testing.assert_array_equal(source.read_plane(2), stack[2].transpose(1, 2, 0))


def test_unlabelled_pages_are_independent_planes_unless_axes_say_more(tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (3, 20, 24), dtype=np.uint8)
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", compression="zlib", metadata=None)
    with open_image(path) as source:
        assert (source.info.plane_axes, source.info.plane_shape) == ("I", (3,))
    with open_image(path, axes="CYX") as source:
        np.testing.assert_array_equal(source.read_plane(), stack.transpose(1, 2, 0))
    with pytest.raises(ImageReadError, match="holds 3 planes"):
        read_image(path)
    with pytest.raises(ImageReadError, match="axes 'ZTYX' do not fit"):
        open_image(path, axes="ZTYX")


def test_a_printing_resolution_is_no_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "dpi.tif"
    tifffile.imwrite(path, GREY8, resolution=(72, 72), resolutionunit="INCH")
    with open_image(path) as source:
        assert source.info.pixel_size_um is None


def test_alpha_is_named(tmp_path: Path) -> None:
    rgba = np.concatenate([RGB8, np.full((37, 53, 1), 255, np.uint8)], axis=2)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(rgba))
    with open_image(tmp_path / "a.png") as source:
        assert source.info.channel_names == ("red", "green", "blue", "alpha")


def test_palette_masks_keep_indices_or_become_colours(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    indices = GREY8 % 3
    palette = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0])
    header = struct.pack(">IIBBBBB", 53, 37, 8, 3, 0, 0, 0)
    path.write_bytes(make_png(header, indices, palette))
    np.testing.assert_array_equal(read_mask(path), indices)
    colors = np.frombuffer(palette, np.uint8).reshape(3, 3)
    np.testing.assert_array_equal(read_mask(path, expand_palette=True), colors[indices])


def make_png(header: bytes, indices: np.ndarray, palette: bytes) -> bytes:
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    lines = b"".join(b"\0" + row.tobytes() for row in indices)
    parts = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


def test_masks_of_whole_floats_become_integers_and_others_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "whole.tif", (GREY8 % 3).astype(np.float32))
    np.testing.assert_array_equal(read_mask(tmp_path / "whole.tif"), GREY8 % 3)
    tifffile.imwrite(tmp_path / "half.tif", np.full((4, 4), 0.5, np.float32))
    with pytest.raises(ImageReadError, match="fractional values"):
        read_mask(tmp_path / "half.tif")


def test_stems_drop_the_double_extension() -> None:
    assert image_stem(Path("img.v1.0_004.tif")) == "img.v1.0_004"
    assert image_stem(Path("a.ome.tif")) == "a"


def tiff_bytes(**options: object) -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, GREY16, **options)
    return target.getvalue()


LYING_PNG = imagecodecs.png_encode(GREY8)
LYING_PNG = LYING_PNG[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + LYING_PNG[24:]
LYING_BMP = iio.imwrite("<bytes>", GREY8, extension=".bmp")
LYING_BMP = LYING_BMP[:18] + struct.pack("<ii", 10**6, 10**6) + LYING_BMP[26:]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.png", b"", "is empty"),
        ("text.png", b"hello, I am text", "holds text"),
        ("junk.tif", bytes(range(128, 228)), "holds unknown content"),
        ("cut.png", imagecodecs.png_encode(GREY8)[:500], "damaged or truncated PNG"),
        ("cut.jpg", imagecodecs.jpeg_encode(GREY8)[:900], "damaged or truncated JPEG"),
        (
            "cut.bmp",
            iio.imwrite("<bytes>", GREY8, extension=".bmp")[:900],
            "damaged or truncated BMP",
        ),
        ("lying.png", LYING_PNG, "the limit is 2 GiB"),
        ("lying.bmp", LYING_BMP, "the limit is 2 GiB"),
        ("cut.npy", npy_bytes(GREY16)[:600], "cannot be read"),
        ("header.npy", npy_bytes(GREY16).replace(b")", b"(", 1), "cannot be read"),
        ("none.npy", npy_bytes(GREY16[:0]), r"shape \(0, 53\)"),
        ("objects.npy", npy_bytes(np.array([{"a": 1}], dtype=object)), "cannot be read"),
        ("complex.npy", npy_bytes(np.ones((4, 4), complex)), "holds complex128"),
        ("cut.tif", tiff_bytes()[:2000], "damaged, truncated"),
        ("cut_deflate.tif", tiff_bytes(compression="zlib")[:3000], "damaged, truncated"),
        ("head.tif", tiff_bytes()[:8], "damaged, truncated"),
    ],
)
def test_damaged_files_are_one_line_with_the_path(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageReadError, match=message) as caught:
            read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tiff_whose_header_claims_terabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    tifffile.imwrite(path, GREY8, compression="zlib", rowsperstrip=37)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = {n: file.pages[0].tags[n].valueoffset for n in ("ImageWidth", "ImageLength")}
    for offset in tags.values():
        data[offset : offset + 2] = struct.pack("<H", 65535)
    path.write_bytes(data)
    with pytest.raises(ImageReadError, match=r"damaged, truncated|limit is 2 GiB"):
        read_image(path)


def test_nan_is_refused_with_the_number_of_pixels(tmp_path: Path) -> None:
    broken = FLOATS.copy()
    broken[1, 2] = np.nan
    broken[3, 4] = np.inf
    tifffile.imwrite(tmp_path / "nan.tif", broken)
    with pytest.raises(ImageReadError, match=r"2 of 1961 pixels are NaN or infinite"):
        read_image(tmp_path / "nan.tif")


def test_missing_files_and_channels_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="there is no such file"):
        open_image(tmp_path / "none.tif")
    tifffile.imwrite(tmp_path / "a.tif", RGB8)
    with pytest.raises(ImageReadError, match="channel 3 was asked for, but it has 3"):
        open_image(tmp_path / "a.tif", channel=3)


STACK = np.stack([GREY16, GREY16 // 2 + 7, np.flip(GREY16)])


@pytest.mark.parametrize(
    ("projection", "expected"),
    [("max", STACK.max(axis=0)), ("mean", np.rint(STACK.mean(axis=0)).astype(np.uint16))],
)
def test_z_planes_become_one(tmp_path: Path, projection: str, expected: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "z.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    with open_image(tmp_path / "z.tif", projection=projection) as source:  # type: ignore[arg-type]
        assert (source.info.n_planes, source.info.plane_axes) == (1, "")
        np.testing.assert_array_equal(source.read_plane()[..., 0], expected)
        part = source.read_region(0, slice(3, 9), slice(5, 6))
        np.testing.assert_array_equal(part[..., 0], expected[3:9, 5:6])


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX"])
def test_a_projection_leaves_time_as_it_is(tmp_path: Path, axes: str) -> None:
    stack = np.random.default_rng(1).integers(0, 999, (2, 3, 8, 9), dtype=np.uint16)
    np.save(tmp_path / "tz.npy", stack)
    with open_image(tmp_path / "tz.npy", axes=axes, projection="max") as source:
        assert source.info.plane_axes == "T"
        planes = [source.read_plane(i)[..., 0] for i in range(source.info.n_planes)]
    np.testing.assert_array_equal(planes, stack.max(axis=axes.index("Z")))


def test_unlabelled_pages_are_projected_only_when_they_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", STACK, photometric="minisblack", metadata=None)
    with pytest.raises(ImageReadError, match=r"3 planes without a Z axis \(I\).*--axes ZYX"):
        open_image(tmp_path / "pages.tif", projection="max")
    with open_image(tmp_path / "pages.tif", axes="ZYX", projection="max") as source:
        np.testing.assert_array_equal(source.read_plane()[..., 0], STACK.max(axis=0))
    tifffile.imwrite(tmp_path / "one.tif", GREY16)
    with open_image(tmp_path / "one.tif", projection="max") as source:
        np.testing.assert_array_equal(source.read_plane()[..., 0], GREY16)


def test_the_mean_of_channels_leaves_alpha_out(tmp_path: Path) -> None:
    rgba = np.dstack([RGB8, np.full((37, 53), 255, np.uint8)])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(rgba))
    with open_image(tmp_path / "a.png", channel="mean") as source:
        assert (source.info.channels, source.info.channel_names) == (1, ())
        expected = np.rint(RGB8.mean(axis=2)).astype(np.uint8)
        np.testing.assert_array_equal(source.read_plane()[..., 0], expected)
        part = source.read_region(0, slice(1, 5), slice(2, 9))
        np.testing.assert_array_equal(part[..., 0], expected[1:5, 2:9])
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(GREY16))
    with open_image(tmp_path / "b.png", channel="mean") as source:
        np.testing.assert_array_equal(source.read_plane()[..., 0], GREY16)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_a_palette_mask_is_its_indices_or_on_request_its_colours(
    tmp_path: Path, suffix: str
) -> None:
    indices = RNG.integers(0, 3, (9, 11), dtype=np.uint8)
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 16, 255]], np.uint8)
    path = tmp_path / f"m.{suffix}"
    if suffix == "tif":
        table = np.zeros((3, 256), np.uint16)
        table[:, :3] = colors.T.astype(np.uint16) * 257
        tifffile.imwrite(path, indices, photometric="palette", colormap=table)
    else:
        picture = Image.fromarray(indices, "P")
        picture.putpalette(colors.tobytes())
        picture.save(path)
    np.testing.assert_array_equal(read_mask(path), indices)
    np.testing.assert_array_equal(read_mask(path, expand_palette=True), colors[indices])


def test_a_chain_of_pages_that_turns_back_on_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((12, 16), np.uint8), photometric="minisblack", metadata=None)
    data = bytearray(path.read_bytes())
    n_tags = int.from_bytes(data[8:10], "little")
    after = 10 + 12 * n_tags
    data[after : after + 4] = len(data).to_bytes(4, "little")
    # A second page without tags, whose next page is the first one.
    data += bytes(2) + (8).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with open_image(path) as source:
        assert (source.info.height, source.info.width) == (12, 16)
