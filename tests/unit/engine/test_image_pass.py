"""The road of an image: what sinks are shown, in which order, and what happens on failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from cellenhance.arrays import FloatImage
from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.inputs import FoundInputs, InputImage
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.files.options import ReadingOptions
from cellenhance.data.normalize import Normalization, RangeWatch
from cellenhance.engine.image_pass import (
    PassingImage,
    Sink,
    apply_to_images,
    array_image,
    open_passing,
    show_image,
)
from cellenhance.engine.planes import Plane
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.tiling import TileGrid
from cellenhance.errors import DatasetError
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.progress import silent
from cellenhance.runs.header import ModelHeader

CLASSES = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
LIMITS = Normalization(
    method="unit", low=(0.0,), high=(255.0,), observed_low=(10.0,), observed_high=(200.0,)
)


class Threshold:
    """Networks of the road that say class 1 where a pixel is above 100, in tiles of 16 px."""

    header = ModelHeader(
        entry=load_catalog().resolve("light-unet"),
        in_channels=1,
        classes=CLASSES,
        normalization=LIMITS,
    )

    def predict_tiles(self, plane: Plane, watch: RangeWatch | None) -> Iterator[TilePrediction]:
        for tile in TileGrid(plane.height, plane.width, 16, 0, 1, 1):
            pixels = plane.read(tile.rows.core, tile.cols.core)
            if watch is not None:
                watch.add(pixels)
            is_above = torch.from_numpy((pixels[..., 0] > 100).astype(np.float32))
            logits = torch.stack([1 - is_above, is_above])[None]
            output = SegmentationOutput(logits, logits[:, :0])
            image: FloatImage = (pixels / 255).astype(np.float32)
            yield TilePrediction(tile, (output,), image, pixels)


class Diary(Sink[str]):
    """Writes down what it is told."""

    def __init__(self, fails_at: str = "") -> None:
        self.told: list[str] = []
        self._fails_at = fails_at

    def _note(self, word: str) -> None:
        self.told.append(word)
        if word == self._fails_at:
            raise DatasetError(f"fails at {word}")

    def begin(self, image: PassingImage) -> None:  # noqa: ARG002
        self._note("begin")

    def plane(self, number: int) -> None:
        self._note(f"plane {number}")

    def tile(self, part: TilePrediction) -> None:  # noqa: ARG002
        self._note("tile")

    def finish(self) -> str:
        self._note("finish")
        return " ".join(self.told)

    def abandon(self) -> None:
        self.told.append("abandon")


class Count(Sink[str]):
    """Counts the pixels of class 1; all that a sink must have."""

    def __init__(self) -> None:
        self.n = 0

    def tile(self, part: TilePrediction) -> None:
        self.n += int(part.mask().sum())

    def finish(self) -> str:
        return str(self.n)


def stack(tmp_path: Path, pixels: np.ndarray[Any, Any]) -> Path:
    tifffile.imwrite(tmp_path / "stack.ome.tif", pixels, metadata={"axes": "ZYX"})
    return tmp_path / "stack.ome.tif"


def test_sinks_are_told_of_every_plane_and_tile_and_hand_over_what_they_made(
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 20, 17), dtype=np.uint8)
    networks = Threshold()
    with open_passing(stack(tmp_path, pixels), ReadingOptions(), networks.header) as image:
        diary, count = show_image(networks, image, [Diary(), Count()])
    tiles = "tile tile tile tile"  # 20 x 17 pixels in tiles of 16
    assert diary == f"begin plane 0 {tiles} plane 1 {tiles} finish"
    assert int(count) == np.count_nonzero(pixels > 100)


def test_one_plane_of_a_stack_alone(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 17), dtype=np.uint8)
    networks = Threshold()
    with open_passing(stack(tmp_path, pixels), ReadingOptions(), networks.header) as image:
        [count] = show_image(networks, image.only(1), [Count()])
    assert int(count) == np.count_nonzero(pixels[1] > 100)


@pytest.mark.parametrize("moment", ["begin", "plane 0", "tile", "finish"])
def test_when_one_sink_fails_all_that_have_begun_are_abandoned(moment: str) -> None:
    image = array_image(np.zeros((20, 20, 1), np.uint8))
    first, failing, never = Diary(), Diary(fails_at=moment), Diary()
    with pytest.raises(DatasetError, match=f"fails at {moment}"):
        show_image(Threshold(), image, [first, failing, never])
    assert first.told[-1] == failing.told[-1] == "abandon"
    assert never.told == ([] if moment == "begin" else [*never.told[:-1], "abandon"])


def test_what_training_never_saw_is_warned_of_once_the_image_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = RangeWatch(LIMITS)
    pixels = np.tile(np.array([[0], [100], [255], [255]], np.uint8), (5, 20))[..., None]
    with caplog.at_level(logging.WARNING, "cellenhance"):
        with pytest.raises(DatasetError):
            show_image(Threshold(), array_image(pixels, RangeWatch(LIMITS)), [Diary("finish")])
        assert caplog.text == ""
        show_image(Threshold(), array_image(pixels, watch), [Count()])
    assert "training saw 10 to 200: 75.0 % of the pixels lie outside" in caplog.text
    assert watch.shares_outside() == (0.25, 0.5)


def test_a_pixel_of_several_channels_lies_outside_once() -> None:
    limits = LIMITS.model_copy(
        update={"observed_low": (10.0, 10.0), "observed_high": (200.0, 200.0)}
    )
    watch = RangeWatch(limits)
    watch.add(np.array([[[0, 0], [0, 50], [50, 255], [0, 255]]], np.uint8))
    assert watch.shares_outside() == (0.75, 0.5)  # the last one is below in one, above in another
    per_image = RangeWatch(limits.model_copy(update={"method": "per-image"}))
    per_image.add(np.zeros((2, 2, 2), np.uint8))
    assert per_image.shares_outside() is None


def test_an_image_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    images = tuple(InputImage(Path(f"{name}.tif"), name) for name in "abc")

    def work(image: InputImage) -> str:
        if image.stem == "b":
            raise DatasetError("b.tif: is damaged")
        return image.stem.upper()

    done = apply_to_images(FoundInputs(images, (Path("notes.txt"),)), work, silent, "CPU")
    assert done.written == ("A", "C")
    assert done.failed == ((Path("b.tif"), "b.tif: is damaged"),)
    assert "b.tif: is damaged" in caplog.text
    assert done.to_json(lambda letter: {"letter": letter}, "letters") == {
        "letters": [{"letter": "A"}, {"letter": "C"}],
        "failed": [{"input": "b.tif", "reason": "b.tif: is damaged"}],
        "skipped": ["notes.txt"],
    }
