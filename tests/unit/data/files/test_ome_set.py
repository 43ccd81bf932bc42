"""OME sets of several files: each plane once, from its own file, and none is made up.

tifffile's own reading of a whole set says what is right.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellenhance.data.files.formats.ome_set import PartOfImageError
from cellenhance.data.files.readers import open_image, read_image
from cellenhance.errors import ImageReadError
from tests.ome_sets import (
    binary_only,
    image_xml,
    ome_xml,
    tiff_data,
    uuid_of,
    write_pages,
    write_set,
)

RNG = np.random.default_rng(11)


def make_stack(n_t: int = 3, n_z: int = 1, n_c: int = 1) -> np.ndarray:
    return RNG.integers(0, 4000, (n_t, n_z, n_c, 20, 24), dtype=np.uint16)


def planes_of(path: Path, **options: Any) -> np.ndarray:
    """Return (N, H, W, C)."""
    with open_image(path, **options) as source:
        return np.stack([source.read_plane(i) for i in range(source.info.n_planes)])


def whole_set(path: Path, stack: np.ndarray) -> np.ndarray:
    """Return (T, Z, C, Y, X) as tifffile reads a set from the file of it that is given."""
    return tifffile.imread(path, series=0).reshape(stack.shape)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw", "rowsperstrip": 7},
        {"tile": (16, 16), "compression": "zlib"},
        {"byteorder": ">"},
    ],
    ids=str,
)
def test_each_file_gives_its_own_plane(tmp_path: Path, options: dict[str, Any]) -> None:
    stack = make_stack()
    files = write_set(tmp_path, stack, "T", **options)
    for (t,), path in files.items():
        [plane] = planes_of(path)
        np.testing.assert_array_equal(plane[..., 0], whole_set(path, stack)[t, 0, 0])
        with open_image(path) as source:
            assert source.info.plane_axes == ""
            assert source.info.pixel_size_um == pytest.approx(0.65)
            part = source.read_region(0, slice(3, 9), slice(5, 20))
        np.testing.assert_array_equal(part[..., 0], stack[t, 0, 0, 3:9, 5:20])


def test_files_of_several_planes_keep_their_axes(tmp_path: Path) -> None:
    stack = make_stack(n_t=2, n_z=3, n_c=2)
    for (t,), path in write_set(tmp_path, stack, "T", compression="zlib").items():
        with open_image(path) as source:
            assert (source.info.plane_axes, source.info.plane_shape) == ("Z", (3,))
            assert source.info.channel_names == ("ch0", "ch1")
        expected = whole_set(path, stack)[t].transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(planes_of(path), expected)
        projected = planes_of(path, projection="max")
        np.testing.assert_array_equal(projected, expected.max(axis=0, keepdims=True))


@pytest.mark.parametrize("split", ["TC", "C"])
def test_channels_in_files_of_their_own_come_together(tmp_path: Path, split: str) -> None:
    stack = make_stack(n_t=2, n_c=2)
    files = write_set(tmp_path, stack, split, compression="zlib")
    seen = []
    for place, path in files.items():
        if place[-1] == 0:
            seen += list(planes_of(path))
            continue
        with pytest.raises(PartOfImageError, match=r"further channels of set_.*C0.ome.tif"):
            open_image(path)
    expected = whole_set(files[(0,) * len(split)], stack)[:, 0].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(np.stack(seen), expected)


def test_a_channel_whose_set_is_gone_stands_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stack = make_stack(n_t=2, n_c=3)
    files = write_set(tmp_path, stack, "C")
    files[(0,)].unlink()
    planes = planes_of(files[(1,)])
    np.testing.assert_array_equal(planes[..., 0], stack[:, 0, 1])
    assert "not found beside it under their names: set_C0.ome.tif; only" in caplog.text
    files[(2,)].unlink()
    with open_image(files[(1,)]) as source:
        assert (source.info.channels, source.info.plane_axes) == (1, "T")


def test_a_lone_file_gives_its_plane_and_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stack = make_stack()
    files = write_set(tmp_path / "whole", stack, "T")
    (tmp_path / "lone").mkdir()
    shutil.copy(files[(1,)], tmp_path / "lone")
    np.testing.assert_array_equal(
        read_image(tmp_path / "lone" / files[(1,)].name)[..., 0], stack[1, 0, 0]
    )
    assert "is one of 3 files of an OME set; not found beside it" in caplog.text
    assert "their names: set_T0.ome.tif, set_T2.ome.tif; only" in caplog.text


@pytest.mark.parametrize("has_uuid", [True, False])
def test_renamed_files_give_their_own_planes(tmp_path: Path, has_uuid: bool) -> None:
    stack = make_stack()
    for (t,), path in write_set(tmp_path, stack, "T", has_uuid=has_uuid).items():
        path.rename(tmp_path / f"x{t}.tif")
    for t in range(3):
        np.testing.assert_array_equal(read_image(tmp_path / f"x{t}.tif")[..., 0], stack[t, 0, 0])


def test_files_that_exchanged_their_names_give_their_own_planes(tmp_path: Path) -> None:
    stack = make_stack(n_t=2, n_z=2)
    files = write_set(tmp_path, stack, "T", compression="zlib")
    files[(0,)].rename(tmp_path / "parked")
    files[(1,)].rename(files[(0,)])
    (tmp_path / "parked").rename(files[(1,)])
    np.testing.assert_array_equal(planes_of(files[(0,)])[..., 0], stack[1, :, 0])
    np.testing.assert_array_equal(planes_of(files[(1,)])[..., 0], stack[0, :, 0])


def test_channel_files_that_exchanged_their_names_are_not_mixed_up(tmp_path: Path) -> None:
    stack = make_stack(n_t=1, n_c=2)
    files = write_set(tmp_path, stack, "C")
    files[(0,)].rename(tmp_path / "parked")
    files[(1,)].rename(files[(0,)])
    (tmp_path / "parked").rename(files[(1,)])
    # The one with channel 0 finds no file with the UUID of channel 1 under its name.
    np.testing.assert_array_equal(read_image(files[(1,)])[..., 0], stack[0, 0, 0])
    np.testing.assert_array_equal(read_image(files[(0,)])[..., 0], stack[0, 0, 1])


def test_xml_that_was_copied_word_for_word_is_told_by_the_names(tmp_path: Path) -> None:
    stack = make_stack(n_t=1, n_c=2)
    data = "".join(tiff_data({"C": c}, 0, f"s{c}.ome.tif") for c in range(2))
    xml = ome_xml(image_xml(data, {"X": 24, "Y": 20, "C": 2}), "s0.ome.tif")
    for c in range(2):
        write_pages(tmp_path / f"s{c}.ome.tif", stack[0, :, c], xml)
    image = read_image(tmp_path / "s0.ome.tif")
    np.testing.assert_array_equal(image, stack[0, 0].transpose(1, 2, 0))
    with pytest.raises(PartOfImageError):
        open_image(tmp_path / "s1.ome.tif")


@pytest.mark.parametrize("kind", ["companion", "master"])
def test_a_file_whose_xml_stands_elsewhere_is_read_by_it(tmp_path: Path, kind: str) -> None:
    stack = make_stack(n_t=2, n_z=3)
    names = [f"b{t}.ome.tif" for t in range(2)]
    data = "".join(tiff_data({"T": t, "Z": z}, z, names[t]) for t in range(2) for z in range(3))
    images = image_xml(data, {"X": 24, "Y": 20, "T": 2, "Z": 3})
    if kind == "companion":
        metadata = "set.companion.ome"
        (tmp_path / metadata).write_text(ome_xml(images, metadata), encoding="utf-8")
    else:
        metadata = names[0]
        write_pages(tmp_path / names[0], stack[0, :, 0], ome_xml(images, names[0]))
    for t in range(0 if kind == "companion" else 1, 2):
        xml = binary_only(names[t], metadata)
        write_pages(tmp_path / names[t], stack[t, :, 0], xml, compression="zlib")
    for t, name in enumerate(names):
        with open_image(tmp_path / name) as source:
            assert (source.info.plane_axes, source.info.plane_shape) == ("Z", (3,))
            assert source.info.pixel_size_um == pytest.approx(0.65)
        np.testing.assert_array_equal(planes_of(tmp_path / name)[..., 0], stack[t, :, 0])


def test_without_that_xml_its_pages_are_read_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stack = make_stack(n_z=3)
    xml = binary_only("b.ome.tif", "gone.companion.ome")
    write_pages(tmp_path / "b.ome.tif", stack[0, :, 0], xml)
    with open_image(tmp_path / "b.ome.tif") as source:
        assert (source.info.plane_axes, source.info.plane_shape) == ("I", (3,))
    np.testing.assert_array_equal(planes_of(tmp_path / "b.ome.tif")[..., 0], stack[0, :, 0])
    assert "its OME-XML is in 'gone.companion.ome', which is not beside it" in caplog.text


def test_positions_in_files_of_their_own(tmp_path: Path) -> None:
    """Micro-Manager's way: every file names the images of all positions."""
    stacks = [make_stack(n_t=2, n_c=2) for _ in range(3)]
    images = ""
    for p in range(3):
        data = "".join(
            tiff_data({"T": t, "C": c}, 2 * t + c, f"p{p}.ome.tif")
            for t in range(2)
            for c in range(2)
        )
        sizes = {"X": 24, "Y": 20, "T": 2, "C": 2}
        images += image_xml(data, sizes, index=p, name=f"Pos{p}")
    for p, stack in enumerate(stacks):
        name = f"p{p}.ome.tif"
        write_pages(tmp_path / name, stack.reshape(-1, 20, 24), ome_xml(images, name))
    for p, stack in enumerate(stacks):
        with open_image(tmp_path / f"p{p}.ome.tif") as source:
            assert (source.info.plane_axes, source.info.channels) == ("T", 2)
        expected = tifffile.imread(tmp_path / "p0.ome.tif", series=p)  # T, C, Y, X
        np.testing.assert_array_equal(expected, stack[:, 0])
        planes = planes_of(tmp_path / f"p{p}.ome.tif")
        np.testing.assert_array_equal(planes, expected.transpose(0, 2, 3, 1))


