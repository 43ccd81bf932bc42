"""Prediction of images of any size: tiled equals whole, members are averaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.normalize import Normalization, RangeWatch
from cellenhance.engine import seeding
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import evaluate
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import ArrayPlane
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader
from cellenhance.runs.stored_confusion import ENSEMBLE

CPU = choose_compute("cpu", "fp32")
UNIT = Normalization(method="unit", low=(0.0,), high=(255.0,))


def make_model(name: str, seed: int = 0, normalization: Normalization = UNIT) -> LoadedModel:
    entry = load_catalog().resolve(name)
    with seeding.seeded(seed, "initialisation"):
        network = build_network(entry, 1, 2).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(module.get_buffer("running_mean"), 0, 0.2)
                torch.nn.init.uniform_(module.get_buffer("running_var"), 0.05, 0.2)
    classes = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
    header = ModelHeader(entry=entry, in_channels=1, classes=classes, normalization=normalization)
    return LoadedModel(network, header, Path(f"{name}-{seed}.safetensors"))


def make_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 1), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "height", "width", "tile_px"),
    [
        ("light-unet", 83, 147, 16),
        ("light-unet", 130, 61, 48),
        ("aep", 40, 347, 64),
        ("unet", 16, 273, 96),
    ],
)
def test_tiled_equals_whole(name: str, height: int, width: int, tile_px: int) -> None:
    """Sides are chosen so that inner tiles are narrower than the image: context is really cut."""
    model, image = make_model(name), make_image(height, width)
    tiled = Predictor([model], CPU, tile=tile_px)
    whole = Predictor([model], CPU, tile=1024)
    assert len(whole.grid(height, width)) == 1
    windows = [tile.cols.window_stop - tile.cols.window_start for tile in tiled.grid(height, width)]
    rows = [tile.rows.window_stop - tile.rows.window_start for tile in tiled.grid(height, width)]
    assert min(windows) < width or min(rows) < height
    expected = whole.predict(image).probabilities
    assert float(np.ptp(expected)) > 0.1
    assert np.abs(tiled.predict(image).probabilities - expected).max() < 1e-5


def test_a_smaller_context_is_not_the_whole_image() -> None:
    """The tolerance above is one that a wrong context breaks."""
    model, image = make_model("light-unet"), make_image(40, 147)
    expected = Predictor([model], CPU, tile=1024).predict(image).probabilities
    found = Predictor([model], CPU, tile=16, overlap=16).predict(image).probabilities
    assert np.abs(found - expected).max() > 1e-5


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (1, 20), (9, 8)])
def test_images_smaller_than_the_network_are_padded(height: int, width: int) -> None:
    prediction = Predictor([make_model("unet")], CPU).predict(make_image(height, width))
    assert prediction.mask.shape == (height, width)
    assert prediction.probabilities.shape == (2, height, width)


def test_probabilities_sum_to_one_and_the_mask_is_their_argmax() -> None:
    prediction = Predictor([make_model("light-unet")], CPU).predict(make_image(20, 30))
    np.testing.assert_allclose(prediction.probabilities.sum(axis=0), 1, atol=1e-6)
    assert np.array_equal(prediction.mask, prediction.probabilities.argmax(axis=0))
    assert prediction.mask.dtype == np.uint8


def test_several_members_are_averaged_as_probabilities() -> None:
    members, image = [make_model("light-unet", seed) for seed in (1, 2)], make_image(24, 24)
    single = [Predictor([each], CPU).predict(image).probabilities for each in members]
    together = Predictor(members, CPU).predict(image)
    np.testing.assert_allclose(together.probabilities, (single[0] + single[1]) / 2, atol=1e-6)
    assert np.array_equal(together.mask, together.probabilities.argmax(axis=0))


def test_each_member_has_its_own_normalisation() -> None:
    """A model of other limits sees the image as its own training did."""
    image = make_image(24, 24)
    wide = Normalization(method="dataset", low=(0.0,), high=(510.0,))
    members = [make_model("light-unet"), make_model("light-unet", normalization=wide)]
    single = [Predictor([each], CPU).predict(image).probabilities for each in members]
    assert np.abs(single[0] - single[1]).max() > 1e-4
    together = Predictor(members, CPU).predict(image).probabilities
    np.testing.assert_allclose(together, (single[0] + single[1]) / 2, atol=1e-6)


def test_per_image_limits_come_from_the_whole_image_not_from_the_tile() -> None:
    per_image = Normalization(method="per-image")
    model, image = make_model("light-unet", normalization=per_image), make_image(40, 150)
    image[:, 75:] //= 4
    whole = Predictor([model], CPU, tile=1024).predict(image).probabilities
    tiled = Predictor([model], CPU, tile=16).predict(image).probabilities
    assert np.abs(tiled - whole).max() < 1e-5


def test_members_of_other_classes_or_channels_are_refused() -> None:
    one, two = make_model("light-unet"), make_model("light-unet")
    classes = (*two.header.classes[:1], SegmentationClass(index=1, name="z", color="#000000"))
    renamed = replace(two, header=two.header.model_copy(update={"classes": classes}))
    with pytest.raises(SettingsError, match="only runs with the same classes can be combined"):
        Predictor([one, renamed], CPU)
    wider = replace(two, header=two.header.model_copy(update={"in_channels": 3}))
    with pytest.raises(SettingsError, match="only runs with the same channels can be combined"):
        Predictor([one, wider], CPU)


def test_another_number_of_channels_is_refused_with_the_cure() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(DatasetError, match="has 3 channels, the model takes 1; pick one"):
        Predictor([make_model("light-unet")], CPU).predict(image)


@pytest.mark.parametrize("tile_px", [None, 32])
def test_the_training_range_is_judged_over_the_whole_image(tile_px: int | None) -> None:
    seen = UNIT.model_copy(update={"observed_low": (0.0,), "observed_high": (40.0,)})
    predictor = Predictor([make_model("light-unet", normalization=seen)], CPU, tile=tile_px)
    half_blank = np.zeros((64, 64, 1), np.uint8)
    half_blank[32:] = np.arange(64)[None, :, None] % 41  # 0 to 40, in the lower tiles only
    watch = RangeWatch(seen)
    list(predictor.predict_tiles(ArrayPlane(half_blank), watch))
    assert watch.verdict() is None
    watch = RangeWatch(seen)
    list(predictor.predict_tiles(ArrayPlane(half_blank + 41), watch))
    assert "training saw 0 to 40: 100.0 %" in str(watch.verdict())


def test_tiles_are_multiples_of_the_stride_and_of_16() -> None:
    assert Predictor([make_model("light-unet")], CPU, tile=40).tile_px == 48


def test_the_context_is_what_the_network_sees_on_its_stride() -> None:
    light = Predictor([make_model("light-unet")], CPU)
    assert (light.needed_context_px, light.context_px) == (48, 48)
    assert Predictor([make_model("aep")], CPU).needed_context_px == 88


def test_evaluation_gives_the_result_and_every_branch_by_name() -> None:
    model, image = make_model("aep"), make_image(24, 40)
    truth = (make_image(24, 40, seed=9)[..., 0] % 2).astype(np.uint8)
    predictor = Predictor([model], CPU, tile=16)
    scores = evaluate(predictor, [Sample("one", image, truth)])
    assert list(scores.branches) == ["network 1", "branch 1", "branch 2", ENSEMBLE]
    assert scores.branches[ENSEMBLE].pooled == scores.pooled
    mask = Predictor([model], CPU).predict(image).mask
    assert scores.pooled.accuracy == pytest.approx(float((mask == truth).mean()), abs=1e-12)
    with torch.no_grad():
        tensor = torch.from_numpy(image / np.float32(255)).permute(2, 0, 1)[None]
        first = model.network(tensor.float()).branch_logits[0][0].argmax(dim=0).numpy()
    assert scores.branches["network 1"].pooled.accuracy == pytest.approx((first == truth).mean())


def test_bfloat16_keeps_nearly_all_pixels_of_the_mask() -> None:
    model, image = make_model("light-unet"), make_image(64, 64)
    exact = Predictor([model], CPU).predict(image)
    rounded = Predictor([model], choose_compute("cpu", "bf16")).predict(image)
    assert rounded.probabilities.dtype == np.float32
    assert np.abs(rounded.probabilities - exact.probabilities).max() < 0.1


@pytest.mark.parametrize("name", ["light-unet", "aep", "unet"])
def test_the_chosen_tile_is_mostly_core_where_memory_allows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cellenhance.engine import inference

    model = make_model(name)
    monkeypatch.setattr(inference, "free_memory_bytes", lambda _: 16 << 30)
    roomy = Predictor([model], CPU)
    assert roomy.tile_px >= 2 * roomy.context_px
    monkeypatch.setattr(inference, "free_memory_bytes", lambda _: 1 << 28)
    tight = Predictor([model], CPU)
    assert tight.tile_px < roomy.tile_px
