"""Kinds by kind: what is drawn has the sizes that the ranges ask for, and lies where it is seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellenhance.data.world.kinds.em import EmRanges, draw_em
from cellenhance.data.world.kinds.envelope import EnvelopeRanges, draw_envelope
from cellenhance.data.world.kinds.honeycomb import HoneycombRanges, draw_honeycomb
from cellenhance.data.world.kinds.nuclei import NucleiRanges, draw_nuclei
from cellenhance.data.world.kinds.phase import PhaseRanges, draw_phase
from cellenhance.data.world.kinds.puncta import PunctaRanges, draw_puncta
from cellenhance.data.world.registry import KINDS, draw_scene

ALL = sorted(KINDS)


def edges_of(values: np.ndarray) -> np.ndarray:
    """Return the pixels beside one of another value."""
    return ndimage.maximum_filter(values, 3) != ndimage.minimum_filter(values, 3)


@pytest.mark.parametrize("kind", ALL)
def test_the_picture_changes_where_mask_and_labels_do(kind: str) -> None:
    """Moved by 4 px in any direction, the truth fits the picture less well."""
    inner = (slice(8, -8), slice(8, -8))
    here, moved = 0.0, np.zeros(4)
    for seed in range(8):
        scene = draw_scene(kind, 192, np.random.default_rng(seed))
        slope = np.hypot(*np.gradient(scene.clean))
        edges = edges_of(scene.mask) | edges_of(scene.labels)
        here += slope[inner][edges[inner]].mean()
        for at, shift in enumerate(((4, 0), (-4, 0), (0, 4), (0, -4))):
            moved[at] += slope[inner][np.roll(edges, shift, axis=(0, 1))[inner]].mean()
    assert (here > 1.1 * moved).all()


def test_nuclei_have_the_radius_asked_for() -> None:
    ranges = NucleiRanges(
        radius_px=(12, 12),
        size_spread=(0, 0),
        condensed=(0, 0),
        stretch=(1, 1),
        waviness=(0, 0),
        clustered=(0, 0),
        closeness=(1.3, 1.3),
    )
    scene = draw_nuclei(256, np.random.default_rng(1), ranges)
    cut = np.unique(
        np.concatenate([scene.labels[[0, -1]].ravel(), scene.labels[:, [0, -1]].ravel()])
    )
    areas = np.bincount(scene.labels.ravel())
    whole = np.setdiff1d(np.arange(1, len(areas)), cut)
    assert len(whole) > 3
    assert areas[whole] == pytest.approx(np.pi * 12**2, rel=0.03)


def test_a_honeycomb_has_the_membrane_that_its_spacing_and_width_make() -> None:
    """Hexagons of spacing s have 2 / s px of border a pixel; corners are counted thrice."""
    ranges = HoneycombRanges(
        spacing_px=(48, 48),
        disorder=(0, 0),
        flattening=(1, 1),
        bend=(0, 0),
        rounding=(0, 0),
        width_px=(4, 4),
    )
    masks = [draw_honeycomb(256, np.random.default_rng(seed), ranges).mask for seed in range(8)]
    assert np.mean(masks) == pytest.approx(4 * 2 / 48, rel=0.06)


@pytest.mark.parametrize(("dark", "sign"), [(0, 1), (1, -1)])
def test_honeycomb_lines_are_dark_or_bright_as_asked(dark: float, sign: int) -> None:
    ranges = HoneycombRanges(
        dark_lines=(dark, dark), contrast=(0.9, 0.9), light_loss=(0, 0), cell_spread=(0.02, 0.02)
    )
    for seed in range(4):
        scene = draw_honeycomb(160, np.random.default_rng(seed), ranges)
        line, body = (scene.clean[scene.mask == each].mean() for each in (1, 0))
        assert sign * (line - body) > 0.05


def test_membranes_of_em_are_dark_and_mitochondria_lie_inside_neurites() -> None:
    for seed in range(4):
        scene = draw_em(192, np.random.default_rng(seed), EmRanges(contrast=(0.9, 0.9)))
        assert scene.clean[scene.mask == 1].mean() < scene.clean[scene.mask == 0].mean()
        assert (scene.labels[scene.mask == 2] > 0).all()


def test_an_envelope_parts_nucleus_and_cytoplasm() -> None:
    for seed in range(6):
        scene = draw_envelope(192, np.random.default_rng(seed), EnvelopeRanges())
        beside = ndimage.binary_dilation(scene.mask == 2, np.ones((3, 3)))
        assert not (beside & (scene.mask == 0)).any()


def test_cells_in_phase_contrast_are_darker_than_their_halo() -> None:
    ranges = PhaseRanges(relief=(0, 0), halo=(0.9, 0.9), light_loss=(0, 0), rounded=(0, 0))
    for seed in range(6):
        scene = draw_phase(192, np.random.default_rng(seed), ranges)
        cells = scene.mask == 1
        halo = ndimage.binary_dilation(cells, iterations=4) & ~cells
        assert scene.clean[cells].mean() < scene.clean[halo].mean()


def test_puncta_are_the_brightest_and_lie_in_cells() -> None:
    for seed in range(4):
        ranges = PunctaRanges(punctum_level=(4, 4))
        scene = draw_puncta(192, np.random.default_rng(seed), ranges)
        means = [scene.clean[scene.mask == each].mean() for each in range(3)]
        assert means[2] > means[1] > means[0]
        assert (scene.labels[scene.mask == 2] > 0).all()


def test_a_scene_twice_as_wide_holds_about_four_times_the_objects() -> None:
    for kind in ("nuclei", "honeycomb", "layer"):
        # The same seed draws the same sizes first, so that the scenes differ in area alone.
        counts = [
            sum(draw_scene(kind, size, np.random.default_rng(s)).labels.max() for s in range(4))
            for size in (128, 256)
        ]
        assert 2 < counts[1] / counts[0] < 5


@pytest.mark.parametrize("kind", ALL)
def test_every_range_changes_what_is_drawn(kind: str) -> None:
    """No range is listed in vain: fixed at another value, some scene comes out otherwise."""
    described = KINDS[kind]
    unused = []
    for name in type(described.ranges).model_fields:
        low, high = getattr(described.ranges, name)
        value = high if high > low else 0.5 * low
        fixed = described.ranges.model_copy(update={name: (value, value)})
        seeds = (np.random.default_rng([seed, 9]) for seed in range(40))
        again = (np.random.default_rng([seed, 9]) for seed in range(40))
        pairs = (
            (described.draw(128, rng), described.draw(128, same, fixed))  # type: ignore[call-arg]
            for rng, same in zip(seeds, again, strict=True)
        )
        if all((one.clean == other.clean).all() for one, other in pairs):
            unused.append(name)
    assert unused == []
