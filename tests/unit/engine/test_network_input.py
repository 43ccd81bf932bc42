"""Preprocessing is the same in training and prediction, whole and tiled."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.dataset.samples import Sample, SampleStore
from cellenhance.data.normalize import Normalization
from cellenhance.data.preprocess import Preprocessing, preprocess
from cellenhance.engine import planes, seeding
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import ArrayPlane
from cellenhance.engine.training.batches import TrainingImages
from cellenhance.engine.training.settings import check_preprocessing, resolve_recipe
from cellenhance.errors import SettingsError
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader

CPU = choose_compute("cpu", "fp32")
UNIT = Normalization(method="unit", low=(0.0,), high=(255.0,))
PER_IMAGE = Normalization(method="per-image", low_percentile=5, high_percentile=95)
IMAGE = np.random.default_rng(0).integers(0, 200, (70, 230, 1), dtype=np.uint8)
IMAGE[:, 100:] //= 3


def make_model(steps: Any, normalization: Normalization = UNIT) -> LoadedModel:
    entry = load_catalog().resolve("light-unet")
    with seeding.seeded(0, "initialisation"):
        network = build_network(entry, 1, 2).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.get_buffer("running_var"), 0.05, 0.2)
    classes = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
    header = ModelHeader(
        entry=entry,
        in_channels=1,
        classes=classes,
        normalization=normalization,
        preprocessing=TypeAdapter(Preprocessing).validate_python(steps),
    )
    return LoadedModel(network, header, Path("model.safetensors"))


STEPS = [
    ["equalize", {"name": "gamma", "exponent": 0.8}],
    ["clahe", "z_score"],
    [{"name": "gaussian", "sigma_px": 8}],
    ["invert"],
]


@pytest.mark.parametrize("normalization", [UNIT, PER_IMAGE], ids=["unit", "per-image"])
@pytest.mark.parametrize("steps", STEPS, ids=str)
def test_tiled_equals_whole_and_equals_what_training_sees(
    steps: Any, normalization: Normalization
) -> None:
    model = make_model(steps, normalization)
    tiled, whole = (
        Predictor([model], CPU, tile=tile).predict(IMAGE).probabilities for tile in (16, 1024)
    )
    np.testing.assert_allclose(tiled[:, 40:-40], whole[:, 40:-40], atol=1e-5)
    limits = planes.prepare_input(ArrayPlane(IMAGE), make_model([], normalization).header)
    mask = np.zeros(IMAGE.shape[:2], np.uint8)
    normalised = limits.finish(IMAGE)
    expected = preprocess(normalised, model.header.preprocessing)
    if normalization is UNIT:
        images = TrainingImages(
            [Sample("a", IMAGE, mask)], UNIT, SampleStore(2**40), model.header.preprocessing
        )
        np.testing.assert_array_equal(images.images[0], expected)
    [part] = Predictor([model], CPU, tile=1024).predict_tiles(ArrayPlane(IMAGE))
    np.testing.assert_allclose(part.image, expected, atol=1e-6)
    assert np.abs(expected - normalised).max() > 0.05


def test_members_each_preprocess_in_their_own_way() -> None:
    plain, inverted = make_model([]), make_model("invert")
    both = Predictor([plain, inverted], CPU, tile=64).predict(IMAGE).probabilities
    single = [Predictor([each], CPU, tile=64).predict(IMAGE) for each in (plain, inverted)]
    mean = sum(each.probabilities for each in single) / 2
    np.testing.assert_allclose(both, mean, atol=1e-6)
    assert np.abs(single[0].probabilities - single[1].probabilities).max() > 0.01


class CountingPlane:
    """A plane that remembers the largest region read."""

    height, width, channels = IMAGE.shape

    def __init__(self) -> None:
        self.reads: list[tuple[int, int]] = []

    def read(self, rows: slice, cols: slice) -> Any:
        region = IMAGE[rows, cols]
        self.reads.append(region.shape[:2])
        return region


def test_only_filters_that_look_around_read_the_whole_plane() -> None:
    for steps, whole in (("invert", False), ("median", True)):
        plane = CountingPlane()
        model = make_model(steps)
        list(Predictor([model, replace(model)], CPU, tile=16, overlap=8).predict_tiles(plane))
        assert (IMAGE.shape[:2] in plane.reads) == whole
    # Two members share every window: as many reads as tiles.
    plane, shared = CountingPlane(), make_model("invert")
    predictor = Predictor([shared, replace(shared)], CPU, tile=16, overlap=8)
    assert len(list(predictor.predict_tiles(plane))) == len(plane.reads)


def test_a_large_image_that_has_to_be_held_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planes, "_LARGE_BYTES", 1000)
    for steps, said in (("invert", False), ("median", True)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            planes.prepare_input(ArrayPlane(IMAGE), make_model(steps).header)
        assert ("needs the whole image of 70 x 230 pixels" in caplog.text) == said


def test_z_score_fits_neither_intensity_changes_nor_composed_models() -> None:
    catalog = load_catalog()
    with pytest.raises(SettingsError, match="where intensity changes work"):
        resolve_recipe(catalog, "cellenhance", {"preprocessing": "z_score"})
    recipe = resolve_recipe(catalog, "aep-code", {"preprocessing": "z_score"})
    check_preprocessing(recipe, catalog.resolve("light-unet"))
    with pytest.raises(SettingsError, match="where 'aep' adds its filters"):
        check_preprocessing(recipe, catalog.resolve("aep"))
