"""The size of a pixel, both sides of it, as many programs write it: right or unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellenhance.data.files.ome import OmeFile, write_float_tiles
from cellenhance.data.files.ome_xml import StackLayout
from cellenhance.data.files.readers import open_image
from cellenhance.data.files.writers import write_image, write_mask, write_mask_tiles
from cellenhance.pixel_size import PixelSize

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 24), dtype=np.uint8)
X, Y = 0.325, 0.65


def near(size: Any) -> Any:
    """Return what equals a size up to the rounding of resolutions to fractions."""
    return None if size is None else pytest.approx(size, rel=2e-5)


def size_of(path: Path, **options: Any) -> PixelSize | None:
    with open_image(path, **options) as source:
        return source.info.pixel_size_um


def imagej(unit: str | None, um: float, **more: str) -> dict[str, Any]:
    """Options of tifffile for an ImageJ file whose unit is so many um."""
    metadata = ({} if unit is None else {"unit": unit}) | more
    return {"imagej": True, "resolution": (um / X, um / Y), "metadata": metadata}


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        *((word, 1) for word in ("um", "micron", "microns", "micrometer", "\\u00B5m", "\\u00b5m")),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("cm", 1e4),
        ("inch", 25_400),
    ],
)
def test_imagej_units(tmp_path: Path, unit: str, um: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **imagej(unit, um))
    assert size_of(tmp_path / "a.tif") == near((Y, X))


@pytest.mark.parametrize(
    "letter", [b"\xb5", b"\xc2\xb5", b"\xce\xbc"], ids=["Latin-1", "UTF-8", "mu"]
)
def test_imagej_units_with_the_letter_itself(tmp_path: Path, letter: bytes) -> None:
    placeholder = b"@" * len(letter)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **imagej(placeholder.decode() + "m", 1))
    data = (tmp_path / "a.tif").read_bytes()
    assert placeholder in data
    (tmp_path / "a.tif").write_bytes(data.replace(placeholder + b"m", letter + b"m"))
    assert size_of(tmp_path / "a.tif") == near((Y, X))


def test_imagej_has_a_unit_of_its_own_for_y(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        PIXELS,
        imagej=True,
        resolution=(1 / X, 1 / (1000 * Y)),
        metadata={"unit": "um", "yunit": "nm"},
    )
    assert size_of(tmp_path / "a.tif") == near((Y, X))


@pytest.mark.parametrize("unit", ["pixel", "pixels", "", "furlong", None])
def test_imagej_without_a_length_is_unknown(tmp_path: Path, unit: str | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **imagej(unit, 1))
    assert size_of(tmp_path / "a.tif") is None


OME: list[tuple[dict[str, Any], PixelSize | None]] = [
    ({"PhysicalSizeX": X, "PhysicalSizeY": Y}, (Y, X)),
    ({"PhysicalSizeX": 325, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": Y}, (Y, X)),
    (
        {
            "PhysicalSizeX": X,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 650,
            "PhysicalSizeYUnit": "nm",
        },
        (Y, X),
    ),
    ({"PhysicalSizeX": X / 1e3, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": X}, X),
    ({"PhysicalSizeX": X, "PhysicalSizeY": X}, X),
    ({"PhysicalSizeX": X}, X),  # as Bio-Formats takes it
    ({"PhysicalSizeY": Y}, Y),
    ({"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": Y}, None),
    ({"PhysicalSizeX": X, "PhysicalSizeY": 1, "PhysicalSizeYUnit": "reference frame"}, None),
    ({"PhysicalSizeX": 3250, "PhysicalSizeXUnit": "Å", "PhysicalSizeY": X}, X),
    ({}, None),
]


@pytest.mark.parametrize(("metadata", "expected"), OME, ids=[str(each) for each, _ in OME])
def test_ome_units(tmp_path: Path, metadata: dict[str, Any], expected: PixelSize | None) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata={"axes": "YX", **metadata})
    size = size_of(tmp_path / "a.ome.tif")
    assert size == near(expected)
    assert isinstance(size, tuple) == isinstance(expected, tuple)


@pytest.mark.parametrize(
    ("unit", "per_um", "expected"),
    [
        ("CENTIMETER", 1e4, (Y, X)),
        ("INCH", 25_400, (Y, X)),
        ("NONE", 1, None),
        ("CENTIMETER", 1, None),  # 3250 um: no microscope
    ],
)
def test_resolution_tags(
    tmp_path: Path, unit: str, per_um: float, expected: PixelSize | None
) -> None:
    resolution = (per_um / X, per_um / Y)
    tifffile.imwrite(
        tmp_path / "a.tif", PIXELS, resolution=resolution, resolutionunit=unit, metadata=None
    )
    size = size_of(tmp_path / "a.tif")
    assert size == near(expected)


@pytest.mark.parametrize("dpi", [72, 96, 300, 1200])
def test_a_printing_resolution_is_unknown(tmp_path: Path, dpi: int) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", PIXELS, resolution=(dpi, dpi), resolutionunit="INCH", metadata=None
    )
    assert size_of(tmp_path / "a.tif") is None


def write_tiles(path: Path, size: PixelSize | None, axes: str = "") -> None:
    shape = (2,) if axes else ()
    write_mask_tiles(
        path,
        iter([PIXELS % 3] * (2 if axes else 1)),
        plane_axes=axes,
        plane_shape=shape,
        height=20,
        width=24,
        tile_px=32,
        pixel_size_um=size,
    )


def write_floats(path: Path, size: PixelSize | None) -> None:
    layout = StackLayout(20, 24, pixel_size_um=size)
    tiles = [PIXELS[None].astype(np.float32)]
    write_float_tiles(
        [OmeFile(path, (0,), ("a",))], tiles, layout, tile_px=32, description="numbers"
    )


WRITERS: dict[str, Callable[[Path, PixelSize | None], None]] = {
    "image.tif": lambda path, size: write_image(path, PIXELS[..., None], pixel_size_um=size),
    "mask.tif": lambda path, size: write_mask(path, PIXELS, pixel_size_um=size),
    "tiles.tif": write_tiles,
    "pages.tif": lambda path, size: write_tiles(path, size, "I"),
    "stack.ome.tif": lambda path, size: write_tiles(path, size, "Z"),
    "floats.ome.tif": write_floats,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [(Y, X), X, None], ids=str)
def test_what_we_write_has_both_sides(tmp_path: Path, name: str, size: PixelSize | None) -> None:
    path = tmp_path / name
    WRITERS[name](path, size)
    assert size_of(path) == near(size)
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        if size is not None:
            height, width = size if isinstance(size, tuple) else (size, size)
            for tag, side in (("XResolution", width), ("YResolution", height)):
                above, below = tags[tag].value
                assert above / below == near(1e4 / side)  # pixels a centimetre
            assert tags["ResolutionUnit"].value == 3


@pytest.mark.parametrize(("mark", "expected"), [(3, (Y, X)), (6, (X, Y))])
def test_a_quarter_turn_exchanges_the_sides(tmp_path: Path, mark: int, expected: PixelSize) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        PIXELS,
        resolution=(1e4 / X, 1e4 / Y),
        resolutionunit="CENTIMETER",
        metadata=None,
        extratags=[(274, "H", 1, mark, True)],
    )
    assert size_of(tmp_path / "a.tif") == near(expected)
    assert size_of(tmp_path / "a.tif", orientation="ignore") == near((Y, X))