def single_xml(sizes: dict[str, int], data: str) -> str:
    return ome_xml(image_xml(data, {"X": 24, "Y": 20, **sizes}), None)


@pytest.mark.parametrize("in_set", [False, True], ids=["alone", "of a set"])
@pytest.mark.parametrize(
    ("sizes", "n_pages", "axes", "shape", "n_channels"),
    [
        ({"T": 5}, 3, "T", (3,), 1),
        ({"T": 3, "C": 2}, 5, "T", (2,), 2),  # the last time point lacks a channel
        ({"T": 2, "Z": 3}, 4, "I", (4,), 1),  # no grid: 3 planes at time 0, 1 at time 1
        ({"C": 3}, 2, "", (), 2),
    ],
    ids=str,
)
def test_planes_that_are_not_there_are_left_out_and_named(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    sizes: dict[str, int],
    n_pages: int,
    axes: str,
    shape: tuple[int, ...],
    n_channels: int,
    in_set: bool,
) -> None:
    """As after an acquisition that was stopped."""
    pages = RNG.integers(1, 4000, (n_pages, 20, 24), dtype=np.uint16)
    n_planned = int(np.prod(list(sizes.values())))
    if in_set:
        orders = np.ndindex(sizes.get("T", 1), sizes.get("Z", 1), sizes.get("C", 1))
        data = "".join(
            tiff_data({"T": t, "Z": z, "C": c}, ifd, "s.ome.tif")
            for ifd, (t, z, c) in enumerate(orders)
        )
        images = image_xml(data, {"X": 24, "Y": 20, **sizes})
        further = image_xml(tiff_data({}, 0, "o.ome.tif"), {"X": 24, "Y": 20}, index=1)
        xml = ome_xml(images + further, "s.ome.tif")
    else:
        xml = single_xml(sizes, f'<TiffData IFD="0" PlaneCount="{n_planned}"/>')
    write_pages(tmp_path / "s.ome.tif", pages, xml, compression="zlib")
    planes = planes_of(tmp_path / "s.ome.tif")
    with open_image(tmp_path / "s.ome.tif") as source:
        assert (source.info.plane_axes, source.info.plane_shape) == (axes, shape)
        assert source.info.channels == n_channels
    kept = pages[: len(planes) * n_channels].reshape(len(planes), n_channels, 20, 24)
    np.testing.assert_array_equal(planes, kept.transpose(0, 2, 3, 1))
    assert f"{n_planned} pages" in caplog.text
    assert f"{n_pages} are there" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "../secret/x.ome.tif",
        "{secret}/x.ome.tif",
        "sub/../../secret/x.ome.tif",
        "..\\secret\\x.ome.tif",
        "link/x.ome.tif",
        "linked.ome.tif",
    ],
)
@pytest.mark.parametrize("kind", ["channel", "plane", "xml"])
def test_names_that_lead_out_of_the_folder_are_not_followed(
    tmp_path: Path, name: str, kind: str
) -> None:
    stack = make_stack(n_t=2, n_c=2)
    folder, secret = tmp_path / "in", tmp_path / "secret"
    name = name.format(secret=secret)
    where = {"channel": {"C": 1}, "plane": {"T": 1}, "xml": {}}[kind]
    sizes = {"X": 24, "Y": 20, **dict.fromkeys(where, 2)}
    data = tiff_data({}, 0, "a.ome.tif") + (tiff_data(where, 0, name) if where else "")
    images = image_xml(data, sizes)
    write_pages(secret / "x.ome.tif", stack[1, :, 0], ome_xml(images, name))
    own = binary_only("a.ome.tif", name) if kind == "xml" else ome_xml(images, "a.ome.tif")
    write_pages(folder / "a.ome.tif", stack[0, :, 0], own)
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(secret)
    (folder / "linked.ome.tif").symlink_to(secret / "x.ome.tif")
    with open_image(folder / "a.ome.tif") as source:
        assert (source.info.n_planes, source.info.channels) == (1, 1)
        assert source.info.pixel_size_um is None or kind != "xml"
        np.testing.assert_array_equal(source.read_plane()[..., 0], stack[0, 0, 0])


