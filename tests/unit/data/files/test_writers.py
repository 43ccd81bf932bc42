"""Outputs are complete or absent, lossless, and streamed where they are large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellenhance.data.files.readers import open_image, read_mask
from cellenhance.data.files.writers import (
    write_csv,
    write_image,
    write_json,
    write_mask,
    write_mask_tiles,
)


def test_masks_are_plain_deflate_tiffs_without_colour_table(tmp_path: Path) -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    write_mask(tmp_path / "m.tif", mask, pixel_size_um=0.5)
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        page = file.pages[0]
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        assert "ColorMap" not in page.tags
        # 0.5 um a pixel is 20000 pixels a centimetre.
        numerator, denominator = page.tags["XResolution"].value
        assert numerator / denominator == 20_000
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), mask)


def test_pixel_size_and_channel_names_survive(tmp_path: Path) -> None:
    image = np.zeros((4, 5, 2), np.float32)
    write_image(tmp_path / "a.tif", image, pixel_size_um=12.5, channel_names=("DNA", "actin"))
    with open_image(tmp_path / "a.tif") as source:
        assert source.info.pixel_size_um == 12.5
        assert source.info.channel_names == ("DNA", "actin")


@pytest.mark.parametrize(("axes", "shape"), [("", ()), ("Z", (3,)), ("TZ", (2, 3)), ("I", (4,))])
@pytest.mark.parametrize("padded", [True, False])
def test_tiles_come_back_as_the_stack_they_were_cut_from(
    tmp_path: Path, axes: str, shape: tuple[int, ...], padded: bool
) -> None:
    stack = np.random.default_rng(0).integers(0, 4, (*shape, 40, 70), dtype=np.uint8)

    def tiles() -> Iterator[np.ndarray]:
        for plane in stack.reshape(-1, 40, 70):
            for y in range(0, 40, 32):
                for x in range(0, 70, 32):
                    tile = plane[y : y + 32, x : x + 32]
                    missing = [(0, 32 - side) for side in tile.shape]
                    yield np.pad(tile, missing) if padded else tile

    path = tmp_path / "mask.tif"
    write_mask_tiles(
        path,
        tiles(),
        plane_axes=axes,
        plane_shape=shape,
        height=40,
        width=70,
        tile_px=32,
        pixel_size_um=0.25,
    )
    with open_image(path) as source:
        assert (source.info.plane_axes, source.info.plane_shape) == (axes, shape)
        assert source.info.pixel_size_um == pytest.approx(0.25)
        planes = [source.read_plane(i)[..., 0] for i in range(source.info.n_planes)]
    np.testing.assert_array_equal(np.stack(planes), stack.reshape(-1, 40, 70))


def test_json_refuses_nan_and_csv_quotes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()
    write_csv(tmp_path / "a.csv", ("id",), [('a,"b"\n<c>',)])
    assert (tmp_path / "a.csv").read_text() == 'id\n"a,""b""\n<c>"\n'
