"""Networks without a receptive field: one window size, blended, whatever the image's size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.normalize import Normalization
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import ArrayPlane
from cellenhance.engine.windows import choose_window, iterate_cells
from cellenhance.errors import SettingsError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.header import ModelHeader

CPU = choose_compute("cpu", "fp32")
CLASSES = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
UNIT = Normalization(
    method="unit", low=(0.0,), high=(1.0,), observed_low=(0.0,), observed_high=(1.0,)
)


class Global(SegmentationNetwork):
    """Logits are the image and, with `mean`, the mean of the whole input."""

    stride, min_size, receptive_field_px = 8, 8, None

    def __init__(self, *, mean: bool) -> None:
        super().__init__(1, 2, 1)
        self.mean = mean
        self.sides: set[tuple[int, int]] = set()

    def forward(self, image: Tensor) -> SegmentationOutput:
        self.sides.add((image.shape[2], image.shape[3]))
        second = image.mean(dim=(2, 3), keepdim=True).expand_as(image) if self.mean else -image
        return SegmentationOutput(torch.cat([image, second], dim=1), image)


def make_model(*, mean: bool, window_px: int | None = 32) -> LoadedModel:
    header = ModelHeader(
        entry=load_catalog().resolve("unet"),
        in_channels=1,
        classes=CLASSES,
        normalization=UNIT,
        window_px=window_px,
    )
    return LoadedModel(Global(mean=mean).eval(), header, Path("global.safetensors"))


SIZES = [(10, 20), (32, 32), (33, 32), (50, 90), (96, 64)]


@pytest.mark.parametrize("size", SIZES)
def test_cells_cover_every_pixel_once_with_weights_that_sum_to_one(size: tuple[int, int]) -> None:
    covered = np.zeros(size)
    for parts in iterate_cells(*size, window_px=32):
        rows, cols = parts[0].tile.rows.core, parts[0].tile.cols.core
        np.testing.assert_allclose(sum(part.weight for part in parts), 1, atol=1e-6)
        covered[rows, cols] += 1
        for part in parts:
            assert part.whole.rows.window_stop - part.whole.rows.window_start == 32
            assert part.whole.cols.window_stop - part.whole.cols.window_start == 32
    np.testing.assert_array_equal(covered, 1)


@pytest.mark.parametrize("size", SIZES)
def test_a_pointwise_network_gives_the_same_as_without_windows(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random((*size, 1)).astype(np.float32)
    model = make_model(mean=False)
    probabilities = Predictor([model], CPU).predict(image).probabilities
    expected = 1 / (1 + np.exp(-2 * image[..., 0]))
    np.testing.assert_allclose(probabilities[0], expected, atol=1e-6)
    assert model.network.sides == {(32, 32)}


def test_blending_leaves_no_seam() -> None:
    # A ramp: the mean of a window jumps from window to window, its blend must not.
    image = np.tile(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], (32, 1, 1))
    parts = list(Predictor([make_model(mean=True)], CPU).predict_tiles(ArrayPlane(image)))
    mean = np.concatenate([part.outputs[0].logits[0, 1, 0].numpy() for part in parts[:16]])
    steps = np.diff(mean)
    # Windows are 16 px apart on a ramp of 1/255 a px: blended, the mean climbs by that each px.
    assert steps[16:-16] == pytest.approx(1 / 255, abs=2e-4)


def test_tiles_and_overlap_cannot_be_chosen() -> None:
    with pytest.raises(SettingsError, match=r"always run on windows of 32 px"):
        Predictor([make_model(mean=True)], CPU, tile=64)


def test_runs_of_different_windows_do_not_combine() -> None:
    one, other = make_model(mean=True), make_model(mean=True, window_px=64)
    with pytest.raises(SettingsError, match="one window size"):
        Predictor([one, other], CPU)
    lost = replace(one, header=one.header.model_copy(update={"window_px": None}))
    with pytest.raises(SettingsError, match="one window size"):
        Predictor([lost], CPU)


def test_the_window_is_the_crop_on_the_stride() -> None:
    network: SegmentationNetwork = Global(mean=True)
    assert choose_window(network, 128) == 128
    assert choose_window(network, 100) == 128  # half of it is a TIFF tile: a multiple of 16
    assert choose_window(network, None) == 256
    network.receptive_field_px = 9
    assert choose_window(network, 128) is None
