"""The eight orientations, and predictions averaged over them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellenhance.engine.inference import Predictor
from cellenhance.engine.orientations import ALL_ORIENTATIONS, Orientation
from tests.unit.engine.test_inference import CPU, make_image, make_model


def test_they_are_the_eight_symmetries_of_a_square() -> None:
    square = torch.arange(9.0).reshape(3, 3)
    found = {tuple(each.apply(square).flatten().tolist()) for each in ALL_ORIENTATIONS}
    array = square.numpy()
    expected = {
        tuple(np.rot90(each, turns).flatten().tolist())
        for each in (array, array.T)
        for turns in range(4)
    }
    assert found == expected
    assert len(found) == 8


@pytest.mark.parametrize("orientation", ALL_ORIENTATIONS, ids=str)
def test_undoing_gives_back_the_image(orientation: Orientation) -> None:
    image = torch.rand(2, 3, 5, 8)
    assert torch.equal(orientation.undo(orientation.apply(image)), image)


def oriented(image: np.ndarray, orientation: Orientation) -> np.ndarray:
    """Return (H, W, C) in another orientation."""
    turned = orientation.apply(torch.from_numpy(np.moveaxis(image, -1, 0).copy()))
    return np.moveaxis(turned.numpy(), 0, -1)


@pytest.mark.parametrize("name", ["light-unet", "aep"])
def test_the_probabilities_are_the_mean_over_the_orientations(name: str) -> None:
    model, image = make_model(name), make_image(32, 48)
    plain = Predictor([model], CPU)
    singles = [
        each.undo(torch.from_numpy(plain.predict(oriented(image, each)).probabilities)).numpy()
        for each in ALL_ORIENTATIONS
    ]
    assert np.ptp(singles, axis=0).max() > 1e-3  # the network does see a difference
    found = Predictor([model], CPU, tta=True).predict(image)
    np.testing.assert_allclose(found.probabilities, np.mean(singles, axis=0), atol=1e-5)
    assert np.array_equal(found.mask, found.probabilities.argmax(axis=0))
    assert found.disagreement is not None
    assert found.disagreement.max() > 0


def test_an_image_that_lies_otherwise_is_segmented_alike() -> None:
    """On sides of the stride, so that no padding is involved."""
    predictor, image = Predictor([make_model("light-unet")], CPU, tta=True), make_image(32, 48)
    expected = torch.from_numpy(predictor.predict(image).probabilities)
    for each in ALL_ORIENTATIONS:
        found = predictor.predict(oriented(image, each)).probabilities
        np.testing.assert_allclose(found, each.apply(expected).numpy(), atol=1e-5)


@pytest.mark.parametrize(("height", "width", "tile"), [(83, 147, 32), (40, 200, 64)])
def test_tiled_equals_whole(height: int, width: int, tile: int) -> None:
    model, image = make_model("light-unet"), make_image(height, width)
    whole = Predictor([model], CPU, tile=1024, tta=True).predict(image)
    tiled = Predictor([model], CPU, tile=tile, tta=True).predict(image)
    assert np.abs(tiled.probabilities - whole.probabilities).max() < 1e-5
    assert whole.disagreement is not None
    assert tiled.disagreement is not None
    assert np.abs(tiled.disagreement - whole.disagreement).max() < 1e-4


def test_several_networks_are_averaged_over_all_orientations() -> None:
    members, image = [make_model("light-unet", seed) for seed in (1, 2)], make_image(24, 24)
    single = [Predictor([each], CPU, tta=True).predict(image).probabilities for each in members]
    together = Predictor(members, CPU, tta=True).predict(image)
    np.testing.assert_allclose(together.probabilities, (single[0] + single[1]) / 2, atol=1e-6)