def test_links_in_one_folder_to_a_set_in_another_are_a_set(tmp_path: Path) -> None:
    stack = make_stack(n_t=1, n_c=2)
    files = write_set(tmp_path / "disk", stack, "C")
    (tmp_path / "in").mkdir()
    for path in files.values():
        (tmp_path / "in" / path.name).symlink_to(path)
    image = read_image(tmp_path / "in" / files[(0,)].name)
    np.testing.assert_array_equal(image, stack[0, 0].transpose(1, 2, 0))


HUGE = 10**12


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (image_xml("", {"X": 24, "Y": 20}).replace('SizeC="1"', f'SizeC="{HUGE}"'), "damaged"),
        (image_xml("", {"X": 24, "Y": 20, "T": -1}), "damaged"),
        (image_xml(tiff_data({}, 0, "b.tif"), {"X": 24, "Y": 20}).replace("XYCZT", "ZZ"), "dim"),
    ],
    ids=["channels", "negative", "order"],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, images: str, message: str) -> None:
    data = tiff_data({}, 0, "other.ome.tif")
    further = image_xml(data, {"X": 24, "Y": 20}, index=1)
    write_pages(tmp_path / "a.ome.tif", make_stack()[:1, 0, 0], ome_xml(images + further, None))
    with pytest.raises(ImageReadError, match=message):
        open_image(tmp_path / "a.ome.tif")


