"""Every kind of scene keeps the contract of a scene; what each mask means is tested per kind."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellenhance.data.world.registry import KINDS, draw_scene
from cellenhance.data.world.scene import connected_labels, regions_of_labels
from cellenhance.errors import SettingsError

ALL = sorted(KINDS)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("size_px", [32, 97, 160])
def test_a_scene_has_the_promised_shapes_types_and_ranges(kind: str, size_px: int) -> None:
    scene = draw_scene(kind, size_px, np.random.default_rng(5))
    square = (size_px, size_px)
    assert (scene.clean.shape, scene.mask.shape, scene.labels.shape) == (square, square, square)
    assert (scene.clean.dtype, scene.mask.dtype, scene.labels.dtype) == (
        np.float32,
        np.uint8,
        np.int32,
    )
    assert 0 <= scene.clean.min() < scene.clean.max() <= 1
    assert scene.kind == kind
    assert scene.class_names == KINDS[kind].class_names
    assert scene.mask.max() < len(scene.class_names)


@pytest.mark.parametrize("kind", ALL)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(kind: str) -> None:
    first, again, other = (
        draw_scene(kind, 96, np.random.default_rng([7, seed])) for seed in (0, 0, 1)
    )
    for name in ("clean", "mask", "labels"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert (first.clean != other.clean).any()


@pytest.mark.parametrize("kind", ALL)
def test_labels_count_from_1_and_each_is_one_4_connected_region(kind: str) -> None:
    for seed in range(4):
        labels = draw_scene(kind, 128, np.random.default_rng(seed)).labels
        present = np.unique(labels[labels > 0])
        assert present.tolist() == list(range(1, len(present) + 1))
        assert all(ndimage.label(labels == value)[1] == 1 for value in present)


@pytest.mark.parametrize("kind", ALL)
def test_objects_are_the_pixels_of_the_object_classes(kind: str) -> None:
    described = KINDS[kind]
    indices = [described.class_names.index(name) for name in described.object_classes]
    for seed in range(4):
        scene = draw_scene(kind, 128, np.random.default_rng(seed))
        np.testing.assert_array_equal(scene.labels > 0, np.isin(scene.mask, indices))


@pytest.mark.parametrize("kind", ALL)
def test_every_class_occurs_in_some_of_the_scenes(kind: str) -> None:
    scenes = [draw_scene(kind, 256, np.random.default_rng(seed)) for seed in range(6)]
    found = set().union(*(np.unique(scene.mask).tolist() for scene in scenes))
    assert found == set(range(len(KINDS[kind].class_names)))


def test_mixed_draws_every_kind_at_the_same_rate() -> None:
    n = 40 * len(KINDS)
    drawn = [draw_scene("mixed", 32, np.random.default_rng(seed)).kind for seed in range(n)]
    counts = [drawn.count(kind) for kind in ALL]
    # Each count is binomial of mean 40 and deviation below sqrt(40) = 6.4: 5 deviations.
    assert max(abs(count - 40) for count in counts) < 32


def test_an_unknown_kind_and_a_small_side_are_refused_in_words() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SettingsError, match="'nucli' is unknown; did you mean 'nuclei'"):
        draw_scene("nucli", 64, rng)
    with pytest.raises(SettingsError, match="31 px: expected a side of at least 32 px"):
        draw_scene("nuclei", 31, rng)


def test_regions_mark_both_sides_of_a_border_and_nothing_else() -> None:
    labels = np.zeros((5, 9), np.int32)
    labels[:, 2:5], labels[:, 5:8] = 1, 2
    row = [0, 2, 2, 1, 2, 2, 1, 2, 2]
    assert regions_of_labels(labels).tolist() == [row] * 5


def test_regions_of_a_honeycomb_take_the_whole_membrane_as_boundary() -> None:
    scene = draw_scene("honeycomb", 128, np.random.default_rng(3))
    regions = scene.regions()
    assert (regions[scene.mask == scene.class_names.index("membrane")] == 2).all()
    assert not (regions == 0).any()  # cells fill the plane


def test_an_object_cut_in_two_becomes_two_labels() -> None:
    owner = np.array([[4, 4, 9, 4], [4, 0, 9, 4]])
    assert connected_labels(owner).tolist() == [[1, 1, 2, 3], [1, 0, 2, 3]]
