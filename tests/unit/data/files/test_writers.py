"""Outputs are complete or absent, lossless, and streamed where they are large."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from safetensors.numpy import save_file

from cellenhance.data.files import writers
from cellenhance.data.files.readers import open_image, read_mask
from cellenhance.data.files.writers import (
    replacing,
    replacing_folder,
    write_csv,
    write_image,
    write_json,
    write_mask,
    write_mask_tiles,
    write_png,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("old")
    with suppress(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_every_file_follows_the_umask(tmp_path: Path, umask: int, rights: int) -> None:
    def write_all(folder: Path) -> None:
        write_text(folder / "a.txt", "x")
        write_csv(folder / "a.csv", ("id",), [("a",)])
        write_png(folder / "a.png", np.zeros((2, 2), np.uint8))
        write_mask(folder / "a.tif", np.zeros((2, 2), np.uint8))
        with replacing(folder / "a.safetensors") as temporary:
            save_file({"w": np.zeros(2)}, temporary)  # by itself readable by its owner only
        with replacing(folder / "private") as temporary:
            temporary.unlink()
            temporary.touch(mode=0o600)

    before = os.umask(umask)
    try:
        (tmp_path / "lone" / "a.txt").parent.mkdir()
        (tmp_path / "lone" / "a.txt").touch(mode=0o666)  # an older file gives way, rights and all
        write_all(tmp_path / "lone")
        with replacing_folder(tmp_path / "set") as folder:
            write_all(folder)
    finally:
        os.umask(before)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 12
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {rights}


def test_a_failed_folder_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "set"
    with replacing_folder(path) as folder:
        (folder / "a").write_text("old")
    with suppress(KeyboardInterrupt), replacing_folder(path) as folder:
        (folder / "a").write_text("half")
        raise KeyboardInterrupt
    assert (path / "a").read_text() == "old"
    with replacing_folder(path) as folder:
        (folder / "b").write_text("new")
    assert [each.name for each in path.iterdir()] == ["b"]
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_files_of_an_unfinished_folder_are_made_to_last_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    for how in ("_sync_file", "sync_folder"):
        monkeypatch.setattr(writers, how, lambda path: synced.append(path.name))
    with replacing_folder(tmp_path / "set") as folder:
        for name in ("a.txt", "deep/b.txt"):
            write_text(folder / name, "x")
        assert synced == []
    assert sorted(synced[:2]) == ["a.txt", "b.txt"]
    assert synced[2] == "deep"
    assert synced[-1] == tmp_path.name  # the rename is the last thing that is made to last
    assert (tmp_path / "set" / "deep" / "b.txt").read_text() == "x"
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


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
