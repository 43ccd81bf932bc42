"""Makers' files go through bioio: a stand-in of it here, the real one where it is installed."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cellenhance.data.files.readers import is_image_name, open_image, read_image
from cellenhance.errors import ImageReadError

CZI = b"ZISRAWFILE" + bytes(54)
STACK = np.random.default_rng(0).integers(0, 4000, (2, 3, 2, 8, 9), dtype=np.uint16)  # T Z C Y X


class FakeImage:
    """What this package uses of bioio.BioImage, on an array of axes TZCYX or TZYXS."""

    scenes: tuple[str, ...] = ("Image:0",)
    physical_pixel_sizes = SimpleNamespace(Z=1.0, Y=0.2, X=0.2)

    def __init__(self, pixels: np.ndarray = STACK, order: str = "TZCYX") -> None:
        self._pixels, self._order = pixels, order
        lengths = dict(zip(order, pixels.shape, strict=True))
        has_samples = "S" in order
        self.dtype = pixels.dtype
        self.channel_names = ["DAPI", "GFP"][: lengths.get("C", 1)]
        self.dims = SimpleNamespace(
            order="TCZYXS" if has_samples else "TCZYX", **{"C": 1, "T": 1, "Z": 1, **lengths}
        )

    def get_image_dask_data(self, letters: str, **where: int) -> Any:
        index = tuple(where[a] if a in where else slice(None) for a in self._order)
        kept = [a for a in self._order if a not in where]
        plane = self._pixels[index].transpose([kept.index(a) for a in letters])
        return _Lazy(plane)


class _Lazy:
    def __init__(self, plane: np.ndarray) -> None:
        self._plane = plane

    def __getitem__(self, key: Any) -> _Lazy:
        return _Lazy(self._plane[key])

    def compute(self) -> np.ndarray:
        return self._plane


@pytest.fixture
def czi(tmp_path: Path) -> Path:
    path = tmp_path / "cells.czi"
    path.write_bytes(CZI)
    return path


def use(monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=opened))


def test_planes_channels_and_pixel_size(czi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda _: FakeImage())
    with open_image(czi) as source:
        info = source.info
        assert (info.plane_axes, info.plane_shape) == ("TZ", (2, 3))
        assert (info.height, info.width, info.channels) == (8, 9, 2)
        assert (info.channel_names, info.pixel_size_um) == (("DAPI", "GFP"), 0.2)
        region = source.read_region(4, slice(2, 5), slice(1, 9))  # T 1, Z 1
    np.testing.assert_array_equal(region, np.moveaxis(STACK[1, 1], 0, 2)[2:5, 1:9])
    with open_image(czi, channel=1, projection="max") as source:
        assert source.info.plane_axes == "T"
        np.testing.assert_array_equal(source.read_plane(1)[..., 0], STACK[1, :, 1].max(axis=0))


def test_colour_samples_are_channels(czi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (1, 1, 8, 9, 3), dtype=np.uint8)
    use(monkeypatch, lambda _: FakeImage(pixels, "TZYXS"))
    np.testing.assert_array_equal(read_image(czi), pixels[0, 0])
    with open_image(czi) as source:
        assert source.info.channel_names == ("red", "green", "blue")


class FakeScenes:
    """A file of several images, of which one at a time is current."""

    def __init__(self, **images: FakeImage) -> None:
        self._images = images
        self.scenes = tuple(images)
        self.current_scene = self.scenes[0]

    def set_scene(self, name: str) -> None:
        self.current_scene = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._images[self.current_scene], name)


def test_further_images_of_a_file_are_planes_or_chosen(
    czi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = STACK[:, ::-1]
    use(monkeypatch, lambda _: FakeScenes(A=FakeImage(), B=FakeImage(other)))
    with open_image(czi) as source:
        assert (source.info.plane_axes, source.info.n_planes) == ("I", 12)
        for plane, expected in ((4, STACK[1, 1]), (10, other[1, 1]), (0, STACK[0, 0])):
            np.testing.assert_array_equal(source.read_plane(plane), np.moveaxis(expected, 0, 2))
    with open_image(czi, series="B") as source:
        assert (source.info.plane_axes, source.info.n_planes) == ("TZ", 6)
        np.testing.assert_array_equal(source.read_plane(0), np.moveaxis(other[0, 0], 0, 2))


def test_of_different_images_in_a_file_the_first_is_read_and_that_is_said(
    czi: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="cellenhance")
    use(monkeypatch, lambda _: FakeScenes(A=FakeImage(), B=FakeImage(STACK[..., :5])))
    with open_image(czi) as source:
        assert source.info.width == 9
    assert "holds 2 images: 0 A (2 x 2 x 3 x 8 x 9), 1 B (2 x 2 x 3 x 8 x 5)" in caplog.text
    assert "only the first is read, --series selects another" in caplog.text


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.czi", b"ZISRAWFILE", "Zeiss CZI"),
        ("a.nd2", b"\xda\xce\xbe\x0a", "Nikon ND2"),
        ("a.lif", b"\x70\0\0\0", "Leica LIF"),
        ("a.oir", b"OLYMPUSRAWFORMAT", "Olympus OIR"),
    ],
)
def test_without_bioio_one_line_names_the_extra_and_ome_tiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: bytes, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "bioio", None)  # an import of it fails
    (tmp_path / name).write_bytes(head + bytes(60))
    assert is_image_name(tmp_path / name)
    with pytest.raises(ImageReadError) as caught:
        open_image(tmp_path / name)
    line = str(caught.value)
    assert f"is a {kind} file" in line
    assert "cellenhance[formats]" in line
    assert "OME-TIFF" in line
    assert "\n" not in line


def test_what_a_plugin_raises_is_one_line(czi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise RuntimeError("no plugin for this. Lots of advice\nand more lines")

    use(monkeypatch, fail)
    with pytest.raises(ImageReadError, match=r"cannot be read \(no plugin for this\); install"):
        open_image(czi)
    with pytest.raises(ImageReadError, match="names its axes; leave out --axes"):
        open_image(czi, axes="ZYX")


def test_a_real_czi_is_read(tmp_path: Path) -> None:
    pytest.importorskip("bioio_czi", reason="the extra [formats] is not installed")
    writer = pytest.importorskip("pylibCZIrw.czi")
    with writer.create_czi(str(tmp_path / "a.czi")) as file:
        for depth in range(3):
            for channel in range(2):
                pixels = STACK[0, depth, channel, ..., None]
                file.write(pixels, plane={"T": 0, "Z": depth, "C": channel})
        file.write_metadata("a", channel_names={0: "DAPI", 1: "GFP"}, scale_x=2e-7, scale_y=2e-7)
    with open_image(tmp_path / "a.czi") as source:
        assert (source.info.plane_axes, source.info.pixel_size_um) == ("Z", 0.2)
        assert source.info.channel_names == ("DAPI", "GFP")
        np.testing.assert_array_equal(source.read_plane(2), np.moveaxis(STACK[0, 2], 0, 2))
