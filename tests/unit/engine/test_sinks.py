"""Arrays and files that grow tile by tile: nothing lost, nothing half made."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from cellenhance.data.files.sources import ImageInfo
from cellenhance.engine.image_pass import PassingImage
from cellenhance.engine.planes import ArrayPlane
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.sinks import THREAD_NAME, Canvas, MaskFile, TileFeed, thinning_step
from cellenhance.engine.tiling import TileGrid
from cellenhance.networks.outputs import SegmentationOutput

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("shape", [(37, 20), (1, 1), (16, 48), (5, 100)])
def test_a_canvas_is_every_nth_pixel_of_the_image(shape: tuple[int, int], step: int) -> None:
    image = np.random.default_rng(0).random((2, *shape))
    canvas: Canvas[np.float64] = Canvas(*shape, step)
    for tile in TileGrid(*shape, core_px=16, context_px=0, stride_px=1, min_size_px=1):
        canvas.put(tile, image[:, tile.rows.core, tile.cols.core])
    np.testing.assert_array_equal(canvas.array, image[:, ::step, ::step])


def test_the_step_is_the_smallest_that_fits() -> None:
    assert [thinning_step(side, 10, 100) for side in (100, 101, 200, 201)] == [1, 2, 2, 3]


def feeds_running() -> int:
    return sum(each.name == THREAD_NAME for each in threading.enumerate())


def test_a_feed_hands_on_every_tile_in_order() -> None:
    arrived: list[int] = []
    feed = TileFeed(lambda tiles: arrived.extend(int(tile[0]) for tile in tiles))
    for number in range(50):
        feed.put(np.array([number]))
    feed.close()
    assert arrived == list(range(50))


def test_what_the_function_raises_is_raised_where_tiles_are_handed_over() -> None:
    def write(tiles: Iterator[Array]) -> None:
        next(tiles)
        raise OSError(28, "No space left on device", "mask.tif")

    feed = TileFeed(write)
    with pytest.raises(OSError, match="No space left on device"):
        deque(map(feed.put, np.zeros((5, 1))))
    with pytest.raises(OSError, match="mask"):
        feed.close()
    feed.abandon()
    assert feeds_running() == 0


def test_a_function_that_stops_reading_does_not_block() -> None:
    def read_one(tiles: Iterator[Array]) -> None:
        next(tiles)

    feed = TileFeed(read_one)
    for _ in range(5):
        feed.put(np.ones(1))
    feed.close()
    assert feeds_running() == 0


def parts(mask: Array) -> Iterator[TilePrediction]:
    height, width = mask.shape
    for tile in TileGrid(height, width, 32, 0, 1, 1):
        core = mask[tile.rows.core, tile.cols.core]
        logits = torch.nn.functional.one_hot(torch.from_numpy(core.astype(np.int64)), 3)
        logits = logits.permute(2, 0, 1)[None].float()
        pixels = core[..., None]
        output = SegmentationOutput(logits, logits[:, :0])
        yield TilePrediction(tile, (output,), pixels.astype(np.float32), pixels)


@pytest.fixture
def mask() -> Array:
    return np.random.default_rng(0).integers(0, 3, (70, 40), dtype=np.uint8)


def passing(mask: Array, n_planes: int = 2) -> PassingImage:
    axes, shape = ("Z", (n_planes,)) if n_planes > 1 else ("", ())
    height, width = mask.shape
    info = ImageInfo(Path("x.tif"), height, width, 1, mask.dtype, axes, shape, pixel_size_um=0.5)
    return PassingImage(info, (ArrayPlane(mask[..., None]),) * n_planes)


def test_a_mask_file_holds_every_plane(mask: Array, tmp_path: Path) -> None:
    sink = MaskFile(32, "done", tmp_path / "masks" / "x.tif")
    sink.begin(passing(mask))
    for plane in (mask, mask[::-1]):
        for part in parts(np.ascontiguousarray(plane)):
            sink.tile(part)
    assert sink.finish() == "done"
    with tifffile.TiffFile(sink.path) as file:
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), [mask, mask[::-1]])


@pytest.mark.parametrize("n_tiles", [0, 1, 5])
def test_an_abandoned_mask_file_leaves_nothing(mask: Array, tmp_path: Path, n_tiles: int) -> None:
    sink = MaskFile(32, "done", tmp_path / "x.tif")
    sink.begin(passing(mask))
    for _, part in zip(range(n_tiles), parts(mask), strict=False):
        sink.tile(part)
    sink.abandon()
    assert list(tmp_path.iterdir()) == []
    assert feeds_running() == 0
