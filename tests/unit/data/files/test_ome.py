"""Float channels as OME-TIFF: read back by tifffile, and the XML held against OME's own rules.

The rules are those of the schema 2016-06 (ome.xsd), written down here by hand: which elements and
attributes there are, in which order, of which form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from cellenhance.data.files.ome import OmeFile, write_float_tiles
from cellenhance.data.files.ome_xml import StackLayout, build_ome_xml
from cellenhance.data.files.readers import open_image

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
NOTE = "made for segmentation, not for intensity measurement"
NAMES = ("input", "filter 1", "enhanced 1")

DIMENSION_ORDERS = {"XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"}
PIXELS_REQUIRED = {"ID", "DimensionOrder", "Type", "SizeX", "SizeY", "SizeZ", "SizeC", "SizeT"}
PIXELS_OPTIONAL = {"BigEndian", "Interleaved", "SignificantBits", "TimeIncrement"} | {
    f"PhysicalSize{axis}{unit}" for axis in "XYZ" for unit in ("", "Unit")
}
LSID = r"(urn:lsid:([\w\-\.]+\.[\w\-\.]+)+:{0}:\S+)|({0}:\S+)"


def check_ome_rules(xml: bytes) -> ElementTree.Element:
    """Assert what the schema asks of the elements that we use; return Pixels."""
    root = ElementTree.fromstring(xml)
    assert root.tag == f"{OME}OME"
    assert set(root.attrib) <= {
        "UUID",
        "Creator",
        "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation",
    }
    (image,) = root
    assert image.tag == f"{OME}Image"
    assert re.fullmatch(LSID.format("Image"), image.attrib["ID"])
    assert set(image.attrib) <= {"ID", "Name"}
    assert [child.tag for child in image] == [f"{OME}Description", f"{OME}Pixels"]
    pixels = image[1]
    assert set(pixels.attrib) >= PIXELS_REQUIRED
    assert set(pixels.attrib) <= PIXELS_REQUIRED | PIXELS_OPTIONAL
    assert re.fullmatch(LSID.format("Pixels"), pixels.attrib["ID"])
    assert pixels.attrib["DimensionOrder"] in DIMENSION_ORDERS
    assert pixels.attrib["Type"] == "float"
    assert {pixels.attrib["BigEndian"], pixels.attrib["Interleaved"]} <= {"true", "false"}
    sizes = {axis: int(pixels.attrib[f"Size{axis}"]) for axis in "XYZCT"}
    assert min(sizes.values()) >= 1
    *channels, tiff_data = pixels
    assert [each.tag for each in channels] == [f"{OME}Channel"] * sizes["C"]
    identities = [each.attrib["ID"] for each in channels]
    assert all(re.fullmatch(LSID.format("Channel"), each) for each in identities)
    assert len(set(identities)) == len(identities)
    assert sum(int(each.attrib["SamplesPerPixel"]) for each in channels) == sizes["C"]
    assert tiff_data.tag == f"{OME}TiffData"
    assert int(tiff_data.attrib["IFD"]) == 0
    assert int(tiff_data.attrib["PlaneCount"]) == sizes["Z"] * sizes["C"] * sizes["T"]
    return pixels


def cut(stack: NDArray[np.float32], tile_px: int) -> Iterator[NDArray[np.float32]]:
    """Yield the tiles of a (planes, C, H, W) stack in the order the writer takes them."""
    for plane in stack:
        for top in range(0, plane.shape[1], tile_px):
            for left in range(0, plane.shape[2], tile_px):
                yield plane[:, top : top + tile_px, left : left + tile_px]


def noise(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def write_one(path: Path, stack: NDArray[np.float32], layout: StackLayout) -> None:
    file = OmeFile(path, (0, 1, 2), NAMES)
    write_float_tiles([file], cut(stack, 16), layout, tile_px=16, description=NOTE)


@pytest.mark.parametrize(
    ("plane_axes", "plane_shape", "axes"),
    [
        ("", (), "CYX"),
        ("Z", (4,), "ZCYX"),
        ("T", (2,), "TCYX"),
        ("TZ", (2, 4), "TZCYX"),
        ("ZT", (4, 2), "ZTCYX"),
        ("I", (3,), "TCYX"),
    ],
)
def test_tifffile_reads_axes_names_pixel_size_and_every_value(
    tmp_path: Path, plane_axes: str, plane_shape: tuple[int, ...], axes: str
) -> None:
    layout = StackLayout(37, 20, plane_axes, plane_shape, pixel_size_um=0.325)
    stack = noise(layout.n_planes, 3, 37, 20)
    write_one(tmp_path / "a.ome.tif", stack, layout)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_ome
        assert not file.is_bigtiff
        assert len(file.series) == 1
        assert file.series[0].axes == axes
        assert np.array_equal(file.asarray(), stack.reshape(*plane_shape, 3, 37, 20))
        first, second = file.pages[0], file.pages[1].aspage()
        assert (first.is_tiled, first.predictor, first.compression.name) == (
            True,
            1,  # what ImageJ and Bio-Formats can undo
            "ADOBE_DEFLATE",
        )
        pixels = check_ome_rules(first.description.encode())
        assert second.description == ""
    assert [each.attrib["Name"] for each in pixels[:-1]] == list(NAMES)
    for axis in "XY":
        assert float(pixels.attrib[f"PhysicalSize{axis}"]) == 0.325
        assert pixels.attrib[f"PhysicalSize{axis}Unit"] == "µm"


def test_our_reader_returns_the_stack_with_its_facts(tmp_path: Path) -> None:
    layout = StackLayout(18, 40, "TZ", (2, 3), pixel_size_um=0.5)
    stack = noise(6, 3, 18, 40)
    write_one(tmp_path / "a.ome.tif", stack, layout)
    with open_image(tmp_path / "a.ome.tif") as source:
        info = source.info
        planes = np.stack([source.read_plane(index) for index in range(6)])
    assert (info.plane_axes, info.plane_shape, info.channels) == ("TZ", (2, 3), 3)
    assert (info.channel_names, info.pixel_size_um) == (NAMES, 0.5)
    assert np.array_equal(planes.transpose(0, 3, 1, 2), stack)


def test_one_file_a_channel_holds_the_same_values(tmp_path: Path) -> None:
    layout = StackLayout(20, 33, "T", (2,))
    stack = noise(2, 3, 20, 33)
    files = [OmeFile(tmp_path / f"{i}.ome.tif", (i,), (NAMES[i],)) for i in range(3)]
    write_float_tiles(files, cut(stack, 16), layout, tile_px=16, description=NOTE)
    for index in range(3):
        with tifffile.TiffFile(tmp_path / f"{index}.ome.tif") as file:
            assert file.series[0].axes == "TYX"
            assert np.array_equal(file.asarray(), stack[:, index])
            pixels = check_ome_rules(file.pages[0].description.encode())
            assert pixels[0].attrib["Name"] == NAMES[index]
            assert "PhysicalSizeX" not in pixels.attrib


def test_the_note_says_what_the_values_are_for() -> None:
    xml = build_ome_xml(StackLayout(4, 4), ["input"], name="a", description=NOTE)
    check_ome_rules(xml)
    assert ElementTree.fromstring(xml)[0][0].text == NOTE
    paged = build_ome_xml(StackLayout(4, 4, "I", (2,)), ["input"], name="a", description=NOTE)
    assert "no labelled axis" in str(ElementTree.fromstring(paged)[0][0].text)


def test_hostile_names_stay_text() -> None:
    names = ['<b>&"', "bell\x07", "red\nblue", "µ 核"]
    xml = build_ome_xml(StackLayout(4, 4), names, name="\x00</Image>", description=NOTE)
    pixels = check_ome_rules(xml)
    assert [each.attrib["Name"] for each in pixels[:-1]] == ['<b>&"', "bell?", "red\nblue", "µ 核"]


def test_a_failure_leaves_the_old_file_and_no_scratch_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    write_one(path, noise(1, 3, 20, 20), StackLayout(20, 20))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="1 tiles of a plane, expected 4"):
        write_one(path, noise(1, 3, 16, 16), StackLayout(20, 20))
    with pytest.raises(ValueError, match="more tiles"):
        write_one(path, noise(2, 3, 20, 20), StackLayout(20, 20))
    with pytest.raises(ValueError, match="expected float32"):
        write_one(path, noise(1, 2, 20, 20), StackLayout(20, 20))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_equal_images_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_one(tmp_path / name / "a.ome.tif", noise(1, 3, 20, 20), StackLayout(20, 20))
    assert (tmp_path / "one/a.ome.tif").read_bytes() == (tmp_path / "two/a.ome.tif").read_bytes()


def test_tiles_that_tiff_cannot_hold_are_refused(tmp_path: Path) -> None:
    file = OmeFile(tmp_path / "a.ome.tif", (0,), ("input",))
    with pytest.raises(ValueError, match="multiple of 16"):
        write_float_tiles([file], [], StackLayout(20, 20), tile_px=24, description=NOTE)
