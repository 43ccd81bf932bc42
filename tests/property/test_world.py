"""Whatever the kind, the side and the seed: pictures in range, masks and labels that agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellenhance.data.world.registry import KINDS, draw_scene
from cellenhance.data.world.scene import BOUNDARY, INTERIOR, Scene, regions_of_labels


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    kind = draw(st.sampled_from(sorted(KINDS)))
    size_px, seed = draw(st.integers(32, 120)), draw(st.integers(0, 2**32))
    return draw_scene(kind, size_px, np.random.default_rng(seed))


@settings(deadline=None, max_examples=60)
@given(scenes())
def test_pictures_lie_in_0_to_1_and_show_something(scene: Scene) -> None:
    assert np.isfinite(scene.clean).all()
    assert 0 <= scene.clean.min() < scene.clean.max() <= 1
    assert scene.mask.max() < len(scene.class_names)


@settings(deadline=None, max_examples=60)
@given(scenes())
def test_labels_are_connected_count_up_and_cover_the_object_classes(scene: Scene) -> None:
    kind = KINDS[scene.kind]
    objects = [kind.class_names.index(name) for name in kind.object_classes]
    np.testing.assert_array_equal(scene.labels > 0, np.isin(scene.mask, objects))
    n = int(scene.labels.max())
    assert np.unique(scene.labels[scene.labels > 0]).tolist() == list(range(1, n + 1))
    assert all(ndimage.label(scene.labels == value)[1] == 1 for value in range(1, n + 1))


@settings(deadline=None, max_examples=60)
@given(scenes())
def test_inside_the_boundary_each_region_is_of_one_object(scene: Scene) -> None:
    """Taking the boundary away leaves no two objects, or object and background, as neighbours."""
    for regions in (scene.regions(), regions_of_labels(scene.labels)):
        kept = np.where(regions == BOUNDARY, -1, scene.labels)
        for axis in (0, 1):
            first, second = (
                np.take(kept, np.arange(s, kept.shape[axis] - 1 + s), axis) for s in (0, 1)
            )
            both = (first >= 0) & (second >= 0)
            assert (first == second)[both].all()
        assert (scene.labels[regions == INTERIOR] > 0).all()
