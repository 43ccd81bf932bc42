"""A camera sees scenes with photon statistics; sets have the classes of their kind."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.data.world.recording import (
    WorldSettings,
    record_scene,
    record_world_image,
)
from cellenhance.data.world.registry import KINDS, class_names_of
from cellenhance.data.world.scene import Scene
from cellenhance.errors import SettingsError


def even_scene(brightness: float) -> Scene:
    shape = (800, 800)
    return Scene(
        "nuclei",
        np.full(shape, brightness, np.float32),
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.int32),
        ("background", "nucleus"),
    )


@pytest.mark.parametrize("brightness", [0.0, 0.25, 1.0])
def test_counts_follow_poisson_gain_and_read_noise(brightness: float) -> None:
    """Mean = offset + gain n; variance = gain^2 (n + read^2) + 1/12 of rounding."""
    settings = WorldSettings(photons=40, gain_adu=2.0, offset_adu=100, read_noise_e=3.0)
    image = record_scene(even_scene(brightness), settings, np.random.default_rng(0))
    assert (image.shape, image.dtype) == ((800, 800, 1), np.uint16)
    n = 40 * brightness
    assert image.mean() == pytest.approx(100 + 2 * n, rel=0.002)
    assert image.astype(float).var() == pytest.approx(4 * (n + 9) + 1 / 12, rel=0.02)


def test_counts_stay_within_16_bits() -> None:
    settings = WorldSettings(photons=1e6, gain_adu=1.0, offset_adu=0, read_noise_e=50)
    assert record_scene(even_scene(1.0), settings, np.random.default_rng(0)).min() == 65535
    assert record_scene(even_scene(0.0), settings, np.random.default_rng(0)).min() == 0


def test_same_seed_and_index_same_image_and_others_differ() -> None:
    settings = WorldSettings(kind="cells", size_px=64, seed=3)
    first, again = record_world_image(settings, 2), record_world_image(settings, 2)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.mask.tobytes() == again.mask.tobytes()
    assert (first.image != record_world_image(settings, 3).image).any()
    other = settings.model_copy(update={"seed": 4})
    assert (first.image != record_world_image(other, 2).image).any()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_set_of_one_kind_has_its_classes(kind: str) -> None:
    assert class_names_of(kind) == KINDS[kind].class_names
    recorded = record_world_image(WorldSettings(kind=kind, size_px=48), 0)
    assert recorded.kind == kind
    assert recorded.mask.max() < len(class_names_of(kind))


def test_a_mixed_set_has_regions_as_classes_and_says_the_kind_of_each_image() -> None:
    assert class_names_of("mixed") == ("background", "interior", "boundary")
    recorded = [record_world_image(WorldSettings(size_px=64), index) for index in range(12)]
    assert {each.kind for each in recorded} <= set(KINDS)
    assert len({each.kind for each in recorded}) > 3
    assert all(each.mask.max() <= 2 for each in recorded)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="'cell' is unknown; did you mean 'cells'"):
        class_names_of("cell")