def test_a_count_of_a_million_million_planes_takes_no_memory(tmp_path: Path) -> None:
    run = f'<TiffData IFD="0" PlaneCount="{HUGE}"><UUID FileName="a.ome.tif"/></TiffData>'
    other = f'<TiffData FirstT="3" PlaneCount="{HUGE}"><UUID FileName="b.ome.tif"/></TiffData>'
    pages = make_stack(n_t=2)[:, 0, 0]
    xml = single_xml({"T": HUGE}, run + other)
    write_pages(tmp_path / "a.ome.tif", pages, xml)
    np.testing.assert_array_equal(planes_of(tmp_path / "a.ome.tif")[..., 0], pages)


@pytest.mark.parametrize("data", ["<TiffData/>", '<TiffData IFD="0" PlaneCount="9"/>', ""])
def test_a_file_alone_that_speaks_of_a_million_million_planes(
    tmp_path: Path, data: str, caplog: pytest.LogCaptureFixture
) -> None:
    pages = make_stack(n_t=2)[:, 0, 0]
    write_pages(tmp_path / "a.ome.tif", pages, single_xml({"T": HUGE}, data))
    np.testing.assert_array_equal(planes_of(tmp_path / "a.ome.tif")[..., 0], pages)
    assert ("only 2 are there" in caplog.text) == bool(data)  # else no page is spoken of


def test_xml_of_another_size_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As in files whose XML has rows and planes exchanged."""
    pages = make_stack(n_t=2)[:, 0, 0]
    sizes = {"X": 20, "Y": 24, "T": 7}
    write_pages(tmp_path / "a.ome.tif", pages, ome_xml(image_xml("<TiffData/>", sizes), None))
    with open_image(tmp_path / "a.ome.tif") as source:
        assert (source.info.plane_axes, source.info.plane_shape) == ("I", (2,))
    np.testing.assert_array_equal(planes_of(tmp_path / "a.ome.tif")[..., 0], pages)
    assert "describes images of another size" in caplog.text


@pytest.mark.parametrize("own", ["s.ome.tif", None])
def test_an_acquisition_that_was_stopped_under_its_old_name(
    tmp_path: Path, own: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    pages = make_stack(n_t=3)[:, 0, 0]
    data = "".join(tiff_data({"T": t}, t, "s.ome.tif", has_uuid=own is not None) for t in range(5))
    xml = ome_xml(image_xml(data, {"X": 24, "Y": 20, "T": 5}), own)
    write_pages(tmp_path / "renamed.tif", pages, xml)
    with open_image(tmp_path / "renamed.tif") as source:
        assert (source.info.plane_axes, source.info.plane_shape) == ("T", (3,))
    np.testing.assert_array_equal(planes_of(tmp_path / "renamed.tif")[..., 0], pages)
    assert "names 5 pages of it, only 3 are there" in caplog.text


def test_a_uuid_that_no_file_has_is_not_taken_for_the_file_of_that_name(tmp_path: Path) -> None:
    assert uuid_of("a") != uuid_of("b")
    stack = make_stack(n_t=1, n_c=2)
    data = tiff_data({}, 0, "a.ome.tif") + tiff_data({"C": 1}, 0, "b.ome.tif")
    images = image_xml(data, {"X": 24, "Y": 20, "C": 2})
    write_pages(tmp_path / "a.ome.tif", stack[0, :, 0], ome_xml(images, "a.ome.tif"))
    stranger = ome_xml(image_xml("<TiffData/>", {"X": 24, "Y": 20}), "stranger.ome.tif")
    write_pages(tmp_path / "b.ome.tif", stack[0, :, 1], stranger)
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image[..., 0], stack[0, 0, 0])
    assert image.shape[2] == 1
